package erofs

import (
	"fmt"
	"iter"

	"cfsverify/canon"
)

// image is an image in the making.
type image struct {
	version Version
	// inodes are in the order that they have on disk: breadth first, names in
	// the order of their bytes.
	inodes []inode
	// children are the inode numbers of all directories' dirents, "." and ".."
	// left out; see inode.children.
	children  []uint32
	acl       bool
	buildTime canon.Time
	shared    sharedTable
	inodesEnd uint64
	blocks    uint64 // data blocks of all inodes
}

// inode is an inode in the making; its number is its index.
type inode struct {
	node   *canon.Node
	parent uint32
	// children is where a directory's dirents begin in image.children.
	children      uint32
	subdirs       uint32
	role          role
	holdsWhiteout bool

	extended  bool
	xattrSize uint32
	blocks    uint32 // whole blocks in the data area
	tail      uint32 // bytes that follow the inode
	pad       uint32 // bytes before the inode
	nid       uint64
}

// role tells inodes apart that the format treats in their own way.
type role uint8

const (
	plain role = iota
	// whiteout is a character device 0:0 of the tree. It becomes a regular file.
	whiteout
	// stub is one of the 256 whiteouts in the root that hide the content store's
	// directories from an overlay mount.
	stub
)

const stubMode = 0o020644

// collect lists the inodes.
func (img *image) collect(t *canon.Tree) error {
	places := hardlinkPlaces(t)
	numbers := map[*canon.Node]uint32{} // of hardlinked inodes
	img.inodes = append(img.inodes, inode{node: t.Root})
	for i := 0; i < len(img.inodes); i++ {
		n := img.inodes[i].node
		img.inodes[i].children = uint32(len(img.children))
		if n.Kind != canon.Directory || img.inodes[i].role == stub {
			continue
		}
		add := func(child inode) {
			child.parent = uint32(i)
			img.children = append(img.children, uint32(len(img.inodes)))
			img.inodes = append(img.inodes, child)
		}
		for _, e := range withStubs(n.Children(), i == 0) {
			place, linked := (*canon.Dirent)(nil), false
			if e != nil {
				place, linked = places[e.Node]
			}
			switch {
			case e == nil:
				add(inode{node: t.Root, role: stub})
			case linked && place != e:
				// The number is put in when all are known.
				img.children = append(img.children, 0)
			default:
				if linked {
					numbers[e.Node] = uint32(len(img.inodes))
				}
				child := inode{node: e.Node}
				if e.Node.IsWhiteout() {
					child.role = whiteout
					img.inodes[i].holdsWhiteout = true
				}
				if e.Node.Kind == canon.Directory {
					img.inodes[i].subdirs++
				}
				add(child)
			}
		}
		if uint64(len(img.inodes))+uint64(len(img.children)) > 1<<31 {
			return fmt.Errorf("the tree has more entries than an image can hold")
		}
	}
	if len(numbers) > 0 {
		img.numberLinks(places, numbers)
	}
	return nil
}

// numberLinks puts in the inode numbers of names that stand before the place
// of their inode, or behind it.
func (img *image) numberLinks(places map[*canon.Node]*canon.Dirent, numbers map[*canon.Node]uint32) {
	for i := range img.inodes {
		in := &img.inodes[i]
		if in.node.Kind != canon.Directory || in.role == stub {
			continue
		}
		k := in.children
		for _, e := range withStubs(in.node.Children(), i == 0) {
			if e != nil {
				if place, linked := places[e.Node]; linked && place != e {
					img.children[k] = numbers[e.Node]
				}
			}
			k++
		}
	}
}

// hardlinkPlaces finds for every inode that may have several names the one
// where it has its place.
func hardlinkPlaces(t *canon.Tree) map[*canon.Node]*canon.Dirent {
	places := map[*canon.Node]*canon.Dirent{}
	for _, e := range t.All() {
		if e.Hardlink {
			places[e.Node] = nil
		}
	}
	for _, e := range t.All() {
		if e.Node.Kind == canon.Directory || e.Hardlink {
			continue
		}
		if place, linked := places[e.Node]; place == nil && (linked || e.Node.Nlink > 1) {
			places[e.Node] = e
		}
	}
	// All names are marked.
	for _, e := range t.All() {
		if e.Hardlink && places[e.Node] == nil {
			places[e.Node] = e
		}
	}
	return places
}

// withStubs adds the root's stubs, for which it yields no dirent, to its names.
func withStubs(children []canon.Dirent, root bool) iter.Seq2[string, *canon.Dirent] {
	return func(yield func(string, *canon.Dirent) bool) {
		next := 0
		stubsBefore := func(name string, all bool) bool {
			for ; root && next < 256; next++ {
				s := stubName(next)
				if !all && s >= name {
					if s == name {
						next++
					}
					return true
				}
				if !yield(s, nil) {
					return false
				}
			}
			return true
		}
		for i := range children {
			if !stubsBefore(children[i].Name, false) || !yield(children[i].Name, &children[i]) {
				return
			}
		}
		stubsBefore("", true)
	}
}

func stubName(i int) string {
	const digits = "0123456789abcdef"
	return string([]byte{digits[i>>4], digits[i&15]})
}

// dirents yields the names of a directory, "." and ".." among them, with the
// number of the inode that each leads to, in the order of their bytes.
func (img *image) dirents(i int) iter.Seq2[string, uint32] {
	in := &img.inodes[i]
	return func(yield func(string, uint32) bool) {
		dots := []string{".", ".."}
		number := []uint32{uint32(i), in.parent}
		k := in.children
		for name := range withStubs(in.node.Children(), i == 0) {
			for len(dots) > 0 && dots[0] < name {
				if !yield(dots[0], number[0]) {
					return
				}
				dots, number = dots[1:], number[1:]
			}
			if !yield(name, img.children[k]) {
				return
			}
			k++
		}
		for j := range dots {
			if !yield(dots[j], number[j]) {
				return
			}
		}
	}
}
