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

// randomTrees calls do with trees that the version can hold.
func randomTrees(t *testing.T, version erofs.Version, do func(seed uint64, tree *canon.Tree, image []byte)) {
	t.Helper()
	written := 0
	for seed := range uint64(300) {
		g := trees.Generator{Rand: rand.New(rand.NewPCG(seed, 7)), Algorithm: fsverity.SHA256}
		if seed%3 == 0 {
			g.Algorithm = fsverity.SHA512
		}
		tree := g.Tree()
		var image bytes.Buffer
		if err := erofs.Write(&image, tree, erofs.Options{Version: version}); err != nil {
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
	for _, version := range []erofs.Version{erofs.V0, erofs.V1, erofs.V2} {
		randomTrees(t, version, func(seed uint64, tree *canon.Tree, image []byte) {
			read, err := erofs.Read(image)
			if err != nil {
				t.Fatalf("version %d, seed %d: %v", version, seed, err)
			}
			erofs.Fit(tree, version)
			if d := compare.Trees(tree, read.Tree); len(d) > 0 {
				t.Fatalf("version %d, seed %d: what was read differs:\n%s", version, seed, describe(d))
			}
			var again bytes.Buffer
			if err := erofs.Write(&again, read.Tree, erofs.Options{Version: version}); err != nil {
				t.Fatalf("version %d, seed %d: %v", version, seed, err)
			}
			if !bytes.Equal(image, again.Bytes()) {
				t.Fatalf("version %d, seed %d: the image of what was read is another one", version, seed)
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

// Any change of one attribute gives another image. Version 2 has neither
// nanoseconds nor link counts of its own.
func TestEveryAttributeReachesTheImage(t *testing.T) {
	for _, version := range []erofs.Version{erofs.V0, erofs.V1, erofs.V2} {
		count := map[string]int{}
		randomTrees(t, version, func(seed uint64, tree *canon.Tree, image []byte) {
			for name, mutate := range mutations {
				if version == erofs.V2 && (name == "nsec" || name == "nlink") {
					continue
				}
				rng := rand.New(rand.NewPCG(seed, 8))
				if n, same := changeOne(tree, version, image, rng, mutate); n != nil {
					count[name]++
					if same {
						t.Errorf("version %d, seed %d: another %s of a %v gives the same image", version, seed, name, n.Kind)
					}
				}
			}
		})
		for name := range mutations {
			if count[name] < 10 && (version != erofs.V2 || name != "nsec" && name != "nlink") {
				t.Errorf("version %d: %s was changed only %d times", version, name, count[name])
			}
		}
	}
}

// changeOne changes an inode that mutate can change, says if the image stays
// the same, and undoes the change.
func changeOne(tree *canon.Tree, version erofs.Version, image []byte, rng *rand.Rand, mutate func(*canon.Node) bool) (n *canon.Node, same bool) {
	var nodes []*canon.Node
	for e := range tree.Dirents() {
		nodes = append(nodes, e.Node)
	}
	rng.Shuffle(len(nodes), func(i, j int) { nodes[i], nodes[j] = nodes[j], nodes[i] })
	for _, n := range nodes {
		before := *n
		if mutate(n) {
			var other bytes.Buffer
			err := erofs.Write(&other, tree, erofs.Options{Version: version})
			*n = before
			return n, err == nil && bytes.Equal(image, other.Bytes())
		}
		*n = before
	}
	return nil, false
}
