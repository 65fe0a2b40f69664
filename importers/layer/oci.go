package layer

import (
	"strings"

	"cfsverify/canon"
)

// OCI applies layers by RulesOCI, one on the other; lint looks on entry by entry.
type OCI struct{ applier }

// NewOCI may take the nodes of the layers for its tree.
func NewOCI(takes bool) OCI {
	return OCI{applier{Tree: canon.NewTree(), takes: takes}}
}

// Apply puts layers on those that were applied before.
func (a *OCI) Apply(layers []*Entries) error {
	for _, layer := range layers {
		a.Layer = layer
		for i := range layer.List {
			a.Hide(i)
		}
		for i := range layer.List {
			if err := a.Add(i); err != nil {
				return err
			}
		}
	}
	a.Tree.CountLinks()
	return nil
}

// Hide removes what a marker hides from the tree of the layers below.
func (a *OCI) Hide(i int) {
	path := a.Layer.List[i].Path
	m, hidden := MarkerOf(path)
	if m != Whiteout && m != Opaque {
		return
	}
	dir, _ := SplitPath(path)
	a.mark(i, dir, hidden)
	parent := a.Find(dir)
	switch {
	case parent == nil || parent.Kind != canon.Directory:
	case m == Opaque:
		a.remove(i, OpaqueMarker, dir, parent.Children())
		parent.RemoveAll()
	default:
		if child := parent.Child(hidden); child != nil {
			a.remove(i, WhiteoutMarker, dir, []canon.Dirent{*child})
		}
		parent.Remove(hidden)
	}
}

// Add applies entry i of the layer.
func (a *OCI) Add(i int) error {
	e := &a.Layer.List[i]
	if e.Path == "" {
		a.setRoot(i)
		return nil
	}
	m, _ := MarkerOf(e.Path)
	switch m {
	case AUFS:
		return nil
	case BadMarker:
		return a.errorf(i, "names that begin with %q are markers, and this one marks nothing that can be there", WhiteoutPrefix)
	}
	var n *canon.Node
	if m == NoMarker {
		var err error
		if n, err = a.node(i); err != nil {
			return err
		}
	}
	// Overlayfs shows the directory of a marker even if nothing is in it.
	parent, err := a.parent(i)
	if err != nil || m != NoMarker {
		return err
	}
	a.put(i, parent, n)
	return nil
}

func (a *OCI) node(i int) (*canon.Node, error) {
	if !a.Layer.List[i].IsHardlink() {
		return a.inode(i), nil
	}
	n, err := a.linkTarget(i)
	if err != nil {
		return nil, a.errorf(i, "%w", err)
	}
	return n, nil
}

// parent finds or makes the directory of entry i.
func (a *OCI) parent(i int) (*canon.Node, error) {
	n := a.Tree.Root
	dir, _ := SplitPath(a.Layer.List[i].Path)
	for rest := dir; rest != ""; {
		var name string
		name, rest, _ = strings.Cut(rest, "/")
		child := n.Child(name)
		switch {
		case child != nil && child.Node.Kind == canon.Directory:
			a.imply(i, child)
			n = child.Node
		case child != nil && child.Origin.Layer == a.Layer.Layer:
			return nil, a.errorf(i, "its parent is a %v by entry %d of the same layer, %q: tools disagree what this means",
				child.Node.Kind, child.Origin.Entry, a.Layer.List[child.Origin.Entry-1].Path)
		default:
			n = a.putImplicit(i, n, name)
		}
	}
	return n, nil
}
