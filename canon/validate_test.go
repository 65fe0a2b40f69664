package canon

import (
	"strings"
	"testing"

	"cfsverify/canon/fsverity"
)

func TestValidate(t *testing.T) {
	digest := fsverity.SumBytes(fsverity.SHA256, []byte("x"))
	file := func(change func(*Node)) *Node {
		n := &Node{Kind: Regular, Size: 1, Content: &Content{Inline: []byte("x")}}
		change(n)
		return n
	}
	for _, tt := range []struct {
		name string
		node *Node
		want string // empty: valid
	}{
		{"f", file(func(*Node) {}), ""},
		{"f", file(func(n *Node) { n.Content = External(digest) }), ""},
		{"f", file(func(n *Node) { n.Content = &Content{} }), ""},
		{"fifo", &Node{Kind: FIFO, Size: HugeSize}, ""},
		{"l", &Node{Kind: Symlink, Target: "x"}, ""},
		{"", file(func(*Node) {}), "empty"},
		{"..", file(func(*Node) {}), "no name"},
		{strings.Repeat("n", 256), file(func(*Node) {}), "256 bytes"},
		{"a/b", file(func(*Node) {}), "slash"},
		{"a\x00", file(func(*Node) {}), "NUL"},
		{"f", &Node{}, "unknown type"},
		{"f", file(func(n *Node) { n.Perm = 0o10000 }), "beyond 07777"},
		{"f", file(func(n *Node) { n.Rdev = 1 }), "device number"},
		{"f", file(func(n *Node) { n.Target = "x" }), "symlink target"},
		{"f", file(func(n *Node) { n.Size = 2 }), "content has 1"},
		{"f", file(func(n *Node) { n.Size = 0 }), "content"},
		{"f", file(func(n *Node) { n.Content = nil }), "content"},
		{"f", file(func(n *Node) { n.Content.Digest = digest }), "both"},
		{"f", file(func(n *Node) { n.Put(Dirent{}) }), "entries below"},
		{"d", &Node{Kind: Directory, Size: 1}, "has a size"},
		{"l", &Node{Kind: Symlink}, "symlink's target"},
		{"l", &Node{Kind: Symlink, Target: strings.Repeat("t", TargetMax+1)}, "symlink's target"},
		{"p", &Node{Kind: FIFO, Content: &Content{}}, "has content"},
		{"f", file(func(n *Node) { n.Xattrs = Xattrs{{"", ""}} }), "xattr name"},
		{"f", file(func(n *Node) { n.Xattrs = Xattrs{{"b", ""}, {"a", ""}} }), "out of order"},
		{"f", file(func(n *Node) { n.Xattrs = Xattrs{{"a", ""}, {"a", ""}} }), "out of order"},
		{"f", file(func(n *Node) { n.Xattrs = Xattrs{{"a", strings.Repeat("v", XattrValueMax+1)}} }), "65536 bytes"},
	} {
		tree := NewTree()
		tree.Root.Put(Dirent{Name: tt.name, Node: tt.node})
		err := tree.Validate()
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%q %+v: error %v, want %q", tt.name, tt.node, err, tt.want)
		}
	}
}

// A directory that is below itself must not make Validate run for ever.
func TestValidateDirectoryCycle(t *testing.T) {
	tree := NewTree()
	tree.Root.Put(Dirent{Name: "again", Node: tree.Root})
	if err := tree.Validate(); err == nil || !strings.Contains(err.Error(), `"/again": a second name of a directory`) {
		t.Errorf("error %v", err)
	}
}

// TestValidatePaths: the error names the path, however deep it is, and a root
// that is no directory.
func TestValidatePaths(t *testing.T) {
	for _, tree := range []*Tree{{}, {Root: &Node{Kind: Symlink, Target: "x"}}, {Root: &Node{}}} {
		if err := tree.Validate(); err == nil || err.Error() != "/: the root is not a directory" {
			t.Errorf("%+v: error %v", tree.Root, err)
		}
	}
	tree, good := NewTree(), &Node{Kind: FIFO}
	tree.Root.Perm = 0o10000
	if err := tree.Validate(); err == nil || err.Error() != `"/": mode 10000 has bits beyond 07777` {
		t.Errorf("error %v", err)
	}
	tree.Root.Perm = 0o7777
	dir := tree.Root
	for _, name := range []string{"a", "b\n", strings.Repeat("n", NameMax)} {
		next := &Node{Kind: Directory}
		dir.Put(Dirent{Name: name, Node: next})
		dir.Put(Dirent{Name: "good", Node: good})
		dir = next
	}
	if err := tree.Validate(); err != nil {
		t.Errorf("error %v", err)
	}
	dir.Put(Dirent{Name: "bad", Node: &Node{Kind: Socket, Rdev: 1}})
	if want, err := `"/a/b\n/`+strings.Repeat("n", NameMax)+`/bad": a socket has a device number`, tree.Validate(); err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}

// TestValidateLimits: what is just within the limits is valid.
func TestValidateLimits(t *testing.T) {
	tree := NewTree()
	tree.Root.Put(Dirent{Name: strings.Repeat("n", NameMax), Node: &Node{Kind: Symlink, Target: strings.Repeat("t", TargetMax)}})
	tree.Root.Put(Dirent{Name: "...", Node: &Node{Kind: FIFO, Perm: 0o7777, Xattrs: Xattrs{
		{strings.Repeat("a", XattrNameMax), strings.Repeat("v", XattrValueMax)}, {"b\xff", "\x00"},
	}}})
	if err := tree.Validate(); err != nil {
		t.Error(err)
	}
	tree.Root.Put(Dirent{Name: "x", Node: &Node{Kind: FIFO, Xattrs: Xattrs{{strings.Repeat("a", XattrNameMax+1), ""}}}})
	if err := tree.Validate(); err == nil || !strings.HasPrefix(err.Error(), `"/x": an xattr name has 1 to 255 bytes without NUL`) {
		t.Errorf("error %v", err)
	}
}
