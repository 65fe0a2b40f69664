package layer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cfsverify/canon"
	"cfsverify/canon/fsverity"
	"cfsverify/importers/limits"
	"cfsverify/testdata/blobs"
	"cfsverify/testdata/layers"
	"cfsverify/testdata/trees"
)

// only reads a spec of one entry.
func only(t *testing.T, spec string) (Entry, *canon.Node) {
	t.Helper()
	l := layersOf(t, spec)[0]
	if l.Len() != 1 {
		t.Fatalf("%d entries", l.Len())
	}
	return l.List[0], l.List[0].newNode()
}

func TestReadNames(t *testing.T) {
	long := strings.Repeat("n", 100)
	for _, c := range []struct{ spec, want string }{
		{"f a", "a"},
		{"f ./a", "a"},
		{"f /a", "a"},
		{"f .//a", "a"},
		{"f ///a//b/./c", "a/b/c"},
		{"d a/b/", "a/b"},
		{"f a/b/", "a/b"},
		{"f a/.", "a"},
		{"f ./...", "..."},
		{"d .", ""},
		{"d ./", ""},
		{"d /", ""},
		{"d ././/", ""},
		{`f "\xff\x01 b"`, "\xff\x01 b"},
		{"f " + long, long},
		{"f short L=" + long + long, long + long},
		{"f short L=x/y", "x/y"},
		{"f short magic=gnu L=x/y", "x/y"},
		{"f short pax:path=./x/y", "x/y"},
		{"f short L=gnu pax:path=pax", "pax"},
		{"f a pax:path=" + strings.Repeat(strings.Repeat("c", 255)+"/", 15), strings.TrimSuffix(strings.Repeat(strings.Repeat("c", 255)+"/", 15), "/")},
	} {
		e, _ := only(t, c.spec)
		if e.Path != c.want {
			t.Errorf("%q: got %q, want %q", c.spec, e.Path, c.want)
		}
	}
}

// TestReadPrefix: only ustar has a prefix field.
func TestReadPrefix(t *testing.T) {
	for magic, want := range map[string]string{"": "pre/fix/name", " magic=gnu": "name", " magic=v7": "name"} {
		archive := layers.Tar("f name" + magic)
		copy(archive[345:], "pre/fix")
		layers.Resum(archive[:512])
		l, err := readTar(archive, 1)
		if err != nil {
			t.Fatal(err)
		}
		if got := l.List[0].Path; got != want {
			t.Errorf("%q: got %q, want %q", magic, got, want)
		}
	}
}

// TestOddFields are fields that only some tools look at.
func TestOddFields(t *testing.T) {
	for _, c := range []struct {
		spec, field string
		at          int
		want        string
	}{
		{"f a", "0x", 329, "devmajor"},
		{"f a", "8", 343, "devminor"},
		{"f a", "0\x00", 263, ""},
		{"f a", "  ", 263, ""},
		{"c a dev=1,3", "01", 263, "ustar"},
	} {
		archive := layers.Tar(c.spec)
		copy(archive[c.at:], c.field)
		layers.Resum(archive[:512])
		if _, err := readTar(archive, 1); (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q at %d: error %v, want %q", c.field, c.at, err, c.want)
		}
	}
	archive := layers.Tar("f a")
	copy(archive[263:], "01")
	copy(archive[345:], "prefix")
	layers.Resum(archive[:512])
	if _, err := readTar(archive, 1); err == nil || !strings.Contains(err.Error(), `version "01" of the ustar format`) {
		t.Errorf("error %v", err)
	}
}

// TestSignedChecksum: old writers summed signed bytes.
func TestSignedChecksum(t *testing.T) {
	archive := layers.Tar(`f "\xe9\xe8"`)
	var unsigned int
	if _, err := fmt.Sscanf(string(archive[148:154]), "%o", &unsigned); err != nil {
		t.Fatal(err)
	}
	copy(archive[148:154], fmt.Sprintf("%06o", unsigned-2*256))
	l, err := readTar(archive, 1)
	if err != nil || l.List[0].Path != "\xe9\xe8" {
		t.Errorf("entries %+v, error %v", l, err)
	}
	copy(archive[148:154], fmt.Sprintf("%06o", unsigned-256))
	if _, err := readTar(archive, 1); err == nil || !strings.Contains(err.Error(), "checksum") {
		t.Errorf("error %v", err)
	}
}

func TestReadMetadata(t *testing.T) {
	for _, c := range []struct {
		spec string
		want canon.Node
	}{
		{"f a mode=104755 uid=1 gid=2 mtime=3", canon.Node{Kind: canon.Regular, Perm: 0o4755, UID: 1, GID: 2, Mtime: canon.Time{Sec: 3}}},
		{`'\x00' a/ magic=v7`, canon.Node{Kind: canon.Regular, Perm: 0o644}},
		{"'0' a/", canon.Node{Kind: canon.Regular, Perm: 0o644}},
		{"'7' a =abc", canon.Node{Kind: canon.Regular, Perm: 0o644, Size: 3, Content: &canon.Content{Inline: []byte("abc")}}},
		{"d a mode=1777", canon.Node{Kind: canon.Directory, Perm: 0o1777}},
		{"l a ->../b//c/", canon.Node{Kind: canon.Symlink, Perm: 0o777, Target: "../b//c/"}},
		{"l a ->x K=" + strings.Repeat("t", 300), canon.Node{Kind: canon.Symlink, Perm: 0o777, Target: strings.Repeat("t", 300)}},
		{"l a ->x K=y pax:linkpath=z", canon.Node{Kind: canon.Symlink, Perm: 0o777, Target: "z"}},
		{"p a", canon.Node{Kind: canon.FIFO, Perm: 0o644}},
		// new_encode_dev(MKDEV(4095, 1048575)) and so on, as stat(1) shows them.
		{"c a dev=5,1", canon.Node{Kind: canon.CharDevice, Perm: 0o644, Rdev: 0x501}},
		{"b a dev=259,300", canon.Node{Kind: canon.BlockDevice, Perm: 0o644, Rdev: 0x11032c}},
		{"b a dev=4095,1048575", canon.Node{Kind: canon.BlockDevice, Perm: 0o644, Rdev: 0xffffffff}},
		{"f a uid=2097152 gid=4294967295 mtime=8589934592", canon.Node{Kind: canon.Regular, Perm: 0o644, UID: 2097152, GID: 4294967295, Mtime: canon.Time{Sec: 8589934592}}},
		{"f a uid=1 pax:uid=4294967297 pax:gid=+7", canon.Node{Kind: canon.Regular, Perm: 0o644, UID: 1, GID: 7}},
		{"f a mtime=5 pax:mtime=6.5", canon.Node{Kind: canon.Regular, Perm: 0o644, Mtime: canon.Time{Sec: 6, Nsec: 500000000}}},
		{"f a pax:mtime=6.000000001", canon.Node{Kind: canon.Regular, Perm: 0o644, Mtime: canon.Time{Sec: 6, Nsec: 1}}},
		{"f a pax:mtime=6.1234567899", canon.Node{Kind: canon.Regular, Perm: 0o644, Mtime: canon.Time{Sec: 6, Nsec: 123456789}}},
		{"f a pax:mtime=6.", canon.Node{Kind: canon.Regular, Perm: 0o644, Mtime: canon.Time{Sec: 6}}},
		{"f a pax:mtime=6.12x", canon.Node{Kind: canon.Regular, Perm: 0o644, Mtime: canon.Time{Sec: 6}}},
		{"f a pax:mtime=-0.25", canon.Node{Kind: canon.Regular, Perm: 0o644, Mtime: canon.Time{Sec: -1, Nsec: 750000000}}},
		{`f a pax:SCHILY.xattr.user.b=2 pax:"SCHILY.xattr.user.a=\x00=" pax:SCHILY.xattr.user.b=3 pax:LIBARCHIVE.xattr.user.c=eA== pax:SCHILY.xattr.user.e=`,
			canon.Node{Kind: canon.Regular, Perm: 0o644, Xattrs: canon.Xattrs{{Name: "user.a", Value: "\x00="}, {Name: "user.b", Value: "3"}, {Name: "user.e"}}}},
	} {
		_, n := only(t, c.spec)
		if diff := cmp.Diff(&c.want, n, cmp.AllowUnexported(canon.Node{}, canon.Content{}, fsverity.Digest{})); diff != "" {
			t.Errorf("%q: want -, got +\n%s", c.spec, diff)
		}
	}
}

// TestReadContent: inline up to 64 bytes, above that a digest. PAX sizes count.
func TestReadContent(t *testing.T) {
	for _, size := range []int{0, 1, 64, 65, 511, 512, 513, 4096, 4097, 300000} {
		content := bytes.Repeat([]byte("0123456789abcde\n"), size/16+1)[:size]
		l, err := readTar(layers.Tar(fmt.Sprintf("f a size=0 pax:size=%d =%q\nf b =end", size, content)), 1)
		if err != nil {
			t.Fatal(size, err)
		}
		n := l.List[0].newNode()
		switch {
		case n.Size != uint64(size) || l.Len() != 2:
			t.Errorf("size %d, want %d; %d entries", n.Size, size, l.Len())
		case size == 0 && n.Content != nil, size > 0 && size <= 64 && string(n.Content.Inline) != string(content):
			t.Errorf("%d: content %+v", size, n.Content)
		case size > 64 && (n.Content.Inline != nil || n.Content.Digest != fsverity.SumBytes(fsverity.SHA256, content)):
			t.Errorf("%d: digest %v", size, n.Content.Digest)
		case size > 64 && n.Content.Payload() != n.Content.Digest.ObjectPath():
			t.Errorf("%d: payload %q", size, n.Content.Payload())
		}
	}
}

func TestReadErrors(t *testing.T) {
	long := strings.Repeat("n", 256)
	for _, c := range []struct{ spec, want string }{
		{"f a\nf ../b", `layer 1 (1.tar), entry 2 "../b": the name has a ".." component`},
		{"f a/../b", `entry 1 "a/../b": the name has a ".."`},
		{"d ..", `".." component`},
		{`f ""`, `entry 1: the name is empty`},
		{"f a pax:path=", `the name is empty`},
		{`f a pax:"path=x\x00y"`, "holds a NUL byte"},
		{`f a L="x\x00y"`, "holds a NUL byte"},
		{"f a pax:path=x/" + long, "the name has 256 bytes, the limit is 255"},
		{"f a pax:path=" + strings.Repeat("abc/", 1024) + "x", "the name has 4097 bytes, the limit is 4096"},
		{"f ./", "the root can only be a directory"},
		{"l / ->a", "the root can only be a directory"},
		{"h / ->a", "the root can only be a directory"},
		{"h a ->../b", `the hardlink's target "../b" is not valid`},
		{"h a", `the hardlink's target "" is not valid`},
		{"h a ->./", "the hardlink's target is the root directory"},
		{"l a", "a symlink's target has 1 to 4095 bytes"},
		{`l a pax:"linkpath=x\x00"`, "a symlink's target has 1 to 4095 bytes"},
		{"l a pax:linkpath=" + strings.Repeat("t", 4096), "a symlink's target has 1 to 4095 bytes"},
		{"c a dev=4096,0", "device number 4096:0 does not fit"},
		{"b a dev=0,1048576", "device number 0:1048576 does not fit"},
		{"b a magic=v7", "a device without a number"},
		{"f a uid=-1", "the uid is -1"},
		{"f a pax:uid=x", `the PAX uid "x"`},
		{"f a pax:gid=-1", `the PAX gid "-1"`},
		{"f a pax:size=", `the PAX size ""`},
		{"f a pax:size=9223372036854775807", "out of range"},
		{"f a pax:mtime=", `the PAX mtime ""`},
		{"f a pax:mtime=.5", `the PAX mtime ".5"`},
		{"f a pax:mtime=1e3", `the PAX mtime "1e3"`},
		{"f a pax:mtime=-+1", `the PAX mtime "-+1"`},
		{"f a pax:SCHILY.xattr.=1", "an xattr name has 1 to 255 bytes"},
		{"f a pax:SCHILY.xattr." + long + "=1", "an xattr name has 1 to 255 bytes"},
		{"f a pax:SCHILY.xattr.user.a=" + strings.Repeat("v", 65536), `xattr "user.a" has 65536 bytes`},
		{"f a pax:big=" + strings.Repeat("v", 1<<20), "more than 1048576 bytes"},
		{"'S' a", "sparse"},
		{"f a pax:GNU.sparse.map=0,1", "sparse"},
		{"f a pax:GNU.sparse.major=1 pax:GNU.sparse.minor=0", "sparse"},
		{"'V' a", `entries of type 'V' are not supported`},
		{"'s' a", `entries of type 's' are not supported`},
		{"'x' a magic=v7", `entries of type 'x' are not supported`},
		{"'L' a =name magic=v7", `entries of type 'L' are not supported`},
		{"f a L=b L=c", `two extension headers of type 'L'`},
		{"l a K=b K=c", `two extension headers of type 'K'`},
		{"'x' x =\"9 p=path\\n\"\nf a pax:path=b", `two extension headers of type 'x'`},
		{"'x' x =\"9 p=path\\n\"\n'g' g\nf a", "a global PAX header stands between"},
		{"'x' x =\"9 p=path\\n\"", "the archive ends after extension headers"},
		{"'x' x =\"11 p=path\\n\"\nf a", "its length is wrong"},
		{"'x' x =\"8 p=path\\n\"\nf a", "a newline"},
		{"'x' x =\"6 =ab\\n\"\nf a", "KEY=VALUE"},
		{"'x' x =\"8 novalu\\n\"\nf a", "not valid"},
		{"'x' x =\"9 p=path\\n\\x00\"\nf a", "not valid"},
	} {
		_, err := readTar(layers.Tar(c.spec), 1)
		var entryError *canon.EntryError
		if !errors.As(err, &entryError) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.80q: error %v, want %q", c.spec, err, c.want)
		}
	}
}

func TestGlobalHeadersAreIgnored(t *testing.T) {
	e, n := only(t, "'g' pax_global_header =\"18 comment=ignored\\n13 mtime=77\\n\"\nf a mtime=1")
	if e.Header.Offset != 1024 || e.Header.PAX != nil || n.Mtime.Sec != 1 {
		t.Errorf("header %+v", e.Header)
	}
}

// TestArchiveEnd: two zero blocks or nothing; what follows is read, not parsed.
func TestArchiveEnd(t *testing.T) {
	whole := layers.Tar("f a =abc")
	entry := whole[:1024]
	zero := make([]byte, 512)
	for _, c := range []struct {
		name    string
		archive []byte
		want    string
	}{
		{"two zero blocks", whole, ""},
		{"more zero blocks and trailing data", append(append(bytes.Clone(whole), make([]byte, 8192)...), "not a header"...), ""},
		{"no zero blocks", entry, ""},
		{"empty", nil, ""},
		{"only zero blocks", make([]byte, 1024), ""},
		{"one zero block", append(bytes.Clone(entry), zero...), "one zero block"},
		{"one zero block, then an entry", append(append(bytes.Clone(entry), zero...), entry...), "layer 1 (1.tar), entry 2: a zero block at byte 1024"},
		{"no padding", entry[:515], "truncated"},
		{"no content", entry[:514], "truncated"},
		{"half a header", append(bytes.Clone(entry), entry[:100]...), "layer 1 (1.tar), entry 2: the archive ends in the middle"},
		{"no archive", bytes.Repeat([]byte("text"), 300), "block at byte 0: this is no tar header"},
	} {
		r := bytes.NewReader(c.archive)
		l, err := Read(context.Background(), r, &canon.Layer{Index: 1, Name: "1.tar"}, nil, ReadOptions{Hash: fsverity.SHA256})
		if err == nil {
			_, err = Apply([]*Entries{l}, RulesComposefsRS)
		}
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", c.name, err, c.want)
		}
		if err == nil && r.Len() > 0 {
			t.Errorf("%s: %d bytes were not read", c.name, r.Len())
		}
	}
}

func TestProvenance(t *testing.T) {
	long := strings.Repeat("long/", 30) + "x"
	layers := layersOf(t,
		"d usr\nf usr/a =abc mode=100755 mtime=1 uid=7",
		"'g' g\nf ./"+"usr//b pax:mtime=5.25 pax:path=./usr//b pax:comment=c\nh /usr/c ->./usr/a mtime=9\nf deep/er/f\nf "+"x L="+long+"\nd ./ mtime=2")
	tree, err := Apply(layers, RulesOCI)
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]canon.Origin{
		"/usr/a": {Layer: layers[0].Layer, Entry: 2, Header: &canon.Header{Offset: 512, Typeflag: '0', Name: "usr/a", Mode: 0o100755, UID: 7, Size: 3, Mtime: canon.Time{Sec: 1}}},
		"/usr/b": {Layer: layers[1].Layer, Entry: 1, Header: &canon.Header{Offset: 512, Typeflag: '0', Name: "./usr//b", Mode: 0o644, Mtime: canon.Time{Sec: 5, Nsec: 250000000},
			PAX: map[string]string{"mtime": "5.25", "path": "./usr//b", "comment": "c"}}},
		"/usr/c":   {Layer: layers[1].Layer, Entry: 2, Header: &canon.Header{Offset: 2048, Typeflag: '1', Name: "/usr/c", Linkname: "./usr/a", Mode: 0o644, Mtime: canon.Time{Sec: 9}}},
		"/deep/er": {Layer: layers[1].Layer, Entry: 3, Implicit: true, Header: &canon.Header{Offset: 2560, Typeflag: '0', Name: "deep/er/f", Mode: 0o644}},
		"/" + long: {Layer: layers[1].Layer, Entry: 4, Header: &canon.Header{Offset: 3072, Typeflag: '0', Name: long, Mode: 0o644}},
		"/":        {Layer: layers[1].Layer, Entry: 5, Header: &canon.Header{Offset: 4608, Typeflag: '5', Name: "./", Mode: 0o755, Mtime: canon.Time{Sec: 2}}},
	} {
		e := tree.Lookup(path)
		if e == nil {
			t.Errorf("%s is missing", path)
			continue
		}
		if diff := cmp.Diff(&want, e.Origin); diff != "" {
			t.Errorf("%s: want -, got +\n%s", path, diff)
		}
	}
	for path, e := range tree.All() {
		if e.Origin == nil || e.Origin.Layer == nil || e.Origin.Header == nil || e.Origin.Entry == 0 {
			t.Errorf("%s: origin %+v", path, e.Origin)
		}
	}
}

// TestApplyShares: changing one tree leaves another of the same layers as it is.
func TestApplyShares(t *testing.T) {
	layers := layersOf(t, "d a pax:SCHILY.xattr.user.a=1\nf a/b =b mtime=1 pax:SCHILY.xattr.user.a=1\nh c ->a/b")
	var made []*canon.Tree
	for range 2 {
		tree, err := Apply(layers, RulesOCI)
		if err != nil {
			t.Fatal(err)
		}
		made = append(made, tree)
	}
	before := trees.Text(made[1])
	for e := range made[0].Dirents() {
		e.Node.Xattrs.Set("user.a", "changed")
		e.Node.Mtime.Sec++
	}
	made[0].Root.Child("a").Node.RemoveAll()
	if after := trees.Text(made[1]); after != before {
		t.Errorf("got\n%swant\n%s", after, before)
	}
}

func TestReadCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	r := io.MultiReader(bytes.NewReader(layers.Tar("f a")[:512]), blobs.ReaderFunc(func(p []byte) (int, error) {
		cancel()
		return copy(p, layers.Tar("f b")), nil
	}))
	_, err := Read(ctx, r, &canon.Layer{Index: 1}, nil, ReadOptions{Hash: fsverity.SHA256})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestReadProgress(t *testing.T) {
	archive := layers.Tar(strings.Repeat("f a =abc\n", 3000))
	var calls, entries, size int64
	o := ReadOptions{Hash: fsverity.SHA256, Progress: func(p limits.Progress) {
		calls++
		entries += p.Entries
		size += p.Bytes
	}}
	if _, err := Read(context.Background(), bytes.NewReader(archive), &canon.Layer{Index: 1}, nil, o); err != nil {
		t.Fatal(err)
	}
	if calls < 2 || entries != 3000 || size != int64(len(archive)) {
		t.Errorf("%d calls, %d entries, %d bytes of %d", calls, entries, size, len(archive))
	}
}

// TestTakeNodes: a tree that takes the layers' nodes makes none.
func TestTakeNodes(t *testing.T) {
	for _, takes := range []bool{true, false} {
		layers := layersOf(t, "d a\nf a/b")
		tree, err := applyLayers(layers, RulesOCI, takes)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range layers[0].List {
			if same := tree.Lookup("/"+e.Path).Node == e.Node; same != takes {
				t.Errorf("%s: the same node: %v, want %v", e.Path, same, takes)
			}
		}
	}
}

// TestWatch: who watches a file sees all of its content and then its digest, and decides
// whether the layer can be read; short content, which the tree has, is not watched.
func TestWatch(t *testing.T) {
	long := strings.Repeat("x", canon.InlineMax+1)
	archive := layers.Tar("f a =" + long + "1\nf b =" + long + "2\nf c =short\nf d =" + long + "3")
	broken := errors.New("broken")
	for failing, want := range map[string]error{"": nil, "d": broken} {
		seen := map[string]string{}
		_, err := Read(t.Context(), bytes.NewReader(archive), &canon.Layer{}, nil, ReadOptions{Hash: fsverity.SHA256, Watch: func(path string, size uint64) *Watcher {
			if path == "b" {
				return nil
			}
			var content bytes.Buffer
			return &Watcher{Writer: &content, End: func(digest fsverity.Digest) error {
				if size != uint64(content.Len()) || digest != fsverity.SumBytes(fsverity.SHA256, content.Bytes()) {
					t.Errorf("%s: %d bytes, %v", path, size, digest)
				}
				seen[path] = content.String()
				if path == failing {
					return broken
				}
				return nil
			}}
		}})
		if !errors.Is(err, want) || len(seen) != 2 || seen["a"] != long+"1" || seen["d"] != long+"3" {
			t.Errorf("%v, error %v", seen, err)
		}
	}
}
