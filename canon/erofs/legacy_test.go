package erofs

import (
	"bytes"
	"fmt"
	"testing"

	"cfsverify/canon"
	"cfsverify/canon/fsverity"
)

// legacyInode is what struct erofs_inode_extended holds at a nid.
type legacyInode struct {
	nid                       uint64
	format, xattrs, mode      uint16
	size                      uint64
	union, ino, uid, gid      uint32
	mtime                     uint64
	nsec, nlink               uint32
	body                      []byte // all that follows
	dirNames, dirTypes, dirTo string // of the inline dirents
}

func readLegacy(img []byte, nid uint64) legacyInode {
	b := img[nid*32:]
	in := legacyInode{
		nid: nid, format: le.Uint16(b), xattrs: le.Uint16(b[2:]), mode: le.Uint16(b[4:]), size: le.Uint64(b[8:]),
		union: le.Uint32(b[16:]), ino: le.Uint32(b[20:]), uid: le.Uint32(b[24:]), gid: le.Uint32(b[28:]),
		mtime: le.Uint64(b[32:]), nsec: le.Uint32(b[40:]), nlink: le.Uint32(b[44:]), body: b[64:],
	}
	if in.mode>>12 == 4 && in.format == 1|2<<1 {
		in.readDirents()
	}
	return in
}

func (in *legacyInode) readDirents() {
	data := in.body[:in.size]
	count := int(le.Uint16(data[8:])) / 12
	for i := range count {
		d := data[12*i:]
		start, end := int(le.Uint16(d[8:])), len(data)
		if i+1 < count {
			end = int(le.Uint16(d[20:]))
		}
		in.dirNames += string(data[start:end]) + " "
		in.dirTypes += fmt.Sprint(d[10], " ")
		in.dirTo += fmt.Sprint(le.Uint64(d), " ")
	}
}

// A version 2 image, laid out by hand after composefs-rs's FormatVersion::V2:
// 64 bytes an inode, depth first, from slot 36 (1152 / 32) on.
func TestLegacyLayout(t *testing.T) {
	tree := canon.NewTree()
	tree.Root.Perm = 0o755
	tree.Root.Mtime = canon.Time{Sec: 9, Nsec: 5}
	dir := &canon.Node{Kind: canon.Directory, Perm: 0o700, Mtime: canon.Time{Sec: -1, Nsec: 7}}
	file := &canon.Node{Kind: canon.Regular, Perm: 0o644, Nlink: 7, UID: 1, GID: 2, Size: 1 << 50,
		Content: canon.External(fsverity.SumBytes(fsverity.SHA256, []byte("x")))}
	tree.Root.Put(canon.Dirent{Name: "!", Node: dir})
	dir.Put(canon.Dirent{Name: "f", Node: file, Hardlink: true})
	tree.Root.Put(canon.Dirent{Name: "g", Node: file})
	tree.Root.Put(canon.Dirent{Name: "w", Node: &canon.Node{Kind: canon.CharDevice, Nlink: 1}})
	var out bytes.Buffer
	if err := Write(&out, tree, Options{Version: V2}); err != nil {
		t.Fatal(err)
	}
	img := out.Bytes()
	header := [4]uint32{le.Uint32(img), le.Uint32(img[4:]), le.Uint32(img[8:]), le.Uint32(img[12:])}
	if want := [4]uint32{0xd078629a, 1, 0, 2}; header != want {
		t.Errorf("header %#x, want %#x", header, want)
	}
	super := img[1024:]
	got := fmt.Sprint(le.Uint32(super[8:]), le.Uint16(super[14:]), le.Uint64(super[16:]), le.Uint64(super[24:]),
		le.Uint32(super[32:]), le.Uint32(super[36:]), le.Uint32(super[40:]), le.Uint32(super[44:]))
	if want := "6 36 4 0 0 1 0 0"; got != want {
		t.Errorf("features, root, inodes, build time, blocks, meta and xattr block: %s, want %s", got, want)
	}

	// Root: ! . .. g w take 5*12+6 = 66 bytes, so its inode 130, five slots.
	root := readLegacy(img, 36)
	// The directory has 3*12+4 = 40 bytes of dirents: 104, four slots.
	sub := readLegacy(img, 41)
	// The file is where its first name leads, marked as a hardlink or not. Its
	// xattrs: 12 bytes, then metacopy with 4+16+36 and redirect with 4+16+66 bytes,
	// padded to 88; the chunk's address makes 64+156+4 = 224, seven slots.
	link := readLegacy(img, 45)
	device := readLegacy(img, 52)
	for _, tt := range []struct{ what, got, want string }{
		{"root", fmt.Sprint(root.format, root.xattrs, root.size, root.union, root.ino, root.mtime, root.nsec, root.nlink), "5 0 66 0 36 9 0 3"},
		{"root's names", root.dirNames, "! . .. g w "},
		{"root's types", root.dirTypes, "2 2 2 1 3 "},
		{"root's nids", root.dirTo, "41 36 36 45 52 "},
		{"directory", fmt.Sprint(sub.format, sub.size, sub.ino, int64(sub.mtime), sub.nsec, sub.nlink), "5 40 41 -1 0 2"},
		{"directory's names", sub.dirNames, ". .. f "},
		{"directory's nids", sub.dirTo, "41 36 45 "},
		{"file", fmt.Sprint(link.format, link.xattrs, link.size, link.union, link.ino, link.uid, link.gid, link.nlink),
			fmt.Sprint(9, (156-12)/4+1, 1<<50, 31, 45, 1, 2, 2)},
		{"first xattr", fmt.Sprintf("%x", link.body[12:28]), fmt.Sprintf("%x", "\x10\x04\x24\x00overlay.meta")},
		{"chunk", fmt.Sprintf("%x", link.body[156:160]), "ffffffff"},
		{"whiteout", fmt.Sprint(device.format, device.mode>>12, device.union, device.ino, device.nlink), "1 2 0 52 1"},
	} {
		if tt.got != tt.want {
			t.Errorf("%s: %s, want %s", tt.what, tt.got, tt.want)
		}
	}
}

// Shared xattrs are in the order of prefix number and rest, and are referred to
// by their place in the whole image; those of external content come first.
func TestLegacyXattrs(t *testing.T) {
	tree := canon.NewTree()
	xattrs := canon.Xattrs{
		{Name: "lustre.b", Value: "2"}, {Name: "security.a", Value: "1"},
		{Name: "trusted.overlay.x", Value: "4"}, {Name: "user.z", Value: "3"},
	}
	tree.Root.Put(canon.Dirent{Name: "a", Node: &canon.Node{Kind: canon.FIFO, Xattrs: xattrs}})
	tree.Root.Put(canon.Dirent{Name: "b", Node: &canon.Node{Kind: canon.FIFO, Xattrs: xattrs}})
	var out bytes.Buffer
	if err := Write(&out, tree, Options{Version: V2}); err != nil {
		t.Fatal(err)
	}
	img := out.Bytes()
	// Root has 4*12+5 = 53 bytes of dirents: 117, four slots. Each FIFO has
	// 64+12+4*4 = 92, three slots. So the table is at (36+4+3+3)*32 = 1472.
	const table = 1472
	want := "\x01\x01\x01\x00z3\x00\x00" + "\x11\x04\x01\x00overlay.overlay.x4\x00\x00" + "\x01\x05\x01\x00b2\x00\x00" + "\x01\x06\x01\x00a1\x00\x00"
	if got := string(img[table : table+len(want)]); got != want {
		t.Errorf("shared xattrs %q, want %q", got, want)
	}
	user, trusted, lustre, security := uint32(table/4), uint32(table/4+2), uint32(table/4+8), uint32(table/4+10)
	a := readLegacy(img, 40)
	ids := fmt.Sprint(le.Uint32(a.body[12:]), le.Uint32(a.body[16:]), le.Uint32(a.body[20:]), le.Uint32(a.body[24:]))
	if want := fmt.Sprint(lustre, security, trusted, user); a.body[4] != 4 || ids != want {
		t.Errorf("%d shared xattrs: %s, want 4: %s", a.body[4], ids, want)
	}
}

// A tail that ends just where its block ends is moved on, one that ends a byte
// before is not.
func TestLegacyPadding(t *testing.T) {
	for _, tt := range []struct{ size, tailAt int }{
		// Root has 3*12+4 = 40 bytes of dirents: 104, four slots from 1152 on. The
		// file's 64 bytes follow at 1280, and 1344 + 2752 = 4096.
		{2751, 1344},
		// 4096 - 1343 bytes more, and up to the next slot: 4064 + 64.
		{2752, 4128},
	} {
		tree := canon.NewTree()
		content := bytes.Repeat([]byte("x"), tt.size)
		tree.Root.Put(canon.Dirent{Name: "f", Node: &canon.Node{Kind: canon.Regular, Size: uint64(tt.size), Content: &canon.Content{Inline: content}}})
		var out bytes.Buffer
		if err := Write(&out, tree, Options{Version: V2}); err != nil {
			t.Fatal(err)
		}
		if at := bytes.Index(out.Bytes(), content); at != tt.tailAt {
			t.Errorf("%d bytes of content at %d, want %d", tt.size, at, tt.tailAt)
		}
	}
}
