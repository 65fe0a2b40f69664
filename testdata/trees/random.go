// Package trees makes trees for tests.
package trees

import (
	"math"
	"math/rand/v2"
	"strconv"
	"strings"

	"cfsverify/canon"
	"cfsverify/canon/fsverity"
)

// Generator makes random trees that are valid, and odd in every way that dump
// files can be: nanoseconds over a second, link counts that are not true.
type Generator struct {
	*rand.Rand
	Algorithm fsverity.Algorithm
}

// bytes has at most max bytes, odd ones among them, but none of without.
func (g Generator) bytes(max int, without string) string {
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

func (g Generator) pick(values ...uint64) uint64 { return values[g.IntN(len(values))] }

// Tree makes a tree of up to 120 entries.
func (g Generator) Tree() *canon.Tree {
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
			n := files[g.IntN(len(files))]
			n.Nlink = max(n.Nlink, 2)
			dir.Put(canon.Dirent{Name: name, Node: n, Hardlink: g.IntN(2) == 0})
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

func (g Generator) stat(n *canon.Node) {
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

func (g Generator) node() *canon.Node {
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

func (g Generator) content(n *canon.Node) {
	sum := make([]byte, g.Algorithm.Size())
	for i := range sum {
		sum[i] = byte(g.IntN(256))
	}
	d, err := fsverity.NewDigest(g.Algorithm, sum)
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
