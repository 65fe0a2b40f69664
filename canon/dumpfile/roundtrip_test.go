package dumpfile_test

import (
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cfsverify/canon"
	"cfsverify/canon/fsverity"
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
		g := generator{rand.New(rand.NewPCG(seed, 0)), fsverity.SHA256}
		if seed%3 == 0 {
			g.algorithm = fsverity.SHA512
		}
		tree := g.tree()
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
		shuffled, err := parse(g.shuffle(dump), strict)
		if err != nil {
			t.Fatalf("seed %d, shuffled: %v", seed, err)
		}
		if write(t, shuffled) != dump {
			t.Fatalf("seed %d: the order of lines matters", seed)
		}
	}
}

// generator makes random trees.
type generator struct {
	*rand.Rand
	algorithm fsverity.Algorithm
}

// bytes has at most max bytes, odd ones among them, but none of without.
func (g generator) bytes(max int, without string) string {
	const odd = "\x00\n\r\t \\=-./@xn\x7f\x80\xff"
	b := make([]byte, 0, max)
	for range g.IntN(max + 1) {
		c := byte(g.IntN(256))
		if g.IntN(2) == 0 {
			c = odd[g.IntN(len(odd))]
		}
		if strings.IndexByte(without, c) < 0 {
			b = append(b, c)
		}
	}
	return string(b)
}

func (g generator) pick(values ...uint64) uint64 { return values[g.IntN(len(values))] }

func (g generator) tree() *canon.Tree {
	tree := canon.NewTree()
	g.stat(tree.Root)
	dirs, files := []*canon.Node{tree.Root}, []*canon.Node(nil)
	for i := range g.IntN(120) {
		dir := dirs[g.IntN(len(dirs))]
		name := g.bytes(12, "/\x00")
		if canon.ValidName(name) != nil || dir.Child(name) != nil {
			name = "n" + strconv.Itoa(i)
		}
		if len(files) > 0 && g.IntN(5) == 0 {
			dir.Put(canon.Dirent{Name: name, Node: files[g.IntN(len(files))], Hardlink: g.IntN(2) == 0})
			continue
		}
		n := g.node()
		dir.Put(canon.Dirent{Name: name, Node: n, Hardlink: n.Kind != canon.Directory && g.IntN(4) == 0})
		if n.Kind == canon.Directory {
			dirs = append(dirs, n)
		} else {
			files = append(files, n)
		}
	}
	return tree
}

func (g generator) stat(n *canon.Node) {
	n.Perm = uint16(g.IntN(0o10000))
	n.UID = uint32(g.pick(0, 0, 1000, 70000, math.MaxUint32))
	n.GID = uint32(g.pick(0, 0, 1000, 70000, math.MaxUint32))
	n.Mtime.Sec = int64(g.pick(0, 1700000000, math.MaxInt64, math.MaxUint64, 1<<63))
	n.Mtime.Nsec = uint32(g.pick(0, 5, 999999999, math.MaxUint32))
	for range g.IntN(4) * g.IntN(2) {
		if name := g.bytes(10, "\x00"); name != "" {
			n.Xattrs.Set(name, g.bytes(40, ""))
		}
	}
}

func (g generator) node() *canon.Node {
	n := &canon.Node{Kind: canon.Regular + canon.Kind(g.IntN(int(canon.Socket)))}
	g.stat(n)
	if n.Kind != canon.Directory {
		n.Nlink = uint32(g.pick(0, 1, 1, 2, 70000, math.MaxUint32))
	}
	switch {
	case n.Kind == canon.Symlink:
		n.Target = "t" + g.bytes(20, "\x00")
		if g.IntN(4) == 0 {
			n.Target = "-"
		}
	case n.Kind.IsDevice():
		n.Rdev = uint32(g.pick(0, 259, math.MaxUint32))
		if !n.IsWhiteout() {
			n.Size = g.pick(0, canon.HugeSize)
		}
	case n.Kind == canon.FIFO || n.Kind == canon.Socket:
		n.Size = g.pick(0, canon.HugeSize)
	case n.Kind == canon.Regular:
		g.content(n)
	}
	return n
}

func (g generator) content(n *canon.Node) {
	sum := make([]byte, g.algorithm.Size())
	for i := range sum {
		sum[i] = byte(g.IntN(256))
	}
	d, err := fsverity.NewDigest(g.algorithm, sum)
	if err != nil {
		panic(err)
	}
	n.Size = g.pick(1, 4096, math.MaxUint32, math.MaxUint64)
	switch g.IntN(6) {
	case 0:
		n.Size = 0
	case 1:
		n.Content = &canon.Content{Inline: []byte("-" + g.bytes(100, ""))}
		n.Size = uint64(len(n.Content.Inline))
	case 2:
		n.Content = canon.External(d)
	case 3:
		n.Content = &canon.Content{Digest: d}
		n.Content.SetPayload(g.bytes(30, "\x00"))
	case 4:
		n.Content = &canon.Content{Digest: d}
	case 5:
		n.Content = &canon.Content{}
		n.Content.SetPayload(g.bytes(30, "\x00"))
	}
}

// shuffle moves lines of a dump file, parents staying before children.
func (g generator) shuffle(dump string) string {
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
