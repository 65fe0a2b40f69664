package erofs

import (
	"fmt"
	"math"
	"math/bits"

	"cfsverify/canon"
)

// layOut decides the form and the place of every inode.
func (img *image) layOut() error {
	if img.format.compact {
		img.setBuildTime()
	}
	pos := uint64(inodesOffset)
	var list xattrList
	for i := range img.inodes {
		if err := img.measureXattrs(i, &list); err != nil {
			return err
		}
		if err := img.measure(i); err != nil {
			return err
		}
		in := &img.inodes[i]
		pos = roundUp(pos, slotSize)
		img.format.place(in, pos)
		pos += uint64(in.pad)
		in.nid = pos / slotSize
		pos += in.headSize() + uint64(in.tail)
		img.blocks += uint64(in.blocks)
	}
	img.inodesEnd = roundUp(pos, slotSize)
	if img.sharedNumber(img.shared.size) > math.MaxUint32 || img.inodesEnd/slotSize > math.MaxUint32 {
		return fmt.Errorf("the tree needs %d bytes for its metadata, more than an image can hold", img.inodesEnd+img.shared.size)
	}
	return nil
}

// setBuildTime finds the least mtime.
func (img *image) setBuildTime() {
	img.buildTime = img.inodes[0].node.Mtime
	for i := range img.inodes {
		if t := img.inodes[i].node.Mtime; img.format.compareTimes(t, img.buildTime) < 0 {
			img.buildTime = t
		}
	}
}

// measureXattrs sets the size of the xattrs behind an inode's head.
func (img *image) measureXattrs(i int, l *xattrList) error {
	if err := img.checkBudget(i); err != nil {
		return err
	}
	img.xattrs(l, i)
	if len(l.all) == 0 {
		return nil
	}
	img.splitShared(l)
	for _, x := range l.all {
		if img.format.isACL != nil && img.format.isACL(x.name) {
			img.acl = true
		}
	}
	size := uint64(xattrBodyHeader + 4*len(l.shared))
	for _, x := range l.own {
		size += img.format.prefixes.entrySize(x.name, len(x.value))
	}
	switch {
	case len(l.shared) > math.MaxUint8:
		return fmt.Errorf("%q: %d of its xattrs are those of other inodes too, an image can refer to %d: remove some", img.path(i), len(l.shared), math.MaxUint8)
	case xattrCount(size) > math.MaxUint16:
		return fmt.Errorf("%q: its xattrs take %d bytes, more than an image can hold: remove some", img.path(i), size)
	}
	img.inodes[i].xattrSize = uint32(size)
	return nil
}

// xattrCount is i_xattr_icount, which stands for the size of all that follows
// an inode's head in the way of xattrs.
func xattrCount(size uint64) uint64 {
	if size == 0 {
		return 0
	}
	return (size-xattrBodyHeader)/4 + 1
}

// measure sets what else an inode needs, wherever it comes to lie.
func (img *image) measure(i int) error {
	in := &img.inodes[i]
	formSize := img.formSize(in)
	if in.isDir() {
		in.blocks, in.tail = img.measureDir(i)
		formSize = uint64(in.blocks)*blockSize + uint64(in.tail)
	} else {
		var err error
		if in.blocks, in.tail, err = img.format.measure(in); err != nil {
			return fmt.Errorf("%q: %w", img.path(i), err)
		}
	}
	in.extended = !img.format.compact || !fitsCompact(in.node, in.nlink, img.buildTime) || formSize > math.MaxUint32
	return nil
}

// fitsCompact says that all but the size fits into a compact inode.
func fitsCompact(n *canon.Node, nlink uint32, buildTime canon.Time) bool {
	return n.Mtime == buildTime && nlink <= math.MaxUint16 && n.UID <= math.MaxUint16 && n.GID <= math.MaxUint16
}

// measureDir packs dirents into blocks, as many as fit into each.
func (img *image) measureDir(i int) (blocks, tail uint32) {
	used := uint64(0)
	for name := range img.dirents(i) {
		cost := uint64(direntSize + len(name))
		if used+cost > blockSize {
			blocks++
			used = 0
		}
		used += cost
	}
	more, tail := splitTail(used)
	return blocks + more, tail
}

// splitTail parts a size into whole blocks and what follows the inode, unless
// that is more than half a block.
func splitTail(size uint64) (blocks, tail uint32) {
	blocks, tail = uint32(size/blockSize), uint32(size%blockSize)
	if tail > blockSize/2 {
		return blocks + 1, 0
	}
	return blocks, tail
}

func (in *inode) headSize() uint64 {
	if in.extended {
		return extendedSize + uint64(in.xattrSize)
	}
	return compactSize + uint64(in.xattrSize)
}

// measureBy is for V0 and V1, whose writers count the chunks of external files in
// their own ways.
func measureBy(chunkCount func(size uint64) (uint32, error)) func(in *inode) (blocks, tail uint32, err error) {
	return func(in *inode) (blocks, tail uint32, err error) {
		switch size := in.size(); {
		case in.kind() == canon.Symlink:
			return 0, uint32(size), nil
		case in.inline() != nil:
			blocks, tail = splitTail(size)
			return blocks, tail, nil
		case in.external() != nil:
			chunks, err := chunkCount(size)
			return 0, chunkEntrySize * chunks, err
		}
		return 0, 0, nil
	}
}

// chunkBits makes chunks as few as can be, and no larger than that needs.
func chunkBits(size uint64) int {
	return min(max(bits.Len64(size-1), blockBits), chunkBitsMax)
}

// overflowingChunkCount counts as mkcomposefs does, in 64 bits that may overflow, cut
// to 32.
func overflowingChunkCount(size uint64) (uint32, error) {
	chunks := uint32((size + 1<<chunkBits(size) - 1) >> chunkBits(size))
	if chunks > chunkCountMax {
		return 0, fmt.Errorf("a file of %d bytes is too large: an image by mkcomposefs can hold 2^53", size)
	}
	return chunks, nil
}

// chunkCount counts as composefs-rs does. Of chunks that do not fit into a block it
// writes as many as do: see place.
func chunkCount(size uint64) (uint32, error) {
	return uint32(1 + (size-1)>>chunkBits(size)), nil
}

// place puts an inode of V0 or V1 at pos or, if its tail would cross a block
// there, behind it; a tail that fits nowhere becomes a block of its own.
func place(in *inode, pos uint64) {
	if in.kind() == canon.Symlink {
		placeSymlink(in, pos)
		return
	}
	end := pos + in.headSize()
	rest := blockSize - end%blockSize
	if rest >= uint64(in.tail) {
		return
	}
	extra := roundUp(rest, slotSize)
	if uint64(in.tail) <= blockSize-(end+extra)%blockSize {
		in.pad = uint32(extra)
		return
	}
	in.blocks++
	in.tail = 0
	in.pad = uint32(roundUp(pos, blockSize) - pos)
}

// placeSymlink keeps a whole symlink inode within a block.
func placeSymlink(in *inode, pos uint64) {
	total := in.headSize() + uint64(in.tail)
	if total >= blockSize {
		in.blocks, in.tail = 1, 0
	}
	if pos/blockSize != (pos+total-1)/blockSize {
		in.pad = uint32(roundUp(pos, blockSize) - pos)
	}
}
