package erofs

import "cfsverify/canon"

// link is an inode that may have several names.
type link struct {
	place  *canon.Dirent // the name where it is in the order of inodes
	names  uint32
	number uint32
}

type linkTable struct {
	index map[*canon.Node]uint32 // in list
	list  []link
}

// find looks for links and returns the number of all names below the root.
func (l *linkTable) find(t *canon.Tree, placeAtFirst bool) uint64 {
	l.index = map[*canon.Node]uint32{}
	names := uint64(0)
	for e := range t.Dirents() {
		if e.Node != t.Root {
			names++
		}
		if e.Node.Kind == canon.Directory || !e.Hardlink && e.Node.Nlink <= 1 {
			continue
		}
		if _, ok := l.index[e.Node]; !ok {
			l.index[e.Node] = uint32(len(l.list))
			l.list = append(l.list, link{})
		}
	}
	if len(l.list) == 0 {
		return names
	}
	for e := range t.Dirents() {
		link, _ := l.of(e.Node)
		if link == nil {
			continue
		}
		link.names++
		if link.place == nil || !placeAtFirst && link.place.Hardlink && !e.Hardlink {
			link.place = e
		}
	}
	return names
}

// of returns a node's link and its index, or nil.
func (l *linkTable) of(n *canon.Node) (*link, uint32) {
	if len(l.list) == 0 {
		return nil, 0
	}
	i, ok := l.index[n]
	if !ok {
		return nil, 0
	}
	return &l.list[i], i
}
