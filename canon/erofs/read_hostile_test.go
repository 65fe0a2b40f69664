package erofs

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"cfsverify/canon"
	"cfsverify/canon/fsverity"
)

// hostileBase is an image with a directory, a file in it, a symlink and xattrs.
func hostileBase(t testing.TB, version Version) []byte {
	t.Helper()
	tree := canon.NewTree()
	tree.Root.Xattrs = canon.Xattrs{{Name: "user.a", Value: "shared"}, {Name: "user.b", Value: "own"}}
	dir := &canon.Node{Kind: canon.Directory, Mtime: canon.Time{Sec: 1}, Xattrs: canon.Xattrs{{Name: "user.a", Value: "shared"}}}
	tree.Root.Put(canon.Dirent{Name: "dir", Node: dir})
	dir.Put(canon.Dirent{Name: "file", Node: &canon.Node{Kind: canon.Regular, Size: 5, Content: &canon.Content{Inline: []byte("hello")}}})
	dir.Put(canon.Dirent{Name: "large", Node: &canon.Node{Kind: canon.Regular, Size: 100, Content: canon.External(fsverity.SumBytes(fsverity.SHA256, nil))}})
	dir.Put(canon.Dirent{Name: "link", Node: &canon.Node{Kind: canon.Symlink, Target: "file"}})
	tree.CountLinks()
	var img bytes.Buffer
	if err := Write(&img, tree, Options{Version: version}); err != nil {
		t.Fatal(err)
	}
	return img.Bytes()
}

// offsetOf finds bytes that are in the image once.
func offsetOf(t *testing.T, img []byte, what string) int {
	t.Helper()
	i := bytes.Index(img, []byte(what))
	if i < 0 || bytes.Contains(img[i+1:], []byte(what)) {
		t.Fatalf("%q is not in the image once", what)
	}
	return i
}

func TestReadRefusesHostileImages(t *testing.T) {
	const rootInode = inodesOffset
	nid := func(img []byte, name string) uint64 {
		// The dirents of /dir stand before the names ".", "..", "file", "large", "link".
		names := offsetOf(t, img, "...filelargelink")
		index := map[string]int{".": 0, "..": 1, "file": 2, "large": 3, "link": 4}[name]
		return uint64(names - 5*direntSize + index*direntSize)
	}
	for _, tt := range []struct {
		name   string
		damage func(img []byte) []byte
		want   string
	}{
		{"empty", func([]byte) []byte { return nil }, "no composefs image"},
		{"only the magic number", func(img []byte) []byte { return img[:4] }, "truncated"},
		{"truncated", func(img []byte) []byte { return img[:len(img)-1] }, "truncated"},
		{"a block less", func(img []byte) []byte { return img[:len(img)-blockSize] }, "states"},
		{"header version", func(img []byte) []byte { img[4] = 9; return img }, "version 9"},
		{"composefs version", func(img []byte) []byte { img[12] = 3; return img }, "version 3"},
		{"no superblock", func(img []byte) []byte { img[superOffset] = 0; return img }, "magic number"},
		{"block size", func(img []byte) []byte { img[superOffset+12] = 9; return img }, "2^9 bytes"},
		{"features", func(img []byte) []byte { img[superOffset+80] = 1; return img }, "features 0x1"},
		{"inode count", func(img []byte) []byte { le.PutUint64(img[superOffset+16:], 1<<60); return img }, "more than the image has room"},
		{"fewer inodes", func(img []byte) []byte { le.PutUint64(img[superOffset+16:], 3); return img }, "more than the 3 inodes"},
		{"root beyond the end", func(img []byte) []byte { le.PutUint16(img[superOffset+14:], 0xffff); return img }, "outside the image"},
		{"root in the superblock", func(img []byte) []byte { le.PutUint16(img[superOffset+14:], 33); return img }, "outside the image"},
		{"root is a file", func(img []byte) []byte { le.PutUint16(img[rootInode+4:], 0o100644); return img }, "the root is a file"},
		{"root of no type", func(img []byte) []byte { le.PutUint16(img[rootInode+4:], 0); return img }, "no file type"},
		{"xattrs beyond the end", func(img []byte) []byte { le.PutUint16(img[rootInode+2:], 0xffff); return img }, "beyond the image's end"},
		{"directory size", func(img []byte) []byte { le.PutUint32(img[rootInode+8:], 0xffffffff); return img }, "more than the image"},
		{"directory data layout", func(img []byte) []byte { img[rootInode] = layoutChunkBased << 1; return img }, "data layout 4"},
		{"directory blocks", func(img []byte) []byte { le.PutUint32(img[rootInode+16:], 0xfffffff); return img }, "beyond the image's end"},
		{"shared xattr beyond the end", func(img []byte) []byte {
			le.PutUint32(img[rootInode+compactSize+xattrBodyHeader:], 0x3fffffff)
			return img
		}, "outside the image"},
		{"shared xattr count", func(img []byte) []byte { img[rootInode+compactSize+4] = 255; return img }, "have no room"},
		{"xattr length", func(img []byte) []byte { img[offsetOf(t, img, "bown")-4] = 255; return img }, "truncated"},
		{"xattr prefix", func(img []byte) []byte { img[offsetOf(t, img, "bown")-3] = 0x81; return img }, "unknown prefix"},
		{"cycle", func(img []byte) []byte {
			le.PutUint64(img[nid(img, "file"):], 36)
			img[nid(img, "file")+10] = 2
			return img
		}, "has a name already"},
		{"nid beyond the end", func(img []byte) []byte { le.PutUint64(img[nid(img, "file"):], 1<<40); return img }, "outside the image"},
		{"nid that overflows", func(img []byte) []byte { le.PutUint64(img[nid(img, "file"):], 1<<59+36); return img }, "outside the image"},
		{"dot elsewhere", func(img []byte) []byte { le.PutUint64(img[nid(img, "."):], 36); return img }, `"." leads to`},
		{"dot-dot elsewhere", func(img []byte) []byte { le.PutUint64(img[nid(img, ".."):], 37); return img }, `".." leads to`},
		{"type of a dirent", func(img []byte) []byte { img[nid(img, "file")+10] = fileTypeFIFO; return img }, "its inode is a file"},
		{"first name", func(img []byte) []byte { le.PutUint16(img[nid(img, ".")+8:], 13); return img }, "first name at 13"},
		{"no first name", func(img []byte) []byte { le.PutUint16(img[nid(img, ".")+8:], 0); return img }, "first name at 0"},
		{"names that cross", func(img []byte) []byte { le.PutUint16(img[nid(img, "file")+8:], 0xffff); return img }, "has its name from"},
		{"order of names", func(img []byte) []byte { copy(img[offsetOf(t, img, "filelarge"):], "zile"); return img }, "out of order"},
		{"a slash in a name", func(img []byte) []byte { copy(img[offsetOf(t, img, "filelarge"):], "fi/e"); return img }, "slash"},
		{"redirect", func(img []byte) []byte { img[offsetOf(t, img, "overlay.redirect/")+16] = 'x'; return img }, "no absolute path"},
		{"metacopy", func(img []byte) []byte { img[offsetOf(t, img, "overlay.metacopy\x00")+17] = 9; return img }, "metacopy"},
		{"compatible features", func(img []byte) []byte { img[superOffset+8] |= 0x10; return img }, "has the compatible EROFS features 0x16"},
		{"long prefixes", func(img []byte) []byte { img[superOffset+91] = 1; return img }, "the superblock has fields"},
		{"directory block bits", func(img []byte) []byte { img[superOffset+90] = 1; return img }, "the superblock has fields"},
		{"bits of a format", func(img []byte) []byte { img[rootInode+1] = 1; return img }, "data layout 128 is not known"},
		{"reserved of a compact inode", func(img []byte) []byte { img[rootInode+12] = 1; return img }, "it has fields that composefs images do not use"},
		{"chunk format", func(img []byte) []byte {
			img[le.Uint64(img[nid(img, "large"):])*slotSize+16] = 0x20
			return img
		}, "the chunk format 0x20 is not known"},
		{"room for xattrs", func(img []byte) []byte {
			img[le.Uint64(img[nid(img, "file"):])*slotSize+2] = 1
			return img
		}, "it has room for xattrs, and none"},
		{"filter of xattrs", func(img []byte) []byte {
			copy(img[rootInode+compactSize:], "\xff\xff\xff\xff")
			return img
		}, `its filter says that it has no xattr "`},
		{"overlapping inodes", func(img []byte) []byte {
			// "large" leads to where the content of "file" lies, one slot into it.
			le.PutUint64(img[nid(img, "large"):], le.Uint64(img[nid(img, "file"):])+1)
			return img
		}, ""},
	} {
		img := tt.damage(bytes.Clone(hostileBase(t, V1)))
		if _, err := Read(img, Mkcomposefs); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error %v, want one with %q", tt.name, err, tt.want)
		}
	}
}

// A small image in which many directories have the same blocks would take for
// ever to read.
func TestReadRefusesSharedBlocks(t *testing.T) {
	tree := canon.NewTree()
	for i := range 300 {
		dir := &canon.Node{Kind: canon.Directory}
		tree.Root.Put(canon.Dirent{Name: fmt.Sprintf("dir%d", i), Node: dir})
		for j := range 300 {
			dir.Put(canon.Dirent{Name: fmt.Sprintf("a long name of a file %d", j), Node: &canon.Node{Kind: canon.FIFO, Nlink: 1}})
		}
	}
	var out bytes.Buffer
	if err := Write(&out, tree, Options{Version: V1}); err != nil {
		t.Fatal(err)
	}
	img := out.Bytes()
	read, err := Read(img, Mkcomposefs)
	if err != nil || len(read.Tree.Root.Children()) != 300 {
		t.Fatal(err)
	}
	// Each directory that follows gets the first one's blocks and size.
	first := -1
	for pos := inodesOffset; pos+compactSize < len(img); pos += slotSize {
		if le.Uint16(img[pos+4:]) == 0o040000 && pos > inodesOffset && le.Uint16(img[pos:])&1 == 0 {
			if first < 0 {
				first = pos
			}
			copy(img[pos+16:pos+20], img[first+16:first+20])
		}
	}
	if _, err := Read(img, Mkcomposefs); err == nil {
		t.Error("directories that share blocks are no error")
	}
}

func FuzzRead(f *testing.F) {
	seeds := 0
	for _, v := range vectors(f) {
		if v.size > "20480" || len(v.size) > 5 {
			continue // the fuzzer is slow on large inputs
		}
		var img bytes.Buffer
		if err := Write(&img, parseVector(f, v.name), v.options()); err != nil {
			f.Fatal(err)
		}
		f.Add(img.Bytes())
		seeds++
	}
	f.Add(hostileBase(f, V2))
	if seeds < 50 {
		f.Fatalf("only %d seeds", seeds)
	}
	f.Fuzz(func(t *testing.T, img []byte) {
		for _, o := range formats() {
			read, err := Read(img, o.Writer)
			if err != nil {
				return
			}
			// What is accepted is a tree that an image can be made of, and that image
			// is read as the same tree.
			if o.Version == read.Version {
				checkRewriting(t, read.Tree, o)
			}
		}
	})
}

// checkRewriting writes a tree, if it can be written, reads it and writes it again.
func checkRewriting(t *testing.T, tree *canon.Tree, o Options) {
	Fit(tree, o)
	var first, second bytes.Buffer
	if err := Write(&first, tree, o); err != nil {
		return
	}
	read, err := Read(first.Bytes(), o.Writer)
	if err != nil {
		t.Fatalf("%v: an image of what was read cannot be read: %v", o.Writer, err)
	}
	Fit(read.Tree, o)
	if err := Write(&second, read.Tree, o); err != nil || !bytes.Equal(first.Bytes(), second.Bytes()) {
		t.Fatalf("%v: the second image of what was read differs from the first: %v", o.Writer, err)
	}
}
