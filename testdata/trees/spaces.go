package trees

import (
	"strings"

	"cfsverify/canon"
	"cfsverify/canon/fsverity"
	"cfsverify/canon/linux"
)

// Spaces makes a tree of up to 40 entries of all types, whose inodes have xattrs of all
// name spaces: most are names that composefs images use themselves, with the values that
// they have there or others. Devices and whiteouts may have several names.
func (g Generator) Spaces() *canon.Tree {
	tree := canon.NewTree()
	g.spacesStat(tree.Root)
	dirs, files := []*canon.Node{tree.Root}, []*canon.Node(nil)
	for range g.IntN(40) {
		dir := dirs[g.IntN(len(dirs))]
		name := g.bytes(3, "/\x00")
		if g.IntN(2) == 0 {
			name = []string{"a", "b", "00", "1f", "!", ".w", ".wh", "-", strings.Repeat("l", 255)}[g.IntN(9)]
		}
		if canon.ValidName(name) != nil || strings.HasPrefix(name, ".wh.") || dir.Child(name) != nil {
			continue
		}
		if len(files) > 0 && g.IntN(6) == 0 {
			dir.Put(canon.Dirent{Name: name, Node: files[g.IntN(len(files))]})
			continue
		}
		n := g.spacesNode()
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

func (g Generator) spacesStat(n *canon.Node) {
	n.Perm = uint16(g.pick(0o644, 0o755, 0o4711, 0o7777, 0))
	n.UID, n.GID = uint32(g.pick(0, 0, 70000)), uint32(g.pick(0, 0, 5))
	n.Mtime.Sec = int64(g.pick(0, 1700000000))
	n.Mtime.Nsec = uint32(g.pick(0, 0, 5))
	for range g.IntN(5) * g.IntN(2) {
		name := g.spacesName()
		n.Xattrs.Set(name, strings.Repeat(g.pickString("x", "y", "\x00", "\xff"), int(g.pick(0, 0, 0, 1, 1, 1, 36, 300, 9000, canon.XattrValueMax))))
	}
	// What whiteouts and the directories that hold them have in images.
	switch {
	case n.Kind == canon.Regular && n.Size == 0 && g.IntN(2) == 0:
		n.Xattrs.Set(linux.OverlayPrefix+"whiteout", "")
		n.Xattrs.Set(linux.UserOverlayWhiteout, "")
	case n.Kind == canon.Directory && g.IntN(2) == 0:
		n.Xattrs.Set(linux.OverlayPrefix+"whiteouts", "")
		n.Xattrs.Set(linux.UserOverlayWhiteouts, "")
		if g.IntN(2) == 0 {
			n.Xattrs.Set(linux.OverlayOpaque, "x")
			n.Xattrs.Set(linux.UserOverlayOpaque, "x")
		}
	}
}

func (g Generator) pickString(values ...string) string { return values[g.IntN(len(values))] }

func (g Generator) spacesName() string {
	prefix := g.pickString(linux.OverlayPrefix, linux.UserOverlayPrefix, linux.EscapedOverlayPrefix, linux.EscapedOverlayPrefix+"overlay.",
		linux.UserPrefix, linux.TrustedPrefix, linux.SecurityPrefix, linux.SystemPrefix, linux.LustrePrefix, "")
	switch {
	case g.IntN(10) == 0:
		return g.pickString(linux.AccessACL, linux.DefaultACL, linux.AccessACL+"_x", linux.SecurityCapability, linux.SecuritySELinux)
	case g.IntN(10) == 0:
		return prefix + strings.Repeat("n", canon.XattrNameMax-len(prefix))
	case g.IntN(10) == 0:
		return prefix + "n" + g.bytes(3, "\x00")
	}
	return prefix + g.pickString("whiteout", "whiteouts", "opaque", "redirect", "metacopy", "origin", "impure", "nlink", "a")
}

func (g Generator) spacesNode() *canon.Node {
	n := &canon.Node{Kind: canon.Regular + canon.Kind(g.IntN(int(canon.Socket)))}
	if g.IntN(3) == 0 {
		n.Kind = []canon.Kind{canon.Directory, canon.CharDevice, canon.Regular}[g.IntN(3)]
	}
	switch n.Kind {
	case canon.Symlink:
		n.Target = "t" + g.bytes(20, "\x00")
	case canon.CharDevice:
		n.Rdev = uint32(g.pick(0, 0, 259))
	case canon.BlockDevice:
		n.Rdev = uint32(g.pick(0, 0x801))
	case canon.Regular:
		switch g.IntN(4) {
		case 0:
			n.Size, n.Content = 100, canon.External(fsverity.SumBytes(g.Algorithm, make([]byte, 100)))
		case 1:
			n.Content = &canon.Content{Inline: []byte("-" + g.bytes(60, ""))}
			n.Size = uint64(len(n.Content.Inline))
		}
	}
	g.spacesStat(n)
	return n
}
