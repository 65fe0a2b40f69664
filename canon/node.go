package canon

import (
	"math"

	"cfsverify/canon/fsverity"
)

// Kind is the type of an inode.
type Kind uint8

const (
	Regular Kind = iota + 1
	Directory
	Symlink
	CharDevice
	BlockDevice
	FIFO
	Socket
)

// The S_IFMT values of Linux, include/uapi/linux/stat.h.
var kindModes = [...]uint32{
	Regular: 0o100000, Directory: 0o040000, Symlink: 0o120000, CharDevice: 0o020000,
	BlockDevice: 0o060000, FIFO: 0o010000, Socket: 0o140000,
}

var kindNames = [...]string{
	Regular: "file", Directory: "directory", Symlink: "symlink", CharDevice: "character device",
	BlockDevice: "block device", FIFO: "FIFO", Socket: "socket",
}

// KindOfMode gives the kind that the S_IFMT bits of a Linux st_mode stand for.
func KindOfMode(mode uint32) (Kind, bool) {
	for k := Regular; k <= Socket; k++ {
		if mode&0o170000 == kindModes[k] {
			return k, true
		}
	}
	return 0, false
}

// ModeBits are the S_IFMT bits of the kind in a Linux st_mode.
func (k Kind) ModeBits() uint32 { return kindModes[k] }

func (k Kind) String() string {
	if k < Regular || k > Socket {
		return "unknown type"
	}
	return kindNames[k]
}

// IsDevice says that inodes of this kind have a device number.
func (k Kind) IsDevice() bool { return k == CharDevice || k == BlockDevice }

// InlineMax is the size in bytes up to which importers keep a file's content
// in the tree, and so in the image, as composefs-rs and mkcomposefs do. The
// content of larger files stays outside and is known by its digest.
const InlineMax = 64

// HugeSize is the least size that a compact EROFS inode cannot hold.
const HugeSize = 1 << 32

// Node is an inode.
type Node struct {
	Kind Kind
	// Perm holds the permission, setuid, setgid and sticky bits: st_mode & 07777.
	Perm uint16
	UID  uint32
	GID  uint32
	// Rdev is a device's number as the kernel encodes it in 32 bits
	// (new_encode_dev in include/linux/kdev_t.h).
	Rdev uint32
	// Nlink is the number of names of a non-directory. CountLinks sets it;
	// dump files may say something else, which then reaches the image. It has no
	// meaning for a directory.
	Nlink uint32
	Mtime Time
	// Size is a regular file's length in bytes. For a device, FIFO or socket it is
	// 0, or HugeSize if a dump file claims more than 4 GiB for it: such a size
	// does not reach the image but makes the inode an extended one.
	Size   uint64
	Xattrs Xattrs
	// Target is the text of a symlink.
	Target string
	// Content is set for regular files with Size > 0.
	Content *Content

	dir *directory
}

// Mode is the inode's Linux st_mode.
func (n *Node) Mode() uint32 { return n.Kind.ModeBits() | uint32(n.Perm) }

// IsWhiteout says that the inode is a character device 0:0, which overlayfs
// takes for a whiteout.
func (n *Node) IsWhiteout() bool { return n.Kind == CharDevice && n.Rdev == 0 }

// Content is what a regular file holds: either Inline, or known by a digest, or
// (dump files only) neither.
type Content struct {
	Inline []byte
	// Held is external content that an importer kept because the labels of a tree
	// need it (canon/selinux), nil if it was not kept. It is no part of the tree: no
	// image, dump file or comparison has it. Nobody changes it.
	Held []byte
	// Digest is the fs-verity digest of external content, zero if unknown.
	Digest fsverity.Digest

	// payload is nil if there is none, and atObjectPath if it follows from Digest.
	payload *string
}

var atObjectPath = new(string)

// External makes the content of a file that lies in the content store under
// its digest.
func External(d fsverity.Digest) *Content {
	return &Content{Digest: d, payload: atObjectPath}
}

// Payload is the path of external content relative to the content store, empty
// if there is none.
func (c *Content) Payload() string {
	switch c.payload {
	case nil:
		return ""
	case atObjectPath:
		return c.Digest.ObjectPath()
	}
	return *c.payload
}

// AtObjectPath says that external content lies where its digest says.
func (c *Content) AtObjectPath() bool { return c.payload == atObjectPath }

// AppendPayload appends what Payload returns.
func (c *Content) AppendPayload(b []byte) []byte {
	switch c.payload {
	case nil:
		return b
	case atObjectPath:
		return c.Digest.AppendObjectPath(b)
	}
	return append(b, *c.payload...)
}

// SetPayload sets what Payload returns. The Digest must be set before.
func (c *Content) SetPayload(path string) {
	switch path {
	case "":
		c.payload = nil
	case c.Digest.ObjectPath():
		c.payload = atObjectPath
	default:
		c.payload = &path
	}
}

// Time is a point in time as inodes have it: seconds since 1970, and
// nanoseconds after that second.
type Time struct {
	Sec  int64
	Nsec uint32
}

// LastNanosecond is the latest time that 64 bits of nanoseconds since 1970 hold,
// as container engines keep times: 2262-04-11.
func LastNanosecond() Time {
	const second = 1_000_000_000
	return Time{Sec: math.MaxInt64 / second, Nsec: math.MaxInt64 % second}
}

// Compare returns -1, 0 or +1 as t is before, at or after u.
func (t Time) Compare(u Time) int {
	switch {
	case t.Sec < u.Sec, t.Sec == u.Sec && t.Nsec < u.Nsec:
		return -1
	case t == u:
		return 0
	}
	return 1
}
