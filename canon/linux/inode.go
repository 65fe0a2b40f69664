package linux

import (
	"errors"
	"math"

	"cfsverify/canon"
)

// Mode bits of include/uapi/linux/stat.h.
const (
	permSetgid = 0o2000
)

// Create makes the inode that mkdir, mknod, open or symlink make in a directory
// when they are called with the mode perm: inode_init_owner of fs/inode.c.
func Create(parent *canon.Node, kind canon.Kind, perm, umask uint16) *canon.Node {
	n := &canon.Node{Kind: kind, Perm: perm &^ umask}
	if kind == canon.Symlink {
		n.Perm = 0o777
	}
	if parent.Perm&permSetgid != 0 {
		n.GID = parent.GID
		if kind == canon.Directory {
			n.Perm |= permSetgid
		}
	}
	inheritACL(n, parent, perm)
	return n
}

// Chmod sets the mode, and changes an access ACL with it: posix_acl_chmod of
// fs/posix_acl.c.
func Chmod(n *canon.Node, perm uint16) {
	n.Perm = perm
	if acl := aclOf(n, AccessACL); acl != nil {
		n.Xattrs.Set(AccessACL, acl.WithPerm(perm).Value())
	}
}

// Chown sets the owner as Linux does, chown_common of fs/open.c: an ID of -1 leaves
// the old one, and all inodes but directories lose their capabilities. If nothing
// would change it does nothing, as engines do not call chown then.
func Chown(n *canon.Node, uid, gid uint32) {
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
		n.Xattrs.Remove(SecurityCapability)
	}
}

// SetXattr is setxattr of Linux, fs/xattr.c. An xattr in a namespace that is not
// supported is left out without an error: both engines go on then.
func SetXattr(n *canon.Node, name, value string) error {
	switch err := CheckXattr(n.Kind, name); {
	case errors.Is(err, ErrXattrUnsupported):
		return nil
	case err != nil:
		return err
	case IsACL(name):
		return SetACL(n, name, value)
	case name == SecurityCapability:
		capability, err := ParseCapability(value)
		if err != nil {
			return err
		}
		value = capability.Kept()
	}
	n.Xattrs.Set(name, value)
	return nil
}
