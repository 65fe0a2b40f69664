package erofs_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"cfsverify/canon"
	"cfsverify/canon/dumpfile"
	"cfsverify/canon/erofs"
	"cfsverify/canon/fsverity"
	"cfsverify/compare"
	"cfsverify/testdata/trees"
)

// TestSpacesComeBack: what an image can tell of a tree is read from it again, whatever
// xattrs its inodes have, or the writer refuses the tree, with the path.
func TestSpacesComeBack(t *testing.T) {
	for _, o := range formats() {
		written, refused := 0, 0
		for seed := range uint64(500) {
			g := trees.Generator{Rand: rand.New(rand.NewPCG(seed, 11)), Algorithm: fsverity.SHA256}
			tree := g.Spaces()
			if err := tree.Validate(); err != nil {
				t.Fatal(err)
			}
			var image, fitted, again bytes.Buffer
			if err := erofs.Write(&image, tree, o); err != nil {
				if refused++; err.Error()[0] != '"' {
					t.Errorf("%v, seed %d: %v", o, seed, err)
				}
				continue
			}
			read, err := erofs.Read(image.Bytes(), o.Writer)
			if err != nil {
				t.Fatalf("%v, seed %d: %v", o, seed, err)
			}
			erofs.Fit(tree, o)
			if err := erofs.Write(&fitted, tree, o); err != nil || !bytes.Equal(image.Bytes(), fitted.Bytes()) {
				t.Fatalf("%v, seed %d: fitting made another image: %v", o, seed, err)
			}
			err = erofs.Write(&again, read.Tree, o)
			if err != nil || !bytes.Equal(image.Bytes(), again.Bytes()) {
				t.Fatalf("%v, seed %d: the image of what was read is another one: %v", o, seed, err)
			}
			if o.Writer == erofs.ComposefsRS {
				read.Tree.CountLinks()
			}
			if d := compare.Trees(tree, read.Tree); len(d) > 0 {
				t.Fatalf("%v, seed %d: what was read differs:\n%s", o, seed, describe(d))
			}
			if err := checkDump(read); err != nil {
				t.Fatalf("%v, seed %d: %v", o, seed, err)
			}
			written++
		}
		t.Logf("%v: %d came back, %d were refused", o, written, refused)
		if written < 300 {
			t.Errorf("%v: only %d came back", o, written)
		}
	}
}

// checkDump says what of an image's tree does not come back from its dump file, which is
// that of composefs-info: it has every inode at its first name.
func checkDump(img *erofs.Image) error {
	var dump bytes.Buffer
	if err := dumpfile.WriteImage(&dump, img.Tree, dumpfile.ImageDetails{DirSize: img.DirSize, XattrOrder: img.XattrOrder}); err != nil {
		// A dump file holds fewer xattrs than an image.
		return nil
	}
	again, err := dumpfile.Parse(&dump, dumpfile.Options{})
	if err != nil {
		return fmt.Errorf("its dump file: %w", err)
	}
	tree := img.Tree.Clone()
	tree.CountLinks()
	again.CountLinks()
	if d := compare.Trees(tree, again); len(d) > 0 {
		return fmt.Errorf("its dump file differs:\n%s", describe(d))
	}
	return nil
}

// TestMarksOfTheTree: files and directories that have xattrs like the marks of whiteouts
// are read as what an overlay mount of the image shows, and are whiteouts only where
// nothing tells them from those.
func TestMarksOfTheTree(t *testing.T) {
	const (
		file = "trusted.overlay.whiteout= user.overlay.whiteout="
		dir  = "trusted.overlay.whiteouts= user.overlay.whiteouts= trusted.overlay.opaque=x user.overlay.opaque=x"
	)
	for name, c := range map[string]struct {
		dir, file, content string
		// whiteout says that the file is one when it is read, by writer.
		whiteout [2]bool
		names    int
	}{
		"all marks":             {dir: dir, file: file, whiteout: [2]bool{true, true}},
		"another value":         {dir: dir, file: "trusted.overlay.whiteout=y user.overlay.whiteout="},
		"one mark of the file":  {dir: dir, file: "trusted.overlay.whiteout="},
		"content":               {dir: dir, file: file, content: "x"},
		"no marked directory":   {dir: "user.overlay.whiteouts=", file: file},
		"directory not opaque":  {dir: "trusted.overlay.whiteouts= user.overlay.whiteouts=", file: file},
		"more xattrs":           {dir: dir + " user.a=", file: file + " user.b=", whiteout: [2]bool{true, true}},
		"two names":             {dir: dir, file: file, names: 2, whiteout: [2]bool{erofs.Mkcomposefs: true}},
		"directory alone":       {dir: dir},
		"user's names, escaped": {dir: "trusted.overlay.overlay.whiteouts=", file: "trusted.overlay.overlay.whiteout= user.overlay.overlay.whiteout="},
	} {
		for _, w := range erofs.Writers() {
			o := erofs.Options{Version: erofs.V1, Writer: w}
			tree := canon.NewTree()
			d := &canon.Node{Kind: canon.Directory, Xattrs: xattrs(c.dir)}
			f := &canon.Node{Kind: canon.Regular, Xattrs: xattrs(c.file)}
			if c.content != "" {
				f.Size, f.Content = uint64(len(c.content)), &canon.Content{Inline: []byte(c.content)}
			}
			tree.Root.Put(canon.Dirent{Name: "d", Node: d})
			for i := range max(c.names, 1) {
				d.Put(canon.Dirent{Name: fmt.Sprint(i), Node: f})
			}
			tree.CountLinks()
			var image bytes.Buffer
			if err := erofs.Write(&image, tree, o); err != nil {
				t.Fatal(err)
			}
			read, err := erofs.Read(image.Bytes(), w)
			if err != nil {
				t.Fatal(err)
			}
			got := read.Tree.Lookup("/d/0").Node
			if got.IsWhiteout() != c.whiteout[w] {
				t.Errorf("%s, %v: a %v, xattrs %q", name, w, got.Kind, got.Xattrs)
			}
			if dirs := read.Tree.Lookup("/d").Node.Xattrs; !c.whiteout[w] && (!slices.Equal(got.Xattrs, f.Xattrs) || !slices.Equal(dirs, d.Xattrs)) {
				t.Errorf("%s, %v: xattrs %q, those of the directory %q", name, w, got.Xattrs, dirs)
			}
		}
	}
}

func xattrs(spec string) (x canon.Xattrs) {
	for _, f := range strings.Fields(spec) {
		name, value, _ := strings.Cut(f, "=")
		x.Set(name, value)
	}
	return x
}
