package erofs

import (
	"bufio"
	"bytes"
	"io"
	"math"

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
	out := newOutput(w)
	img.metadata(out, math.MaxUint64)
	e := encoder{image: img}
	for i := range img.inodes {
		if img.inodes[i].blocks > 0 {
			e.data(out, i)
		}
	}
	return out.w.Flush()
}

func newOutput(w io.Writer) *output { return &output{w: bufio.NewWriterSize(w, 16*blockSize)} }

// metadata writes all that precedes the data blocks, or at least so many bytes of it.
func (img *image) metadata(out *output, atLeast uint64) {
	sharedEnd := img.inodesEnd + img.shared.size
	dataStart := roundUp(sharedEnd, blockSize)
	out.write(img.header())
	out.padTo(superOffset)
	out.write(img.super(dataStart/blockSize + img.blocks))
	e := encoder{image: img, next: dataStart / blockSize}
	p := img.format.prefixes
	for i := range img.inodes {
		if out.pos >= atLeast {
			return
		}
		out.padTo(img.inodes[i].nid * slotSize)
		out.write(e.inode(i))
	}
	out.padTo(img.inodesEnd)
	for _, x := range img.shared.xattrs {
		e.buf = p.appendEntry(e.buf[:0], xattr{x.Name, []byte(x.Value)})
		out.write(e.buf)
	}
	out.padTo(dataStart)
}

// header is struct lcfs_erofs_header_s of composefs.
func (img *image) header() []byte {
	b := make([]byte, 0, 32)
	flags := uint32(0)
	if img.acl {
		flags |= flagHasACL
	}
	for _, v := range []uint32{composefsMagic, containerFormat, flags, img.format.composefsVersion} {
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
	le.PutUint32(b[44:], uint32(img.sharedBlock()))
	return b
}

// encoder turns inodes into bytes.
type encoder struct {
	*image
	next   uint64 // first free data block
	buf    []byte
	xattrs xattrList
	group  []dirent
}

// inode is the inode's head, its xattrs and its tail.
func (e *encoder) inode(i int) []byte {
	in := &e.inodes[i]
	e.image.xattrs(&e.xattrs, i)
	if in.extended {
		e.buf = e.extended(e.buf[:0], i)
	} else {
		e.buf = e.compact(e.buf[:0], i)
	}
	e.next += uint64(in.blocks)
	e.buf = e.xattrBody(e.buf)
	return e.tail(e.buf, i)
}

func (e *encoder) dataLayout(in *inode) uint16 {
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
		u = u&^0xffff | uint32(e.image.format.chunkBits(in.size())-blockBits)
	}
	return u
}

func (e *encoder) ino(i int) uint32 {
	if e.image.format.nidAsIno {
		return uint32(e.inodes[i].nid)
	}
	return uint32(i)
}

// compact is struct erofs_inode_compact.
func (e *encoder) compact(b []byte, i int) []byte {
	in := &e.inodes[i]
	b = le.AppendUint16(b, e.dataLayout(in))
	b = le.AppendUint16(b, uint16(xattrCount(uint64(in.xattrSize))))
	b = le.AppendUint16(b, uint16(in.mode()))
	b = le.AppendUint16(b, uint16(in.nlink))
	b = le.AppendUint32(b, uint32(e.diskSize(in)))
	b = le.AppendUint32(b, 0)
	b = le.AppendUint32(b, e.union(in))
	b = le.AppendUint32(b, e.ino(i))
	b = le.AppendUint16(b, uint16(in.node.UID))
	b = le.AppendUint16(b, uint16(in.node.GID))
	return le.AppendUint32(b, 0)
}

// extended is struct erofs_inode_extended.
func (e *encoder) extended(b []byte, i int) []byte {
	in := &e.inodes[i]
	nsec := in.node.Mtime.Nsec
	if e.image.format.wholeSeconds {
		nsec = 0
	}
	b = le.AppendUint16(b, e.dataLayout(in))
	b = le.AppendUint16(b, uint16(xattrCount(uint64(in.xattrSize))))
	b = le.AppendUint16(b, uint16(in.mode()))
	b = le.AppendUint16(b, 0)
	b = le.AppendUint64(b, e.diskSize(in))
	b = le.AppendUint32(b, e.union(in))
	b = le.AppendUint32(b, e.ino(i))
	b = le.AppendUint32(b, in.node.UID)
	b = le.AppendUint32(b, in.node.GID)
	b = le.AppendUint64(b, uint64(in.node.Mtime.Sec))
	b = le.AppendUint32(b, nsec)
	b = le.AppendUint32(b, in.nlink)
	return append(b, zeros[:16]...)
}

// xattrBody is struct erofs_xattr_ibody_header and what follows it.
func (e *encoder) xattrBody(b []byte) []byte {
	l := &e.xattrs
	if len(l.all) == 0 {
		return b
	}
	e.splitShared(l)
	b = le.AppendUint32(b, e.image.format.prefixes.filter(l.all))
	b = append(b, uint8(len(l.shared)), 0, 0, 0, 0, 0, 0, 0)
	for _, offset := range l.shared {
		b = le.AppendUint32(b, uint32(e.sharedNumber(offset)))
	}
	for _, x := range l.own {
		b = e.image.format.prefixes.appendEntry(b, x)
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
		b = append(b, bytes.Repeat([]byte{noBlock}, int(in.tail))...)
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
		out.write(bytes.Repeat([]byte{noBlock}, blockSize))
	}
	out.padTo(end)
}
