package erofs

import (
	"cmp"
	"fmt"
	"math"
	"strings"

	"cfsverify/canon"
	"cfsverify/canon/linux"
)

// format is what the versions differ in.
type format struct {
	// composefsVersion is in the composefs header.
	composefsVersion uint32
	// escapesWhiteouts says that the tree's whiteouts become files with xattrs
	// that make overlayfs show whiteouts, and that the root hides the content
	// store: it is opaque and has the stubs.
	escapesWhiteouts bool
	// marksOpaque says that directories that hold whiteouts are opaque too.
	marksOpaque bool
	// addsMarks says that the xattrs that mark whiteouts stand beside the tree's of the
	// same names. Otherwise they replace them, as far as their budget goes.
	addsMarks bool
	// sparesStubs says that a whiteout of the tree which is what a stub would be is not
	// escaped.
	sparesStubs bool
	// refusesLinkedWhiteouts says that a whiteout has one name only.
	refusesLinkedWhiteouts bool
	// isACL says which names of xattrs make the composefs header tell that there are
	// ACLs. It is nil if the header never does.
	isACL func(name string) bool

	// depthFirst says that all below a directory comes before its next sibling.
	// Otherwise a directory's entries stay together.
	depthFirst bool
	// placesAtFirstName ignores Hardlink marks.
	placesAtFirstName bool
	// countsLinks says that Nlink does not matter.
	countsLinks bool
	// nidAsIno says that i_ino is the inode's place; otherwise it is its number.
	nidAsIno bool
	// compact says that the superblock has the least mtime, and that inodes of
	// that time have the compact form if all else fits into it.
	compact bool
	// compareTimes is the order of which the superblock has the least.
	compareTimes func(a, b canon.Time) int
	// countsClaims says that the size that a dump file claims for a device, FIFO or
	// socket counts when an inode's form is chosen.
	countsClaims bool
	// wholeSeconds says that mtimes have no nanoseconds.
	wholeSeconds bool

	prefixes prefixTable
	// contentFirst says that the xattrs of external content precede the tree's,
	// which keep the order that they have before names are escaped. Otherwise
	// all are in the order of their names.
	contentFirst bool
	// redirectsToDigest says that external content of a known digest is found by
	// that, whatever the payload is.
	redirectsToDigest bool
	// sharedMax is the number of shared xattrs from which on an inode has its own
	// copies.
	sharedMax int
	// sharedBlock says that the superblock has the shared xattrs' first block,
	// and that their numbers count from there. Otherwise they count from 0.
	sharedBlock bool
	// compareShared is the order of shared xattrs.
	compareShared func(p prefixTable, a, b canon.Xattr) int

	// measure gives the whole blocks and the tail of an inode that is not a
	// directory, wherever it comes to lie.
	measure func(in *inode) (blocks, tail uint32, err error)
	// place sets an inode's padding, for it to lie at pos or behind it.
	place func(in *inode, pos uint64)
	// chunkBits is the size of an external file's chunks, as a power of two.
	chunkBits func(size uint64) int
}

// mkcomposefsSharedMax is the number of shared xattrs that an inode refers to in
// mkcomposefs's images.
const mkcomposefsSharedMax = 128

func formatOf(o Options) (format, error) {
	switch {
	case o.Version < V0 || o.Version > V2:
		return format{}, fmt.Errorf("there is no composefs format version %d: use 0, 1 or 2", o.Version)
	case o.Version == V2 && o.Writer == ComposefsRS:
		return legacyFormat(), nil
	case o.Version == V2:
		return format{}, fmt.Errorf("%v writes no images of version 2, only composefs-rs does", o.Writer)
	}
	f := format{
		composefsVersion: uint32(o.Version),
		escapesWhiteouts: true,
		marksOpaque:      o.Version == V1,
		compact:          true,
		prefixes:         mkcomposefsPrefixes(),
		sharedBlock:      true,
		compareShared:    descending,
		place:            place,
		chunkBits:        chunkBits,
	}
	switch o.Writer {
	case Mkcomposefs:
		f.isACL = linux.IsACL
		f.compareTimes = canon.Time.Compare
		f.countsClaims = true
		f.sharedMax = mkcomposefsSharedMax
		f.measure = measureBy(overflowingChunkCount)
	case ComposefsRS:
		f.addsMarks = true
		f.sparesStubs = true
		f.refusesLinkedWhiteouts = true
		f.isACL = beginsLikeACL
		f.placesAtFirstName = true
		f.countsLinks = true
		f.compareTimes = compareUnsigned
		f.redirectsToDigest = true
		f.sharedMax = math.MaxInt
		f.measure = measureBy(chunkCount)
	default:
		return format{}, fmt.Errorf("there is no %v", o.Writer)
	}
	return f, nil
}

// compareUnsigned takes the bits of a time for a number without a sign, so that all
// before 1970 is later than all else.
func compareUnsigned(a, b canon.Time) int {
	return cmp.Or(cmp.Compare(uint64(a.Sec), uint64(b.Sec)), cmp.Compare(a.Nsec, b.Nsec))
}

// beginsLikeACL looks at the number that stands for the beginning of an xattr's name
// in an image.
func beginsLikeACL(name string) bool {
	return strings.HasPrefix(name, linux.AccessACL) || strings.HasPrefix(name, linux.DefaultACL)
}

// descending is the order of mkcomposefs's table of shared xattrs.
func descending(_ prefixTable, a, b canon.Xattr) int {
	return cmp.Or(strings.Compare(b.Name, a.Name), len(b.Value)-len(a.Value), strings.Compare(b.Value, a.Value))
}
