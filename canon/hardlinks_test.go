package canon

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// linkedTree has an inode with the names /a, /dir/b and /z, one with /dir/c and
// /dir/d, and two with one name each.
func linkedTree() (tree *Tree, three, two *Node) {
	tree = NewTree()
	dir := &Node{Kind: Directory}
	three, two = &Node{Kind: FIFO}, &Node{Kind: FIFO}
	tree.Root.Put(Dirent{Name: "dir", Node: dir})
	for name, n := range map[string]*Node{"a": three, "single": {Kind: FIFO}, "z": three} {
		tree.Root.Put(Dirent{Name: name, Node: n})
	}
	for name, n := range map[string]*Node{"b": three, "c": two, "d": two, "single": {Kind: FIFO}} {
		dir.Put(Dirent{Name: name, Node: n})
	}
	return tree, three, two
}

func TestHardlinks(t *testing.T) {
	tree, three, two := linkedTree()
	tree.CountLinks()
	h := tree.Hardlinks()
	if h.Len() != 2 || h.Count(three) != 3 || h.Count(two) != 2 || h.Count(tree.Lookup("/single").Node) != 1 || h.Count(tree.Root) != 1 {
		t.Errorf("%d inodes, with %d, %d names", h.Len(), h.Count(three), h.Count(two))
	}
	want := Names{First: tree.Lookup("/a"), Place: tree.Lookup("/a"), Count: 3}
	if got := h.Of(three); *got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got := h.Of(two); got.Index != 1 || got.First != tree.Lookup("/dir/c") {
		t.Errorf("%+v", got)
	}
	if h.Of(tree.Lookup("/dir/single").Node) != nil {
		t.Error("an inode with one name has several")
	}
	var paths, first []string
	for path, e := range h.All() {
		paths = append(paths, path)
		if e != tree.Lookup(path) {
			t.Errorf("%s has a dirent that is not the tree's", path)
		}
	}
	if diff := cmp.Diff([]string{"/a", "/dir/b", "/dir/c", "/dir/d", "/z"}, paths); diff != "" {
		t.Error(diff)
	}
	for path, e := range tree.All() {
		if h.IsFirst(e) {
			first = append(first, path)
		}
	}
	if diff := cmp.Diff([]string{"/", "/a", "/dir", "/dir/c", "/dir/single", "/single"}, first); diff != "" {
		t.Error(diff)
	}
	for path := range h.All() {
		if path == "/dir/b" {
			break
		}
	}
}

// Marks say at which name an inode has its place, and that it has several where
// its link count does not.
func TestHardlinkMarks(t *testing.T) {
	for _, tt := range []struct {
		marked []string
		place  string
	}{
		{[]string{"/a"}, "/dir/b"},
		{[]string{"/a", "/dir/b"}, "/z"},
		{[]string{"/dir/b", "/z"}, "/a"},
		{[]string{"/a", "/dir/b", "/z"}, "/a"},
	} {
		tree, three, _ := linkedTree()
		three.Nlink = 1
		for _, path := range tt.marked {
			tree.Lookup(path).Hardlink = true
		}
		h := tree.Hardlinks()
		names := h.Of(three)
		if h.Len() != 1 || names == nil || names.First != tree.Lookup("/a") || names.Place != tree.Lookup(tt.place) || names.Count != 3 {
			t.Errorf("%v are marked: %+v", tt.marked, names)
		}
	}
}

// What only may have several names, as a dump file states it, has one.
func TestHardlinksOfWrongCounts(t *testing.T) {
	tree, three, _ := linkedTree()
	tree.CountLinks()
	tree.Lookup("/single").Node.Nlink = 7
	tree.Lookup("/dir/single").Hardlink = true
	tree.Lookup("/dir").Node.Remove("d")
	h := tree.Hardlinks()
	if h.Len() != 1 || h.Of(three).Index != 0 {
		t.Errorf("%d inodes with several names", h.Len())
	}
	if n := NewTree().Hardlinks().Len(); n != 0 {
		t.Errorf("%d in an empty tree", n)
	}
}
