package erofs

import (
	"cmp"
	"hash/maphash"
	"slices"
	"strings"

	"cfsverify/canon"
)

// sharedTable holds the xattrs that several inodes have.
type sharedTable struct {
	xattrs []canon.Xattr
	// offset of each in the table, in bytes.
	offset map[canon.Xattr]uint64
	size   uint64
}

// shareXattrs finds every name and value that inodes have twice. Hashes narrow
// the search, so that not all of them need be held at once.
func (img *image) shareXattrs() {
	seed := maphash.MakeSeed()
	var buf canon.Xattrs
	var hashes []uint64
	for i := range img.inodes {
		buf = img.xattrs(buf[:0], i)
		for _, x := range buf {
			hashes = append(hashes, maphash.Comparable(seed, x))
		}
	}
	slices.Sort(hashes)
	repeated := map[uint64]bool{}
	for i := 1; i < len(hashes); i++ {
		if hashes[i] == hashes[i-1] {
			repeated[hashes[i]] = true
		}
	}
	img.shared.offset = map[canon.Xattr]uint64{}
	if len(repeated) == 0 {
		return
	}
	count := map[canon.Xattr]int{}
	for i := range img.inodes {
		buf = img.xattrs(buf[:0], i)
		for _, x := range buf {
			if !repeated[maphash.Comparable(seed, x)] {
				continue
			}
			if count[x]++; count[x] == 2 {
				img.shared.xattrs = append(img.shared.xattrs, x)
			}
		}
	}
	// Descending, as the reference writer sorts them.
	slices.SortFunc(img.shared.xattrs, func(a, b canon.Xattr) int {
		return cmp.Or(strings.Compare(b.Name, a.Name), len(b.Value)-len(a.Value), strings.Compare(b.Value, a.Value))
	})
	for _, x := range img.shared.xattrs {
		img.shared.offset[x] = img.shared.size
		img.shared.size += xattrEntrySize(x)
	}
}

// splitShared tells an inode's xattrs that are in the table from those that
// are stored with it. The former are put in front, both in their order.
func (img *image) splitShared(xattrs canon.Xattrs) (shared, own canon.Xattrs) {
	for _, x := range xattrs {
		if _, ok := img.shared.offset[x]; ok && len(shared) < sharedPerInodeMax {
			shared = append(shared, x)
		} else {
			own = append(own, x)
		}
	}
	return shared, own
}
