package importers

import (
	"strings"

	"cfsverify/canon"
)

type ociApplier struct{ applier }

// newOCIApplier may take the nodes of the layers for its tree.
func newOCIApplier(takes bool) ociApplier {
	return ociApplier{applier{tree: canon.NewTree(), takes: takes}}
}

func applyOCI(layers []*LayerEntries, takes bool) (*canon.Tree, error) {
	a := newOCIApplier(takes)
	if err := a.apply(layers); err != nil {
		return nil, err
	}
	return a.tree, nil
}

// apply puts layers on those that were applied before.
func (a *ociApplier) apply(layers []*LayerEntries) error {
	for _, layer := range layers {
		a.layer = layer
		for i := range layer.entries {
			a.hide(i)
		}
		for i := range layer.entries {
			if err := a.add(i); err != nil {
				return err
			}
		}
	}
	a.tree.CountLinks()
	return nil
}

// hide removes what a marker hides from the tree of the layers below.
func (a *ociApplier) hide(i int) {
	path := a.layer.entries[i].path
	m, hidden := markerOf(path)
	if m != whiteout && m != opaque {
		return
	}
	dir, _ := splitPath(path)
	a.mark(i, dir, hidden)
	parent := a.find(dir)
	switch {
	case parent == nil || parent.Kind != canon.Directory:
	case m == opaque:
		parent.RemoveAll()
	default:
		parent.Remove(hidden)
	}
}

func (a *ociApplier) add(i int) error {
	e := &a.layer.entries[i]
	if e.path == "" {
		a.setRoot(i)
		return nil
	}
	m, _ := markerOf(e.path)
	switch m {
	case aufs:
		return nil
	case badMarker:
		return a.errorf(i, "names that begin with %q are markers, and this one marks nothing that can be there", whiteoutPrefix)
	}
	var n *canon.Node
	if m == noMarker {
		var err error
		if n, err = a.node(i); err != nil {
			return err
		}
	}
	// Overlayfs shows the directory of a marker even if nothing is in it.
	parent, err := a.parent(i)
	if err != nil || m != noMarker {
		return err
	}
	a.put(i, parent, n)
	return nil
}

func (a *ociApplier) node(i int) (*canon.Node, error) {
	if !a.layer.entries[i].isHardlink() {
		return a.inode(i), nil
	}
	n, err := a.linkTarget(i)
	if err != nil {
		return nil, a.errorf(i, "%w", err)
	}
	return n, nil
}

// parent finds or makes the directory of entry i.
func (a *ociApplier) parent(i int) (*canon.Node, error) {
	n := a.tree.Root
	dir, _ := splitPath(a.layer.entries[i].path)
	for rest := dir; rest != ""; {
		var name string
		name, rest, _ = strings.Cut(rest, "/")
		child := n.Child(name)
		switch {
		case child != nil && child.Node.Kind == canon.Directory:
			a.imply(i, child.Origin)
			n = child.Node
		case child != nil && child.Origin.Layer == a.layer.Layer:
			return nil, a.errorf(i, "its parent is a %v by entry %d of the same layer, %q: tools disagree what this means",
				child.Node.Kind, child.Origin.Entry, a.layer.entries[child.Origin.Entry-1].path)
		default:
			n = a.putImplicit(i, n, name)
		}
	}
	return n, nil
}
