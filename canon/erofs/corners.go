package erofs

import (
	"math"
	"slices"

	"cfsverify/canon"
	"cfsverify/canon/linux"
)

// CornerKind is the stable name of a reason why programs write other images of one
// tree.
type CornerKind string

const (
	// TimeBefore1970: some mtimes are before 1970, others are not. composefs-rs takes
	// the seconds for a number without a sign when it looks for the least.
	TimeBefore1970 CornerKind = "time-before-1970"
	// SharedXattrs: of one inode's xattrs, more than 128 are those of others too.
	// mkcomposefs gives the inode its own copies of the rest.
	SharedXattrs CornerKind = "shared-xattrs"
	// StubLikeWhiteout: a whiteout in the root is just what a stub would be.
	// mkcomposefs escapes it, composefs-rs takes it for a stub.
	StubLikeWhiteout CornerKind = "stub-like-whiteout"
	// WhiteoutXattrs: a whiteout, or a directory that holds some, has an xattr that
	// marks it as such already. mkcomposefs replaces it, or fails if that does not fit
	// into its account of xattrs; composefs-rs adds its own.
	WhiteoutXattrs CornerKind = "whiteout-xattrs"
	// LinkedWhiteout: a whiteout has several names. composefs-rs refuses it.
	LinkedWhiteout CornerKind = "linked-whiteout"

	// ACLLikeXattr: the names of xattrs begin like that of an ACL, and there are no
	// ACLs. composefs-rs's image says that there are.
	ACLLikeXattr CornerKind = "acl-like-xattr"

	// Only dump files and composefs images have the rest.

	// LinkCount: an inode states another number of links than it has names.
	// composefs-rs counts them.
	LinkCount CornerKind = "link-count"
	// LinkPlace: an inode with several names is at another than the first, which moves
	// others. composefs-rs has it at the first.
	LinkPlace CornerKind = "link-place"
	// ObjectPath: the content of a file is not where its digest says. composefs-rs goes
	// by the digest.
	ObjectPath CornerKind = "object-path"
	// ClaimedSize: a device, FIFO or socket states a size of over 4 GiB, which
	// mkcomposefs heeds.
	ClaimedSize CornerKind = "claimed-size"
	// HugeFile: a file has more than 2^53 bytes. mkcomposefs refuses all but the
	// largest.
	HugeFile CornerKind = "huge-file"
)

// CornerKinds lists all of them, in the order in which Corners does.
func CornerKinds() []CornerKind {
	return []CornerKind{
		TimeBefore1970, SharedXattrs, StubLikeWhiteout, WhiteoutXattrs, LinkedWhiteout, ACLLikeXattr,
		LinkCount, LinkPlace, ObjectPath, ClaimedSize, HugeFile,
	}
}

// Corner is something in a tree of which programs make other bytes.
type Corner struct {
	Kind CornerKind
	// Path is a path of the first of Count inodes, in the order that they have in an
	// image.
	Path  string
	Count int
}

// Corners finds what makes the images by ComposefsRS and by Mkcomposefs differ, or one
// of them impossible. If it finds nothing they are the same. The tree must be valid,
// and must not be fitted: Fit takes from it what one writer does not tell. Version 2
// has one writer.
func Corners(t *canon.Tree, v Version) []Corner {
	if v == V2 || !mayHaveCorners(t) {
		return nil
	}
	return searchCorners(t, v)
}

// CornersByRoot finds the corners of trees that differ in the metadata of their root
// directories: those of canon.Tree.WithRoot, for each of dirs.
func CornersByRoot(t *canon.Tree, v Version, dirs []*canon.Node) [][]Corner {
	found := make([][]Corner, len(dirs))
	if v == V2 {
		return found
	}
	below := mayHaveCorners(t)
	for i, dir := range dirs {
		if below || mayBeCorner(dir) {
			found[i] = searchCorners(t.WithRoot(dir), v)
		}
	}
	return found
}

func searchCorners(t *canon.Tree, v Version) []Corner {
	img, err := collected(t, Options{v, Mkcomposefs})
	if err != nil {
		// No program can write a tree that is too large.
		return nil
	}
	s := newCornerSearch(t, img)
	kinds := CornerKinds()
	found := make([]Corner, len(kinds))
	for i := range img.inodes {
		if img.inodes[i].role == stub {
			continue
		}
		for k, kind := range kinds {
			if !s.has(i, kind) {
				continue
			}
			if found[k].Count == 0 {
				found[k] = Corner{Kind: kind, Path: img.path(i)}
			}
			found[k].Count++
		}
	}
	return slices.DeleteFunc(found, func(c Corner) bool { return c.Count == 0 })
}

// manyXattrs is so many that an inode may share more than mkcomposefs refers to: an
// image adds up to five.
const manyXattrs = mkcomposefsSharedMax - 5

// mayHaveCorners says that some inode has what a corner needs, which few trees have.
func mayHaveCorners(t *canon.Tree) bool {
	links := t.Hardlinks()
	for e := range t.Dirents() {
		n := e.Node
		isFile := n.Kind == canon.Regular
		if mayBeCorner(n) || e.Hardlink || n.IsWhiteout() ||
			n.Kind != canon.Directory && n.Nlink != links.Count(n) ||
			isFile && (n.Size > fileMax || isElsewhere(n.Content)) || !isFile && n.Size > 0 {
			return true
		}
	}
	return false
}

// mayBeCorner says that an inode has metadata that a corner needs, whatever it is.
func mayBeCorner(n *canon.Node) bool {
	return n.Mtime.Sec < 0 || len(n.Xattrs) > manyXattrs || hasXattr(n, beginsLikeACL)
}

// isElsewhere says that content is not where its digest says.
func isElsewhere(c *canon.Content) bool { return c != nil && !c.Digest.IsZero() && !c.AtObjectPath() }

// cornerSearch has what is known of a whole image by Mkcomposefs.
type cornerSearch struct {
	*image
	// laterTimes says that there are mtimes since 1970, and acls that there are ACLs.
	laterTimes, acls bool
	// firstNumbers are what linkNumbers would be if all inodes had their places at
	// their first names.
	firstNumbers []uint32
	stubLike     map[*canon.Node]bool
	list         xattrList
}

func newCornerSearch(t *canon.Tree, img *image) *cornerSearch {
	s := &cornerSearch{image: img, firstNumbers: img.linkNumbers, stubLike: map[*canon.Node]bool{}}
	root := t.Root.Children()
	for i := range root {
		if isStubLike(t.Root, &root[i]) {
			s.stubLike[root[i].Node] = true
		}
	}
	many := false
	for i := range img.inodes {
		n := img.inodes[i].node
		s.laterTimes = s.laterTimes || n.Mtime.Sec >= 0
		s.acls = s.acls || hasXattr(n, linux.IsACL)
		many = many || len(n.Xattrs) > manyXattrs
	}
	if many {
		img.shareXattrs()
	}
	img.setBuildTime()
	for _, e := range img.links.All() {
		if names := img.links.Of(e.Node); names.Place != names.First {
			first := &image{format: img.format}
			first.format.placesAtFirstName = true
			// It has as many names as the image that was collected.
			if err := first.collect(t); err == nil {
				s.firstNumbers = first.linkNumbers
			}
			break
		}
	}
	return s
}

func hasXattr(n *canon.Node, is func(name string) bool) bool {
	return slices.ContainsFunc(n.Xattrs, func(x canon.Xattr) bool { return is(x.Name) })
}

func (s *cornerSearch) sharesMany(i int) bool {
	if len(s.inodes[i].node.Xattrs) <= manyXattrs {
		return false
	}
	s.xattrs(&s.list, i)
	count := 0
	for _, x := range s.list.all {
		if _, shared := s.shared.find(x); shared {
			count++
		}
	}
	return count > s.format.sharedMax
}

// has says that inode i has a corner.
func (s *cornerSearch) has(i int, kind CornerKind) bool {
	in := &s.inodes[i]
	n := in.node
	switch kind {
	case TimeBefore1970:
		return s.laterTimes && n.Mtime.Sec < 0
	case SharedXattrs:
		return s.sharesMany(i)
	case StubLikeWhiteout:
		return s.stubLike[n]
	case WhiteoutXattrs:
		marks := s.marks(i)
		return len(marks) > 0 && slices.ContainsFunc(n.Xattrs, func(x canon.Xattr) bool { return replaced(x, marks) })
	case LinkedWhiteout:
		return n.IsWhiteout() && s.links.Of(n) != nil
	case LinkCount:
		return n.Kind != canon.Directory && n.Nlink != s.links.Count(n)
	case LinkPlace:
		link := s.links.Of(n)
		return link != nil && s.linkNumbers[link.Index] != s.firstNumbers[link.Index]
	case ObjectPath:
		return isElsewhere(in.external())
	case ACLLikeXattr:
		return !s.acls && hasXattr(n, beginsLikeACL)
	case ClaimedSize:
		return in.role == plain && n.Kind != canon.Regular && n.Size > math.MaxUint32 && fitsCompact(n, in.nlink, s.buildTime)
	case HugeFile:
		return in.external() != nil && n.Size > fileMax
	}
	return false
}
