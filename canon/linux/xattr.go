package linux

import (
	"errors"
	"slices"
	"strings"

	"cfsverify/canon"
)

// The namespaces of xattrs: include/uapi/linux/xattr.h. That of Lustre is none that
// can be set, but EROFS has a number for it (fs/erofs/erofs_fs.h).
const (
	UserPrefix     = "user."
	TrustedPrefix  = "trusted."
	SecurityPrefix = "security."
	SystemPrefix   = "system."
	LustrePrefix   = "lustre."
)

// The xattrs of security modules and integrity: include/uapi/linux/xattr.h.
const (
	SecuritySELinux  = SecurityPrefix + "selinux"
	SecurityIMA      = SecurityPrefix + "ima"
	SecurityEVM      = SecurityPrefix + "evm"
	SecurityAppArmor = SecurityPrefix + "apparmor"
	// SecuritySmackPrefix begins those of Smack, such as security.SMACK64EXEC.
	SecuritySmackPrefix = SecurityPrefix + "SMACK64"
	// SecurityCapability has the capabilities of a file, capabilities(7).
	SecurityCapability = SecurityPrefix + "capability"
)

// The xattrs that Linux shows access control lists as: POSIX ones, acl(5), and
// those of NFS version 4, fs/nfs/nfs4proc.c.
const (
	AccessACL  = SystemPrefix + "posix_acl_access"
	DefaultACL = SystemPrefix + "posix_acl_default"
	NFS4ACL    = SystemPrefix + "nfs4_acl"
)

// The xattrs that overlayfs keeps for itself: fs/overlayfs/overlayfs.h. With the
// mount option userxattr they begin with UserOverlayPrefix instead.
const (
	OverlayPrefix     = TrustedPrefix + "overlay."
	UserOverlayPrefix = UserPrefix + "overlay."

	OverlayOpaque   = OverlayPrefix + "opaque"
	OverlayRedirect = OverlayPrefix + "redirect"
	OverlayMetacopy = OverlayPrefix + "metacopy"
	OverlayOrigin   = OverlayPrefix + "origin"
	OverlayImpure   = OverlayPrefix + "impure"
	OverlayNlink    = OverlayPrefix + "nlink"
	OverlayUpper    = OverlayPrefix + "upper"

	UserOverlayOpaque    = UserOverlayPrefix + "opaque"
	UserOverlayRedirect  = UserOverlayPrefix + "redirect"
	UserOverlayMetacopy  = UserOverlayPrefix + "metacopy"
	UserOverlayWhiteout  = UserOverlayPrefix + "whiteout"
	UserOverlayWhiteouts = UserOverlayPrefix + "whiteouts"

	// EscapedOverlayPrefix begins the names of overlayfs's own xattrs in a lower
	// layer that holds an overlay's layer itself (Documentation/filesystems/
	// overlayfs.rst, "Nesting overlayfs mounts").
	EscapedOverlayPrefix    = OverlayPrefix + "overlay."
	EscapedOverlayOpaque    = EscapedOverlayPrefix + "opaque"
	EscapedOverlayWhiteout  = EscapedOverlayPrefix + "whiteout"
	EscapedOverlayWhiteouts = EscapedOverlayPrefix + "whiteouts"
)

// IsACL says that a name is that of a POSIX ACL.
func IsACL(name string) bool { return name == AccessACL || name == DefaultACL }

// What is wrong with an xattr's name, wherever it is set.
var (
	// ErrXattrUnsupported is EOPNOTSUPP: no file system has such a namespace.
	ErrXattrUnsupported = errors.New("it is in no namespace that can be set")
	// ErrXattrNoName is EINVAL.
	ErrXattrNoName = errors.New("it has no name but its name space")
	// ErrXattrUserKind is EPERM.
	ErrXattrUserKind = errors.New("only files and directories can have user xattrs")
)

// CheckXattr says why an inode of a kind cannot have an xattr of that name, nil if
// it can: xattr_resolve_name and xattr_permission of fs/xattr.c. Of the system
// namespace it knows ACLs only, whose further rules CanHaveACL has.
func CheckXattr(kind canon.Kind, name string) error {
	if IsACL(name) {
		return nil
	}
	space, rest, found := strings.Cut(name, ".")
	switch {
	case !found || !slices.Contains([]string{UserPrefix, TrustedPrefix, SecurityPrefix}, space+"."):
		return ErrXattrUnsupported
	case rest == "":
		return ErrXattrNoName
	case space+"." == UserPrefix && kind != canon.Regular && kind != canon.Directory:
		return ErrXattrUserKind
	}
	return nil
}
