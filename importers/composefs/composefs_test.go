package composefs_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"cfsverify/canon"
	"cfsverify/canon/dumpfile"
	"cfsverify/canon/erofs"
	"cfsverify/canon/fsverity"
	"cfsverify/importers/composefs"
	"cfsverify/importers/source"
	"cfsverify/testdata/blobs"
	"cfsverify/testdata/files"
	"cfsverify/testdata/layers"
)

// stated is the last column of a table of testdata/vectors, in the row that begins with
// the others.
func stated(t *testing.T, table string, first ...any) string {
	t.Helper()
	raw, err := os.ReadFile("../../testdata/vectors/" + table)
	if err != nil {
		t.Fatal(err)
	}
	begin := ""
	for _, column := range first {
		begin += fmt.Sprint(column) + "\t"
	}
	for line := range strings.Lines(string(raw)) {
		if value, is := strings.CutPrefix(strings.TrimSpace(line), begin); is {
			return value[strings.LastIndex(value, "\t")+1:]
		}
	}
	t.Fatalf("%s says nothing of %v", table, first)
	return ""
}

// vector is a dump file, and the image that mkcomposefs writes of it.
type vector struct{ dump, image string }

func readVector(t *testing.T, name string, version erofs.Version) vector {
	t.Helper()
	dump, tree := readDump(t, name)
	return vector{dump, written(t, tree, name, version)}
}

// readDump reads a dump file of testdata/vectors, and its tree.
func readDump(t *testing.T, name string) (string, *canon.Tree) {
	t.Helper()
	dump, err := os.ReadFile("../../testdata/vectors/" + name + ".dump")
	if err != nil {
		t.Fatal(err)
	}
	tree, err := dumpfile.Parse(bytes.NewReader(dump), dumpfile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return string(dump), tree
}

// written is the image of a tree, which has mkcomposefs's digest.
func written(t *testing.T, tree *canon.Tree, name string, version erofs.Version) string {
	t.Helper()
	var image bytes.Buffer
	if err := erofs.Write(&image, tree, erofs.Options{Version: version, Writer: erofs.Mkcomposefs}); err != nil {
		t.Fatal(err)
	}
	if got, want := fsverity.SumBytes(fsverity.SHA256, image.Bytes()).String(), stated(t, "expected.tsv", name, version); got != want {
		t.Fatalf("the image of %s has the digest %s, mkcomposefs's has %s", name, got, want)
	}
	return image.String()
}

// load loads a file of the content.
func load(t *testing.T, transport source.Transport, content string, o composefs.Options) (*composefs.File, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "file")
	files.Write(t, file, []byte(content))
	return composefs.Load(source.Source{Transport: transport, Path: file}, o)
}

func dumped(t *testing.T, tree *canon.Tree) string {
	t.Helper()
	var out strings.Builder
	if err := dumpfile.Write(&out, tree); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// TestLoad: the tree of a dump file gives mkcomposefs's image of it, and that of the
// image what composefs-info dump prints.
func TestLoad(t *testing.T) {
	for _, name := range []string{"mixed", "hardlinks", "whiteout-char-00", "xattr-shared", "inline-block-crossing"} {
		for _, version := range []erofs.Version{erofs.V0, erofs.V1} {
			v := readVector(t, name, version)
			read, err := load(t, source.Dump, v.dump, composefs.Options{Hash: fsverity.SHA256})
			if err != nil {
				t.Fatal(err)
			}
			if read.Image != nil {
				t.Errorf("%s: a dump file has an image", name)
			}
			written(t, read.Tree, name, version)
			read, err = load(t, source.Erofs, v.image, composefs.Options{Hash: fsverity.SHA256})
			if err != nil {
				t.Fatal(err)
			}
			sum := sha256.New()
			if err := dumpfile.WriteImage(sum, read.Tree, dumpfile.ImageDetails{DirSize: read.Image.DirSize, XattrOrder: read.Image.XattrOrder}); err != nil {
				t.Fatal(err)
			}
			// composefs-info lists two marks of whiteouts of version 1 as xattrs.
			listed := version
			if name == "whiteout-char-00" {
				listed = erofs.V0
			}
			if got, want := fmt.Sprintf("%x", sum.Sum(nil)), stated(t, "composefs-info.tsv", name, listed); got != want {
				t.Errorf("%s: the image's dump file has the SHA-256 %s, want %s", name, got, want)
			}
			if read.Image.Tree != read.Tree || read.Image.Version != version {
				t.Errorf("%s: %+v", name, read.Image)
			}
		}
	}
}

func TestLoadStandardInput(t *testing.T) {
	v := readVector(t, "mixed", erofs.V1)
	stdin := os.Stdin
	t.Cleanup(func() { os.Stdin = stdin })
	for transport, content := range map[source.Transport]string{source.Dump: v.dump, source.Erofs: v.image} {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		written := make(chan error, 1)
		go func() {
			_, err := w.WriteString(content)
			written <- errors.Join(err, w.Close())
		}()
		os.Stdin = r
		read, err := composefs.Load(source.Source{Transport: transport, Path: "-"}, composefs.Options{Hash: fsverity.SHA256})
		if err := errors.Join(err, <-written, r.Close()); err != nil {
			t.Fatal(err)
		}
		want, err := load(t, transport, content, composefs.Options{Hash: fsverity.SHA256})
		if err != nil {
			t.Fatal(err)
		}
		if got, want := dumped(t, read.Tree), dumped(t, want.Tree); got != want {
			t.Errorf("%s: got\n%swant\n%s", transport, got, want)
		}
	}
}

// TestWriters: an image is that of the program which gives its tree these bytes. A file
// with two names that is marked as a whiteout is none to composefs-rs, whose other bytes
// are those of a corner here: a time before 1970.
func TestWriters(t *testing.T) {
	for _, w := range erofs.Writers() {
		tree := canon.NewTree()
		tree.Root.Xattrs = canon.Xattrs{{Name: "trusted.overlay.whiteouts"}, {Name: "user.overlay.whiteouts"}}
		marked := &canon.Node{Kind: canon.Regular, Xattrs: canon.Xattrs{{Name: "trusted.overlay.whiteout"}, {Name: "user.overlay.whiteout"}}}
		tree.Root.Put(canon.Dirent{Name: "a", Node: marked})
		tree.Root.Put(canon.Dirent{Name: "b", Node: marked})
		tree.Root.Put(canon.Dirent{Name: "early", Node: &canon.Node{Kind: canon.FIFO, Mtime: canon.Time{Sec: -1}}})
		tree.CountLinks()
		var image bytes.Buffer
		if err := erofs.Write(&image, tree, erofs.Options{Version: erofs.V0, Writer: w}); err != nil {
			t.Fatal(err)
		}
		read, err := load(t, source.Erofs, image.String(), composefs.Options{Hash: fsverity.SHA256})
		if err != nil {
			t.Fatal(err)
		}
		if isWhiteout := read.Tree.Lookup("/a").Node.IsWhiteout(); read.Image.Writer != w || isWhiteout != (w == erofs.Mkcomposefs) {
			t.Errorf("by %v: read as by %v, a whiteout: %v", w, read.Image.Writer, isWhiteout)
		}
	}
}

// TestLenient: of dump files historical forms are read, and of images those whose
// bytes mkcomposefs would not write.
func TestLenient(t *testing.T) {
	dump := readVector(t, "root-only", erofs.V1).dump
	image := readVector(t, "mixed", erofs.V1).image
	// Between composefs's header and EROFS's superblock, at 1024, nothing is read.
	changed := func(at int) string { return image[:at] + "x" + image[at+1:] }
	for name, c := range map[string]struct {
		transport     source.Transport
		content, want string
		at            int
	}{
		"dump file without its last newline": {source.Dump, strings.TrimSuffix(dump, "\n"), "no newline at the end", 0},
		"image with a byte changed":          {source.Erofs, changed(100), "from byte 100 on the image is not what its tree gives", 100},
		"image with a later byte changed":    {source.Erofs, changed(1023), "from byte 1023 on the image is not what its tree gives", 1023},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := load(t, c.transport, c.content, composefs.Options{Hash: fsverity.SHA256})
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), string(c.transport)+":/") {
				t.Errorf("error %v, want %s", err, c.want)
			}
			var other *composefs.OtherBytesError
			if errors.As(err, &other) != (c.at > 0) || other != nil && other.At != c.at {
				t.Errorf("error %#v", err)
			}
			whole := map[source.Transport]string{source.Dump: dump, source.Erofs: image}[c.transport]
			want, err := load(t, c.transport, whole, composefs.Options{Hash: fsverity.SHA256})
			if err != nil {
				t.Fatal(err)
			}
			read, err := load(t, c.transport, c.content, composefs.Options{Hash: fsverity.SHA256, Lenient: true})
			if err != nil {
				t.Fatal(err)
			}
			if got, want := dumped(t, read.Tree), dumped(t, want.Tree); got != want {
				t.Errorf("got\n%swant\n%s", got, want)
			}
		})
	}
}

// TestHash: digests of content are of the hash that is wanted, or there are none.
func TestHash(t *testing.T) {
	for _, transport := range []source.Transport{source.Dump, source.Erofs} {
		for name, has := range map[string]fsverity.Algorithm{"mixed": fsverity.SHA256, "root-only": 0} {
			v := readVector(t, name, erofs.V1)
			content := map[source.Transport]string{source.Dump: v.dump, source.Erofs: v.image}[transport]
			for _, want := range []fsverity.Algorithm{fsverity.SHA256, fsverity.SHA512} {
				_, err := load(t, transport, content, composefs.Options{Hash: want})
				var hash *composefs.HashError
				refused := has != 0 && has != want
				if errors.As(err, &hash) != refused || (err == nil) == refused {
					t.Errorf("%s, %s for %v: error %v", transport, name, want, err)
				}
				if refused && (hash.Has != has || hash.Want != want || hash.Source.Transport != transport || !strings.Contains(err.Error(), " has sha256 digests of file content, not sha512")) {
					t.Errorf("%s: error %v", transport, err)
				}
			}
		}
	}
}

func TestLoadErrors(t *testing.T) {
	image := readVector(t, "mixed", erofs.V1).image
	for name, c := range map[string]struct {
		transport     source.Transport
		content, want string
	}{
		"empty dump file":           {source.Dump, "", "line 1"},
		"no dump file":              {source.Dump, "hello\n", "line 1"},
		"image as dump":             {source.Dump, image, "it is a composefs image: write erofs:/"},
		"empty image":               {source.Erofs, "", "magic"},
		"no image":                  {source.Erofs, strings.Repeat("x", 10_000), "magic"},
		"dump as image":             {source.Erofs, "/ 0 40755 2 0 0 0 0.0 - - -\n", "it is a dump file: write dump:/"},
		"dump in gzip":              {source.Dump, string(blobs.Gzip(t, []byte("/ 0 40755 2 0 0 0 0.0 - - -\n"))), "it is a compressed file: decompress it first"},
		"image in zstd":             {source.Erofs, string(blobs.Zstd(t, []byte(image))), "it is a compressed file: decompress it first"},
		"layer as dump":             {source.Dump, string(layers.Tar("d usr")), "it is a tar archive: write tar:/"},
		"layer as image":            {source.Erofs, string(layers.Tar("d usr")), "it is a tar archive: write tar:/"},
		"image cut off at 100":      {source.Erofs, image[:100], "truncated"},
		"image cut off at 4096":     {source.Erofs, image[:4096], "blocks"},
		"image with more behind it": {source.Erofs, image + strings.Repeat("\x00", 4096), "the superblock states 8 blocks, the image has 9"},
		"image cut off at its end":  {source.Erofs, image[:len(image)-4096], "the superblock states 8 blocks, the image has 7"},
	} {
		read, err := load(t, c.transport, c.content, composefs.Options{Hash: fsverity.SHA256, Lenient: true})
		if err == nil || read != nil || !strings.HasPrefix(err.Error(), string(c.transport)+":/") || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %s", name, err, c.want)
		}
	}
	for _, transport := range []source.Transport{source.Dump, source.Erofs} {
		if _, err := composefs.Load(source.Source{Transport: transport, Path: filepath.Join(t.TempDir(), "none")}, composefs.Options{}); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: error %v", transport, err)
		}
		if _, err := composefs.Load(source.Source{Transport: transport, Path: t.TempDir()}, composefs.Options{}); !errors.Is(err, syscall.EISDIR) {
			t.Errorf("%s: error %v", transport, err)
		}
	}
}

// TestNoImageIsNotRead: what begins in another way is not read to its end, if it has one.
func TestNoImageIsNotRead(t *testing.T) {
	file := filepath.Join(t.TempDir(), "zeros")
	files.Write(t, file, nil)
	if err := os.Truncate(file, 1<<40); err != nil {
		t.Fatal(err)
	}
	if _, err := composefs.Load(source.Source{Transport: source.Erofs, Path: file}, composefs.Options{}); err == nil || !strings.Contains(err.Error(), "magic") {
		t.Errorf("error %v", err)
	}
}

// TestWriter: who wrote an image follows from its bytes, where only one program writes
// them.
func TestWriter(t *testing.T) {
	for _, tt := range []struct {
		name   string
		format erofs.Options
		want   erofs.Writer
	}{
		{"time-before-1970", erofs.Options{Version: erofs.V1}, erofs.ComposefsRS},
		{"time-before-1970", erofs.Options{Version: erofs.V1, Writer: erofs.Mkcomposefs}, erofs.Mkcomposefs},
		{"whiteout-xattrs-shared", erofs.Options{Version: erofs.V1}, erofs.ComposefsRS},
		// mkcomposefs does not write it at all.
		{"whiteout-xattrs-refused", erofs.Options{Version: erofs.V0}, erofs.ComposefsRS},
		{"all-times-before-1970", erofs.Options{Version: erofs.V1}, erofs.Mkcomposefs},
		{"time-before-1970", erofs.Options{Version: erofs.V2}, erofs.ComposefsRS},
	} {
		_, tree := readDump(t, "corners/"+tt.name)
		var image bytes.Buffer
		if err := erofs.Write(&image, tree, tt.format); err != nil {
			t.Fatal(err)
		}
		want := stated(t, "corners/expected.tsv", tt.name, tt.format.Version, tt.format.Writer)
		if got := fsverity.SumBytes(fsverity.SHA256, image.Bytes()).String(); got != want {
			t.Fatalf("%s: the image has the digest %s, that of %v %s", tt.name, got, tt.format.Writer, want)
		}
		read, err := load(t, source.Erofs, image.String(), composefs.Options{Hash: fsverity.SHA256})
		if err != nil || read.Image.Writer != tt.want {
			t.Errorf("%s, %v: %v, %v, want %v", tt.name, tt.format, read, err, tt.want)
		}
	}
}
