package erofs

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"cfsverify/canon"
	"cfsverify/canon/fsverity"
)

// What does not fit is an error that names the path, before the first byte.
func TestLimits(t *testing.T) {
	file := func(size uint64) *canon.Node {
		return &canon.Node{Kind: canon.Regular, Size: size, Nlink: 1, Content: canon.External(fsverity.SumBytes(fsverity.SHA256, nil))}
	}
	many := &canon.Node{Kind: canon.FIFO}
	for i := range 5 {
		many.Xattrs.Set(fmt.Sprintf("user.%d", i), strings.Repeat("v", 60000))
	}
	for _, tt := range []struct {
		name string
		node *canon.Node
		want string // empty: it fits
	}{
		{"1024 chunks", file(1 << 53), ""},
		{"1025 chunks", file(1<<53 + 1), `"/dir/node": a file of 9007199254740993 bytes is too large`},
		{"chunk count overflows", file(1<<64 - 1), ""},
		{"xattrs over 16 bits of words", many, `"/dir/node": its xattrs take`},
		{"replaced longer xattr", &canon.Node{Kind: canon.CharDevice, Xattrs: canon.Xattrs{{Name: "trusted.overlay.whiteout", Value: "abc"}, {Name: "user.x"}}},
			`"/dir/node": its xattr "trusted.overlay.overlay.whiteout"`},
		{"invalid tree", &canon.Node{}, `"/dir/node": unknown type`},
	} {
		tree := canon.NewTree()
		dir := &canon.Node{Kind: canon.Directory}
		tree.Root.Put(canon.Dirent{Name: "dir", Node: dir})
		dir.Put(canon.Dirent{Name: "node", Node: tt.node})
		var out bytes.Buffer
		err := Write(&out, tree, Options{V1, Mkcomposefs})
		switch {
		case tt.want == "" && err != nil:
			t.Errorf("%s: %v", tt.name, err)
		case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want) || out.Len() > 0):
			t.Errorf("%s: error %v after %d bytes, want %s", tt.name, err, out.Len(), tt.want)
		}
	}
	for _, o := range []Options{{7, ComposefsRS}, {-1, ComposefsRS}, {V1, 7}, {V2, 7}, {V2, Mkcomposefs}} {
		if err := Write(&bytes.Buffer{}, canon.NewTree(), o); err == nil {
			t.Errorf("version %d by %v is no error", o.Version, o.Writer)
		}
	}
}

// Version 2 has limits of its own.
func TestLegacyLimits(t *testing.T) {
	inline := func(size int) *canon.Node {
		return &canon.Node{Kind: canon.Regular, Size: uint64(size), Content: &canon.Content{Inline: make([]byte, size)}}
	}
	many := func(shared int) *canon.Node {
		n := &canon.Node{Kind: canon.FIFO}
		for i := range shared {
			n.Xattrs.Set(fmt.Sprintf("user.%03d", i), "")
		}
		return n
	}
	whiteout := &canon.Node{Kind: canon.CharDevice, Nlink: 2}
	huge := &canon.Node{Kind: canon.Regular, Size: 1<<64 - 1, Content: canon.External(fsverity.SumBytes(fsverity.SHA256, nil))}
	for _, tt := range []struct {
		name string
		a, b *canon.Node
		want string // empty: it fits
	}{
		{"longest content", inline(4064), inline(4064), ""},
		{"longer content", inline(1), inline(4065), `"/dir/b": 4065 bytes are more than the 4064`},
		{"longer target", inline(1), &canon.Node{Kind: canon.Symlink, Target: strings.Repeat("t", 4065)}, `"/dir/b": 4065 bytes`},
		{"any external size", huge, huge, ""},
		{"255 shared xattrs", many(255), many(255), ""},
		{"256 shared xattrs", many(256), many(256), `"/dir/a": 256 of its xattrs are those of other inodes too`},
		{"two whiteouts", &canon.Node{Kind: canon.CharDevice}, &canon.Node{Kind: canon.CharDevice}, ""},
		{"whiteout of two names", whiteout, whiteout, `"/dir/a": a whiteout with 2 names`},
	} {
		tree := canon.NewTree()
		dir := &canon.Node{Kind: canon.Directory}
		tree.Root.Put(canon.Dirent{Name: "dir", Node: dir})
		dir.Put(canon.Dirent{Name: "a", Node: tt.a})
		dir.Put(canon.Dirent{Name: "b", Node: tt.b})
		var out bytes.Buffer
		err := Write(&out, tree, Options{Version: V2})
		switch {
		case tt.want == "" && err != nil:
			t.Errorf("%s: %v", tt.name, err)
		case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want) || out.Len() > 0):
			t.Errorf("%s: error %v after %d bytes, want %s", tt.name, err, out.Len(), tt.want)
		}
	}
}

func BenchmarkDigest(b *testing.B) {
	tree := parseVector(b, "debian-bookworm-minbase")
	for b.Loop() {
		if _, err := digestOf(tree, Options{V1, Mkcomposefs}, fsverity.SHA256); err != nil {
			b.Fatal(err)
		}
	}
}
