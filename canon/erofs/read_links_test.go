package erofs

import (
	"bytes"
	"strings"
	"testing"

	"cfsverify/canon"
)

// An inode that states one link is still one inode if two names lead to it,
// whatever order its image has.
func TestReadUnderstatedLinks(t *testing.T) {
	for _, version := range []Version{V0, V1, V2} {
		tree := canon.NewTree()
		file := &canon.Node{Kind: canon.FIFO}
		tree.Root.Put(canon.Dirent{Name: "a", Node: file})
		tree.Root.Put(canon.Dirent{Name: "b", Node: file})
		tree.CountLinks()
		var img bytes.Buffer
		if err := Write(&img, tree, Options{Version: version}); err != nil {
			t.Fatal(err)
		}
		read := withOneLink(img.Bytes())
		if read == nil {
			t.Fatalf("version %d: the link count was not found", version)
		}
		links := read.Hardlinks()
		if names := links.Of(read.Lookup("/a").Node); names == nil || names.Count != 2 || names.Place != read.Root.Child("a") {
			t.Errorf("version %d: the names of the inode are %+v", version, names)
		}
		var again bytes.Buffer
		if err := Write(&again, read, Options{Version: V2}); err != nil {
			t.Fatal(err)
		}
		if version == V2 && !bytes.Equal(again.Bytes(), img.Bytes()) {
			t.Errorf("the image of what was read has another link count, or two inodes")
		}
	}
}

// withOneLink finds the byte that is the link count of /a and makes it 1. It gives
// the tree of the changed image, nil if there is no such byte.
func withOneLink(img []byte) *canon.Tree {
	for i := range img {
		if img[i] != 2 {
			continue
		}
		changed := bytes.Clone(img)
		changed[i] = 1
		if read, err := Read(changed, Mkcomposefs); err == nil && read.Tree.Lookup("/a") != nil && read.Tree.Lookup("/a").Node.Nlink == 1 {
			return read.Tree
		}
	}
	return nil
}

// The dirents of all names of an inode say what it is.
func TestReadTypeOfLink(t *testing.T) {
	tree := canon.NewTree()
	file := &canon.Node{Kind: canon.FIFO}
	for _, name := range []string{"first", "second"} {
		tree.Root.Put(canon.Dirent{Name: name, Node: file})
	}
	tree.CountLinks()
	var img bytes.Buffer
	if err := Write(&img, tree, Options{Version: V2}); err != nil {
		t.Fatal(err)
	}
	// The dirents of "." and ".." come before the two, and before all names.
	names := offsetOf(t, img.Bytes(), "...firstsecond")
	for i := range 2 {
		changed := bytes.Clone(img.Bytes())
		changed[names-(2-i)*direntSize+10] = fileTypeSocket
		if _, err := Read(changed, ComposefsRS); err == nil || !strings.Contains(err.Error(), "is of type 6, its inode is a FIFO") {
			t.Errorf("name %d: error %v", i, err)
		}
	}
}
