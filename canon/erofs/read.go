package erofs

import (
	"errors"
	"fmt"
	"slices"

	"cfsverify/canon"
)

// Image is what Read finds in a composefs image.
type Image struct {
	Tree    *canon.Tree
	Version Version
	// Writer is the one that Read was asked for, or ComposefsRS in version 2, which only
	// it writes.
	Writer Writer

	dirSizes map[*canon.Node]uint64
	xattrs   map[*canon.Node][]canon.Xattr
}

// DirSize is the size in bytes that the image states for a directory.
func (m *Image) DirSize(dir *canon.Node) uint64 { return m.dirSizes[dir] }

// XattrOrder gives an inode's xattrs in the order in which composefs-info lists them:
// those of the inode itself before those that it shares.
func (m *Image) XattrOrder(n *canon.Node) []canon.Xattr {
	list, ok := m.xattrs[n]
	if !ok {
		return n.Xattrs
	}
	// Marks of whiteouts are in the list as well.
	var own []canon.Xattr
	for _, x := range list {
		if slices.Contains(n.Xattrs, x) && !slices.Contains(own, x) {
			own = append(own, x)
		}
	}
	return own
}

// WhiteoutMarks are the xattrs that the image has on each file that stands for a
// whiteout of the tree, a device 0:0, and on each directory that holds some. Version 2
// has the devices.
func (m *Image) WhiteoutMarks() (file, dir []canon.Xattr) {
	if m.Version == V2 {
		return nil, nil
	}
	return whiteoutMarks(true, false, false), whiteoutMarks(false, true, m.Version == V1)
}

// treeDepthMax is the number of directories that may lie in each other: twice
// as many as a path of PATH_MAX bytes can name.
const treeDepthMax = 4096

// Read reads a composefs image of any version back into the tree of which w makes it.
// That matters to files which are marked as whiteouts, as w makes them of whiteouts, and
// which w writes otherwise if they are: ComposefsRS refuses whiteouts with several
// names, and has another place for one that is like a stub. Whether w makes these bytes of
// the tree is not compared.
//
// An image that breaks a rule of its format is an error, however it was made:
// no two inodes or blocks of it may overlap, so time and memory are bounded by
// its size.
func Read(data []byte, w Writer) (*Image, error) {
	return ReadWithin(data, w, func(int64) error { return nil })
}

// What is read takes so many bytes of memory in trees, for each name and for each xattr of
// an inode.
const (
	nameMemory  = 1024
	xattrMemory = 256
)

// ReadWithin is Read that ends with the error of charge, which is told of the memory that
// the tree takes, in bytes, as it grows.
func ReadWithin(data []byte, w Writer, charge func(bytes int64) error) (*Image, error) {
	r := &reader{
		charge: charge,
		data:   data,
		image:  &Image{Tree: canon.NewTree(), Writer: w, dirSizes: map[*canon.Node]uint64{}, xattrs: map[*canon.Node][]canon.Xattr{}},
		nodes:  map[uint64]*canon.Node{},
		shared: map[uint32]canon.Xattr{},

		unplaced: map[uint64]uint32{}, understated: map[*canon.Node]bool{},
	}
	root, err := r.super()
	if err != nil {
		return nil, err
	}
	if err := r.tree(root); err != nil {
		return nil, err
	}
	if err := r.checkOverlap(); err != nil {
		return nil, err
	}
	unescapeWhiteouts(r.image.Tree, Options{r.image.Version, r.image.Writer})
	if err := r.image.Tree.Validate(); err != nil {
		return nil, err
	}
	return r.image, nil
}

func isZero(b []byte) bool { return !slices.ContainsFunc(b, func(c byte) bool { return c != 0 }) }

// IsImage says that data begin as a composefs image does.
func IsImage(head []byte) bool { return len(head) >= 4 && le.Uint32(head) == composefsMagic }

// reader is an image being read.
type reader struct {
	data   []byte
	image  *Image
	charge func(bytes int64) error
	// nodes by nid.
	nodes map[uint64]*canon.Node
	// shared xattrs by id.
	shared      map[uint32]canon.Xattr
	xattrBase   uint64
	buildTime   canon.Time
	inodeCount  uint64
	extents     []extent
	claimed     uint64
	directories []directory
	// nextNumber and unplaced follow the order of inodes: see isNext. The latter
	// are numbers by nid, of inodes whose place was not met yet.
	nextNumber uint64
	unplaced   map[uint64]uint32
	// understated are inodes that have more names than the one link they state.
	understated map[*canon.Node]bool
}

// extent is a part of the image that one thing occupies.
type extent struct{ start, end uint64 }

// directory waits for its dirents to be read.
type directory struct {
	node   *canon.Node
	inode  rawInode
	parent uint64 // nid
	path   string
	depth  int
}

// super reads the superblock and returns the root's nid.
func (r *reader) super() (uint64, error) {
	if !IsImage(r.data) {
		return 0, errors.New("this is no composefs image: it does not begin with its magic number")
	}
	if len(r.data) < inodesOffset || len(r.data)%blockSize != 0 {
		return 0, fmt.Errorf("the image is truncated: %d bytes are not a number of whole blocks", len(r.data))
	}
	if v := le.Uint32(r.data[4:]); v != containerFormat {
		return 0, fmt.Errorf("the composefs header is of version %d, which is not known", v)
	}
	version := le.Uint32(r.data[12:])
	if version > uint32(V2) {
		return 0, fmt.Errorf("the image is of composefs version %d, which is not known", version)
	}
	r.image.Version = Version(version)
	if r.image.Version == V2 {
		r.image.Writer = ComposefsRS
	}
	sb := r.data[superOffset:]
	if le.Uint32(sb) != erofsMagic {
		return 0, errors.New("the EROFS superblock has not its magic number")
	}
	if sb[12] != blockBits {
		return 0, fmt.Errorf("the blocks have 2^%d bytes, composefs images have 2^%d", sb[12], blockBits)
	}
	if f := le.Uint32(sb[80:]); f != 0 {
		return 0, fmt.Errorf("the image uses EROFS features %#x, composefs images use none", f)
	}
	if f := le.Uint32(sb[8:]); f != featureMtime|featureXattrFilter {
		return 0, fmt.Errorf("the image has the compatible EROFS features %#x, composefs images have %#x", f, featureMtime|featureXattrFilter)
	}
	if sb[13] != 0 || !isZero(sb[84:superSize]) {
		return 0, errors.New("the superblock has fields that composefs images do not use, and kernels do")
	}
	if blocks := le.Uint32(sb[36:]); blocks != uint32(len(r.data)/blockSize) {
		return 0, fmt.Errorf("the superblock states %d blocks, the image has %d", blocks, len(r.data)/blockSize)
	}
	if le.Uint32(sb[40:]) != 0 {
		return 0, errors.New("the inodes do not count from the image's begin, as they do in composefs images")
	}
	r.inodeCount = le.Uint64(sb[16:])
	if r.inodeCount > uint64(len(r.data))/slotSize {
		return 0, fmt.Errorf("the superblock states %d inodes, more than the image has room for", r.inodeCount)
	}
	r.buildTime = canon.Time{Sec: int64(le.Uint64(sb[24:])), Nsec: le.Uint32(sb[32:])}
	r.xattrBase = uint64(le.Uint32(sb[44:])) * blockSize
	r.claimed = inodesOffset
	r.extents = append(r.extents, extent{0, inodesOffset})
	return uint64(le.Uint16(sb[14:])), nil
}

// tree reads everything below the root, breadth first: the order in which V0
// and V1 number inodes, from which follows at which name each has its place.
func (r *reader) tree(rootNid uint64) error {
	in, err := r.inode(rootNid)
	if err != nil {
		return fmt.Errorf("\"/\": %w", err)
	}
	if in.kind != canon.Directory {
		return fmt.Errorf("the root is a %v", in.kind)
	}
	root, err := r.node(in)
	if err != nil {
		return fmt.Errorf("\"/\": %w", err)
	}
	r.image.Tree.Root = root
	r.nodes[rootNid] = root
	r.nextNumber = 1
	r.directories = append(r.directories, directory{node: root, inode: in, parent: rootNid})
	for i := 0; i < len(r.directories); i++ {
		d := r.directories[i]
		r.directories[i] = directory{}
		if err := r.readDir(d); err != nil {
			return err
		}
	}
	if len(r.unplaced) > 0 {
		r.clearPlaces()
	}
	return nil
}

// bytes returns a part of the image, which nothing else may occupy.
func (r *reader) bytes(start, size uint64) ([]byte, error) {
	end := start + size
	if end < start || end > uint64(len(r.data)) {
		return nil, fmt.Errorf("%d bytes at %d lie beyond the image's end", size, start)
	}
	if size == 0 {
		return nil, nil
	}
	if r.claimed += size; r.claimed > uint64(len(r.data)) {
		return nil, errors.New("parts of the image overlap: more is in use than it has bytes")
	}
	r.extents = append(r.extents, extent{start, end})
	return r.data[start:end], nil
}

func (r *reader) checkOverlap() error {
	slices.SortFunc(r.extents, func(a, b extent) int {
		switch {
		case a.start < b.start:
			return -1
		case a.start > b.start:
			return 1
		}
		return 0
	})
	for i := 1; i < len(r.extents); i++ {
		if r.extents[i].start < r.extents[i-1].end {
			return fmt.Errorf("parts of the image overlap at %d", r.extents[i].start)
		}
	}
	return nil
}
