package tarfile

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"cfsverify/canon"
	"cfsverify/canon/linux"
)

func (l *linter) xattrSize(xattrs canon.Xattrs) {
	if size := ext4XattrSize(xattrs); size > ext4BlockSize {
		l.add(XattrSize, "%d bytes, of which there are %d", size, ext4BlockSize)
	}
}

// xattr reports what Linux and engines do not keep of an xattr. Some belong to the
// host: a security module or overlayfs sets them, and reads them as its own.
func (l *linter) xattr(x canon.Xattr) {
	name := quoted(x.Name)
	err := linux.CheckXattr(l.kind(), x.Name)
	switch {
	case isHostXattr(x.Name):
		l.add(XattrHost, "%s", name)
	case linux.IsACL(x.Name):
		l.acl(x)
	case errors.Is(err, linux.ErrXattrNoName), errors.Is(linux.CheckXattr(l.kind(), x.Name+"."), linux.ErrXattrNoName):
		l.add(XattrUnsettable, "%s: it has no name in its namespace", name)
	case errors.Is(err, linux.ErrXattrUnsupported):
		l.add(XattrUnsettable, "%s: Linux knows no such namespace", name)
	case errors.Is(err, linux.ErrXattrUserKind):
		l.add(XattrUnsettable, "%s: only files and directories have user xattrs", name)
	case x.Name == linux.SecurityCapability:
		l.capability(x.Value)
		return
	}
	if x.Value == "" {
		l.add(XattrEmpty, "%s", name)
	}
}

func isHostXattr(name string) bool {
	if slices.Contains([]string{linux.SecuritySELinux, linux.SecurityIMA, linux.SecurityEVM, linux.SecurityAppArmor}, name) {
		return true
	}
	return slices.ContainsFunc([]string{linux.SecuritySmackPrefix, linux.OverlayPrefix, linux.UserOverlayPrefix}, func(prefix string) bool {
		return strings.HasPrefix(name, prefix)
	})
}

// kind is that of the entry's inode, as far as it is known: a hardlink may lead to
// a file.
func (l *linter) kind() canon.Kind {
	for kind, flag := range typeflags {
		if flag == l.want.typeflag {
			return kind
		}
	}
	return canon.Regular
}

func (l *linter) capability(value string) {
	c, err := linux.ParseCapability(value)
	switch {
	case err != nil:
		l.add(XattrUnsettable, "%s: %v", quoted(linux.SecurityCapability), err)
	case c.Version != 3:
	case c.RootID == 0:
		l.add(CapabilityVersion, "of version 3, for the root user of the first user namespace, which the kernel stores as version 2")
	default:
		l.add(CapabilityVersion, "of version 3, for another user namespace")
	}
}

// acl reports an ACL, and what setting it changes: see linux.SetACL.
func (l *linter) acl(x canon.Xattr) {
	name := quoted(x.Name)
	effect := ""
	acl, err := linux.ParseACL(x.Value)
	isDefault := x.Name == linux.DefaultACL
	switch {
	case x.Value == "" || err == nil && acl == nil:
	case err == nil && l.kind() == canon.Symlink:
		err = errors.New("symlinks have no ACL")
	case err == nil && !linux.CanHaveACL(l.kind(), x.Name):
		err = errors.New("only directories have a default ACL")
	case err == nil:
		err = acl.Validate()
	}
	switch mode := uint16(l.want.mode); {
	case x.Value == "" || acl == nil && err == nil:
	case err != nil:
		l.add(XattrUnsettable, "%s: %v", name, err)
	case isDefault:
	case acl.Perm() != mode&0o777:
		effect = fmt.Sprintf(": the mode becomes %04o", mode&^0o777|acl.Perm())
	case acl.IsMinimal():
		effect = ": it says no more than the mode, and is not kept"
	}
	l.add(ACL, "%s%s", name, effect)
}
