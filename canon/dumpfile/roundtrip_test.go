package dumpfile_test

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cfsverify/canon"
	"cfsverify/canon/fsverity"
	"cfsverify/testdata/trees"
)

// row is a name of a tree with all that its inode holds, to compare trees.
type row struct {
	Path    string
	Place   string // which of the node's names has its place
	Node    canon.Node
	Inline  string
	Digest  string
	Payload string
	Content bool
}

func rows(tree *canon.Tree) []row {
	places := map[*canon.Node]string{}
	for _, hardlink := range []bool{false, true} {
		for path, e := range tree.All() {
			if e.Hardlink == hardlink && places[e.Node] == "" {
				places[e.Node] = path
			}
		}
	}
	var all []row
	for path, e := range tree.All() {
		n := e.Node
		r := row{Path: path, Place: places[n], Node: canon.Node{
			Kind: n.Kind, Perm: n.Perm, UID: n.UID, GID: n.GID, Rdev: n.Rdev, Nlink: n.Nlink,
			Mtime: n.Mtime, Size: n.Size, Xattrs: n.Xattrs, Target: n.Target,
		}}
		if c := n.Content; c != nil {
			r.Content, r.Inline, r.Digest, r.Payload = true, string(c.Inline), c.Digest.String(), c.Payload()
		}
		all = append(all, r)
	}
	return all
}

func diff(a, b *canon.Tree) string {
	return cmp.Diff(rows(a), rows(b), cmp.AllowUnexported(canon.Node{}), cmp.Comparer(func(x, y canon.Xattrs) bool {
		if len(x) != len(y) {
			return false
		}
		for i := range x {
			if x[i] != y[i] {
				return false
			}
		}
		return true
	}))
}

func TestVectorsAreFixedPoints(t *testing.T) {
	for _, v := range vectors(t) {
		t.Run(v.name, func(t *testing.T) {
			tree, err := parse(v.dump, strict)
			if err != nil {
				t.Fatal(err)
			}
			if err := tree.Validate(); err != nil {
				t.Fatal(err)
			}
			once := write(t, tree)
			if lines, want := strings.Count(once, "\n"), strings.Count(v.dump, "\n"); lines != want {
				t.Errorf("%d lines became %d", want, lines)
			}
			again, err := parse(once, strict)
			if err != nil {
				t.Fatal(err)
			}
			if d := diff(tree, again); d != "" {
				t.Errorf("the tree changed:\n%s", d)
			}
			if twice := write(t, again); twice != once {
				t.Error("the second Write differs from the first")
			}
		})
	}
}

func TestRandomTreesComeBack(t *testing.T) {
	for seed := range uint64(150) {
		g := trees.Generator{Rand: rand.New(rand.NewPCG(seed, 0)), Algorithm: fsverity.SHA256}
		if seed%3 == 0 {
			g.Algorithm = fsverity.SHA512
		}
		tree := g.Tree()
		if err := tree.Validate(); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		dump := write(t, tree)
		again, err := parse(dump, strict)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if d := diff(tree, again); d != "" {
			t.Fatalf("seed %d:\n%s", seed, d)
		}
		if write(t, again) != dump {
			t.Fatalf("seed %d: the second Write differs from the first", seed)
		}
		shuffled, err := parse(shuffle(g.Rand, dump), strict)
		if err != nil {
			t.Fatalf("seed %d, shuffled: %v", seed, err)
		}
		if write(t, shuffled) != dump {
			t.Fatalf("seed %d: the order of lines matters", seed)
		}
	}
}

// shuffle moves lines of a dump file, parents staying before children.
func shuffle(g *rand.Rand, dump string) string {
	lines := strings.Split(strings.TrimSuffix(dump, "\n"), "\n")
	depth := func(line string) int {
		path, _, _ := strings.Cut(line, " ")
		if path == "/" {
			return 0
		}
		return strings.Count(path, "/")
	}
	g.Shuffle(len(lines), func(i, j int) { lines[i], lines[j] = lines[j], lines[i] })
	var out strings.Builder
	for d, left := 0, len(lines); left > 0; d++ {
		for _, line := range lines {
			if depth(line) == d {
				out.WriteString(line + "\n")
				left--
			}
		}
	}
	return out.String()
}
