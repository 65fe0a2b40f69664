package layer

import (
	"fmt"
	"strings"

	"cfsverify/canon"
)

// Alone is what layer n, counted from 1, puts on those below it: what it has
// entries for, as the OCI rules have it, and the directories above that, with the
// metadata that they have once it is applied. Markers are empty files (0644, 0:0,
// mtime 0). An inode that the layer gives another name has all its names, since a
// link cannot lead out of the layer. To apply the tree in place of the layer gives
// the same merged tree.
func Alone(layers []*Entries, n int) (*canon.Tree, error) {
	if n < 1 || n > len(layers) {
		return nil, fmt.Errorf("there is no layer %d: the image has %d", n, len(layers))
	}
	a := NewOCI(false)
	if err := a.Apply(layers[:n-1]); err != nil {
		return nil, err
	}
	lower := a.Tree.Clone()
	if err := a.Apply(layers[n-1 : n]); err != nil {
		return nil, err
	}
	return Copy(layers[n-1], lower, a.Tree, true), nil
}

// Copy makes the tree of a layer of the merged trees below it and with it;
// what it copies, it shares with the latter. Without keepMarkers there are
// whiteouts for what is gone, name by name, and no other markers.
func Copy(layer *Entries, lower, merged *canon.Tree, keepMarkers bool) *canon.Tree {
	c := layerCopy{from: merged, to: canon.NewTree(), linked: map[*canon.Node]bool{}}
	SetStat(c.to.Root, merged.Root)
	for _, e := range layer.List {
		m, _ := MarkerOf(e.Path)
		dir, _ := SplitPath(e.Path)
		// A later entry of the layer may have replaced it, or a directory above it.
		switch found := merged.Lookup("/" + e.Path); {
		case m == Whiteout || m == Opaque:
			switch in := merged.Lookup("/" + dir); {
			case !IsDirectory(in):
			case keepMarkers:
				c.put(e.Path, newMarker())
			case in.Origin != nil && in.Origin.Implicit && in.Origin.Layer == layer.Layer:
				// The marker brought the directory into being.
				c.directory(dir)
			}
		case m == NoMarker && e.Path != "" && found != nil:
			c.put(e.Path, found.Node)
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

// IsDirectory says that there is a directory.
func IsDirectory(e *canon.Dirent) bool { return e != nil && e.Node.Kind == canon.Directory }

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
	if own.Child(OpaqueName) != nil {
		return
	}
	for _, e := range lower.Children() {
		marker := WhiteoutPrefix + e.Name
		left := merged.Child(e.Name)
		switch {
		case own.Child(marker) != nil:
		case left == nil:
			c.put(JoinPath(path, marker), newMarker())
		case e.Node.Kind == canon.Directory && left.Node.Kind == canon.Directory:
			below := &canon.Node{}
			if e := own.Child(e.Name); e != nil {
				below = e.Node
			}
			c.hide(JoinPath(path, e.Name), e.Node, left.Node, below)
		}
	}
}

// put gives a path of the tree an inode, and makes the directories above it.
func (c *layerCopy) put(path string, n *canon.Node) {
	dir, name := SplitPath(path)
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
	dir, name := SplitPath(path)
	parent := c.directory(dir)
	if e := parent.Child(name); e != nil && e.Node.Kind == canon.Directory {
		return e.Node
	}
	n := &canon.Node{Kind: canon.Directory, Perm: 0o755}
	if found := c.from.Lookup("/" + path); IsDirectory(found) {
		SetStat(n, found.Node)
	}
	parent.Put(canon.Dirent{Name: name, Node: n})
	return n
}
