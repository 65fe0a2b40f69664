package selinux

import (
	"cmp"
	"slices"
	"strings"

	"cfsverify/canon"
)

// Release is one of libselinux from which on its order of rules or of aliases is another.
type Release string

// Releases lists the releases that were measured, the oldest first: 3.4, 3.8.1 and 3.11.
func Releases() []Release { return []Release{"3.4", "3.8", "3.11"} }

// Libselinux labels the paths of a tree by the rules of its policy as libselinux does,
// which setfiles, restorecon and systemd use: with the same patterns, in another order,
// and with other aliases.
type Libselinux struct {
	policy *Policy
	// firstAlias: of aliases that fit, the first line counts, not the last.
	firstAlias bool
	work       work
}

// Libselinux gives the policy as a release of libselinux applies it. The error is an
// *Error about a line that libselinux may read in another way, or refuse; what it makes of the
// policy is not known then.
func (p *Policy) Libselinux(release Release) (*Libselinux, error) {
	l := &Libselinux{
		policy:     &Policy{subs: p.subs, subsDist: p.subsDist, stems: true},
		firstAlias: release == "3.8",
		work:       work{max: p.workMax},
	}
	var literals []*rule
	for _, suffix := range []string{"", ".homedirs", ".local"} {
		for _, r := range p.rules {
			switch {
			case !strings.HasSuffix(r.File, ruleFiles[0]+suffix):
			case r.special:
				return nil, r.error("libselinux may read this rule in another way than composefs-rs")
			case hasMetacharacters(r.Pattern):
				l.policy.rules = append(l.policy.rules, r)
			default:
				literals = append(literals, r)
			}
		}
	}
	// The last rule that matches counts: the literal paths are behind the patterns.
	switch release {
	case "3.8":
		slices.Reverse(literals)
		slices.SortStableFunc(literals, func(a, b *rule) int { return cmp.Compare(min(a.Kind, 1), min(b.Kind, 1)) })
	case "3.11":
		// The first line of a file counts.
		for from := 0; from < len(literals); {
			to := from
			for to < len(literals) && literals[to].File == literals[from].File {
				to++
			}
			slices.Reverse(literals[from:to])
			from = to
		}
	}
	l.policy.rules = append(l.policy.rules, literals...)
	for i, r := range l.policy.rules {
		l.policy.index.add(i, r)
	}
	return l, nil
}

// Label gives the label of a path of the tree, such as "/usr/bin/sh", empty for one that
// libselinux leaves as it is. An error is an *Error: all paths together may cost as much
// work as Policy.Labels.
func (l *Libselinux) Label(path string, kind canon.Kind) (string, error) {
	for _, list := range [][]alias{l.policy.subs, l.policy.subsDist} {
		path = substitute(list, path, l.firstAlias)
	}
	r, err := l.policy.search([]byte(path), kind, &l.work)
	if r == nil || err != nil || r.Context == None {
		return "", err
	}
	return r.Context, nil
}

// substitute replaces the start of a path by the original of the alias that counts, once.
func substitute(list []alias, path string, first bool) string {
	for i := range list {
		a := list[i]
		if !first {
			a = list[len(list)-1-i]
		}
		rest, found := strings.CutPrefix(path, a.path)
		if !found || rest != "" && rest[0] != '/' {
			continue
		}
		if a.original == "/" && rest != "" {
			return rest
		}
		return a.original + rest
	}
	return path
}

const metacharacters = ".^$?*+|[({"

// hasMetacharacters says that libselinux takes a rule for a pattern, not for a path.
func hasMetacharacters(pattern string) bool {
	for i := 0; i < len(pattern); i++ {
		switch {
		case pattern[i] == '\\':
			i++
		case strings.IndexByte(metacharacters, pattern[i]) >= 0:
			return true
		}
	}
	return false
}

// isBelowStem says that libselinux tries the rule on a path: a rule whose text up to its
// second slash is literal is for what is below that only.
func (r *rule) isBelowStem(path []byte) bool {
	end := strings.IndexByte(r.Pattern[min(1, len(r.Pattern)):], '/') + 1
	stem := r.Pattern[:end]
	if end == 0 || strings.ContainsAny(stem, metacharacters) {
		return true
	}
	return len(path) > end && string(path[:end]) == stem && path[end] == '/'
}
