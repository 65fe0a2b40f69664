package trees

import (
	"cfsverify/canon"
	"cfsverify/canon/fsverity"
)

// Large is the content of the file of 100 bytes in Sample.
func Large() fsverity.Digest { return fsverity.SumBytes(fsverity.SHA256, make([]byte, 100)) }

// Sample makes a tree with one entry of every kind and a hardlink.
func Sample() *canon.Tree {
	t := canon.NewTree()
	t.Root.Perm = 0o755
	dir := &canon.Node{Kind: canon.Directory, Perm: 0o755}
	file := &canon.Node{Kind: canon.Regular, Perm: 0o644, Size: 1, Content: &canon.Content{Inline: []byte("x")}}
	external := &canon.Node{Kind: canon.Regular, Size: 100, Content: canon.External(Large())}
	t.Root.Put(canon.Dirent{Name: "dir", Node: dir})
	dir.Put(canon.Dirent{Name: "file", Node: file})
	dir.Put(canon.Dirent{Name: "link", Node: file})
	dir.Put(canon.Dirent{Name: "large", Node: external})
	t.Root.Put(canon.Dirent{Name: "empty", Node: &canon.Node{Kind: canon.Regular}})
	t.Root.Put(canon.Dirent{Name: "symlink", Node: &canon.Node{Kind: canon.Symlink, Target: "dir"}})
	t.Root.Put(canon.Dirent{Name: "tty", Node: &canon.Node{Kind: canon.CharDevice, Rdev: 0x501}})
	t.Root.Put(canon.Dirent{Name: "attr", Node: &canon.Node{Kind: canon.FIFO, Xattrs: canon.Xattrs{{Name: "user.a", Value: "1"}, {Name: "user.b", Value: "2"}}}})
	t.CountLinks()
	return t
}

// Rootfs is Sample with what the policy of composefs-rs needs.
func Rootfs() *canon.Tree {
	t := Sample()
	t.Root.Put(canon.Dirent{Name: "usr", Node: &canon.Node{Kind: canon.Directory, Perm: 0o755, Mtime: canon.Time{Sec: 100}}})
	t.Root.Put(canon.Dirent{Name: "run", Node: &canon.Node{Kind: canon.Directory, Perm: 0o755}})
	return t
}

// Bootable is Sample with directories on which every rule of a policy acts.
func Bootable() *canon.Tree {
	t := Sample()
	t.Root.Mtime = canon.Time{Sec: 9, Nsec: 9}
	for name, nsec := range map[string]uint32{"boot": 1, "run": 2, "sysroot": 3, "usr": 4} {
		dir := &canon.Node{Kind: canon.Directory, Perm: 0o700, Mtime: canon.Time{Sec: 5, Nsec: nsec}}
		dir.Put(canon.Dirent{Name: "file", Node: &canon.Node{Kind: canon.FIFO, Mtime: canon.Time{Sec: 6, Nsec: nsec}}})
		t.Root.Put(canon.Dirent{Name: name, Node: dir})
	}
	t.Root.Child("usr").Node.Xattrs = canon.Xattrs{{Name: "security.capability", Value: "c"}, {Name: "security.selinux", Value: "l"}}
	t.CountLinks()
	return t
}
