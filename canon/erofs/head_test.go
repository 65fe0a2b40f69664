package erofs_test

import (
	"bytes"
	"slices"
	"testing"

	"cfsverify/canon"
	"cfsverify/canon/erofs"
)

// roots are metadata that a root directory may have, those of a policy's rules among
// them.
func roots(own *canon.Node) []*canon.Node {
	var list []*canon.Node
	for _, change := range []func(n *canon.Node){
		func(n *canon.Node) {},
		func(n *canon.Node) { n.Perm ^= 0o111 },
		func(n *canon.Node) { n.Mtime.Sec++ },
		func(n *canon.Node) { n.Mtime = canon.Time{Sec: 1 << 40, Nsec: 7} },
		func(n *canon.Node) { n.Mtime = canon.Time{} },
		func(n *canon.Node) { n.UID, n.GID = 7, 70 },
		func(n *canon.Node) { n.UID = 1 << 20 },
		func(n *canon.Node) { n.Xattrs.Set("user.x", "y") },
		func(n *canon.Node) { n.Xattrs = nil },
	} {
		n := *own
		n.Xattrs = n.Xattrs.Clone()
		change(&n)
		list = append(list, &n)
	}
	return list
}

// TestHead: a head with what is written behind it is the image that is written of the
// tree with that root, by those options.
func TestHead(t *testing.T) {
	heads := map[[2]erofs.Options]int{}
	for _, by := range formats() {
		randomTrees(t, by, func(seed uint64, tree *canon.Tree, image []byte) {
			if seed%2 == 0 {
				// Inodes that are as old as the root have the compact form.
				for e := range tree.Dirents() {
					e.Node.Mtime = canon.Time{Sec: 5}
				}
			}
			layout, err := erofs.LayOut(tree, by)
			if err != nil {
				t.Fatal(err)
			}
			var written bytes.Buffer
			if err := layout.Write(&written); err != nil {
				t.Fatal(err)
			}
			for _, o := range formats() {
				for i, root := range roots(tree.Root) {
					head := layout.Head(o, root)
					if head == nil {
						continue
					}
					heads[[2]erofs.Options{by, o}]++
					var want bytes.Buffer
					if err := erofs.Write(&want, &canon.Tree{Root: root}, o); err != nil {
						t.Fatal(err)
					}
					if got := slices.Concat(head, written.Bytes()[len(head):]); !bytes.Equal(got, want.Bytes()) || len(head)%4096 != 0 {
						t.Fatalf("seed %d, %+v by %+v, root %d: a head of %d bytes gives another image", seed, o, by, i, len(head))
					}
				}
			}
		})
	}
	for _, by := range formats() {
		for _, o := range formats() {
			pair := [2]erofs.Options{by, o}
			switch alike := by.Writer == o.Writer && (by.Version == erofs.V2) == (o.Version == erofs.V2); {
			case alike && heads[pair] < 300:
				t.Errorf("%+v by %+v: only %d heads", o, by, heads[pair])
			case !alike && heads[pair] > 0:
				t.Errorf("%+v by %+v: %d heads", o, by, heads[pair])
			}
		}
	}
}

// TestHeadRefuses: where more than the head would differ, there is none.
func TestHeadRefuses(t *testing.T) {
	tree := canon.NewTree()
	tree.Root.Mtime = canon.Time{Sec: 5}
	tree.Root.Put(canon.Dirent{Name: "f", Node: &canon.Node{Kind: canon.FIFO, Nlink: 1, Mtime: canon.Time{Sec: 5}}})
	holding := canon.NewTree()
	holding.Root.Put(canon.Dirent{Name: "w", Node: &canon.Node{Kind: canon.CharDevice, Nlink: 1}})
	// In a root of mode 0 it is like a stub.
	stub := canon.NewTree()
	stub.Root.Put(canon.Dirent{Name: "00", Node: &canon.Node{Kind: canon.CharDevice, Perm: 0o644, Nlink: 1}})
	same := func(*canon.Node) {}
	v0, v1, v2 := erofs.Options{Version: erofs.V0}, erofs.Options{Version: erofs.V1}, erofs.Options{Version: erofs.V2}
	mkcomposefs := erofs.Options{Version: erofs.V1, Writer: erofs.Mkcomposefs}
	for what, c := range map[string]struct {
		tree   *canon.Tree
		by, o  erofs.Options
		change func(*canon.Node)
	}{
		"an older root":          {tree, v1, v1, func(n *canon.Node) { n.Mtime.Sec = 4 }},
		"a newer root":           {tree, v1, v1, func(n *canon.Node) { n.Mtime.Sec = 6 }},
		"a root before 1970":     {tree, mkcomposefs, mkcomposefs, func(n *canon.Node) { n.Mtime.Sec = -1 }},
		"a large owner":          {tree, v1, v0, func(n *canon.Node) { n.UID = 1 << 16 }},
		"an xattr":               {tree, v2, v2, func(n *canon.Node) { n.Xattrs = canon.Xattrs{{Name: "user.x"}} }},
		"no such mode":           {tree, v2, v2, func(n *canon.Node) { n.Perm = 1 << 12 }},
		"no such version":        {tree, v1, erofs.Options{Version: 3}, same},
		"whiteouts, version 0":   {holding, v1, v0, same},
		"whiteouts, version 1":   {holding, v0, v1, same},
		"version 1 by version 2": {tree, v2, v1, same},
		"another writer":         {tree, v1, mkcomposefs, same},
		"a stub of another root": {stub, v1, v1, func(n *canon.Node) { n.UID = 1 }},
	} {
		layout, err := erofs.LayOut(c.tree, c.by)
		if err != nil {
			t.Fatal(err)
		}
		root := *c.tree.Root
		c.change(&root)
		if head := layout.Head(c.o, &root); head != nil {
			t.Errorf("%s: a head of %d bytes", what, len(head))
		}
	}
}
