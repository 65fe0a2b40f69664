package dumpfile_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"cfsverify/canon"
	"cfsverify/canon/dumpfile"
	"cfsverify/canon/fsverity"
)

// withFile is a tree of one file "/f".
func withFile(n *canon.Node) *canon.Tree {
	tree := canon.NewTree()
	tree.Root.Put(canon.Dirent{Name: "f", Node: n})
	return tree
}

func external(payload string) *canon.Content {
	c := &canon.Content{}
	c.SetPayload(payload)
	return c
}

func TestWriteRefuses(t *testing.T) {
	twoDigests := canon.NewTree()
	for name, a := range map[string]fsverity.Algorithm{"a": fsverity.SHA256, "b": fsverity.SHA512} {
		twoDigests.Root.Put(canon.Dirent{Name: name, Node: &canon.Node{
			Kind: canon.Regular, Size: 1, Content: canon.External(fsverity.SumBytes(a, []byte("x"))),
		}})
	}
	deep := canon.NewTree()
	for dir, i := deep.Root, 0; i < 256; i++ {
		child := &canon.Node{Kind: canon.Directory}
		dir.Put(canon.Dirent{Name: repeat("d", 255), Node: child})
		dir = child
	}
	large := func(value string) *canon.Tree {
		return withFile(&canon.Node{Kind: canon.FIFO, Xattrs: canon.Xattrs{{Name: "k", Value: value}}})
	}
	for _, c := range []struct {
		name string
		tree *canon.Tree
		want string // an empty one: no error
	}{
		{"invalid tree", withFile(&canon.Node{Kind: 99}), `"/f": unknown type 99`},
		{"longest content", withFile(&canon.Node{Kind: canon.Regular, Size: 5000, Content: &canon.Content{Inline: make([]byte, 5000)}}), ""},
		{"content too long", withFile(&canon.Node{Kind: canon.Regular, Size: 5001, Content: &canon.Content{Inline: make([]byte, 5001)}}),
			`"/f": the inline content has 5001 bytes, a dump file holds at most 5000`},
		{"longest payload", withFile(&canon.Node{Kind: canon.Regular, Size: 1, Content: external(repeat("p", 4095))}), ""},
		{"payload too long", withFile(&canon.Node{Kind: canon.Regular, Size: 1, Content: external(repeat("p", 4096))}), `"/f": a payload has at most 4095 bytes`},
		{"payload with NUL", withFile(&canon.Node{Kind: canon.Regular, Size: 1, Content: external("a\x00b")}), `"/f": a payload has at most 4095 bytes without NUL`},
		{"largest xattrs", large(repeat("v", 32767-12-8)), ""},
		{"xattrs too large", large(repeat("v", 32767-12-7)), `"/f": the xattrs take 32768 bytes, a dump file holds at most 32767`},
		{"longest text of xattrs", large(repeat("\x00", 16383)), ""},
		{"text of xattrs too long", large(repeat("\x00", 16384)), `"/f": the xattrs take 65538 bytes as text, a dump file holds at most 65535`},
		{"digests of two algorithms", twoDigests, `"/b": a sha512 digest after sha256 ones`},
		{"path too long", deep, "the path has 65536 bytes, a dump file holds at most 65535"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out bytes.Buffer
			err := dumpfile.Write(&out, c.tree)
			if c.want != "" {
				if err == nil || !strings.Contains(err.Error(), c.want) {
					t.Errorf("got %v\nwant %s", err, c.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			again, err := dumpfile.Parse(&out, strict)
			if err != nil {
				t.Fatal(err)
			}
			if d := diff(c.tree, again); d != "" {
				t.Error(d)
			}
		})
	}
}

// full is a writer that takes only so many bytes.
type full struct{ left int }

func (f *full) Write(p []byte) (int, error) {
	if len(p) > f.left {
		return 0, errors.New("disk full")
	}
	f.left -= len(p)
	return len(p), nil
}

func TestWriteError(t *testing.T) {
	tree := canon.NewTree()
	for i := range 10000 {
		tree.Root.Put(canon.Dirent{Name: "n" + repeat("x", i%50) + string(rune(0x100+i)), Node: &canon.Node{Kind: canon.FIFO}})
	}
	for _, left := range []int{0, 100000} {
		if err := dumpfile.Write(&full{left}, tree); err == nil || err.Error() != "disk full" {
			t.Errorf("after %d bytes: got %v, want the writer's error", left, err)
		}
	}
}
