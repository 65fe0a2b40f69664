package erofs

import (
	"errors"
	"fmt"

	"cfsverify/canon"
	"cfsverify/canon/fsverity"
	"cfsverify/canon/linux"
)

// contentMax is the size in bytes up to which mkcomposefs keeps content in the
// image (LCFS_INLINE_CONTENT_MAX).
const contentMax = 5000

// rawInode is an inode as it stands in the image.
type rawInode struct {
	nid      uint64
	kind     canon.Kind
	perm     uint16
	layout   uint16
	extended bool
	nlink    uint32
	size     uint64
	union    uint32 // i_u
	number   uint32 // i_ino
	uid      uint32
	gid      uint32
	mtime    canon.Time

	xattrs uint64 // where they begin
	tail   uint64 // where what follows them begins
}

// inode reads an inode's head.
func (r *reader) inode(nid uint64) (rawInode, error) {
	start := nid * slotSize
	if nid > uint64(len(r.data))/slotSize || start+compactSize > uint64(len(r.data)) || start < inodesOffset {
		return rawInode{}, fmt.Errorf("inode %d lies outside the image", nid)
	}
	format := le.Uint16(r.data[start:])
	headSize := uint64(compactSize)
	if format&1 == 1 {
		headSize = extendedSize
	}
	icount := uint64(le.Uint16(r.data[start+2:]))
	bodySize := uint64(0)
	if icount > 0 {
		bodySize = xattrBodyHeader + 4*(icount-1)
	}
	b, err := r.bytes(start, headSize+bodySize)
	if err != nil {
		return rawInode{}, fmt.Errorf("inode %d: %w", nid, err)
	}
	in := rawInode{nid: nid, layout: format >> 1, extended: format&1 == 1, xattrs: start + headSize, tail: start + headSize + bodySize}
	mode := uint32(le.Uint16(b[4:]))
	if in.extended {
		in.size, in.union, in.number = le.Uint64(b[8:]), le.Uint32(b[16:]), le.Uint32(b[20:])
		in.uid, in.gid, in.nlink = le.Uint32(b[24:]), le.Uint32(b[28:]), le.Uint32(b[44:])
		in.mtime = canon.Time{Sec: int64(le.Uint64(b[32:])), Nsec: le.Uint32(b[40:])}
	} else {
		in.size, in.union, in.number = uint64(le.Uint32(b[8:])), le.Uint32(b[16:]), le.Uint32(b[20:])
		in.uid, in.gid, in.nlink = uint32(le.Uint16(b[24:])), uint32(le.Uint16(b[26:])), uint32(le.Uint16(b[6:]))
		in.mtime = r.buildTime
	}
	kind, ok := canon.KindOfMode(mode)
	if !ok {
		return rawInode{}, fmt.Errorf("inode %d has mode %o, which is no file type", nid, mode)
	}
	in.kind, in.perm = kind, uint16(mode&0o7777)
	if err := in.check(b); err != nil {
		return rawInode{}, fmt.Errorf("inode %d: %w", nid, err)
	}
	if uint64(len(r.nodes)) >= r.inodeCount {
		return rawInode{}, fmt.Errorf("there are more than the %d inodes that the superblock states", r.inodeCount)
	}
	return in, nil
}

// check refuses what kernels refuse, or take for more than composefs images say.
func (in *rawInode) check(b []byte) error {
	reserved := !isZero(b[12:16]) || !isZero(b[28:32])
	if in.extended {
		reserved = !isZero(b[6:8]) || !isZero(b[48:64])
	}
	hasData := in.kind == canon.Regular || in.kind == canon.Directory || in.kind == canon.Symlink
	switch {
	case reserved:
		return errors.New("it has fields that composefs images do not use, and kernels do")
	case in.layout != layoutFlatPlain && in.layout != layoutFlatInline && in.layout != layoutChunkBased:
		return fmt.Errorf("the data layout %d is not known", in.layout)
	case !hasData && (in.layout != layoutFlatPlain || in.size != 0):
		return fmt.Errorf("a %v has %d bytes in data layout %d", in.kind, in.size, in.layout)
	case in.layout == layoutChunkBased && in.union&0xffff > chunkBitsMax-blockBits:
		return fmt.Errorf("the chunk format %#x is not known", in.union&0xffff)
	case in.tail-in.xattrs == xattrBodyHeader:
		return errors.New("it has room for xattrs, and none")
	}
	return nil
}

// node makes the tree's node of an inode.
func (r *reader) node(in rawInode) (*canon.Node, error) {
	n := &canon.Node{Kind: in.kind, Perm: in.perm, UID: in.uid, GID: in.gid, Mtime: in.mtime}
	if n.Kind != canon.Directory {
		n.Nlink = in.nlink
	}
	isSpecial := n.Kind.IsDevice() || n.Kind == canon.FIFO || n.Kind == canon.Socket
	if isSpecial && r.image.Version != V2 && in.extended && fitsCompact(n, n.Nlink, r.buildTime) {
		n.Size = canon.HugeSize
	}
	found, err := r.xattrsOf(in)
	if err != nil {
		return nil, err
	}
	switch in.kind {
	case canon.Regular:
		err = r.content(n, in, found)
	case canon.Symlink:
		err = r.target(n, in)
	case canon.CharDevice, canon.BlockDevice:
		n.Rdev = in.union
	}
	if err != nil {
		return nil, err
	}
	r.setXattrs(n, found)
	return n, nil
}

// flat reads what a FLAT inode holds: whole blocks, then what follows the inode.
func (r *reader) flat(in rawInode) ([]byte, error) {
	if in.size > uint64(len(r.data)) {
		return nil, fmt.Errorf("inode %d has %d bytes, more than the image", in.nid, in.size)
	}
	blocks, tail := in.size, uint64(0)
	switch in.layout {
	case layoutFlatPlain:
	case layoutFlatInline:
		blocks = in.size / blockSize * blockSize
		tail = in.size - blocks
		if tail == 0 && in.size > 0 {
			return nil, fmt.Errorf("inode %d: its tail is a whole block, which cannot follow it", in.nid)
		}
	default:
		return nil, fmt.Errorf("inode %d: a %v has data layout %d", in.nid, in.kind, in.layout)
	}
	if tail > 0 && in.tail/blockSize != (in.tail+tail-1)/blockSize {
		return nil, fmt.Errorf("inode %d: its tail crosses a block", in.nid)
	}
	// The rest of the last block is nobody else's.
	whole, err := r.bytes(uint64(in.union)*blockSize, roundUp(blocks, blockSize))
	if err != nil {
		return nil, fmt.Errorf("inode %d: %w", in.nid, err)
	}
	rest, err := r.bytes(in.tail, tail)
	if err != nil {
		return nil, fmt.Errorf("inode %d: %w", in.nid, err)
	}
	switch {
	case tail == 0:
		return whole[:blocks], nil
	case blocks == 0:
		return rest, nil
	}
	return append(append([]byte{}, whole[:blocks]...), rest...), nil
}

func (r *reader) target(n *canon.Node, in rawInode) error {
	if in.size > canon.TargetMax {
		return fmt.Errorf("inode %d: a symlink's target has %d bytes, the limit is %d", in.nid, in.size, canon.TargetMax)
	}
	target, err := r.flat(in)
	n.Target = string(target)
	return err
}

func (r *reader) content(n *canon.Node, in rawInode, found []canon.Xattr) error {
	n.Size = in.size
	if in.layout != layoutChunkBased {
		if in.size > contentMax {
			return fmt.Errorf("inode %d: %d bytes of content in the image, the limit is %d", in.nid, in.size, contentMax)
		}
		content, err := r.flat(in)
		if err == nil && in.size > 0 {
			n.Content = &canon.Content{Inline: append([]byte{}, content...)}
		}
		return err
	}
	if in.size == 0 {
		return nil
	}
	n.Content = &canon.Content{}
	payload := ""
	for _, x := range found {
		switch x.Name {
		case linux.OverlayMetacopy:
			digest, err := parseMetacopy(x.Value)
			if err != nil {
				return fmt.Errorf("inode %d: %w", in.nid, err)
			}
			n.Content.Digest = digest
		case linux.OverlayRedirect:
			if len(x.Value) < 2 || x.Value[0] != '/' {
				return fmt.Errorf("inode %d: the redirect %q is no absolute path", in.nid, x.Value)
			}
			payload = x.Value[1:]
		}
	}
	n.Content.SetPayload(payload)
	return nil
}

// parseMetacopy is the inverse of metacopy.
func parseMetacopy(value string) (fsverity.Digest, error) {
	if value == "" {
		return fsverity.Digest{}, nil
	}
	if len(value) < 4 || value[0] != 0 || int(value[1]) != len(value) || value[2] != 0 {
		return fsverity.Digest{}, fmt.Errorf("the metacopy xattr %q is not valid", value)
	}
	return fsverity.NewDigest(fsverity.Algorithm(value[3]), []byte(value[4:]))
}
