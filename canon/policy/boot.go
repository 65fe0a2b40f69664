package policy

import (
	"errors"
	"fmt"
	"strings"

	"cfsverify/canon"
	"cfsverify/canon/linux"
)

// BootRule says whether the tree is prepared for booting, as composefs-rs prepares
// it for the digest on a kernel command line (transform_for_boot).
type BootRule string

const (
	BootNo BootRule = "no"
	// BootSeconds empties /boot and /sysroot and gives them the mtime of /usr, in
	// whole seconds: composefs-rs up to 0.9.
	BootSeconds BootRule = "s"
	// BootNanoseconds is the same with the nanoseconds: composefs-rs since its pull
	// request 396.
	BootNanoseconds BootRule = "ns"
)

// BootRules lists all of them.
func BootRules() []BootRule { return []BootRule{BootNo, BootSeconds, BootNanoseconds} }

// prepareBoot empties /boot and /sysroot, which must be there, and removes
// SELinux labels. An image that may have an SELinux policy is an error:
// composefs-rs would label all files by that policy, so any digest that is made
// here would be wrong.
func prepareBoot(t *canon.Tree, rule BootRule) error {
	if rule == BootNo || rule == "" {
		return nil
	}
	usr := t.Root.Child("usr")
	if usr == nil {
		return errors.New("there is no /usr, whose mtime /boot and /sysroot would take: this is no bootable image")
	}
	mayHave, err := mayHaveSELinuxPolicy(t)
	if err != nil {
		return err
	}
	if mayHave {
		return errors.New("the image has an SELinux policy in /etc/selinux, by which composefs-rs labels all files for booting: " +
			"that cannot be done here, so there is no bootable digest of it")
	}
	for _, name := range []string{"boot", "sysroot"} {
		dir := t.Root.Child(name)
		if dir == nil || dir.Node.Kind != canon.Directory {
			return fmt.Errorf("there is no directory /%s: this is no bootable image", name)
		}
		dir.Node.RemoveAll()
		dir.Node.Mtime.Sec = usr.Node.Mtime.Sec
		if rule == BootNanoseconds {
			dir.Node.Mtime.Nsec = usr.Node.Mtime.Nsec
		}
	}
	for e := range t.Dirents() {
		e.Node.Xattrs = e.Node.Xattrs.Without(func(x canon.Xattr) bool { return x.Name == linux.SecuritySELinux })
	}
	t.CountLinks()
	return nil
}

// mayHaveSELinuxPolicy says that /etc/selinux/config names a policy, or that it
// may, because its content is not in the tree. It is an error if /etc or
// /etc/selinux is no directory: composefs-rs follows symlinks there when it scans
// a directory, and refuses them in an image.
func mayHaveSELinuxPolicy(t *canon.Tree) (bool, error) {
	for _, dir := range []string{"/etc", "/etc/selinux"} {
		e := t.Lookup(dir)
		if e == nil {
			return false, nil
		}
		if e.Node.Kind != canon.Directory {
			return false, fmt.Errorf("%s is a %v, so it cannot be told whether the image has an SELinux policy, by which all files would be labelled for booting: "+
				"there is no bootable digest of it", dir, e.Node.Kind)
		}
	}
	config := t.Lookup("/etc/selinux/config")
	switch {
	case config == nil, config.Node.Kind == canon.Regular && config.Node.Size == 0:
		return false, nil
	case config.Node.Content == nil || config.Node.Content.Inline == nil:
		return true, nil
	}
	return strings.Contains(strings.ToUpper(string(config.Node.Content.Inline)), "SELINUXTYPE"), nil
}

// breakHardlinks gives every name an inode of its own, as mkcomposefs does when
// it scans a directory.
func breakHardlinks(t *canon.Tree) {
	links := t.Hardlinks()
	for e := range t.Dirents() {
		if !links.IsFirst(e) {
			n := *e.Node
			e.Node = &n
		}
	}
	t.CountLinks()
}
