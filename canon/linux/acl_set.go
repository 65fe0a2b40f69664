package linux

import (
	"errors"

	"cfsverify/canon"
)

// SetACL sets the xattr of an ACL as Linux does, vfs_set_acl and set_posix_acl of
// fs/posix_acl.c. An access ACL changes the mode, and is not stored if the mode
// then says all of it (posix_acl_update_mode). Setgid stays, as it does for root.
// Where Linux fails with EOPNOTSUPP, nothing happens: both engines ignore that.
func SetACL(n *canon.Node, name, value string) error {
	acl, err := ParseACL(value)
	switch {
	case errors.Is(err, ErrACLUnsupported):
		return nil
	case err != nil:
		return err
	case n.Kind == canon.Symlink:
		return nil
	}
	if name == DefaultACL && n.Kind != canon.Directory {
		if acl == nil {
			return nil
		}
		return errors.New("only directories can have a default ACL")
	}
	if acl == nil {
		n.Xattrs.Remove(name)
		return nil
	}
	if err := acl.Validate(); err != nil {
		return err
	}
	if name == AccessACL {
		n.Perm = n.Perm&^0o777 | acl.Perm()
		if acl.IsMinimal() {
			n.Xattrs.Remove(name)
			return nil
		}
	}
	n.Xattrs.Set(name, acl.Value())
	return nil
}

// CanHaveACL says that an inode of a kind can have the ACL of that name.
func CanHaveACL(kind canon.Kind, name string) bool {
	return kind != canon.Symlink && (name != DefaultACL || kind == canon.Directory)
}

// aclOf gives the ACL of that name, nil if the inode has none.
func aclOf(n *canon.Node, name string) ACL {
	value, has := n.Xattrs.Get(name)
	if !has {
		return nil
	}
	acl, err := ParseACL(value)
	if err != nil {
		return nil
	}
	return acl
}

// inheritACL applies the default ACL of the directory to a new inode that is made
// with the mode perm: posix_acl_create of fs/posix_acl.c. The umask does not count
// then.
func inheritACL(n, parent *canon.Node, perm uint16) {
	inherited := aclOf(parent, DefaultACL)
	if inherited == nil || n.Kind == canon.Symlink {
		return
	}
	n.Perm = n.Perm&^0o777 | perm&inherited.Perm()
	if n.Kind == canon.Directory {
		n.Xattrs.Set(DefaultACL, inherited.Value())
	}
	if !inherited.IsMinimal() {
		n.Xattrs.Set(AccessACL, inherited.WithPerm(n.Perm).Value())
	}
}
