package erofs

import (
	"cmp"
	"fmt"
	"math"
	"strings"

	"cfsverify/canon"
)

// legacyFormat is that of V2.
func legacyFormat() format {
	return format{
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
}

// legacyTailMax is the longest tail that placeLegacy can put into one block:
// it leaves up to a slot free there.
const legacyTailMax = blockSize - slotSize

// measureLegacy is for V2, where nothing but directories has blocks. A tail
// that cannot lie in one block would be unreadable there.
func measureLegacy(in *inode) (blocks, tail uint32, err error) {
	size := in.size()
	switch c := in.external(); {
	case c != nil && c.Digest.IsZero():
		return 0, 0, nil
	case c != nil:
		return 0, chunkEntrySize, nil
	case in.kind() != canon.Symlink && in.inline() == nil:
		return 0, 0, nil
	case size > legacyTailMax:
		return 0, 0, fmt.Errorf("%d bytes are more than the %d that a version 2 image can hold of a %v: use version 1",
			size, legacyTailMax, in.kind())
	}
	return 0, uint32(size), nil
}

// placeLegacy moves an inode on if its tail would begin in one block and end
// in another, or just at the end of its block.
func placeLegacy(in *inode, pos uint64) {
	if in.tail == 0 || in.external() != nil {
		return
	}
	start := pos + in.headSize()
	if (start-1)/blockSize == (start+uint64(in.tail))/blockSize {
		return
	}
	in.pad = uint32(roundUp(pos+blockSize-(start-1)%blockSize, slotSize) - pos)
}

// ascendingByPrefix is the order of V2's table of shared xattrs.
func ascendingByPrefix(p prefixTable, a, b canon.Xattr) int {
	aIndex, aSuffix := p.split(a.Name)
	bIndex, bSuffix := p.split(b.Name)
	return cmp.Or(cmp.Compare(aIndex, bIndex), strings.Compare(aSuffix, bSuffix), strings.Compare(a.Value, b.Value))
}
