package selinux

import (
	"strings"

	"cfsverify/canon"
)

// Policy is the policy of a tree. Several goroutines may use it at the same time.
type Policy struct {
	// rules are in the order in which they are read: the last that matches counts.
	rules   []*rule
	index   index
	aliases map[string]string
	// subs and subsDist are the lines of the two files of aliases.
	subs, subsDist []alias
	// stems: rules are tried as libselinux does; see rule.isBelowStem.
	stems bool
	// workMax bounds what labelling a tree may cost; see work.
	workMax int
}

// Rule is a line of file_contexts, file_contexts.local or file_contexts.homedirs, and
// the path that it matched.
type Rule struct {
	// File is the path of the file in the tree; Line counts its lines from 1.
	File    string
	Line    int
	Pattern string
	// Kind is the only kind that the rule is for, 0 if it is for all.
	Kind canon.Kind
	// Context is the label as the rule has it; None is no label.
	Context string
	// Path is what the pattern matched: the path that was asked for, after aliases.
	Path string
}

// None is the context of rules that leave files without a label.
const None = "<<none>>"

// sizeMax bounds the memory that a policy takes: the sizes of all patterns together, and
// ruleSize for each rule. Debian's policy has 211,380.
const (
	sizeMax  = 4_000_000
	ruleSize = 16
)

// Load reads the policy of a tree, nil if the tree has none. What Missing lists must be
// there. An error is an *Error.
func Load(t *canon.Tree) (*Policy, error) {
	config, err := findConfig(t)
	if config == nil || err != nil {
		return nil, err
	}
	rules, aliases, err := findFiles(t, config)
	if len(rules) == 0 || err != nil {
		return nil, err
	}
	p := &Policy{aliases: map[string]string{}, workMax: workMax}
	size := 0
	for _, f := range rules {
		err := parseLines(&f, func(l line) error {
			r, err := newRule(f.Path, l)
			if err != nil {
				return err
			}
			if size += r.pattern.size + ruleSize; size > sizeMax {
				return r.error("up to this rule the policy is too large")
			}
			p.index.add(len(p.rules), r)
			p.rules = append(p.rules, r)
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	for _, f := range aliases {
		list, err := parseAliases(&f)
		if err != nil {
			return nil, err
		}
		for _, a := range list {
			p.aliases[a.path] = a.original
		}
		if f.Entry.Name == aliasFiles[0] {
			p.subs = list
		} else {
			p.subsDist = list
		}
	}
	return p, nil
}

// Match gives the rule that labels a path of a tree, such as "/usr/bin/sh", if an inode
// of the kind is there. Match applies aliases itself. It is false if no rule matches, or
// if trying the rules costs more than labelling a tree may.
func (p *Policy) Match(path string, kind canon.Kind) (Rule, bool) {
	q := []byte{'/'}
	for name := range strings.SplitSeq(path, "/") {
		if name != "" {
			q = p.child(q, name)
		}
	}
	r, err := p.search(q, kind, &work{max: p.workMax})
	if r == nil || err != nil {
		return Rule{}, false
	}
	found := r.Rule
	found.Path = string(q)
	return found, true
}

// child is the path of an entry for the rules: dir must not be used afterwards but to
// cut the name off again.
func (p *Policy) child(dir []byte, name string) []byte {
	if len(dir) > 0 && dir[len(dir)-1] != '/' {
		dir = append(dir, '/')
	}
	path := append(dir, name...)
	if original, is := p.aliases[string(path)]; is {
		return []byte(original)
	}
	return path
}
