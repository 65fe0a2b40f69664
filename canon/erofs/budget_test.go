package erofs

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"cfsverify/canon"
)

// mkcomposefs refuses just the ones of these that are refused here, with
// ERANGE.
func TestXattrBudget(t *testing.T) {
	value := func(n int) string { return strings.Repeat("v", n) }
	other := canon.Xattr{Name: "user.x"}
	for _, tt := range []struct {
		name     string
		dir, dev canon.Xattrs
		refused  string // path and name of the xattr
	}{
		{"only xattr of a whiteout", nil, canon.Xattrs{{Name: "trusted.overlay.whiteout", Value: value(100)}}, ""},
		{"empty one of two", nil, canon.Xattrs{{Name: "trusted.overlay.whiteout"}, other}, ""},
		{"longer one of two", nil, canon.Xattrs{{Name: "trusted.overlay.whiteout", Value: value(1)}, other},
			`"/dir/w": its xattr "trusted.overlay.overlay.whiteout"`},
		{"room left by the first", canon.Xattrs{{Name: "user.overlay.whiteouts", Value: value(40)}, other}, nil, ""},
		{"room exceeded", canon.Xattrs{{Name: "user.overlay.whiteouts", Value: value(41)}, other}, nil,
			`"/dir": its xattr "user.overlay.whiteouts"`},
		{"room exceeded by the only one", canon.Xattrs{{Name: "user.overlay.whiteouts", Value: value(41)}}, nil,
			`"/dir": its xattr "user.overlay.whiteouts"`},
		{"later ones have more room", canon.Xattrs{{Name: "trusted.overlay.opaque", Value: "vv"}, {Name: "user.overlay.opaque", Value: "vv"}}, nil, ""},
		{"and may exceed it", canon.Xattrs{{Name: "trusted.overlay.opaque", Value: value(100)}, {Name: "user.overlay.opaque", Value: value(100)}}, nil,
			`"/dir": its xattr "trusted.overlay.overlay.opaque"`},
	} {
		tree := canon.NewTree()
		dir := &canon.Node{Kind: canon.Directory, Xattrs: tt.dir}
		tree.Root.Put(canon.Dirent{Name: "dir", Node: dir})
		dir.Put(canon.Dirent{Name: "w", Node: &canon.Node{Kind: canon.CharDevice, Nlink: 1, Xattrs: tt.dev}})
		err := Write(io.Discard, tree, Options{V1, Mkcomposefs})
		if tt.refused == "" && err != nil || tt.refused != "" && (err == nil || !strings.Contains(err.Error(), tt.refused)) {
			t.Errorf("%s: error %v, want %q", tt.name, err, tt.refused)
		}
		// Version 2 keeps whiteouts as they are, and composefs-rs replaces nothing.
		for _, o := range []Options{{V2, ComposefsRS}, {V1, ComposefsRS}} {
			if err := Write(io.Discard, tree, o); err != nil {
				t.Errorf("%s: %v, version %d: %v", tt.name, o.Writer, o.Version, err)
			}
		}
	}
}

// Only 128 shared xattrs of an inode are referred to in mkcomposefs's images; the
// table has the others too.
func TestSharedReferences(t *testing.T) {
	tree := canon.NewTree()
	var xattrs canon.Xattrs
	for i := range 130 {
		xattrs.Set(fmt.Sprintf("user.%03d", i), "")
	}
	tree.Root.Put(canon.Dirent{Name: "a", Node: &canon.Node{Kind: canon.FIFO, Nlink: 1, Xattrs: xattrs}})
	tree.Root.Put(canon.Dirent{Name: "b", Node: &canon.Node{Kind: canon.FIFO, Nlink: 1, Xattrs: xattrs}})
	var img strings.Builder
	if err := Write(&img, tree, Options{V1, Mkcomposefs}); err != nil {
		t.Fatal(err)
	}
	for i, want := range map[int]int{0: 1, 127: 1, 128: 3, 129: 3} {
		entry := fmt.Sprintf("\x03\x01\x00\x00%03d", i)
		if n := strings.Count(img.String(), entry); n != want {
			t.Errorf("xattr %d is %d times in the image, want %d", i, n, want)
		}
	}
}
