package canon

import (
	"slices"
	"strings"
)

// Dirent is a name in a directory.
type Dirent struct {
	Name   string
	Node   *Node
	Origin *Origin
	// Hardlink marks a name of an inode that has its place in an image at another
	// of its names. Dump files and images set it. The place is at the first name
	// that is not marked or, if all are marked, at the first, in the order of
	// Tree.All.
	Hardlink bool
}

// directory holds a directory's dirents: sorted, or, once a change came out of
// order in a large one, unsorted with an index until somebody reads them. So
// any order of changes costs about the same.
type directory struct {
	entries []Dirent
	index   map[string]int // nil while entries are sorted
}

// sortedMax is the number of entries up to which a change in the middle moves
// the ones behind it.
const sortedMax = 64

func (d *directory) find(name string) (int, bool) {
	if d.index != nil {
		i, ok := d.index[name]
		return i, ok
	}
	return slices.BinarySearchFunc(d.entries, name, func(e Dirent, name string) int {
		return strings.Compare(e.Name, name)
	})
}

func (d *directory) makeIndex() {
	d.index = make(map[string]int, len(d.entries)+1)
	for i, e := range d.entries {
		d.index[e.Name] = i
	}
}

func (d *directory) put(e Dirent) {
	i, ok := d.find(e.Name)
	// append would double the capacity, which leaves too much of it unused.
	if n := len(d.entries); n == cap(d.entries) && n >= 16 {
		d.entries = append(make([]Dirent, 0, n+n/4), d.entries...)
	}
	switch {
	case ok:
		d.entries[i] = e
	case d.index != nil:
		d.index[e.Name] = len(d.entries)
		d.entries = append(d.entries, e)
	case i == len(d.entries) || len(d.entries) <= sortedMax:
		d.entries = slices.Insert(d.entries, i, e)
	default:
		d.makeIndex()
		d.put(e)
	}
}

func (d *directory) remove(name string) {
	i, ok := d.find(name)
	last := len(d.entries) - 1
	switch {
	case !ok:
	case d.index != nil:
		d.entries[i] = d.entries[last]
		d.index[d.entries[i].Name] = i
		delete(d.index, name)
		d.entries[last] = Dirent{}
		d.entries = d.entries[:last]
	case i == last || len(d.entries) <= sortedMax:
		d.entries = slices.Delete(d.entries, i, i+1)
	default:
		d.makeIndex()
		d.remove(name)
	}
}

// clip sorts, and gives back memory that only more dirents would need.
func (d *directory) clip() {
	d.entries = slices.Clone(d.sorted())
}

func (d *directory) sorted() []Dirent {
	if d.index != nil {
		slices.SortFunc(d.entries, func(a, b Dirent) int { return strings.Compare(a.Name, b.Name) })
		d.index = nil
	}
	return d.entries
}

// Child returns the dirent of that name, or nil. The pointer is good until the
// directory changes.
func (n *Node) Child(name string) *Dirent {
	if n.dir == nil {
		return nil
	}
	if i, ok := n.dir.find(name); ok {
		return &n.dir.entries[i]
	}
	return nil
}

// Put adds a dirent to a directory, or replaces the one of that name.
func (n *Node) Put(e Dirent) {
	if n.dir == nil {
		n.dir = &directory{}
	}
	n.dir.put(e)
}

// Grow makes room for so many more dirents in a directory.
func (n *Node) Grow(names int) {
	if n.dir == nil {
		n.dir = &directory{}
	}
	n.dir.entries = slices.Grow(n.dir.entries, names)
}

// Remove removes the dirent of that name with all below it, if there is one.
func (n *Node) Remove(name string) {
	if n.dir != nil {
		n.dir.remove(name)
	}
}

// RemoveAll empties a directory.
func (n *Node) RemoveAll() { n.dir = nil }

// Children returns a directory's dirents in the order of their names' bytes.
// The slice is the directory's own: it is good until the directory changes.
func (n *Node) Children() []Dirent {
	if n.dir == nil {
		return nil
	}
	return n.dir.sorted()
}
