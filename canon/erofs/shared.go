package erofs

import (
	"hash/maphash"
	"slices"

	"cfsverify/canon"
)

// sharedTable holds the xattrs that several inodes have.
type sharedTable struct {
	xattrs []canon.Xattr
	// offset of each in the table, in bytes; seenOnce for one that is not in it.
	offset map[canon.Xattr]int64
	size   uint64
}

const seenOnce = -1

// shareXattrs finds every name and value that inodes have twice. Hashes narrow
// the search, so that not all of them need be held at once.
func (img *image) shareXattrs() {
	repeated := img.repeatedHashes()
	if len(repeated.hashes) == 0 {
		return
	}
	table := &img.shared
	table.offset = map[canon.Xattr]int64{}
	var list xattrList
	for i := range img.inodes {
		img.xattrs(&list, i)
		for _, x := range list.all {
			if _, ok := slices.BinarySearch(repeated.hashes, repeated.hash(x)); !ok {
				continue
			}
			// The compiler makes no string of x.value for a look-up.
			offset, seen := table.offset[canon.Xattr{Name: x.name, Value: string(x.value)}]
			if seen && offset != seenOnce {
				continue
			}
			x := canon.Xattr{Name: x.name, Value: string(x.value)}
			if !seen {
				table.offset[x] = seenOnce
				continue
			}
			table.offset[x] = 0
			table.xattrs = append(table.xattrs, x)
		}
	}
	slices.SortFunc(table.xattrs, func(a, b canon.Xattr) int { return img.format.compareShared(img.format.prefixes, a, b) })
	for _, x := range table.xattrs {
		table.offset[x] = int64(table.size)
		table.size += img.format.prefixes.entrySize(x.Name, len(x.Value))
	}
}

// repeats are the hashes, in their order, that several xattrs have: because
// they are the same or by chance.
type repeats struct {
	seed   maphash.Seed
	hashes []uint32
}

func (img *image) repeatedHashes() repeats {
	r := repeats{seed: maphash.MakeSeed()}
	var list xattrList
	count := 0
	for i := range img.inodes {
		// Those of content are two. Others that the format adds are few.
		count += len(img.inodes[i].node.Xattrs)
		if img.inodes[i].external() != nil {
			count += 2
		}
	}
	hashes := make([]uint32, 0, count)
	for i := range img.inodes {
		img.xattrs(&list, i)
		for _, x := range list.all {
			hashes = append(hashes, r.hash(x))
		}
	}
	slices.Sort(hashes)
	for i := 1; i < len(hashes); i++ {
		if n := len(r.hashes); hashes[i] == hashes[i-1] && (n == 0 || r.hashes[n-1] != hashes[i]) {
			r.hashes = append(r.hashes, hashes[i])
		}
	}
	return r
}

func (r repeats) hash(x xattr) uint32 {
	return uint32(maphash.String(r.seed, x.name) ^ maphash.Bytes(r.seed, x.value))
}

// find gives an xattr's offset, if it is in the table.
func (s *sharedTable) find(x xattr) (offset uint64, ok bool) {
	o, seen := s.offset[canon.Xattr{Name: x.name, Value: string(x.value)}]
	return uint64(o), seen && o != seenOnce
}

// splitShared tells an inode's xattrs that are in the table from those that
// are stored with it, both in their order.
func (img *image) splitShared(l *xattrList) {
	l.shared, l.own = l.shared[:0], l.own[:0]
	for _, x := range l.all {
		offset, shared := img.shared.find(x)
		if shared && len(l.shared) < img.format.sharedMax {
			l.shared = append(l.shared, offset)
		} else {
			l.own = append(l.own, x)
		}
	}
}

// sharedBlock is the block from which the numbers of shared xattrs count.
func (img *image) sharedBlock() uint64 {
	if !img.format.sharedBlock {
		return 0
	}
	return img.inodesEnd / blockSize
}

// sharedNumber is that of the shared xattr at an offset in the table.
func (img *image) sharedNumber(offset uint64) uint64 {
	return (img.inodesEnd + offset - img.sharedBlock()*blockSize) / 4
}
