package canon

import (
	"iter"
	"strings"

	"cfsverify/canon/fsverity"
)

// Tree is a root file system.
type Tree struct {
	Root *Node
	// RootOrigin is set when a layer has an entry for the root itself.
	RootOrigin *Origin
	// Markers and Superseded are the entries of an image's layers that made no name
	// of the tree, in the order in which the layers have them.
	Markers    []Marker
	Superseded []Superseded
	// NewestEntry is the newest mtime of all entries of the layers, including
	// markers and entries that later ones replaced or hid.
	NewestEntry Time
}

// NewTree returns a tree with an empty root directory of mode 0.
func NewTree() *Tree { return &Tree{Root: &Node{Kind: Directory}} }

// All yields every name with its path ("/" for the root), a directory before
// what is in it, the names of a directory in the order of their bytes. The
// dirents are the tree's own; the tree must not change meanwhile.
func (t *Tree) All() iter.Seq2[string, *Dirent] {
	return func(yield func(string, *Dirent) bool) {
		root := Dirent{Node: t.Root, Origin: t.RootOrigin}
		if yield("/", &root) {
			walk("/", t.Root, yield)
		}
	}
}

func walk(dir string, n *Node, yield func(string, *Dirent) bool) bool {
	children := n.Children()
	for i := range children {
		e := &children[i]
		path := dir + e.Name
		if !yield(path, e) {
			return false
		}
		if e.Node.Kind == Directory && !walk(path+"/", e.Node, yield) {
			return false
		}
	}
	return true
}

// Dirents yields what All does, without the paths, which take longer to make
// than to visit the tree.
func (t *Tree) Dirents() iter.Seq[*Dirent] {
	return func(yield func(*Dirent) bool) {
		root := Dirent{Node: t.Root, Origin: t.RootOrigin}
		if yield(&root) {
			visit(t.Root, yield)
		}
	}
}

func visit(n *Node, yield func(*Dirent) bool) bool {
	children := n.Children()
	for i := range children {
		e := &children[i]
		if !yield(e) || e.Node.Kind == Directory && !visit(e.Node, yield) {
			return false
		}
	}
	return true
}

// Lookup returns the dirent at an absolute path, or nil. It follows no
// symlinks. The path "/" gives a dirent without a name.
func (t *Tree) Lookup(path string) *Dirent {
	e := &Dirent{Node: t.Root, Origin: t.RootOrigin}
	for name := range strings.SplitSeq(strings.Trim(path, "/"), "/") {
		if name == "" {
			continue
		}
		if e = e.Node.Child(name); e == nil {
			return nil
		}
	}
	return e
}

// CountLinks sets Nlink of every non-directory to the number of its names,
// removes all Hardlink marks, and returns the number of inodes.
// Importers end with it; from then on reading the tree from several goroutines
// is safe.
func (t *Tree) CountLinks() int {
	inodes := 0
	for e := range t.Dirents() {
		e.Node.Nlink, e.Hardlink = 0, false
	}
	for e := range t.Dirents() {
		if e.Node.Kind == Directory {
			inodes++
			continue
		}
		if e.Node.Nlink++; e.Node.Nlink == 1 {
			inodes++
		}
	}
	return inodes
}

// Sort puts all directories in order now, since reading an unordered one changes
// it, and gives back memory that only more dirents would need.
func (t *Tree) Sort() {
	for e := range t.Dirents() {
		if e.Node.dir != nil {
			e.Node.dir.clip()
		}
	}
}

// HashAlgorithm is the algorithm of the tree's content digests, 0 if it has none.
func (t *Tree) HashAlgorithm() fsverity.Algorithm {
	for e := range t.Dirents() {
		if c := e.Node.Content; c != nil && !c.Digest.IsZero() {
			return c.Digest.Algorithm()
		}
	}
	return 0
}
