package importers

import (
	"fmt"
	"strings"

	"cfsverify/canon"
)

// layerTree is what layer n, counted from 1, puts on those below it: what it has
// entries for, as the OCI rules have it, and the directories above that, with the
// metadata that they have once it is applied. Markers are empty files (0644, 0:0,
// mtime 0). An inode that the layer gives another name has all its names, since a
// link cannot lead out of the layer. To apply the tree in place of the layer gives
// the same merged tree.
func layerTree(layers []*LayerEntries, n int) (*canon.Tree, error) {
	if n > len(layers) {
		return nil, fmt.Errorf("there is no layer %d: the image has %d", n, len(layers))
	}
	a := newOCIApplier(false)
	if err := a.apply(layers[:n-1]); err != nil {
		return nil, err
	}
	lower := a.tree.Clone()
	if err := a.apply(layers[n-1 : n]); err != nil {
		return nil, err
	}
	return copyLayer(layers[n-1], lower, a.tree, true), nil
}

// copyLayer makes the tree of a layer of the merged trees below it and with it;
// what it copies, it shares with the latter. Without keepMarkers there are
// whiteouts for what is gone, name by name, and no other markers.
func copyLayer(layer *LayerEntries, lower, merged *canon.Tree, keepMarkers bool) *canon.Tree {
	c := layerCopy{from: merged, to: canon.NewTree(), linked: map[*canon.Node]bool{}}
	setStat(c.to.Root, merged.Root)
	for _, e := range layer.entries {
		m, _ := markerOf(e.path)
		dir, _ := splitPath(e.path)
		// A later entry of the layer may have replaced it, or a directory above it.
		switch found := merged.Lookup("/" + e.path); {
		case m == whiteout || m == opaque:
			switch in := merged.Lookup("/" + dir); {
			case !isDirectory(in):
			case keepMarkers:
				c.put(e.path, newMarker())
			case in.Origin != nil && in.Origin.Implicit && in.Origin.Layer == layer.Layer:
				// The marker brought the directory into being.
				c.directory(dir)
			}
		case m == noMarker && e.path != "" && found != nil:
			c.put(e.path, found.Node)
		}
	}
	for path, e := range merged.All() {
		if c.linked[e.Node] {
			c.put(strings.TrimPrefix(path, "/"), e.Node)
		}
	}
	c.hide("", lower.Root, merged.Root, c.to.Root)
	c.to.CountLinks()
	return c.to
}

func isDirectory(e *canon.Dirent) bool { return e != nil && e.Node.Kind == canon.Directory }

func newMarker() *canon.Node { return &canon.Node{Kind: canon.Regular, Perm: 0o644} }

// layerCopy copies names of one tree to another.
type layerCopy struct {
	from, to *canon.Tree
	// linked are the inodes with several names that were copied.
	linked map[*canon.Node]bool
}

// hide adds whiteouts for what is not there any more of a directory of the layers
// below and that no marker hides: a layer may also replace a directory by
// something else, and that by a directory again. own is the directory in the tree
// of the layer, or one that is empty.
func (c *layerCopy) hide(path string, lower, merged, own *canon.Node) {
	if own.Child(opaqueName) != nil {
		return
	}
	for _, e := range lower.Children() {
		marker := whiteoutPrefix + e.Name
		left := merged.Child(e.Name)
		switch {
		case own.Child(marker) != nil:
		case left == nil:
			c.put(joinPath(path, marker), newMarker())
		case e.Node.Kind == canon.Directory && left.Node.Kind == canon.Directory:
			below := &canon.Node{}
			if e := own.Child(e.Name); e != nil {
				below = e.Node
			}
			c.hide(joinPath(path, e.Name), e.Node, left.Node, below)
		}
	}
}

// put gives a path of the tree an inode, and makes the directories above it.
func (c *layerCopy) put(path string, n *canon.Node) {
	dir, name := splitPath(path)
	parent := c.directory(dir)
	if n.Kind == canon.Directory {
		c.directory(path)
		return
	}
	if n.Nlink > 1 {
		c.linked[n] = true
	}
	parent.Put(canon.Dirent{Name: name, Node: n})
}

// directory finds or makes a directory.
func (c *layerCopy) directory(path string) *canon.Node {
	if path == "" {
		return c.to.Root
	}
	dir, name := splitPath(path)
	parent := c.directory(dir)
	if e := parent.Child(name); e != nil && e.Node.Kind == canon.Directory {
		return e.Node
	}
	n := &canon.Node{Kind: canon.Directory, Perm: 0o755}
	if found := c.from.Lookup("/" + path); isDirectory(found) {
		setStat(n, found.Node)
	}
	parent.Put(canon.Dirent{Name: name, Node: n})
	return n
}
