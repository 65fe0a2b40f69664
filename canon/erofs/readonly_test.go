package erofs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"cfsverify/canon"
	"cfsverify/canon/dumpfile"
	"cfsverify/canon/fsverity"
)

// Images of one tree can be written at the same time, and writing leaves it as
// it was. The race detector is what finds a change.
func TestWriteOnlyReads(t *testing.T) {
	for _, name := range []string{"hardlinks", "whiteout-at-root", "random-7-011", "xattr-overlay-escape"} {
		tree := parseVector(t, name)
		before := dump(t, tree)
		var wg sync.WaitGroup
		for i := range 2 * len(formats()) {
			wg.Go(func() {
				if err := Write(io.Discard, tree, formats()[i%len(formats())]); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if !bytes.Equal(before, dump(t, tree)) {
			t.Errorf("%s: writing changed the tree", name)
		}
	}
}

func dump(t *testing.T, tree *canon.Tree) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := dumpfile.Write(&b, tree); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// The order in which names came into a tree does not matter.
func TestOrderOfInput(t *testing.T) {
	names := []string{".-", "+", "-", "..."}
	for i := range 300 {
		names = append(names, fmt.Sprintf("%02x", i))
	}
	rng := rand.New(rand.NewPCG(3, 4))
	for _, o := range formats() {
		var want fsverity.Digest
		for range 10 {
			rng.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
			tree := canon.NewTree()
			sub := &canon.Node{Kind: canon.Directory}
			tree.Root.Put(canon.Dirent{Name: "sub", Node: sub})
			for _, name := range names {
				n := &canon.Node{Kind: canon.Regular, Nlink: 2, Mtime: canon.Time{Sec: int64(len(name))}}
				n.Xattrs.Set("user.name", name)
				tree.Root.Put(canon.Dirent{Name: name, Node: n})
				sub.Put(canon.Dirent{Name: name, Node: n})
			}
			got, err := digestOf(tree, o, fsverity.SHA256)
			if err != nil {
				t.Fatal(err)
			}
			if want.IsZero() {
				want = got
			}
			if got != want {
				t.Errorf("version %d by %v: %v, want %v as before", o.Version, o.Writer, got, want)
			}
		}
	}
}

// Directories may be as deep as their paths could not be given to a system
// call any more.
func TestDeepTree(t *testing.T) {
	const depth = 2500
	tree := canon.NewTree()
	dir := tree.Root
	for range depth {
		next := &canon.Node{Kind: canon.Directory}
		dir.Put(canon.Dirent{Name: strings.Repeat("d", canon.NameMax), Node: next})
		dir = next
	}
	dir.Put(canon.Dirent{Name: "file", Node: &canon.Node{Kind: canon.Regular, Nlink: 1}})
	for _, version := range []Version{V0, V1, V2} {
		var img bytes.Buffer
		if err := Write(&img, tree, Options{Version: version}); err != nil {
			t.Fatal(err)
		}
		want := uint64(depth + 2)
		if version != V2 {
			want += 256 // the stubs
		}
		if inodes := le.Uint64(img.Bytes()[1024+16:]); inodes != want {
			t.Errorf("version %d: %d inodes, want %d", version, inodes, want)
		}
	}
}

type failingWriter struct{ left int }

var errFull = errors.New("no space left")

func (f *failingWriter) Write(p []byte) (int, error) {
	if f.left -= len(p); f.left < 0 {
		return 0, errFull
	}
	return len(p), nil
}

func TestWriteError(t *testing.T) {
	tree := parseVector(t, "debian-bookworm-minbase")
	for _, size := range []int{0, 70_000, 1_000_000} {
		if err := Write(&failingWriter{size}, tree, Options{}); !errors.Is(err, errFull) {
			t.Errorf("error %v after %d bytes, want %v", err, size, errFull)
		}
	}
}
