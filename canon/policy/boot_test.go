package policy

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cfsverify/canon"
	"cfsverify/canon/linux"
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
		{BootEpoch, "0.0", "0.0"},
	} {
		tree := parseTree(t, bootTree)
		if err := prepareBoot(tree, tt.rule); err != nil {
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
	if err := prepareBoot(tree, BootNo); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.TrimPrefix(bootTree, "\n"), formatTree(tree)); diff != "" {
		t.Error(diff)
	}
}

func prepareBoot(t *canon.Tree, rule BootRule) error {
	p := Raw()
	p.Boot = rule
	return p.newBoot(t, nil).prepare(t)
}

func TestPrepareBootRefuses(t *testing.T) {
	config := func(n *canon.Node) func(*canon.Tree) {
		return func(tree *canon.Tree) {
			dir := &canon.Node{Kind: canon.Directory}
			dir.Put(canon.Dirent{Name: "config", Node: n})
			tree.Lookup("/etc").Node.Put(canon.Dirent{Name: "selinux", Node: dir})
		}
	}
	inline := func(s string) *canon.Node {
		return &canon.Node{Kind: canon.Regular, Size: uint64(len(s)), Content: &canon.Content{Inline: []byte(s)}}
	}
	for _, tt := range []struct {
		name   string
		change func(*canon.Tree)
		want   string // empty: no refusal
	}{
		{"no /usr", func(tree *canon.Tree) { tree.Root.Remove("usr") }, "no /usr"},
		{"no /boot", func(tree *canon.Tree) { tree.Root.Remove("boot") }, "no directory /boot"},
		{"no /sysroot", func(tree *canon.Tree) { tree.Root.Remove("sysroot") }, "no directory /sysroot"},
		{"/boot is no directory", func(tree *canon.Tree) { tree.Root.Put(canon.Dirent{Name: "boot", Node: &canon.Node{Kind: canon.FIFO}}) }, "no directory /boot"},
		{"SELinux policy", config(inline("selinuxtype = targeted\n")), "SELinux policy"},
		{"SELinux config that is not in the tree", config(&canon.Node{Kind: canon.Regular, Size: 100, Content: &canon.Content{}}), "SELinux policy"},
		{"SELinux config without a policy", config(inline("SELINUX=disabled\n")), ""},
		{"empty SELinux config", config(&canon.Node{Kind: canon.Regular}), ""},
		{"/etc is a symlink", func(tree *canon.Tree) {
			tree.Root.Put(canon.Dirent{Name: "etc", Node: &canon.Node{Kind: canon.Symlink, Target: "usr/etc"}})
		}, "\"/etc\": a symlink"},
		{"/etc/selinux is a symlink", func(tree *canon.Tree) {
			tree.Lookup("/etc").Node.Put(canon.Dirent{Name: "selinux", Node: &canon.Node{Kind: canon.Symlink, Target: "x"}})
		}, "\"/etc/selinux\": a symlink"},
		{"no /etc", func(tree *canon.Tree) { tree.Root.Remove("etc") }, ""},
	} {
		tree := parseTree(t, bootTree)
		tt.change(tree)
		err := prepareBoot(tree, BootSeconds)
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: error %v, want %q", tt.name, err, tt.want)
		}
	}
}

// TestLabelsStay: a dump file that was written for booting has labels, and not the
// content of the policy that gave them. Without labels there is no digest.
func TestLabelsStay(t *testing.T) {
	prepared := func() *canon.Tree {
		tree := parseTree(t, bootTree)
		if err := prepareBoot(tree, BootSeconds); err != nil {
			t.Fatal(err)
		}
		dir := &canon.Node{Kind: canon.Directory}
		dir.Put(canon.Dirent{Name: "config", Node: &canon.Node{Kind: canon.Regular, Size: 100, Content: &canon.Content{}}})
		tree.Lookup("/etc").Node.Put(canon.Dirent{Name: "selinux", Node: dir})
		return tree
	}
	p := ComposefsRS()
	p.Boot = BootSeconds
	tree := prepared()
	var missing *LabelsError
	if err := p.Apply(tree); !errors.As(err, &missing) || missing.Path != "/etc/selinux/config" {
		t.Errorf("error %v", err)
	}
	labelled := func() *canon.Tree {
		tree := prepared()
		for path, label := range map[string]string{"/": "root", "/usr": "usr"} {
			tree.Lookup(path).Node.Xattrs.Set(linux.SecuritySELinux, label)
		}
		return tree
	}
	// The labels of an image or directory are nobody's.
	if err := p.Apply(labelled()); !errors.As(err, &missing) {
		t.Errorf("error %v", err)
	}
	p.Labelled = true
	if err := p.Apply(prepared()); !errors.As(err, &missing) {
		t.Errorf("error %v", err)
	}
	tree = labelled()
	if err := p.Apply(tree); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{"/": "root", "/usr": "usr", "/etc": ""} {
		if label, _ := tree.Lookup(path).Node.Xattrs.Get(linux.SecuritySELinux); label != want {
			t.Errorf("%s has the label %q, want %q", path, label, want)
		}
	}
}

func TestBreakHardlinks(t *testing.T) {
	tree := parseTree(t, bootTree)
	link := tree.Lookup("/etc/link").Node
	tree.Lookup("/usr").Node.Put(canon.Dirent{Name: "again", Node: link})
	tree.CountLinks()
	breakHardlinks(tree)
	a, b := tree.Lookup("/etc/link").Node, tree.Lookup("/usr/again").Node
	if a == b || a.Nlink != 1 || b.Nlink != 1 || a.Mtime != b.Mtime {
		t.Errorf("%+v and %+v", a, b)
	}
}
