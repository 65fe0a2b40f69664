package selinux

import (
	"fmt"

	"cfsverify/canon"
	"cfsverify/canon/linux"
)

// Labels are what a policy gives the names of a tree.
type Labels struct {
	// names are in the order of canon.Tree.All; nil removes all labels.
	names []labelled
}

// labelled is a name and its label, empty for none.
type labelled struct {
	name, label string
	// end is the index of the first name behind it that is not below it.
	end int
}

// Labels finds the labels of a tree, and does not change it. A nil policy gives none. An
// error is an *Error.
func (p *Policy) Labels(t *canon.Tree) (*Labels, error) {
	if p == nil {
		return &Labels{}, nil
	}
	names := 0
	for range t.Dirents() {
		names++
	}
	f := finder{policy: p, work: work{max: p.workMax}, names: make([]labelled, 0, names)}
	if err := f.add(&canon.Dirent{Node: t.Root}, []byte("/")); err != nil {
		return nil, err
	}
	return &Labels{f.names}, nil
}

// finder finds the labels of a tree.
type finder struct {
	policy *Policy
	work   work
	names  []labelled
}

// add finds the labels of a name and of all below it. path is that for the rules.
func (f *finder) add(e *canon.Dirent, path []byte) error {
	r, err := f.policy.search(path, e.Node.Kind, &f.work)
	if err != nil {
		return err
	}
	at := len(f.names)
	f.names = append(f.names, labelled{name: e.Name})
	if r != nil && r.Context != None {
		f.names[at].label = r.Context
	}
	children := e.Node.Children()
	for i := range children {
		if err := f.add(&children[i], f.policy.child(path, children[i].Name)); err != nil {
			return err
		}
	}
	f.names[at].end = len(f.names)
	return nil
}

// Apply replaces all security.selinux xattrs of a tree by labels that were found in it, or
// in one that has all of its names, with inodes of the same kinds. A name of a hardlink
// whose label differs from that of the inode's first name gets an inode of its own. Links
// are counted afterwards. An error names what the labels do not have.
func (l *Labels) Apply(t *canon.Tree) error { return l.apply(t, false) }

// ApplyByLast is Apply, but leaves the names of an inode together: the inode gets the label
// of its last name, as up to composefs-rs 0.6.
func (l *Labels) ApplyByLast(t *canon.Tree) error { return l.apply(t, true) }

func (l *Labels) apply(t *canon.Tree, byLast bool) error {
	defer t.CountLinks()
	if l.names == nil {
		for e := range t.Dirents() {
			e.Node.Xattrs.Remove(linux.SecuritySELinux)
		}
		return nil
	}
	a := labeller{names: l.names, links: t.Hardlinks(), first: map[*canon.Node]string{}, byLast: byLast}
	setLabel(t.Root, l.names[0].label)
	return a.directory(t.Root, 0)
}

// labeller walks over a tree.
type labeller struct {
	names []labelled
	links *canon.Hardlinks
	// first has the label of the first name of inodes with several names, empty for none.
	first map[*canon.Node]string
	// byLast is that of ApplyByLast.
	byLast bool
}

// directory labels what is in a directory, whose own label has an index.
func (a *labeller) directory(dir *canon.Node, index int) error {
	children, end := dir.Children(), a.names[index].end
	index++
	for i := range children {
		e := &children[i]
		for index < end && a.names[index].name != e.Name {
			index = a.names[index].end
		}
		if index == end {
			return fmt.Errorf("the tree in which labels were found does not have the name %q there", e.Name)
		}
		if e.Node.Kind == canon.Directory {
			setLabel(e.Node, a.names[index].label)
			if err := a.directory(e.Node, index); err != nil {
				return err
			}
		} else {
			a.leaf(e, a.names[index].label)
		}
		index = a.names[index].end
	}
	return nil
}

// leaf labels what is not a directory, and breaks hardlinks.
func (a *labeller) leaf(e *canon.Dirent, label string) {
	if !a.byLast && a.links.Of(e.Node) != nil {
		first, seen := a.first[e.Node]
		if seen && first == label {
			return
		}
		if seen {
			own := *e.Node
			own.Xattrs = own.Xattrs.Clone()
			e.Node = &own
		} else {
			a.first[e.Node] = label
		}
	}
	setLabel(e.Node, label)
}

func setLabel(n *canon.Node, label string) {
	if label == "" {
		n.Xattrs.Remove(linux.SecuritySELinux)
	} else {
		n.Xattrs.Set(linux.SecuritySELinux, label)
	}
}
