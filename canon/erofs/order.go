package erofs

import (
	"errors"
	"fmt"

	"cfsverify/canon"
)

// image is an image in the making.
type image struct {
	format format
	// inodes are in the order that they have on disk.
	inodes []inode
	// children say where all directories' dirents lead, "." and ".." left out: to
	// the inode of that number or, with linkFlag, to that of this index in
	// linkNumbers. See inode.children.
	children []uint32
	links    *canon.Hardlinks
	// linkNumbers are the numbers of the inodes with several names, by the Index
	// that links has for them.
	linkNumbers []uint32
	acl         bool
	buildTime   canon.Time
	shared      sharedTable
	inodesEnd   uint64
	blocks      uint64 // data blocks of all inodes
}

const (
	linkFlag = 1 << 31
	// namesMax leaves room for the stubs below linkFlag.
	namesMax = 1 << 30
)

// inode is an inode in the making; its number is its index.
type inode struct {
	node   *canon.Node
	parent uint32
	// children is where a directory's dirents begin in image.children.
	children      uint32
	nlink         uint32
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

const (
	stubCount = 256
	stubMode  = 0o020644
)

// collected is a valid tree's image whose inodes are listed.
func collected(t *canon.Tree, o Options) (*image, error) {
	format, err := formatOf(o)
	if err != nil {
		return nil, err
	}
	img := &image{format: format}
	return img, img.collect(t)
}

// collect lists the inodes.
func (img *image) collect(t *canon.Tree) error {
	names := uint64(0)
	for e := range t.Dirents() {
		if e.Node != t.Root {
			names++
		}
	}
	if names > namesMax {
		return errors.New("the tree has more entries than an image can hold")
	}
	img.links = t.Hardlinks()
	img.linkNumbers = make([]uint32, img.links.Len())
	img.inodes = make([]inode, 0, 1+names+stubCount)
	img.children = make([]uint32, 0, names+stubCount)
	img.inodes = append(img.inodes, inode{node: t.Root, nlink: 2})
	if img.format.depthFirst {
		img.visit(0)
	} else {
		for i := 0; i < len(img.inodes); i++ {
			img.visit(i)
		}
	}
	if img.format.refusesLinkedWhiteouts {
		return img.checkWhiteouts()
	}
	return nil
}

// visit lists what is in a directory.
func (img *image) visit(i int) {
	in := &img.inodes[i]
	if !in.isDir() {
		return
	}
	in.children = uint32(len(img.children))
	k := len(img.children)
	img.children = img.children[:k+img.countNames(i)]
	for _, e := range img.names(i) {
		before := len(img.inodes)
		img.children[k] = img.add(i, e)
		k++
		if img.format.depthFirst && len(img.inodes) > before {
			img.visit(before)
		}
	}
}

// add lists the inode that a dirent of directory parent leads to, unless it has
// its place elsewhere, and returns what image.children has for it.
func (img *image) add(parent int, e *canon.Dirent) uint32 {
	number := uint32(len(img.inodes))
	if e == nil {
		img.inodes = append(img.inodes, inode{node: img.inodes[0].node, parent: uint32(parent), role: stub, nlink: 1})
		return number
	}
	child := inode{node: e.Node, parent: uint32(parent), nlink: e.Node.Nlink}
	link := img.links.Of(e.Node)
	if link != nil {
		if img.placeOf(link) != e {
			return linkFlag | link.Index
		}
		img.linkNumbers[link.Index] = number
	}
	dir := &img.inodes[parent]
	switch {
	case e.Node.Kind == canon.Directory:
		child.nlink = 2
		dir.nlink++
	case img.format.countsLinks && link != nil:
		child.nlink = link.Count
	case img.format.countsLinks:
		child.nlink = 1
	}
	if img.format.escapesWhiteouts && e.Node.IsWhiteout() && !(img.format.sparesStubs && parent == 0 && isStubLike(dir.node, e)) {
		child.role = whiteout
		dir.holdsWhiteout = true
	}
	img.inodes = append(img.inodes, child)
	return number
}

// number resolves an element of image.children.
func (img *image) number(child uint32) int {
	if child&linkFlag != 0 {
		child = img.linkNumbers[child&^linkFlag]
	}
	return int(child)
}

// placeOf is the name at which an inode with several names is listed.
func (img *image) placeOf(names *canon.Names) *canon.Dirent {
	if img.format.placesAtFirstName {
		return names.First
	}
	return names.Place
}

// checkWhiteouts refuses what composefs-rs refuses.
func (img *image) checkWhiteouts() error {
	for i := range img.inodes {
		n := img.inodes[i].node
		if n.IsWhiteout() && img.links.Of(n) != nil {
			return fmt.Errorf("%q: a whiteout with %d names: composefs-rs accepts only one", img.path(i), img.links.Count(n))
		}
	}
	return nil
}

// path is a path of inode i.
func (img *image) path(i int) string {
	path := ""
	for i != 0 {
		parent := int(img.inodes[i].parent)
		for name, child := range img.dirents(parent) {
			if child == i && name != "." && name != ".." {
				path = "/" + name + path
				break
			}
		}
		i = parent
	}
	if path == "" {
		return "/"
	}
	return path
}
