package trees

import (
	"fmt"
	"strings"

	"cfsverify/canon"
	"cfsverify/canon/fsverity"
)

// CornerTree makes a tree of up to 25 entries, most of which are such that programs
// may write other images of it: see erofs.Corner. Dump files can hold it by all rules.
func (g Generator) CornerTree() *canon.Tree {
	tree := canon.NewTree()
	tree.Root.Perm = 0o755
	tree.Root.Mtime = canon.Time{Sec: int64(g.pick(0, 100))}
	if g.IntN(3) == 0 {
		tree.Root.Xattrs.Set("security.selinux", "root")
	}
	g.cornerXattrs(tree.Root)
	dirs, files := []*canon.Node{tree.Root}, []*canon.Node(nil)
	for range g.IntN(25) {
		dir := dirs[g.IntN(len(dirs))]
		name := strings.Fields("00 1f ab ff AB a b d !x .w")[g.IntN(10)]
		switch {
		case dir.Child(name) != nil:
			continue
		case len(files) > 0 && g.IntN(8) == 0:
			n := files[g.IntN(len(files))]
			if !n.IsWhiteout() || g.IntN(10) == 0 {
				dir.Put(canon.Dirent{Name: name, Node: n})
			}
			continue
		}
		n := g.cornerNode(tree.Root)
		dir.Put(canon.Dirent{Name: name, Node: n})
		if n.Kind == canon.Directory {
			dirs = append(dirs, n)
		} else {
			files = append(files, n)
		}
	}
	tree.CountLinks()
	return tree
}

func (g Generator) cornerNode(root *canon.Node) *canon.Node {
	n := &canon.Node{Perm: 0o644, UID: root.UID, Mtime: root.Mtime}
	switch g.IntN(6) {
	case 0:
		n.Mtime = canon.Time{Sec: int64(g.pick(0, 99, 100)), Nsec: uint32(g.pick(0, 7))}
	case 1:
		n.Mtime.Sec = -int64(g.pick(1, 5)) * int64(g.IntN(2))
	case 2:
		n.UID = uint32(g.pick(1, 70000))
	}
	switch g.IntN(10) {
	case 0, 1, 2:
		n.Kind = canon.Directory
	case 3, 4, 5:
		n.Kind = canon.CharDevice
		if label, ok := root.Xattrs.Get("security.selinux"); ok && g.IntN(2) == 0 {
			n.Xattrs.Set("security.selinux", label)
		}
		if g.IntN(2) == 0 {
			return n
		}
	case 6:
		n.Kind, n.Target = canon.Symlink, strings.Repeat("t", 1+g.IntN(1000))
	case 7:
		content := []byte(strings.Repeat("c", 1+g.IntN(400)))
		n.Kind, n.Size, n.Content = canon.Regular, uint64(len(content)), &canon.Content{Inline: content}
	case 8:
		n.Kind, n.Size = canon.Regular, g.pick(1, 4096, 1<<33, 1<<53)
		n.Content = canon.External(fsverity.SumBytes(g.Algorithm, fmt.Append(nil, n.Size)))
	default:
		n.Kind = canon.FIFO
	}
	g.cornerXattrs(n)
	return n
}

func (g Generator) cornerXattrs(n *canon.Node) {
	names := strings.Fields(`
		user.overlay.opaque user.overlay.whiteout user.overlay.whiteouts trusted.overlay.opaque trusted.overlay.whiteout trusted.overlay.whiteouts
		trusted.overlay.overlay.opaque user.a lustre.a system.posix_acl_access system.posix_acl_access_x security.selinux`)
	for range g.IntN(4) * g.IntN(2) {
		n.Xattrs.Set(names[g.IntN(len(names))], strings.Repeat("x", g.IntN(3)))
	}
	if g.IntN(12) == 0 {
		for i := range 120 + g.IntN(20) {
			n.Xattrs.Set(fmt.Sprintf("user.%d", i), "")
		}
	}
}
