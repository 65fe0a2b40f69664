package erofs

import (
	"bufio"
	"bytes"
	"io"

	"cfsverify/canon"
)

// output counts what it writes. Errors wait until w is flushed.
type output struct {
	w   *bufio.Writer
	pos uint64
}

func (o *output) write(p []byte) {
	o.pos += uint64(len(p))
	// A bufio.Writer keeps its error for Flush.
	_, _ = o.w.Write(p)
}

var zeros [blockSize]byte

// padTo writes zeros up to a position.
func (o *output) padTo(pos uint64) {
	for o.pos < pos {
		o.write(zeros[:min(pos-o.pos, blockSize)])
	}
}

func (img *image) write(w io.Writer) error {
	out := &output{w: bufio.NewWriterSize(w, 16*blockSize)}
	sharedEnd := img.inodesEnd + img.shared.size
	dataStart := roundUp(sharedEnd, blockSize)
	out.write(img.header())
	out.padTo(superOffset)
	out.write(img.super(dataStart/blockSize + img.blocks))
	e := encoder{image: img, next: dataStart / blockSize}
	for i := range img.inodes {
		out.padTo(img.inodes[i].nid * slotSize)
		out.write(e.inode(i))
	}
	out.padTo(img.inodesEnd)
	for _, x := range img.shared.xattrs {
		e.buf = appendXattrEntry(e.buf[:0], x)
		out.write(e.buf)
	}
	out.padTo(dataStart)
	for i := range img.inodes {
		if img.inodes[i].blocks > 0 {
			e.data(out, i)
		}
	}
	return out.w.Flush()
}

// header is struct lcfs_erofs_header_s of composefs.
func (img *image) header() []byte {
	b := make([]byte, 0, 32)
	flags := uint32(0)
	if img.acl {
		flags |= flagHasACL
	}
	for _, v := range []uint32{composefsMagic, containerFormat, flags, uint32(img.version)} {
		b = le.AppendUint32(b, v)
	}
	return b[:cap(b)]
}

// super is struct erofs_super_block.
func (img *image) super(blocks uint64) []byte {
	b := make([]byte, superSize)
	le.PutUint32(b[0:], erofsMagic)
	le.PutUint32(b[8:], featureMtime|featureXattrFilter)
	b[12] = blockBits
	le.PutUint16(b[14:], uint16(img.inodes[0].nid))
	le.PutUint64(b[16:], uint64(len(img.inodes)))
	le.PutUint64(b[24:], uint64(img.buildTime.Sec))
	le.PutUint32(b[32:], img.buildTime.Nsec)
	le.PutUint32(b[36:], uint32(blocks))
	le.PutUint32(b[44:], uint32(img.inodesEnd/blockSize))
	return b
}

// encoder turns inodes into bytes.
type encoder struct {
	*image
	next   uint64 // first free data block
	buf    []byte
	xattrs canon.Xattrs
	group  []dirent
}

type dirent struct {
	name   string
	number uint32
}

// inode is the inode's head, its xattrs and its tail.
func (e *encoder) inode(i int) []byte {
	in := &e.inodes[i]
	e.xattrs = e.image.xattrs(e.xattrs[:0], i)
	if in.extended {
		e.buf = e.extended(e.buf[:0], i)
	} else {
		e.buf = e.compact(e.buf[:0], i)
	}
	e.next += uint64(in.blocks)
	e.buf = e.xattrBody(e.buf)
	return e.tail(e.buf, i)
}

func (e *encoder) format(in *inode) uint16 {
	layout := uint16(layoutFlatPlain)
	switch {
	case in.external() != nil:
		layout = layoutChunkBased
	case in.tail > 0:
		layout = layoutFlatInline
	}
	format := layout << 1
	if in.extended {
		format |= 1
	}
	return format
}

func (e *encoder) xattrCount(in *inode) uint16 {
	if in.xattrSize == 0 {
		return 0
	}
	return uint16((in.xattrSize-xattrBodyHeader)/4 + 1)
}

// diskSize is i_size.
func (e *encoder) diskSize(in *inode) uint64 {
	switch in.kind() {
	case canon.Directory:
		return uint64(in.blocks)*blockSize + uint64(in.tail)
	case canon.Regular, canon.Symlink:
		return in.size()
	}
	return 0
}

// union is i_u: a block number, a device number or a chunk format.
func (e *encoder) union(in *inode) uint32 {
	u := uint32(0)
	switch {
	case in.blocks > 0:
		u = uint32(e.next)
	case in.role == plain && in.kind().IsDevice():
		u = in.node.Rdev
	}
	if in.external() != nil {
		u = u&^0xffff | uint32(chunkBits(in.size())-blockBits)
	}
	return u
}

// compact is struct erofs_inode_compact.
func (e *encoder) compact(b []byte, i int) []byte {
	in := &e.inodes[i]
	b = le.AppendUint16(b, e.format(in))
	b = le.AppendUint16(b, e.xattrCount(in))
	b = le.AppendUint16(b, uint16(in.mode()))
	b = le.AppendUint16(b, uint16(e.nlink(in)))
	b = le.AppendUint32(b, uint32(e.diskSize(in)))
	b = le.AppendUint32(b, 0)
	b = le.AppendUint32(b, e.union(in))
	b = le.AppendUint32(b, uint32(i))
	b = le.AppendUint16(b, uint16(in.node.UID))
	b = le.AppendUint16(b, uint16(in.node.GID))
	return le.AppendUint32(b, 0)
}

// extended is struct erofs_inode_extended.
func (e *encoder) extended(b []byte, i int) []byte {
	in := &e.inodes[i]
	b = le.AppendUint16(b, e.format(in))
	b = le.AppendUint16(b, e.xattrCount(in))
	b = le.AppendUint16(b, uint16(in.mode()))
	b = le.AppendUint16(b, 0)
	b = le.AppendUint64(b, e.diskSize(in))
	b = le.AppendUint32(b, e.union(in))
	b = le.AppendUint32(b, uint32(i))
	b = le.AppendUint32(b, in.node.UID)
	b = le.AppendUint32(b, in.node.GID)
	b = le.AppendUint64(b, uint64(in.node.Mtime.Sec))
	b = le.AppendUint32(b, in.node.Mtime.Nsec)
	b = le.AppendUint32(b, e.nlink(in))
	return append(b, zeros[:16]...)
}

// xattrBody is struct erofs_xattr_ibody_header and what follows it.
func (e *encoder) xattrBody(b []byte) []byte {
	if len(e.xattrs) == 0 {
		return b
	}
	shared, own := e.splitShared(e.xattrs)
	b = le.AppendUint32(b, xattrFilter(e.xattrs))
	b = append(b, uint8(len(shared)), 0, 0, 0, 0, 0, 0, 0)
	for _, x := range shared {
		b = le.AppendUint32(b, uint32((e.inodesEnd%blockSize+e.shared.offset[x])/4))
	}
	for _, x := range own {
		b = appendXattrEntry(b, x)
	}
	return b
}

// tail appends what follows the inode directly.
func (e *encoder) tail(b []byte, i int) []byte {
	in := &e.inodes[i]
	switch {
	case in.tail == 0:
	case in.isDir():
		e.dirGroups(i, func(last bool) {
			if last {
				b = e.appendGroup(b)
			}
		})
	case in.kind() == canon.Symlink:
		b = append(b, in.node.Target...)
	case in.inline() != nil:
		content := in.inline()
		b = append(b, content[len(content)-int(in.tail):]...)
	default:
		b = append(b, bytes.Repeat([]byte{0xff}, int(in.tail))...)
	}
	return b
}

// data writes an inode's whole blocks.
func (e *encoder) data(out *output, i int) {
	in := &e.inodes[i]
	end := out.pos + uint64(in.blocks)*blockSize
	switch {
	case in.isDir():
		e.dirGroups(i, func(last bool) {
			if !last || in.tail == 0 {
				e.buf = e.appendGroup(e.buf[:0])
				out.write(e.buf)
				out.padTo(roundUp(out.pos, blockSize))
			}
		})
	case in.kind() == canon.Symlink:
		out.write([]byte(in.node.Target))
	case in.inline() != nil:
		content := in.inline()
		out.write(content[:len(content)-int(in.tail)])
	default:
		out.write(bytes.Repeat([]byte{0xff}, blockSize))
	}
	out.padTo(end)
}

// dirGroups calls do with each block's worth of a directory's dirents in
// e.group.
func (e *encoder) dirGroups(i int, do func(last bool)) {
	e.group = e.group[:0]
	used := 0
	for name, number := range e.dirents(i) {
		cost := direntSize + len(name)
		if used+cost > blockSize {
			do(false)
			e.group = e.group[:0]
			used = 0
		}
		used += cost
		e.group = append(e.group, dirent{name, number})
	}
	do(true)
}

// appendGroup appends struct erofs_dirent of each dirent in e.group, then the
// names.
func (e *encoder) appendGroup(b []byte) []byte {
	nameOffset := direntSize * len(e.group)
	for _, d := range e.group {
		target := &e.inodes[d.number]
		b = le.AppendUint64(b, target.nid)
		b = le.AppendUint16(b, uint16(nameOffset))
		b = append(b, fileType(target.kind()), 0)
		nameOffset += len(d.name)
	}
	for _, d := range e.group {
		b = append(b, d.name...)
	}
	return b
}

func fileType(k canon.Kind) byte {
	return [...]byte{
		canon.Regular: fileTypeRegular, canon.Directory: fileTypeDirectory, canon.Symlink: fileTypeSymlink,
		canon.CharDevice: fileTypeCharDevice, canon.BlockDevice: fileTypeBlockDevice,
		canon.FIFO: fileTypeFIFO, canon.Socket: fileTypeSocket,
	}[k]
}
