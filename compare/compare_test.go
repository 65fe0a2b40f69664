package compare

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cfsverify/canon"
	"cfsverify/canon/fsverity"
	"cfsverify/testdata/trees"
)

// describe writes differences as "PATH status field…" lines.
func describe(differences []Difference) []string {
	var lines []string
	for _, d := range differences {
		line := fmt.Sprintf("%s %s", d.Path, d.Status)
		for _, c := range d.Changes {
			line += " " + string(c.Field)
			if c.Xattr != "" {
				line += "=" + c.Xattr
			}
		}
		lines = append(lines, line)
	}
	return lines
}

func TestTreesEqual(t *testing.T) {
	if got := describe(Trees(trees.Sample(), trees.Sample())); got != nil {
		t.Errorf("equal trees differ: %q", got)
	}
}

func TestTreesOneChange(t *testing.T) {
	node := func(path string, change func(*canon.Node)) func(*canon.Tree) {
		return func(tree *canon.Tree) { change(tree.Lookup(path).Node) }
	}
	for _, tt := range []struct {
		name   string
		change func(*canon.Tree)
		want   []string
	}{
		{"root", node("/", func(n *canon.Node) { n.Perm = 0 }), []string{"/ changed mode"}},
		{"mode", node("/dir", func(n *canon.Node) { n.Perm |= 0o4000 }), []string{"/dir changed mode"}},
		{"uid", node("/tty", func(n *canon.Node) { n.UID = 1 }), []string{"/tty changed uid"}},
		{"gid", node("/symlink", func(n *canon.Node) { n.GID = 1 }), []string{"/symlink changed gid"}},
		{"mtime", node("/empty", func(n *canon.Node) { n.Mtime.Sec = -1 }), []string{"/empty changed mtime"}},
		{"nanoseconds", node("/empty", func(n *canon.Node) { n.Mtime.Nsec = 1 }), []string{"/empty changed mtime-nsec"}},
		{"both", node("/empty", func(n *canon.Node) { n.Mtime = canon.Time{Sec: 1, Nsec: 1} }), []string{"/empty changed mtime mtime-nsec"}},
		{"target", node("/symlink", func(n *canon.Node) { n.Target = "di" }), []string{"/symlink changed target"}},
		{"rdev", node("/tty", func(n *canon.Node) { n.Rdev++ }), []string{"/tty changed rdev"}},
		{"inline content", node("/dir/file", func(n *canon.Node) { n.Content = &canon.Content{Inline: []byte("y")} }),
			[]string{"/dir/file changed content", "/dir/link changed content"}},
		{"external content", node("/dir/large", func(n *canon.Node) { n.Content = canon.External(fsverity.SumBytes(fsverity.SHA256, nil)) }),
			[]string{"/dir/large changed content"}},
		{"size", node("/dir/large", func(n *canon.Node) { n.Size++ }), []string{"/dir/large changed size"}},
		{"emptied", node("/dir/large", func(n *canon.Node) { n.Size, n.Content = 0, nil }), []string{"/dir/large changed size content"}},
		{"storage", node("/dir/large", func(n *canon.Node) { n.Content = &canon.Content{Inline: make([]byte, 100)} }),
			[]string{"/dir/large changed storage"}},
		{"storage and content", node("/dir/large", func(n *canon.Node) { n.Content = &canon.Content{Inline: make([]byte, 99)} }),
			[]string{"/dir/large changed content storage"}},
		{"payload", node("/dir/large", func(n *canon.Node) {
			n.Content = &canon.Content{Digest: trees.Large()}
			n.Content.SetPayload("elsewhere")
		}), []string{"/dir/large changed payload"}},
		{"no payload", node("/dir/large", func(n *canon.Node) { n.Content = &canon.Content{Digest: trees.Large()} }), []string{"/dir/large changed payload"}},
		{"xattr value", node("/attr", func(n *canon.Node) { n.Xattrs.Set("user.a", "") }), []string{"/attr changed xattr=user.a"}},
		{"xattrs", node("/attr", func(n *canon.Node) {
			n.Xattrs = canon.Xattrs{{Name: "user.0"}, {Name: "user.b", Value: "2"}, {Name: "user.c"}}
		}),
			[]string{"/attr changed xattr=user.0 xattr=user.a xattr=user.c"}},
		{"nlink", node("/tty", func(n *canon.Node) { n.Nlink = 2 }), []string{"/tty changed nlink"}},
		{"type", func(tree *canon.Tree) {
			tree.Root.Put(canon.Dirent{Name: "tty", Node: &canon.Node{Kind: canon.BlockDevice, Rdev: 7, Nlink: 1}})
		}, []string{"/tty changed type"}},
		{"directory replaced", func(tree *canon.Tree) {
			tree.Root.Put(canon.Dirent{Name: "dir", Node: &canon.Node{Kind: canon.Symlink, Perm: 0o755, Target: "x", Nlink: 1}})
		}, []string{"/dir changed type", "/dir/file only-in-a", "/dir/large only-in-a", "/dir/link only-in-a"}},
		{"missing directory", func(tree *canon.Tree) { tree.Root.Remove("dir") },
			[]string{"/dir only-in-a", "/dir/file only-in-a", "/dir/large only-in-a", "/dir/link only-in-a"}},
		{"hardlink broken", func(tree *canon.Tree) {
			link := *tree.Lookup("/dir/link").Node
			tree.Lookup("/dir").Node.Put(canon.Dirent{Name: "link", Node: &link})
			tree.CountLinks()
		}, []string{"/dir/file changed hardlinks", "/dir/link changed hardlinks"}},
		{"hardlink moved", func(tree *canon.Tree) {
			dir := tree.Lookup("/dir").Node
			dir.Put(canon.Dirent{Name: "link2", Node: dir.Child("link").Node})
			dir.Remove("link")
		}, []string{"/dir/file changed hardlinks", "/dir/link only-in-a", "/dir/link2 only-in-b"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a, b := trees.Sample(), trees.Sample()
			tt.change(b)
			if diff := cmp.Diff(tt.want, describe(Trees(a, b))); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(describe(mirror(Trees(a, b))), describe(Trees(b, a))); diff != "" {
				t.Errorf("the other way round: %s", diff)
			}
		})
	}
}

// mirror is what comparing the other way round must give.
func mirror(differences []Difference) []Difference {
	for i, d := range differences {
		switch d.Status {
		case OnlyInA:
			differences[i].Status = OnlyInB
		case OnlyInB:
			differences[i].Status = OnlyInA
		}
	}
	return differences
}

// A link count that a dump file made up says nothing while the links differ.
func TestLinksBeforeNlink(t *testing.T) {
	a, b := trees.Sample(), trees.Sample()
	dir := b.Lookup("/dir").Node
	dir.Put(canon.Dirent{Name: "third", Node: dir.Child("file").Node})
	b.CountLinks()
	want := []string{"/dir/file changed hardlinks", "/dir/link changed hardlinks", "/dir/third only-in-b"}
	got := Trees(a, b)
	if diff := cmp.Diff(want, describe(got)); diff != "" {
		t.Fatal(diff)
	}
	if diff := cmp.Diff([]string{"/dir/file", "/dir/link"}, got[0].LinksA); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"/dir/file", "/dir/link", "/dir/third"}, got[0].LinksB); diff != "" {
		t.Error(diff)
	}
}

func ExampleTrees() {
	a, b := canon.NewTree(), canon.NewTree()
	b.Root.Perm = 0o555
	a.Root.Put(canon.Dirent{Name: "old", Node: &canon.Node{Kind: canon.FIFO}})
	for _, d := range Trees(a, b) {
		fmt.Println(d.Path, d.Status, d.Changes)
	}
	// Output:
	// / changed [{mode }]
	// /old only-in-a []
}
