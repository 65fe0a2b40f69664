package erofs

import (
	"cmp"
	"fmt"
	"math"
	"strings"

	"cfsverify/canon"
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
	// refusesLinkedWhiteouts says that a whiteout has one name only.
	refusesLinkedWhiteouts bool
	// flagsACL says that the composefs header tells if there are ACLs.
	flagsACL bool

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

func formatOf(v Version) (format, error) {
	f := format{
		escapesWhiteouts: true,
		flagsACL:         true,
		compact:          true,
		prefixes:         mkcomposefsPrefixes(),
		sharedMax:        128,
		sharedBlock:      true,
		compareShared:    descending,
		measure:          measure,
		place:            place,
		chunkBits:        chunkBits,
	}
	switch v {
	case V0:
	case V1:
		f.composefsVersion = 1
		f.marksOpaque = true
	case V2:
		f = format{
			composefsVersion:       2,
			refusesLinkedWhiteouts: true,
			depthFirst:             true,
			placesAtFirstName:      true,
			countsLinks:            true,
			nidAsIno:               true,
			wholeSeconds:           true,
			prefixes:               legacyPrefixes(),
			contentFirst:           true,
			redirectsToDigest:      true,
			sharedMax:              math.MaxInt,
			compareShared:          ascendingByPrefix,
			measure:                measureLegacy,
			place:                  placeLegacy,
			chunkBits:              func(uint64) int { return chunkBitsMax },
		}
	default:
		return format{}, fmt.Errorf("there is no composefs format version %d: use 0, 1 or 2", v)
	}
	return f, nil
}

// descending is the order of mkcomposefs's table of shared xattrs.
func descending(_ prefixTable, a, b canon.Xattr) int {
	return cmp.Or(strings.Compare(b.Name, a.Name), len(b.Value)-len(a.Value), strings.Compare(b.Value, a.Value))
}
