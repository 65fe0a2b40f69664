package compare

import (
	"errors"
	"math/rand/v2"
	"testing"

	"cfsverify/canon"
	"cfsverify/canon/erofs"
	"cfsverify/canon/fsverity"
	"cfsverify/canon/policy"
	"cfsverify/canon/recipe"
	"cfsverify/testdata/trees"
)

// mutation changes a tree as bytes say: each three choose an entry, another one,
// and what to do.
func mutate(t *canon.Tree, data []byte) {
	for ; len(data) >= 3; data = data[3:] {
		var all []*canon.Dirent
		var dirs []*canon.Node
		parents := map[*canon.Dirent]*canon.Node{}
		for path, e := range t.All() {
			if path == "/" {
				dirs = append(dirs, e.Node)
				continue
			}
			all = append(all, e)
			parents[e] = dirs[0]
			if e.Node.Kind == canon.Directory {
				dirs = append(dirs, e.Node)
			}
		}
		for _, dir := range dirs {
			for _, child := range dir.Children() {
				for _, e := range all {
					if e.Name == child.Name && e.Node == child.Node {
						parents[e] = dir
					}
				}
			}
		}
		if len(all) == 0 {
			return
		}
		e, other := all[int(data[0])%len(all)], all[int(data[1])%len(all)]
		change(t, e, other, parents, dirs[int(data[1])%len(dirs)], data[2])
	}
	t.CountLinks()
}

func change(t *canon.Tree, e, other *canon.Dirent, parents map[*canon.Dirent]*canon.Node, dir *canon.Node, what byte) {
	n := e.Node
	bit := uint(what >> 4)
	switch what % 16 {
	case 0:
		n.Perm ^= 1 << (bit % 12)
	case 1:
		n.UID ^= 1 << bit
	case 2:
		n.GID ^= 1 << (2 * bit)
	case 3:
		n.Mtime.Sec ^= 1 << bit
	case 4:
		n.Mtime.Nsec ^= 1 << bit
	case 5:
		n.Xattrs = n.Xattrs.Clone()
		n.Xattrs.Set("user.fuzz", string(rune(what)))
	case 6:
		n.Xattrs = n.Xattrs.Clone()
		for _, x := range n.Xattrs {
			n.Xattrs.Set(x.Name, x.Value+"x")
		}
	case 7:
		parents[e].Remove(e.Name)
	case 8:
		moved := *e
		moved.Name += string('a' + rune(bit))
		parents[e].Remove(e.Name)
		parents[e].Put(moved)
	case 9:
		if n.Kind != canon.Directory && dir.Child("link") == nil {
			dir.Put(canon.Dirent{Name: "link", Node: n, Hardlink: bit%2 == 0})
		}
	case 10:
		if n.Kind != canon.Directory {
			own := *n
			e.Node = &own
		}
	case 11:
		e.Hardlink = !e.Hardlink
	case 12:
		if n.Kind == canon.Symlink {
			n.Target += "x"
		} else if n.Kind.IsDevice() {
			n.Rdev ^= 1 << bit
		}
	case 13:
		if n.Kind == canon.Regular {
			n.Size ^= 1 << bit
		}
	case 14:
		if n.Kind == canon.Regular && other.Node.Kind == canon.Regular {
			n.Content, n.Size = other.Node.Content, other.Node.Size
		}
	case 15:
		t.Root.Perm ^= 1 << (bit % 12)
	}
}

// FuzzTrees: there is no difference exactly if the images are the same.
func FuzzTrees(f *testing.F) {
	for what := range byte(16) {
		f.Add(uint64(what), byte(what%5), false, []byte{what * 7, what * 3, what | 0x30})
		f.Add(uint64(what)+100, byte(what%5), false, []byte{3, 1, what, 3, 1, what})
		f.Add(uint64(what), byte(what%5), true, []byte{what * 7, what * 3, what | 0x30, what * 5, what * 11, what | 0x70})
	}
	f.Fuzz(func(t *testing.T, seed uint64, format byte, corners bool, data []byte) {
		r := recipe.Recipe{Version: erofs.Version(format % 5 % 3), Hash: fsverity.SHA256, Policy: policy.Raw()}
		if format%5 > 2 {
			r.Writer = erofs.Mkcomposefs
		}
		g := trees.Generator{Rand: rand.New(rand.NewPCG(seed, 0)), Algorithm: fsverity.SHA256}
		a := g.Tree()
		if corners {
			a = g.CornerTree()
		}
		b := a.Clone()
		mutate(b, data[:min(len(data), 60)])
		a.CountLinks()
		if a.Validate() != nil || b.Validate() != nil {
			return
		}
		digestA, errA := r.Sum(a)
		digestB, errB := r.Sum(b)
		if errA != nil || errB != nil {
			return
		}
		if err := errors.Join(r.Prepare(a), r.Prepare(b)); err != nil {
			t.Fatal(err)
		}
		differences := Trees(a, b)
		if (len(differences) == 0) != (digestA == digestB) {
			t.Errorf("version %d by %v: digests %v and %v, differences %q", r.Version, r.Writer, digestA, digestB, describe(differences))
		}
	})
}
