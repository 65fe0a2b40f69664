package selinux

import (
	"cfsverify/canon"
	"cfsverify/canon/linux"
)

// Label replaces all security.selinux xattrs of the tree by those that the policy
// gives; a nil policy removes them. A name of a hardlink whose label differs from that
// of the inode's first name gets an inode of its own. Links are counted afterwards. An
// error is an *Error, and leaves a tree that is labelled in part.
func (p *Policy) Label(t *canon.Tree) error { return p.label(t, false) }

// LabelByLast is Label, but leaves the names of an inode together: the inode gets the label
// of its last name, as up to composefs-rs 0.6.
func (p *Policy) LabelByLast(t *canon.Tree) error { return p.label(t, true) }

func (p *Policy) label(t *canon.Tree, byLast bool) error {
	defer t.CountLinks()
	if p == nil {
		for e := range t.Dirents() {
			e.Node.Xattrs.Remove(linux.SecuritySELinux)
		}
		return nil
	}
	l := labeller{policy: p, links: t.Hardlinks(), first: map[*canon.Node]string{}, work: work{max: p.workMax}, byLast: byLast}
	root := []byte("/")
	if err := l.set(t.Root, root); err != nil {
		return err
	}
	return l.directory(t.Root, root)
}

// labeller walks over a tree.
type labeller struct {
	policy *Policy
	links  *canon.Hardlinks
	// first has the label of the first name of inodes with several names, empty for none.
	first map[*canon.Node]string
	// byLast is that of LabelByLast.
	byLast bool
	work   work
}

// directory labels what is in a directory. path is that of the directory for the rules.
func (l *labeller) directory(dir *canon.Node, path []byte) error {
	children := dir.Children()
	for i := range children {
		e := &children[i]
		q := l.policy.child(path, e.Name)
		if e.Node.Kind == canon.Directory {
			if err := l.set(e.Node, q); err != nil {
				return err
			}
			if err := l.directory(e.Node, q); err != nil {
				return err
			}
			continue
		}
		if err := l.leaf(e, q); err != nil {
			return err
		}
	}
	return nil
}

// set labels an inode by one of its names.
func (l *labeller) set(n *canon.Node, path []byte) error {
	label, err := l.label(n.Kind, path)
	if err == nil {
		setLabel(n, label)
	}
	return err
}

// leaf labels what is not a directory, and breaks hardlinks.
func (l *labeller) leaf(e *canon.Dirent, path []byte) error {
	label, err := l.label(e.Node.Kind, path)
	if err != nil {
		return err
	}
	if !l.byLast && l.links.Of(e.Node) != nil {
		first, seen := l.first[e.Node]
		if seen && first == label {
			return nil
		}
		if seen {
			own := *e.Node
			own.Xattrs = own.Xattrs.Clone()
			e.Node = &own
		} else {
			l.first[e.Node] = label
		}
	}
	setLabel(e.Node, label)
	return nil
}

// label is what the policy gives a path, empty for no label.
func (l *labeller) label(kind canon.Kind, path []byte) (string, error) {
	r, err := l.policy.search(path, kind, &l.work)
	if r == nil || err != nil || r.Context == None {
		return "", err
	}
	return r.Context, nil
}

func setLabel(n *canon.Node, label string) {
	if label == "" {
		n.Xattrs.Remove(linux.SecuritySELinux)
	} else {
		n.Xattrs.Set(linux.SecuritySELinux, label)
	}
}
