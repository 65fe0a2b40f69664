package erofs_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"cfsverify/canon"
	"cfsverify/canon/erofs"
	"cfsverify/canon/fsverity"
	"cfsverify/compare"
	"cfsverify/testdata/trees"
)

// describe is what compare finds, for messages.
func describe(differences []compare.Difference) string {
	var b strings.Builder
	for _, d := range differences {
		fmt.Fprintf(&b, "%q %s %v\n", d.Path, d.Status, d.Changes)
	}
	return b.String()
}

// formats are all that images can be written in.
func formats() []erofs.Options {
	return []erofs.Options{
		{Version: erofs.V0, Writer: erofs.ComposefsRS}, {Version: erofs.V1, Writer: erofs.ComposefsRS}, {Version: erofs.V2, Writer: erofs.ComposefsRS},
		{Version: erofs.V0, Writer: erofs.Mkcomposefs}, {Version: erofs.V1, Writer: erofs.Mkcomposefs},
	}
}

// randomTrees calls do with trees that an image can hold.
func randomTrees(t *testing.T, o erofs.Options, do func(seed uint64, tree *canon.Tree, image []byte)) {
	t.Helper()
	written := 0
	for seed := range uint64(300) {
		g := trees.Generator{Rand: rand.New(rand.NewPCG(seed, 7)), Algorithm: fsverity.SHA256}
		if seed%3 == 0 {
			g.Algorithm = fsverity.SHA512
		}
		tree := g.Tree()
		var image bytes.Buffer
		if err := erofs.Write(&image, tree, o); err != nil {
			if image.Len() > 0 {
				t.Fatalf("seed %d: %v after %d bytes", seed, err, image.Len())
			}
			continue
		}
		written++
		do(seed, tree, image.Bytes())
	}
	if written < 100 {
		t.Errorf("only %d of the random trees could be written", written)
	}
}

// Write, read, write: the tree and the image are the same again.
func TestRandomTreesComeBack(t *testing.T) {
	for _, o := range formats() {
		randomTrees(t, o, func(seed uint64, tree *canon.Tree, image []byte) {
			read, err := erofs.Read(image, o.Writer)
			if err != nil {
				t.Fatalf("%v, seed %d: %v", o, seed, err)
			}
			erofs.Fit(tree, o)
			if o.Writer == erofs.ComposefsRS {
				// Which of several names is an inode's place follows from the names.
				read.Tree.CountLinks()
			}
			if d := compare.Trees(tree, read.Tree); len(d) > 0 {
				t.Fatalf("%v, seed %d: what was read differs:\n%s", o, seed, describe(d))
			}
			var again bytes.Buffer
			if err := erofs.Write(&again, read.Tree, o); err != nil {
				t.Fatalf("%v, seed %d: %v", o, seed, err)
			}
			if !bytes.Equal(image, again.Bytes()) {
				t.Fatalf("%v, seed %d: the image of what was read is another one", o, seed)
			}
		})
	}
}

// mutations each change one attribute of one inode, if they can.
var mutations = map[string]func(n *canon.Node) bool{
	"mode":  func(n *canon.Node) bool { n.Perm ^= 0o001; return true },
	"uid":   func(n *canon.Node) bool { n.UID++; return true },
	"gid":   func(n *canon.Node) bool { n.GID ^= 1 << 20; return true },
	"mtime": func(n *canon.Node) bool { n.Mtime.Sec ^= 1; return true },
	"nsec":  func(n *canon.Node) bool { n.Mtime.Nsec ^= 1; return true },
	"xattr": func(n *canon.Node) bool {
		n.Xattrs = n.Xattrs.Clone()
		n.Xattrs.Set("user.mutation", "")
		return true
	},
	"nlink":  func(n *canon.Node) bool { n.Nlink ^= 1; return n.Kind != canon.Directory },
	"target": func(n *canon.Node) bool { n.Target += "x"; return n.Kind == canon.Symlink },
	"rdev": func(n *canon.Node) bool {
		if !n.Kind.IsDevice() || n.IsWhiteout() {
			return false
		}
		n.Rdev ^= 0x200
		return true
	},
	"content": func(n *canon.Node) bool {
		if n.Content == nil || n.Content.Inline == nil {
			return false
		}
		inline := bytes.Clone(n.Content.Inline)
		inline[0] ^= 1
		n.Content = &canon.Content{Inline: inline}
		return true
	},
	"digest": func(n *canon.Node) bool {
		if n.Content == nil || n.Content.Digest.IsZero() {
			return false
		}
		n.Content = canon.External(fsverity.SumBytes(n.Content.Digest.Algorithm(), []byte("mutation")))
		return true
	},
}

// Any change of one attribute gives another image. Version 2 has no nanoseconds, and
// composefs-rs no link counts but true ones.
func TestEveryAttributeReachesTheImage(t *testing.T) {
	for _, o := range formats() {
		lacks := func(attribute string) bool {
			return attribute == "nsec" && o.Version == erofs.V2 || attribute == "nlink" && o.Writer == erofs.ComposefsRS
		}
		count := map[string]int{}
		randomTrees(t, o, func(seed uint64, tree *canon.Tree, image []byte) {
			for name, mutate := range mutations {
				if lacks(name) {
					continue
				}
				rng := rand.New(rand.NewPCG(seed, 8))
				if n, same := changeOne(tree, o, image, rng, mutate); n != nil {
					count[name]++
					if same {
						t.Errorf("%v, seed %d: another %s of a %v gives the same image", o, seed, name, n.Kind)
					}
				}
			}
		})
		for name := range mutations {
			if count[name] < 10 && !lacks(name) {
				t.Errorf("%v: %s was changed only %d times", o, name, count[name])
			}
		}
	}
}

// changeOne changes an inode that mutate can change, says if the image stays
// the same, and undoes the change.
func changeOne(tree *canon.Tree, o erofs.Options, image []byte, rng *rand.Rand, mutate func(*canon.Node) bool) (n *canon.Node, same bool) {
	var nodes []*canon.Node
	for e := range tree.Dirents() {
		nodes = append(nodes, e.Node)
	}
	rng.Shuffle(len(nodes), func(i, j int) { nodes[i], nodes[j] = nodes[j], nodes[i] })
	for _, n := range nodes {
		before := *n
		if mutate(n) {
			var other bytes.Buffer
			err := erofs.Write(&other, tree, o)
			*n = before
			return n, err == nil && bytes.Equal(image, other.Bytes())
		}
		*n = before
	}
	return nil, false
}
