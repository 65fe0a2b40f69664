package canon

import "iter"

// Hardlinks are the inodes of a tree that have several names. They are good until
// the tree changes.
type Hardlinks struct {
	root *Node
	list []Names
	// index says where an inode's Names are in list.
	index map[*Node]uint32
}

// Names are those of one inode that has several.
type Names struct {
	// First is the first in the order of Tree.All, and Place the one at which the
	// inode has its place in an image: see Dirent.Hardlink.
	First, Place *Dirent
	Count        uint32
	// Index counts the inodes that have several names, from 0 on.
	Index uint32
}

// Hardlinks finds the inodes that have several names. It looks only at inodes
// that may have: the link count says so, or the mark of a name (see the package
// documentation). So it costs little where there are few.
func (t *Tree) Hardlinks() *Hardlinks {
	h := &Hardlinks{root: t.Root, index: map[*Node]uint32{}}
	for e := range t.Dirents() {
		if e.Node.Kind == Directory || !e.Hardlink && e.Node.Nlink <= 1 {
			continue
		}
		if _, found := h.index[e.Node]; !found {
			h.index[e.Node] = uint32(len(h.list))
			h.list = append(h.list, Names{})
		}
	}
	if len(h.list) == 0 {
		return h
	}
	for e := range t.Dirents() {
		i, found := h.index[e.Node]
		if !found {
			continue
		}
		names := &h.list[i]
		names.Count++
		if names.First == nil {
			names.First = e
		}
		if names.Place == nil || names.Place.Hardlink && !e.Hardlink {
			names.Place = e
		}
	}
	h.dropSingles()
	return h
}

// dropSingles removes the inodes that have one name only.
func (h *Hardlinks) dropSingles() {
	several := h.list[:0]
	for _, names := range h.list {
		if names.Count == 1 {
			delete(h.index, names.First.Node)
			continue
		}
		names.Index = uint32(len(several))
		h.index[names.First.Node] = names.Index
		several = append(several, names)
	}
	h.list = several
}

// Len is the number of inodes that have several names.
func (h *Hardlinks) Len() int { return len(h.list) }

// Of returns an inode's names, nil if it has one only.
func (h *Hardlinks) Of(n *Node) *Names {
	if len(h.list) == 0 {
		return nil
	}
	i, found := h.index[n]
	if !found {
		return nil
	}
	return &h.list[i]
}

// Count is the number of an inode's names.
func (h *Hardlinks) Count(n *Node) uint32 {
	if names := h.Of(n); names != nil {
		return names.Count
	}
	return 1
}

// IsFirst says that no earlier name, in the order of Tree.All, leads to the same
// inode.
func (h *Hardlinks) IsFirst(e *Dirent) bool {
	names := h.Of(e.Node)
	return names == nil || names.First == e
}

// All yields each name of these inodes with its path, in the order of Tree.All.
// It makes no other paths.
func (h *Hardlinks) All() iter.Seq2[string, *Dirent] {
	return func(yield func(string, *Dirent) bool) {
		if len(h.list) > 0 {
			h.walk(nil, h.root, yield)
		}
	}
}

// walk yields the names below a directory, whose path is given, empty for the
// root.
func (h *Hardlinks) walk(path []byte, dir *Node, yield func(string, *Dirent) bool) bool {
	length := len(path)
	children := dir.Children()
	for i := range children {
		e := &children[i]
		path = append(append(path[:length], '/'), e.Name...)
		switch {
		case e.Node.Kind == Directory:
			if !h.walk(path, e.Node, yield) {
				return false
			}
		case h.Of(e.Node) != nil && !yield(string(path), e):
			return false
		}
	}
	return true
}
