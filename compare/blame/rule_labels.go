package blame

import (
	"errors"
	"fmt"
	"slices"

	"cfsverify/canon"
	"cfsverify/canon/fsverity"
	"cfsverify/canon/linux"
	"cfsverify/canon/selinux"
	"cfsverify/compare"
)

var labelChange = compare.Change{Field: compare.Xattr, Xattr: linux.SecuritySELinux}

// labelSamples is how many paths evidence names the rules of.
const labelSamples = 3

// labels explains the labels of trees that were prepared for booting: they follow from
// the policy files or, where these are the same, from paths and types. It comes before
// all other rules, as no engine has a part in these labels.
func (s *scene) labels() {
	if !s.policy.Boot.Prepares() {
		return
	}
	files := s.changedPolicyFiles()
	cause := SELinuxLabel
	var origin *canon.Origin
	if len(files) > 0 {
		cause = Derived
	}
	if len(files) == 1 {
		origin = files[0].Origin
	}
	var samples []*item
	for _, it := range s.items {
		if s.claim(cause, it, origin, func(c compare.Change) bool { return c == labelChange }) && len(samples) < labelSamples {
			samples = append(samples, it)
		}
	}
	if len(samples) > 0 {
		for _, e := range files {
			s.tell(Derived, e)
		}
		s.tellRules(cause, samples)
	}
	s.linksBrokenByLabels(cause, origin)
}

// changedPolicyFiles tells of each policy file that is not the same on both sides.
func (s *scene) changedPolicyFiles() []Evidence {
	var list []Evidence
	seen := map[string]bool{}
	for _, t := range []*canon.Tree{s.in, s.out} {
		// A policy that cannot be read was an error when the tree was labelled.
		files, _ := selinux.Files(t)
		for _, f := range files {
			if seen[f.Path] {
				continue
			}
			seen[f.Path] = true
			in, out := s.in.Lookup(f.Path), s.out.Lookup(f.Path)
			e := Evidence{Text: "labels follow from this policy file, which differs", Path: f.Path}
			switch {
			case in == nil:
				e.Text = fmt.Sprintf("labels follow from this policy file, which only %s has", s.outName)
			case out == nil:
				e.Text = fmt.Sprintf("labels follow from this policy file, which only %s has", s.inName)
			case !contentDiffers(in.Node, out.Node):
				continue
			}
			if out != nil {
				e.Origin = layerOrigin(out)
			}
			list = append(list, e)
		}
	}
	return list
}

// tellRules names the rules of both sides for some paths.
func (s *scene) tellRules(cause Cause, samples []*item) {
	policyIn, policyOut := s.loadPolicy(cause, s.inName, s.in), s.loadPolicy(cause, s.outName, s.out)
	for _, it := range samples {
		s.tellRule(cause, s.inName, policyIn, it.Path, it.in.Node)
		s.tellRule(cause, s.outName, policyOut, it.Path, it.out.Node)
	}
}

// loadPolicy loads the SELinux policy of a side, or says why there is none.
func (s *scene) loadPolicy(cause Cause, name string, t *canon.Tree) *selinux.Policy {
	p, err := selinux.Load(t)
	var unread *selinux.Error
	switch {
	case errors.As(err, &unread):
		s.tell(cause, Evidence{Text: fmt.Sprintf("the rules of %s are not known, as it does not have the content of this policy file", name), Path: unread.Path})
	case p == nil:
		s.tell(cause, Evidence{Text: name + " has no SELinux policy, so nothing in it has a label"})
	}
	return p
}

func (s *scene) tellRule(cause Cause, name string, p *selinux.Policy, path string, n *canon.Node) {
	if p == nil {
		return
	}
	r, found := p.Match(path, n.Kind)
	if !found {
		s.tell(cause, Evidence{Text: "no rule of " + name + " is for this path", Path: path})
		return
	}
	if r.Path != path {
		s.tell(cause, Evidence{Text: "by an alias, the rules of " + name + " take this path for another", Path: path, Quote: r.Path})
	}
	text := "rule of " + name
	if label := labelOf(n); label != r.Context && (label != "" || r.Context != selinux.None) && n.Nlink <= 1 {
		text += ", which has another label there"
	}
	s.tell(cause, Evidence{Text: text, Path: path, Quote: fmt.Sprintf("%s:%d: %s", r.File, r.Line, r.Text())})
}

// linksBrokenByLabels finds names that are one inode on one side only, because on the
// other side their labels differ, or that of a first name which only this side has.
// cause is that of the labels.
func (s *scene) linksBrokenByLabels(cause Cause, origin *canon.Origin) {
	told := 0
	tell := func(cause Cause, e Evidence) {
		if told++; told <= labelSamples {
			s.tell(cause, e)
		}
	}
	if cause == SELinuxLabel {
		cause = HardlinkBroken
	}
	breaking := [2]breakingSide{
		{name: s.inName, dirent: func(it *item) *canon.Dirent { return it.in }},
		{name: s.outName, dirent: func(it *item) *canon.Dirent { return it.out }},
	}
	for _, it := range s.items {
		if it.Status != compare.Changed || !it.has(compare.Links) {
			continue
		}
		in, out := s.partnersOf(it)
		for i, copies := range [2]*partners{out, in} {
			side := &breaking[i]
			node := side.dirent(it).Node
			switch {
			case len(copies.nodes) < 2:
				continue
			case copies.differInLabel(node):
				s.claimFields(cause, it, origin, compare.Links, compare.Nlink)
				tell(cause, Evidence{Text: fmt.Sprintf("only %s breaks this hardlink, as the labels of its names differ there", side.name), Path: it.Path})
			case copies.areSame() && side.hasFirstName(s.items, node):
				s.claimFields(HardlinkBroken, it, layerOrigin(it.out), compare.Links, compare.Nlink)
				tell(HardlinkBroken, Evidence{Text: fmt.Sprintf("only %s breaks this hardlink, as a name of it that only %s has comes first and has another label", side.name, side.name), Path: it.Path})
			default:
				continue
			}
			break
		}
	}
}

// breakingSide is the side on which names are not one inode.
type breakingSide struct {
	name string
	// dirent is what the side has of an item.
	dirent func(*item) *canon.Dirent
	// own has the labels of what only this side has, nil until it is needed.
	own map[inodeKey][]string
}

// inodeKey is what copies of an inode that labels broke have in common.
type inodeKey struct {
	kind           canon.Kind
	perm           uint16
	uid, gid       uint32
	mtime          canon.Time
	size           uint64
	digest         fsverity.Digest
	inline, target string
}

func keyOf(n *canon.Node) inodeKey {
	k := inodeKey{kind: n.Kind, perm: n.Perm, uid: n.UID, gid: n.GID, mtime: n.Mtime, size: n.Size, target: n.Target}
	if n.Content != nil {
		k.digest, k.inline = n.Content.Digest, string(n.Content.Inline)
	}
	return k
}

func labelOf(n *canon.Node) string {
	label, _ := n.Xattrs.Get(linux.SecuritySELinux)
	return label
}

// hasFirstName says that a name which only this side has is the same as an inode but for
// the label.
func (b *breakingSide) hasFirstName(items []*item, n *canon.Node) bool {
	if b.own == nil {
		b.own = map[inodeKey][]string{}
		for _, it := range items {
			if e := b.dirent(it); it.Status != compare.Changed && e != nil {
				b.own[keyOf(e.Node)] = append(b.own[keyOf(e.Node)], labelOf(e.Node))
			}
		}
	}
	return slices.ContainsFunc(b.own[keyOf(n)], func(label string) bool { return label != labelOf(n) })
}
