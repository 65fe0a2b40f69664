package tarfile_test

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cfsverify/canon"
	"cfsverify/canon/fsverity"
	"cfsverify/canon/tarfile"
)

// block makes a header of the fields as the draft has them, from their text.
func block(name, mode, uid, gid, size, mtime string, flag byte, target, major, minor string) []byte {
	b := make([]byte, 512)
	for at, text := range map[int]string{
		0: name, 100: mode, 108: uid, 116: gid, 124: size, 136: mtime, 148: "        ", 156: string(flag), 157: target,
		257: "ustar\x0000", 329: major, 337: minor,
	} {
		copy(b[at:], text)
	}
	sum := 0
	for _, c := range b {
		sum += int(c)
	}
	copy(b[148:], fmt.Sprintf("%06o\x00 ", sum))
	return b
}

func padded(text string) []byte {
	return append([]byte(text), make([]byte, (512-len(text)%512)%512)...)
}

func write(t *testing.T, root *canon.Node, o tarfile.Options) []byte {
	t.Helper()
	tree := &canon.Tree{Root: root}
	tree.CountLinks()
	var out bytes.Buffer
	if err := tarfile.Write(&out, tree, o); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func put(dir *canon.Node, name string, n *canon.Node) *canon.Node {
	dir.Put(canon.Dirent{Name: name, Node: n})
	return n
}

func inline(text string) *canon.Node {
	return &canon.Node{Kind: canon.Regular, Perm: 0o644, Size: uint64(len(text)), Content: &canon.Content{Inline: []byte(text)}}
}

// TestWriteBytes compares with archives put together from the text of the draft.
func TestWriteBytes(t *testing.T) {
	root := &canon.Node{Kind: canon.Directory, Perm: 0o755, Mtime: canon.Time{Sec: 8}}
	dir := put(root, "d", &canon.Node{Kind: canon.Directory, Perm: 0o1777, UID: 1, GID: 8})
	file := put(dir, "f", inline("text"))
	file.Perm, file.Mtime = 0o4755, canon.Time{Sec: 1, Nsec: 1}
	file.Xattrs = canon.Xattrs{{Name: "user.a", Value: "\x00\n="}}
	put(root, "link", file)
	put(root, "l", &canon.Node{Kind: canon.Symlink, Perm: 0o777, Target: "d/f"})
	rdev, err := canon.EncodeRdev(8, 17)
	if err != nil {
		t.Fatal(err)
	}
	put(root, "x", &canon.Node{Kind: canon.BlockDevice, Perm: 0o660, Rdev: rdev})
	const z8, z12, d0 = "0000000\x00", "00000000000\x00", "0000000\x00"
	want := bytes.Join([][]byte{
		block("pax_global_header", "0000644\x00", z8, z8, "00000000023\x00", z12, 'g', "", d0, d0), padded("19 canonical-tar=1\n"),
		block("./", "0000755\x00", z8, z8, z12, "00000000010\x00", '5', "", d0, d0),
		block("./d/", "0001777\x00", "0000001\x00", "0000010\x00", z12, z12, '5', "", d0, d0),
		block("PaxHeaders.0/f", "0000644\x00", z8, z8, "00000000060\x00", z12, 'x', "", d0, d0),
		padded("21 mtime=1.000000001\n" + "27 SCHILY.xattr.user.a=\x00\n=\n"),
		block("./d/f", "0004755\x00", z8, z8, "00000000004\x00", "00000000001\x00", '0', "", d0, d0), padded("text"),
		block("./l", "0000777\x00", z8, z8, z12, z12, '2', "d/f", d0, d0),
		block("PaxHeaders.0/link", "0000644\x00", z8, z8, "00000000025\x00", z12, 'x', "", d0, d0), padded("21 mtime=1.000000001\n"),
		block("./link", "0004755\x00", z8, z8, z12, "00000000001\x00", '1', "./d/f", d0, d0),
		block("./x", "0000660\x00", z8, z8, z12, z12, '4', "", "0000010\x00", "0000021\x00"),
		make([]byte, 1024),
	}, nil)
	got := write(t, root, tarfile.Options{})
	for i := 0; i < max(len(got), len(want)); i += 512 {
		if i >= len(got) || i >= len(want) || !bytes.Equal(got[i:i+512], want[i:i+512]) {
			t.Fatalf("%d bytes, want %d; block %d: got\n%q\nwant\n%q", len(got), len(want), i/512, got[min(i, len(got)):min(i+512, len(got))], want[min(i, len(want)):min(i+512, len(want))])
		}
	}
}

// TestWriteRead: archive/tar reads what was written.
func TestWriteRead(t *testing.T) {
	long := strings.Repeat("n", 99) + "é"
	for _, c := range []struct {
		name string
		node *canon.Node
		want tar.Header
	}{
		{"100 bytes of path", &canon.Node{Kind: canon.FIFO}, tar.Header{Typeflag: tar.TypeFifo}},
		{strings.Repeat("n", 98), &canon.Node{Kind: canon.FIFO}, tar.Header{Typeflag: tar.TypeFifo}},
		{strings.Repeat("n", 99), &canon.Node{Kind: canon.FIFO}, tar.Header{Typeflag: tar.TypeFifo}},
		{long, &canon.Node{Kind: canon.FIFO}, tar.Header{Typeflag: tar.TypeFifo}},
		{strings.Repeat("é", 127), inline("x"), tar.Header{Typeflag: tar.TypeReg, Mode: 0o644, Size: 1}},
		{"a\xffb", &canon.Node{Kind: canon.FIFO}, tar.Header{Typeflag: tar.TypeFifo}},
		{"target100", &canon.Node{Kind: canon.Symlink, Target: strings.Repeat("t", 100)}, tar.Header{Typeflag: tar.TypeSymlink, Linkname: strings.Repeat("t", 100)}},
		{"target101", &canon.Node{Kind: canon.Symlink, Target: strings.Repeat("t", 101)}, tar.Header{Typeflag: tar.TypeSymlink, Linkname: strings.Repeat("t", 101)}},
		{"owner", &canon.Node{Kind: canon.FIFO, UID: 2097151, GID: 2097152}, tar.Header{Typeflag: tar.TypeFifo, Uid: 2097151, Gid: 2097152}},
		{"owners", &canon.Node{Kind: canon.FIFO, UID: 1<<32 - 1, GID: 65536}, tar.Header{Typeflag: tar.TypeFifo, Uid: 1<<32 - 1, Gid: 65536}},
		{"late", &canon.Node{Kind: canon.FIFO, Mtime: canon.Time{Sec: 8589934591}}, tar.Header{Typeflag: tar.TypeFifo, ModTime: time.Unix(8589934591, 0)}},
		{"later", &canon.Node{Kind: canon.FIFO, Mtime: canon.Time{Sec: 8589934592, Nsec: 500000000}}, tar.Header{Typeflag: tar.TypeFifo, ModTime: time.Unix(8589934592, 500000000)}},
		{"before", &canon.Node{Kind: canon.FIFO, Mtime: canon.Time{Sec: -1, Nsec: 500000000}}, tar.Header{Typeflag: tar.TypeFifo, ModTime: time.Unix(-1, 500000000)}},
		{"long before", &canon.Node{Kind: canon.FIFO, Mtime: canon.Time{Sec: -3, Nsec: 250000000}}, tar.Header{Typeflag: tar.TypeFifo, ModTime: time.Unix(-3, 250000000)}},
		{"before, whole", &canon.Node{Kind: canon.FIFO, Mtime: canon.Time{Sec: -7}}, tar.Header{Typeflag: tar.TypeFifo, ModTime: time.Unix(-7, 0)}},
	} {
		root := &canon.Node{Kind: canon.Directory}
		put(root, c.name, c.node)
		r := tar.NewReader(bytes.NewReader(write(t, root, tarfile.Options{})))
		var h *tar.Header
		for range 3 {
			var err error
			if h, err = r.Next(); err != nil {
				t.Fatalf("%q: %v", c.name, err)
			}
		}
		if c.want.Name = "./" + c.name; c.want.ModTime.IsZero() {
			c.want.ModTime = time.Unix(0, 0)
		}
		got := tar.Header{Typeflag: h.Typeflag, Name: h.Name, Linkname: h.Linkname, Size: h.Size, Mode: h.Mode, Uid: h.Uid, Gid: h.Gid, ModTime: h.ModTime}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%q: want -, got +\n%s", c.name, diff)
		}
		if needed := len(c.want.Name) > 100 || len(c.want.Linkname) > 100 || c.node.UID > 2097151 || c.node.GID > 2097151 ||
			c.node.Mtime.Sec < 0 || c.node.Mtime.Sec > 8589934591 || c.node.Mtime.Nsec > 0; needed != (len(h.PAXRecords) > 0) {
			t.Errorf("%q: records %q, needed: %v", c.name, h.PAXRecords, needed)
		}
		if _, err := r.Next(); err != io.EOF {
			t.Errorf("%q: error %v", c.name, err)
		}
	}
}

// TestWriteLarge: a size beyond eleven octal digits. The content is zeros.
func TestWriteLarge(t *testing.T) {
	for _, size := range []uint64{1<<33 - 1, 1 << 33} {
		root := &canon.Node{Kind: canon.Directory}
		put(root, "f", &canon.Node{Kind: canon.Regular, Size: size, Content: &canon.Content{}})
		tree := &canon.Tree{Root: root}
		tree.CountLinks()
		stop := errors.New("seen enough")
		var head bytes.Buffer
		out := writerFunc(func(p []byte) (int, error) {
			if head.Len() > 1<<20 {
				return 0, stop
			}
			return head.Write(p)
		})
		err := tarfile.Write(out, tree, tarfile.Options{Open: func(string, *canon.Node) (io.ReadCloser, error) {
			return io.NopCloser(zeros{}), nil
		}})
		if !errors.Is(err, stop) {
			t.Fatal(err)
		}
		r := tar.NewReader(&head)
		var h *tar.Header
		for range 3 {
			if h, err = r.Next(); err != nil {
				t.Fatal(err)
			}
		}
		if uint64(h.Size) != size || (h.PAXRecords["size"] != "") != (size >= 1<<33) {
			t.Errorf("size %d, records %q", h.Size, h.PAXRecords)
		}
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func TestWriteErrors(t *testing.T) {
	data := bytes.Repeat([]byte("data"), 100)
	digest := fsverity.SumBytes(fsverity.SHA512, data)
	give := func(data []byte) func(string, *canon.Node) (io.ReadCloser, error) {
		return func(string, *canon.Node) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }
	}
	external := func() *canon.Node {
		return &canon.Node{Kind: canon.Regular, Size: uint64(len(data)), Content: canon.External(digest)}
	}
	for _, c := range []struct {
		name string
		node *canon.Node
		o    tarfile.Options
		want string
	}{
		{"f", external(), tarfile.Options{Open: give(data)}, ""},
		{".wh.f", &canon.Node{Kind: canon.Regular}, tarfile.Options{Layer: true}, ""},
		{"s", &canon.Node{Kind: canon.Socket}, tarfile.Options{}, `"/s": a tar holds no socket`},
		{".wh.f", &canon.Node{Kind: canon.Regular}, tarfile.Options{}, `"/.wh.f": in a layer such a name is a whiteout`},
		{"f", &canon.Node{Kind: canon.Regular, Xattrs: canon.Xattrs{{Name: "user.a=b", Value: "c"}}}, tarfile.Options{}, `"/f": a tar holds no xattr whose name has a "="`},
		{"f", &canon.Node{Kind: canon.FIFO, Mtime: canon.Time{Nsec: 1_000_000_000}}, tarfile.Options{}, `"/f": a tar holds no time with 1000000000 nanoseconds`},
		{"f", &canon.Node{Kind: canon.FIFO, Mtime: canon.Time{Sec: math.MaxInt64}}, tarfile.Options{}, `"/f": a layer holds no mtime of 9223372036854775807 seconds`},
		{"f", &canon.Node{Kind: canon.FIFO, Mtime: canon.Time{Sec: math.MinInt64}}, tarfile.Options{}, `"/f": a layer holds no mtime of -9223372036854775808 seconds`},
		{"f", &canon.Node{Kind: canon.FIFO, Xattrs: manyXattrs(17)}, tarfile.Options{}, `"/f": the xattrs and names take 1114`},
		{"f", external(), tarfile.Options{}, `"/f": there is nothing to take its content from`},
		{"f", external(), tarfile.Options{Open: give(data[1:])}, `"/f": its content is not 400 bytes`},
		{"f", external(), tarfile.Options{Open: give(append(data[:400:400], 'x'))}, `"/f": its content is not 400 bytes`},
		{"f", external(), tarfile.Options{Open: give(bytes.Repeat([]byte("DATA"), 100))}, `"/f": its content has not the digest `},
		{"f", external(), tarfile.Options{Open: func(string, *canon.Node) (io.ReadCloser, error) { return nil, errors.New("no such object") }}, `"/f": no such object`},
	} {
		root := &canon.Node{Kind: canon.Directory}
		put(root, c.name, c.node)
		tree := &canon.Tree{Root: root}
		tree.CountLinks()
		err := tarfile.Write(io.Discard, tree, c.o)
		if (err == nil) != (c.want == "") || err != nil && !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("error %v, want %s", err, c.want)
		}
	}
}

// manyXattrs are so many of the longest.
func manyXattrs(count int) (x canon.Xattrs) {
	for i := range count {
		x.Set(fmt.Sprintf("user.%02d", i), strings.Repeat("v", canon.XattrValueMax))
	}
	return x
}

// TestLongPaths: a path that readers refuse is refused.
func TestLongPaths(t *testing.T) {
	name := strings.Repeat("n", 255)
	for last, want := range map[int]string{254: "", 255: "a path of a layer has at most 4096 bytes, as all in Linux, not 4097"} {
		root := &canon.Node{Kind: canon.Directory}
		dir := root
		for range 15 {
			dir = put(dir, name, &canon.Node{Kind: canon.Directory})
		}
		put(dir, strings.Repeat("f", last), &canon.Node{Kind: canon.FIFO})
		tree := &canon.Tree{Root: root}
		tree.CountLinks()
		err := tarfile.Write(io.Discard, tree, tarfile.Options{})
		if (err == nil) != (want == "") || err != nil && !strings.HasSuffix(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}

// TestRecordLength: the length counts its own digits, one more of which may
// make it longer.
func TestRecordLength(t *testing.T) {
	for size := range 1200 {
		root := &canon.Node{Kind: canon.Directory, Xattrs: canon.Xattrs{{Name: "user.a", Value: strings.Repeat("v", size)}}}
		archive := write(t, root, tarfile.Options{})
		r := tar.NewReader(bytes.NewReader(archive))
		for range 2 {
			h, err := r.Next()
			if err != nil {
				t.Fatal(size, err)
			}
			if h.Typeflag == tar.TypeDir && len(h.PAXRecords["SCHILY.xattr.user.a"]) != size {
				t.Fatalf("%d bytes, want %d", len(h.PAXRecords["SCHILY.xattr.user.a"]), size)
			}
		}
	}
}

// TestWriteOptions: without the mark an archive begins with the root, and is
// otherwise the same.
func TestWriteOptions(t *testing.T) {
	root := &canon.Node{Kind: canon.Directory, Perm: 0o755}
	put(root, "f", inline("text"))
	marked, plain := write(t, root, tarfile.Options{}), write(t, root, tarfile.Options{NoGlobalHeader: true})
	if !bytes.Equal(marked[1024:], plain) || !bytes.HasPrefix(plain, []byte("./\x00")) {
		t.Errorf("%d bytes with the mark, %d without:\n%q", len(marked), len(plain), plain)
	}
}

// TestWriteHardlinks: all names of an inode but the first are hardlinks to the
// first. Dump files may count links wrongly, but mark the names then.
func TestWriteHardlinks(t *testing.T) {
	for name, count := range map[string]func(*canon.Tree){
		"counted": func(tree *canon.Tree) { tree.CountLinks() },
		"marked":  func(tree *canon.Tree) { tree.Root.Child("c").Hardlink = true },
	} {
		root := &canon.Node{Kind: canon.Directory}
		disk := &canon.Node{Kind: canon.BlockDevice, Nlink: 1, Rdev: 0x801, UID: 7, Xattrs: canon.Xattrs{{Name: "trusted.a", Value: "1"}}}
		for _, name := range []string{"b", "c", "a"} {
			put(root, name, disk)
		}
		tree := &canon.Tree{Root: root}
		count(tree)
		var out bytes.Buffer
		if err := tarfile.Write(&out, tree, tarfile.Options{}); err != nil {
			t.Fatal(err)
		}
		r := tar.NewReader(&out)
		var got []string
		for {
			h, err := r.Next()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, fmt.Sprintf("%c %s %s %d %d:%d %d", h.Typeflag, h.Name, h.Linkname, h.Uid, h.Devmajor, h.Devminor, len(h.PAXRecords)))
		}
		want := []string{"g pax_global_header  0 0:0 1", "5 ./  0 0:0 0", "4 ./a  7 8:1 1", "1 ./b ./a 7 0:0 0", "1 ./c ./a 7 0:0 0"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: want -, got +\n%s", name, diff)
		}
	}
}

// TestWriteNamesOfExtensions: the name of an extended header is cut to 100 bytes,
// wherever that is in a character, and is that of the last component.
func TestWriteNamesOfExtensions(t *testing.T) {
	for name, want := range map[string]string{
		"short":                       "PaxHeaders.0/short",
		strings.Repeat("n", 87):       "PaxHeaders.0/" + strings.Repeat("n", 87),
		strings.Repeat("n", 88):       "PaxHeaders.0/" + strings.Repeat("n", 87),
		"n" + strings.Repeat("é", 50): "PaxHeaders.0/n" + strings.Repeat("é", 43),
		strings.Repeat("é", 50):       "PaxHeaders.0/" + strings.Repeat("é", 43) + "\xc3",
	} {
		root := &canon.Node{Kind: canon.Directory}
		dir := put(root, "dir", &canon.Node{Kind: canon.Directory})
		put(dir, name, &canon.Node{Kind: canon.FIFO, UID: 1 << 21})
		archive := write(t, root, tarfile.Options{NoGlobalHeader: true})
		if got := string(archive[1024:][:100]); strings.TrimRight(got, "\x00") != want {
			t.Errorf("%q: got %q, want %q", name, got, want)
		}
	}
}

// TestHolds: the xattrs by which overlayfs finds contents are refused, all others are
// written.
func TestHolds(t *testing.T) {
	for name, holds := range map[string]bool{
		"trusted.overlay.metacopy": false, "trusted.overlay.redirect": false, "user.overlay.metacopy": false, "user.overlay.redirect": false,
		"trusted.overlay.opaque": true, "user.overlay.origin": true, "trusted.overlay.redirects": true, "user.a": true, "security.selinux": true,
	} {
		tree := canon.NewTree()
		tree.Root.Xattrs.Set(name, "1")
		if tarfile.Holds(name) != holds {
			t.Errorf("%s: %v", name, !holds)
		}
		var out bytes.Buffer
		err := tarfile.Write(&out, tree, tarfile.Options{NoGlobalHeader: true})
		if !holds {
			refused := new(tarfile.XattrError)
			if !errors.As(err, &refused) || refused.Name != name || !strings.HasPrefix(err.Error(), `"/": a canonical tar does not hold the xattr `) {
				t.Errorf("%s: error %v", name, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		h, err := tar.NewReader(&out).Next()
		if err != nil || len(h.PAXRecords) != 1 || h.PAXRecords[tarfile.XattrPrefix+name] != "1" {
			t.Errorf("%s: %v, %v", name, h, err)
		}
	}
}

// TestWriteFailures: errors of the tree, of where the archive goes and of where
// contents come from come back.
func TestWriteFailures(t *testing.T) {
	full, broken := errors.New("disk is full"), errors.New("disk is broken")
	tree := func(n *canon.Node) *canon.Tree {
		tree := canon.NewTree()
		put(tree.Root, "f", n)
		tree.CountLinks()
		return tree
	}
	file := func() *canon.Node {
		return &canon.Node{Kind: canon.Regular, Size: 1 << 20, Content: &canon.Content{}}
	}
	open := func(r io.Reader) func(string, *canon.Node) (io.ReadCloser, error) {
		return func(path string, _ *canon.Node) (io.ReadCloser, error) {
			if path != "/f" {
				t.Errorf("%q is opened", path)
			}
			return io.NopCloser(r), nil
		}
	}
	if err := tarfile.Write(io.Discard, tree(file()), tarfile.Options{Open: open(failing{broken})}); !errors.Is(err, broken) || !strings.HasPrefix(err.Error(), `"/f": `) {
		t.Errorf("of a content that cannot be read: %v", err)
	}
	for _, room := range []int{0, 1, 1 << 19} {
		out := writerFunc(func(p []byte) (int, error) {
			if room -= len(p); room < 0 {
				return 0, full
			}
			return len(p), nil
		})
		if err := tarfile.Write(out, tree(file()), tarfile.Options{Open: open(zeros{})}); !errors.Is(err, full) {
			t.Errorf("with room for %d bytes: %v", room, err)
		}
	}
	if err := tarfile.Write(io.Discard, tree(&canon.Node{}), tarfile.Options{}); err == nil || err.Error() != `"/f": unknown type 0` {
		t.Errorf("of a tree that is not valid: %v", err)
	}
}
