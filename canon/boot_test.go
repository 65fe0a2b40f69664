package canon

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const bootTree = `
/ 0755 0:0 1.1
/boot/ 0700 0:0 2.2 security.selinux
/boot/EFI 0644 0:0 3.3
/etc/ 0755 0:0 4.4
/etc/link 0644 0:0 5.5 security.selinux user.x
/sysroot/ 0711 0:0 6.6
/usr/ 0755 0:0 7.7 security.capability
`

func TestPrepareBoot(t *testing.T) {
	for _, tt := range []struct {
		rule          BootRule
		boot, sysroot string
	}{
		{BootSeconds, "7.2", "7.6"},
		{BootNanoseconds, "7.7", "7.7"},
	} {
		tree := parseTree(t, bootTree)
		if err := PrepareBoot(tree, tt.rule); err != nil {
			t.Fatal(err)
		}
		want := `/ 0755 0:0 1.1
/boot/ 0700 0:0 ` + tt.boot + `
/etc/ 0755 0:0 4.4
/etc/link 0644 0:0 5.5 user.x
/sysroot/ 0711 0:0 ` + tt.sysroot + `
/usr/ 0755 0:0 7.7 security.capability
`
		if diff := cmp.Diff(want, formatTree(tree)); diff != "" {
			t.Errorf("%s: %s", tt.rule, diff)
		}
	}
	tree := parseTree(t, bootTree)
	if err := PrepareBoot(tree, BootNo); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.TrimPrefix(bootTree, "\n"), formatTree(tree)); diff != "" {
		t.Error(diff)
	}
}

func TestPrepareBootRefuses(t *testing.T) {
	config := func(n *Node) func(*Tree) {
		return func(tree *Tree) {
			dir := &Node{Kind: Directory}
			dir.Put(Dirent{Name: "config", Node: n})
			tree.Lookup("/etc").Node.Put(Dirent{Name: "selinux", Node: dir})
		}
	}
	inline := func(s string) *Node {
		return &Node{Kind: Regular, Size: uint64(len(s)), Content: &Content{Inline: []byte(s)}}
	}
	for _, tt := range []struct {
		name   string
		change func(*Tree)
		want   string // empty: no refusal
	}{
		{"no /usr", func(tree *Tree) { tree.Root.Remove("usr") }, "no /usr"},
		{"no /boot", func(tree *Tree) { tree.Root.Remove("boot") }, "no directory /boot"},
		{"no /sysroot", func(tree *Tree) { tree.Root.Remove("sysroot") }, "no directory /sysroot"},
		{"/boot is no directory", func(tree *Tree) { tree.Root.Put(Dirent{Name: "boot", Node: &Node{Kind: FIFO}}) }, "no directory /boot"},
		{"SELinux policy", config(inline("selinuxtype = targeted\n")), "SELinux policy"},
		{"SELinux config that is not in the tree", config(&Node{Kind: Regular, Size: 100, Content: &Content{}}), "SELinux policy"},
		{"SELinux config without a policy", config(inline("SELINUX=disabled\n")), ""},
		{"empty SELinux config", config(&Node{Kind: Regular}), ""},
		{"/etc is a symlink", func(tree *Tree) { tree.Root.Put(Dirent{Name: "etc", Node: &Node{Kind: Symlink, Target: "usr/etc"}}) }, "/etc is a symlink"},
		{"/etc/selinux is a symlink", func(tree *Tree) {
			tree.Lookup("/etc").Node.Put(Dirent{Name: "selinux", Node: &Node{Kind: Symlink, Target: "x"}})
		}, "/etc/selinux is a symlink"},
		{"no /etc", func(tree *Tree) { tree.Root.Remove("etc") }, ""},
	} {
		tree := parseTree(t, bootTree)
		tt.change(tree)
		err := PrepareBoot(tree, BootSeconds)
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: error %v, want %q", tt.name, err, tt.want)
		}
	}
}

func TestBreakHardlinks(t *testing.T) {
	tree := parseTree(t, bootTree)
	link := tree.Lookup("/etc/link").Node
	tree.Lookup("/usr").Node.Put(Dirent{Name: "again", Node: link})
	tree.CountLinks()
	BreakHardlinks(tree)
	a, b := tree.Lookup("/etc/link").Node, tree.Lookup("/usr/again").Node
	if a == b || a.Nlink != 1 || b.Nlink != 1 || a.Mtime != b.Mtime {
		t.Errorf("%+v and %+v", a, b)
	}
}
