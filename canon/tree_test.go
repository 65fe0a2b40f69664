package canon

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cfsverify/canon/fsverity"
)

// treeOf makes a tree of paths, each directory before what is in it; those that
// end in a slash are directories, all others FIFOs.
func treeOf(paths ...string) *Tree {
	tree := NewTree()
	for _, p := range paths {
		n := &Node{Kind: FIFO}
		p, isDir := strings.CutSuffix(p, "/")
		if isDir {
			n.Kind = Directory
		}
		dir, name := path.Split(p)
		tree.Lookup(dir).Node.Put(Dirent{Name: name, Node: n})
	}
	return tree
}

// TestAll: a directory comes before what is in it, names in the order of their
// bytes, which is not that of their paths. Dirents has the same order.
func TestAll(t *testing.T) {
	tree := treeOf("/a/", "/a/b", "/a-b", "/a/\xff", "/a/é", "/A", "/z/", "/a/c/", "/a/c/d")
	tree.RootOrigin = &Origin{Entry: 7}
	want := []string{"/", "/A", "/a", "/a/b", "/a/c", "/a/c/d", "/a/é", "/a/\xff", "/a-b", "/z"}
	var paths []string
	var dirents []*Dirent
	for path, e := range tree.All() {
		paths = append(paths, path)
		dirents = append(dirents, e)
	}
	if diff := cmp.Diff(want, paths); diff != "" {
		t.Errorf("want -, got +\n%s", diff)
	}
	if dirents[0].Name != "" || dirents[0].Node != tree.Root || dirents[0].Origin != tree.RootOrigin {
		t.Errorf("the root is %+v", dirents[0])
	}
	i := 0
	for e := range tree.Dirents() {
		if e.Node != dirents[i].Node || e.Name != dirents[i].Name || i > 0 && e != dirents[i] {
			t.Errorf("Dirents has %q in the place of %q", e.Name, dirents[i].Name)
		}
		i++
	}
	if i != len(want) {
		t.Errorf("Dirents has %d names, want %d", i, len(want))
	}
}

// TestAllStops: after a break nothing more is visited, at any depth.
func TestAllStops(t *testing.T) {
	tree := treeOf("/a/", "/a/b/", "/a/b/c", "/d")
	for stop := range 5 {
		visited, dirents := 0, 0
		for range tree.All() {
			if visited++; visited > stop {
				break
			}
		}
		for range tree.Dirents() {
			if dirents++; dirents > stop {
				break
			}
		}
		if visited != stop+1 || dirents != stop+1 {
			t.Errorf("All visits %d, Dirents %d, want %d", visited, dirents, stop+1)
		}
	}
}

func TestLookup(t *testing.T) {
	tree := treeOf("/a/", "/a/b/", "/a/b/c")
	tree.Root.Put(Dirent{Name: "link", Node: &Node{Kind: Symlink, Target: "a"}})
	tree.RootOrigin = &Origin{Entry: 7}
	for path, want := range map[string]string{"/a": "a", "/a/b/c": "c", "a/b/": "b", "//a//b": "b", "/link": "link"} {
		if e := tree.Lookup(path); e == nil || e.Name != want {
			t.Errorf("%q: %+v, want %q", path, e, want)
		}
	}
	for _, path := range []string{"/b", "/a/b/c/d", "/link/b", "/A", "/a/.."} {
		if e := tree.Lookup(path); e != nil {
			t.Errorf("%q: %+v", path, e)
		}
	}
	for _, path := range []string{"", "/", "//"} {
		if e := tree.Lookup(path); e.Node != tree.Root || e.Name != "" || e.Origin != tree.RootOrigin {
			t.Errorf("%q: %+v", path, e)
		}
	}
}

// TestCountLinks: each name counts, a directory has no links, and what a dump file
// said of both is overwritten.
func TestCountLinks(t *testing.T) {
	tree := treeOf("/d/", "/once", "/single")
	several := &Node{Kind: FIFO, Nlink: 9}
	for dir, name := range map[*Node]string{tree.Root: "b", tree.Lookup("/d").Node: "a"} {
		dir.Put(Dirent{Name: name, Node: several, Hardlink: true})
	}
	tree.Root.Put(Dirent{Name: "c", Node: several})
	tree.Lookup("/d").Node.Nlink = 5
	if inodes := tree.CountLinks(); inodes != 5 {
		t.Errorf("%d inodes, want the root, /d, /once, /single and the one of three names", inodes)
	}
	var got []string
	for path, e := range tree.All() {
		got = append(got, fmt.Sprintf("%s %d %v", path, e.Node.Nlink, e.Hardlink))
	}
	want := []string{"/ 0 false", "/b 3 false", "/c 3 false", "/d 0 false", "/d/a 3 false", "/once 1 false", "/single 1 false"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("want -, got +\n%s", diff)
	}
}

// TestHashAlgorithm: the first content outside of the tree tells.
func TestHashAlgorithm(t *testing.T) {
	tree := treeOf("/a/")
	tree.Root.Put(Dirent{Name: "b", Node: &Node{Kind: Regular, Size: 1, Content: &Content{Inline: []byte("x")}}})
	tree.Root.Put(Dirent{Name: "c", Node: &Node{Kind: Regular, Size: 1, Content: &Content{}}})
	if got := tree.HashAlgorithm(); got != 0 {
		t.Errorf("of a tree without digests: %v", got)
	}
	for _, algorithm := range []fsverity.Algorithm{fsverity.SHA256, fsverity.SHA512} {
		tree.Lookup("/a").Node.Put(Dirent{Name: "x", Node: &Node{Kind: Regular, Size: 1, Content: External(fsverity.SumBytes(algorithm, nil))}})
		if got := tree.HashAlgorithm(); got != algorithm {
			t.Errorf("got %v, want %v", got, algorithm)
		}
	}
}

// TestClone: a clone has the same shape, hardlinks included, and changes of one
// tree do not reach the other.
func TestClone(t *testing.T) {
	tree := treeOf("/d/", "/d/e/", "/d/e/f")
	content := &Content{Inline: []byte("text")}
	file := &Node{Kind: Regular, Size: 4, Content: content, Xattrs: Xattrs{{"user.a", "1"}}}
	origin := &Origin{Entry: 3}
	tree.Root.Put(Dirent{Name: "x", Node: file, Origin: origin})
	tree.Lookup("/d").Node.Put(Dirent{Name: "y", Node: file, Hardlink: true})
	tree.NewestEntry, tree.Markers = Time{Sec: 5}, []Marker{{Path: "/gone"}}

	clone := tree.Clone()
	before := treeText(tree)
	if diff := cmp.Diff(before, treeText(clone)); diff != "" {
		t.Fatalf("tree -, clone +\n%s", diff)
	}
	x, y := clone.Lookup("/x"), clone.Lookup("/d/y")
	if x.Node != y.Node || x.Node == file || x.Origin != origin || !y.Hardlink || x.Node.Content != content {
		t.Errorf("the hardlinks are %+v and %+v", x, y)
	}
	if clone.NewestEntry != tree.NewestEntry || len(clone.Markers) != 1 {
		t.Errorf("what the layers said is %+v", clone)
	}

	x.Node.Xattrs.Set("user.a", "2")
	x.Node.UID = 7
	clone.Lookup("/d/e").Node.Remove("f")
	clone.Root.Put(Dirent{Name: "new", Node: &Node{Kind: FIFO}})
	if diff := cmp.Diff(before, treeText(tree)); diff != "" {
		t.Errorf("a change of the clone changed the tree:\n%s", diff)
	}
}

// treeText is a tree with what Clone must copy.
func treeText(tree *Tree) []string {
	var text []string
	for path, e := range tree.All() {
		text = append(text, fmt.Sprintf("%s %v %d %d %v %v", path, e.Node.Kind, e.Node.UID, e.Node.Size, e.Node.Xattrs, e.Hardlink))
	}
	return text
}

// TestGrow: room for names changes nothing that can be seen.
func TestGrow(t *testing.T) {
	dir := &Node{Kind: Directory}
	dir.Grow(10)
	if len(dir.Children()) != 0 || dir.Child("a") != nil {
		t.Errorf("%d children", len(dir.Children()))
	}
	for _, name := range []string{"b", "a", "c"} {
		dir.Put(Dirent{Name: name})
	}
	dir.Grow(1000)
	var names []string
	for _, e := range dir.Children() {
		names = append(names, e.Name)
	}
	if !slices.Equal(names, []string{"a", "b", "c"}) {
		t.Errorf("names %q", names)
	}
}
