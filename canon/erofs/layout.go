package erofs

import (
	"fmt"
	"math"
	"math/bits"

	"cfsverify/canon"
)

// layOut decides the form and the place of every inode.
func (img *image) layOut() error {
	img.buildTime = img.inodes[0].node.Mtime
	for i := range img.inodes {
		if t := img.inodes[i].node.Mtime; t.Compare(img.buildTime) < 0 {
			img.buildTime = t
		}
	}
	pos := uint64(inodesOffset)
	var buf canon.Xattrs
	for i := range img.inodes {
		buf = img.xattrs(buf[:0], i)
		if err := img.measure(i, buf); err != nil {
			return err
		}
		in := &img.inodes[i]
		pos = roundUp(pos, slotSize)
		in.place(pos)
		pos += uint64(in.pad)
		in.nid = pos / slotSize
		pos += in.headSize() + uint64(in.tail)
		img.blocks += uint64(in.blocks)
	}
	img.inodesEnd = roundUp(pos, slotSize)
	return nil
}

// measure sets what an inode needs, wherever it comes to lie.
func (img *image) measure(i int, xattrs canon.Xattrs) error {
	if err := img.checkBudget(i); err != nil {
		return err
	}
	in := &img.inodes[i]
	for _, x := range xattrs {
		if x.Name == "system.posix_acl_access" || x.Name == "system.posix_acl_default" {
			img.acl = true
		}
	}
	size, err := img.xattrBodySize(i, xattrs)
	if err != nil {
		return err
	}
	in.xattrSize = size
	formSize := in.size()
	switch {
	case in.isDir():
		in.blocks, in.tail = img.measureDir(i)
		formSize = uint64(in.blocks)*blockSize + uint64(in.tail)
	case in.kind() == canon.Symlink:
		in.tail = uint32(formSize)
	case in.inline() != nil:
		in.blocks, in.tail = splitTail(formSize)
	case in.external() != nil:
		chunks := chunkCount(formSize)
		if chunks > chunkCountMax {
			return fmt.Errorf("%s: a file of %d bytes is too large: an image can hold 2^53", img.path(i), formSize)
		}
		in.tail = 4 * uint32(chunks)
	}
	n := in.node
	in.extended = n.Mtime != img.buildTime || img.nlink(in) > math.MaxUint16 || n.UID > math.MaxUint16 ||
		n.GID > math.MaxUint16 || formSize > math.MaxUint32
	return nil
}

// xattrBodySize is the size of the xattrs behind an inode's head.
func (img *image) xattrBodySize(i int, xattrs canon.Xattrs) (uint32, error) {
	if len(xattrs) == 0 {
		return 0, nil
	}
	shared, own := img.splitShared(xattrs)
	size := uint64(xattrBodyHeader + 4*len(shared))
	for _, x := range own {
		size += xattrEntrySize(x)
	}
	if (size-xattrBodyHeader)/4+1 > math.MaxUint16 {
		return 0, fmt.Errorf("%s: its xattrs take %d bytes, more than an image can hold: remove some", img.path(i), size)
	}
	return uint32(size), nil
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

// chunkBits is the size of an external file's chunks, as a power of two.
func chunkBits(size uint64) int {
	return min(max(bits.Len64(size-1), blockBits), chunkBitsMax)
}

// chunkCount counts as the reference writer does, in 64 bits that may
// overflow, cut to 32.
func chunkCount(size uint64) uint32 {
	return uint32((size + 1<<chunkBits(size) - 1) >> chunkBits(size))
}

func (in *inode) headSize() uint64 {
	if in.extended {
		return extendedSize + uint64(in.xattrSize)
	}
	return compactSize + uint64(in.xattrSize)
}

// place puts an inode at pos or, if its tail would cross a block there, behind
// it; a tail that fits nowhere becomes a block of its own.
func (in *inode) place(pos uint64) {
	if in.kind() == canon.Symlink {
		in.placeSymlink(pos)
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
func (in *inode) placeSymlink(pos uint64) {
	total := in.headSize() + uint64(in.tail)
	if total >= blockSize {
		in.blocks, in.tail = 1, 0
	}
	if pos/blockSize != (pos+total-1)/blockSize {
		in.pad = uint32(roundUp(pos, blockSize) - pos)
	}
}

func (img *image) nlink(in *inode) uint32 {
	switch {
	case in.role == stub:
		return 1
	case in.isDir():
		return 2 + in.subdirs
	}
	return in.node.Nlink
}
