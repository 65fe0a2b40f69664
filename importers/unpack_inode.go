package importers

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"cfsverify/canon"
	"cfsverify/canon/tarfile"
)

// Mode bits of include/uapi/linux/stat.h.
const (
	permSetuid = 0o4000
	permSetgid = 0o2000
)

// newInode makes what creating a file in a directory makes: inode_init_owner of
// Linux, fs/inode.c.
func (u *unpacker) newInode(parent *canon.Node, kind canon.Kind) *canon.Node {
	n := &canon.Node{Kind: kind, Mtime: u.now}
	switch kind {
	case canon.Directory:
		n.Perm = 0o755
	case canon.Symlink:
		n.Perm = 0o777
	}
	if parent.Perm&permSetgid != 0 {
		n.GID = parent.GID
		if kind == canon.Directory {
			n.Perm |= permSetgid
		}
	}
	return n
}

func (u *unpacker) link(dir *canon.Node, name string, n *canon.Node) {
	if n.IsWhiteout() {
		u.whiteouts[n] = u.at
	}
	dir.Put(canon.Dirent{Name: name, Node: n})
	dir.Mtime = u.now
}

func (u *unpacker) remove(dir *canon.Node, name string) {
	if dir.Child(name) != nil {
		dir.Remove(name)
		dir.Mtime = u.now
	}
}

// setMetadata does to an inode what a header says.
func (u *unpacker) setMetadata(n *canon.Node, e *layerEntry) error {
	h := e.header
	chown(n, uint32(h.UID), uint32(h.GID))
	if n.Kind != canon.Symlink {
		n.Perm = uint16(h.Mode & 0o7777)
	}
	if u.engine.ClearXattrs {
		n.Xattrs = nil
	}
	for _, x := range tarfile.Xattrs(h.PAX) {
		if u.engine.ignores(x) {
			continue
		}
		if err := setXattr(n, x.Name, x.Value); err != nil {
			return fmt.Errorf("xattr %q: %w", x.Name, err)
		}
	}
	switch {
	case n.Kind == canon.Directory && u.engine.DirectoryTimesLast:
		u.directories = append(u.directories, u.at.Entry)
	case n.Kind == canon.Symlink && e.isHardlink():
	default:
		n.Mtime = u.mtime(h.Mtime, n.Kind)
	}
	return nil
}

// ignores says that the engine does not try to set an xattr. archive/tar drops
// empty values.
func (e Engine) ignores(x canon.Xattr) bool {
	return x.Value == "" || slices.Contains(e.IgnoreXattrs, x.Name)
}

// keeps says that a scan shows an xattr, as it is, after the engine unpacked
// it.
func (e Engine) keeps(kind canon.Kind, x canon.Xattr) bool {
	if e.ignores(x) || e.LayerDirectories && strings.HasPrefix(x.Name, overlayPrefix) {
		return false
	}
	n := canon.Node{Kind: kind}
	err := setXattr(&n, x.Name, x.Value)
	return err == nil && slices.Equal(n.Xattrs, canon.Xattrs{x})
}

// chown is that of Linux: an id of -1 leaves the old one, and other files than
// directories lose their capabilities (chown_common of fs/open.c). Where nothing
// changes, it is not called.
func chown(n *canon.Node, uid, gid uint32) {
	if n.UID == uid && n.GID == gid {
		return
	}
	if uid != math.MaxUint32 {
		n.UID = uid
	}
	if gid != math.MaxUint32 {
		n.GID = gid
	}
	if n.Kind != canon.Directory {
		n.Xattrs = slices.DeleteFunc(n.Xattrs, func(x canon.Xattr) bool { return x.Name == capabilityXattr })
	}
}

const capabilityXattr = "security.capability"

// setXattr is that of Linux, fs/xattr.c. Both engines go on where a name space
// is not supported.
func setXattr(n *canon.Node, name, value string) error {
	space, rest, found := strings.Cut(name, ".")
	switch {
	case !found:
		return nil
	case rest == "" && slices.Contains([]string{"user", "trusted", "security"}, space):
		return errors.New("it has no name but its name space")
	}
	switch space {
	case "user":
		if n.Kind != canon.Regular && n.Kind != canon.Directory {
			return errors.New("only files and directories can have user xattrs")
		}
	case "trusted", "security":
	case "system":
		if rest != "posix_acl_access" && rest != "posix_acl_default" {
			return nil
		}
	default:
		return nil
	}
	if name == capabilityXattr {
		var err error
		if value, err = readCapability(value); err != nil {
			return err
		}
	}
	n.Xattrs.Set(name, value)
	return nil
}

// The versions of struct vfs_cap_data, include/uapi/linux/capability.h.
const (
	capabilityVersionMask = 0xff000000
	capabilityVersion2    = 0x02000000
	capabilityVersion3    = 0x03000000
	capabilitySize2       = 20
	capabilitySize3       = 24
)

// readCapability gives what the kernel reads after writing a value: one for the
// root user of the initial user namespace is of version 2
// (cap_inode_getsecurity of security/commoncap.c).
func readCapability(value string) (string, error) {
	if len(value) != capabilitySize2 && len(value) != capabilitySize3 {
		return "", fmt.Errorf("%d bytes are no file capability", len(value))
	}
	b := []byte(value)
	magic := binary.LittleEndian.Uint32(b)
	switch version := magic & capabilityVersionMask; {
	case version == capabilityVersion2 && len(b) == capabilitySize2:
		return value, nil
	case version != capabilityVersion3 || len(b) != capabilitySize3:
		return "", errors.New("the version of the file capability is not known")
	}
	if binary.LittleEndian.Uint32(b[capabilitySize2:]) != 0 {
		return value, nil
	}
	binary.LittleEndian.PutUint32(b, magic&^capabilityVersionMask|capabilityVersion2)
	return string(b[:capabilitySize2]), nil
}

const (
	// second is one in nanoseconds.
	second = 1_000_000_000
	// yearOne is the zero value of time.Time, which engines take for no time.
	yearOne = -62135596800
	// ext4First and ext4Last are the seconds that ext4 keeps, without a fraction:
	// EXT4_TIMESTAMP_MIN and EXT4_EXTRA_TIMESTAMP_MAX of fs/ext4/ext4.h. XFS keeps
	// some more.
	ext4First = math.MinInt32
	ext4Last  = 1<<34 - 1 + math.MinInt32
)

// mtime gives what an inode keeps of a header's mtime.
func (u *unpacker) mtime(t canon.Time, kind canon.Kind) canon.Time {
	if u.engine.EpochRange && kind != canon.Symlink {
		last := canon.Time{Sec: math.MaxInt64 / second, Nsec: math.MaxInt64 % second}
		if t.Sec < 0 || t.Compare(last) > 0 {
			return canon.Time{}
		}
	}
	if t == (canon.Time{Sec: yearOne}) {
		return u.now
	}
	ns := t.Sec*second + int64(t.Nsec)
	sec := ns / second
	if ns%second < 0 {
		sec--
	}
	if kept := min(max(sec, ext4First), ext4Last); kept != sec || kept == ext4First || kept == ext4Last {
		return canon.Time{Sec: kept}
	}
	return canon.Time{Sec: sec, Nsec: uint32(ns - sec*second)}
}
