package layer

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cfsverify/canon"
	"cfsverify/canon/fsverity"
	"cfsverify/testdata/files"
	"cfsverify/testdata/layers"
	"cfsverify/testdata/oracle"
)

// TestReadLayerAgreesWithTools: archives that real tools make of a directory
// give what other tools see in the directory.
func TestReadLayerAgreesWithTools(t *testing.T) {
	oracle.Root(t)
	m := files.New(t, t.TempDir())
	m.MakeEverything()
	// tar has no sockets, and these tools no hardlinks of FIFOs and devices.
	for _, name := range []string{"dev/socket", "usr/socket", "usr/fifo", "usr/null"} {
		m.Do(os.Remove(m.Path(name)))
	}
	deep := strings.Repeat("a-directory-with-a-long-name/", 12)
	m.Mkdir(deep)
	m.File(deep+"file", "deep")
	m.Link(deep+"file", "deep-file")
	m.Symlink(deep+"file", "deep-symlink")
	m.Mtime("names/...", 9_000_000_000, 5)
	for _, c := range []struct {
		name    string
		command []string
		// Only PAX headers hold nanoseconds and xattrs.
		pax bool
	}{
		{"GNU tar, pax", []string{"tar", "--format=pax", "--xattrs", "--xattrs-include=*"}, true},
		{"GNU tar, gnu", []string{"tar", "--format=gnu"}, false},
		{"bsdtar, pax", []string{"bsdtar", "--format=pax", "--no-acls", "--no-fflags"}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.command[0] == "bsdtar" {
				// It writes half a second before -1 as -2.5.
				m.Mtime("etc/size-1", -2, 0)
			}
			archive := filepath.Join(t.TempDir(), "layer.tar")
			files.Tool(t, c.command[0], append(c.command[1:], "-C", m.Dir, "-cf", archive, ".")...)
			want := files.ByTools(t, m.Dir, "sha256")
			for path, e := range want {
				if !c.pax {
					e.Mtime = wholeSeconds(e.Mtime)
					e.Xattrs = nil
				}
				want[path] = e
			}
			if diff := cmp.Diff(want, files.OfTree(t, appliedTars(t, archive))); diff != "" {
				t.Errorf("the tools (-) and the archive (+) differ:\n%s", diff)
			}
		})
	}
}

// wholeSeconds rounds down what stat printed.
func wholeSeconds(mtime string) string {
	if mtime == "-1.500000000" {
		return "-2.000000000"
	}
	whole, _, _ := strings.Cut(mtime, ".")
	return whole + ".000000000"
}

func appliedTars(t *testing.T, archives ...string) *canon.Tree {
	t.Helper()
	var layers []*Entries
	for i, archive := range archives {
		f, err := os.Open(archive)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		l, err := Read(t.Context(), f, &canon.Layer{Index: i + 1, Name: archive}, nil, ReadOptions{Hash: fsverity.SHA256})
		if err != nil {
			t.Fatal(err)
		}
		layers = append(layers, l)
	}
	tree, err := Apply(layers, RulesOCI)
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

// engineImages are images of which engines show the tree that the OCI rules
// give: umoci unpacks one layer over the other, buildah uses overlayfs. They
// disagree on some.
var engineImages = []struct {
	name           string
	umoci, buildah bool
	layers         []string
}{
	{"everything", true, true, []string{
		"d usr mtime=5 mode=711 uid=3\nd usr/bin mtime=6\nf usr/bin/a =abc mtime=7 mode=4755 pax:SCHILY.xattr.user.a=1\nh usr/bin/b ->usr/bin/a mode=4755 mtime=7 pax:SCHILY.xattr.user.a=1\n" +
			"l usr/l ->bin mtime=8\nc usr/c dev=1,3 mtime=9\np usr/p mtime=10\nf big =" + strings.Repeat("content", 1000) + " mtime=11 pax:mtime=11.5\n" +
			"d gone mtime=1\nf gone/x mtime=1\nd opaque mtime=1\nf opaque/old mtime=1\nd opaque/sub mtime=1\nf opaque/sub/x mtime=1\nf file mtime=1\nd dir mtime=1\nf dir/x mtime=1",
		"f .wh.gone\nd opaque mtime=12 uid=4\nf opaque/.wh..wh..opq\nf opaque/new =new mtime=13\nd file mtime=14\nf file/x mtime=15\nf dir mtime=16\nd usr mtime=17\nd usr/bin mtime=18 gid=9\nf usr/bin/c mtime=19\nf .wh.none",
		"d usr mtime=20\nd usr/bin mtime=21\nf usr/bin/.wh.a\nf gone =back mtime=22",
	}},
	{"opaque marker last", true, true, []string{
		"d a mtime=1\nf a/old mtime=1\nd a/sub mtime=1\nf a/sub/old mtime=1",
		"d a mtime=2\nf a/new mtime=3\nd a/sub mtime=4\nf a/sub/new mtime=5\nf a/.wh..wh..opq",
	}},
	{"opaque marker between siblings", true, true, []string{
		"d a mtime=1\nf a/old mtime=1", "d a mtime=2\nf a/+x mtime=3\nf a/.wh..wh..opq\nf a/z mtime=4",
	}},
	{"whiteout last", true, false, []string{"f a =old mtime=1\nf b mtime=1", "f a =new mtime=2\nf .wh.a"}},
	{"whiteout of a directory last", true, false, []string{"d a mtime=1\nf a/old mtime=1", "d a mtime=2\nf a/new mtime=3\nf .wh.a"}},
	// containers/storage refuses this, and shows a/old in the next one.
	{"whiteout before an entry below its name", true, false, []string{"d a mtime=1\nf a/old mtime=1", "f .wh.a\nf a/new mtime=2"}},
	{"whiteout before a directory of its name", true, false, []string{"d a mtime=1\nf a/old mtime=1", "f .wh.a\nd a mtime=2\nf a/new mtime=2"}},
	{"parents in no layer", true, true, []string{"d a mtime=1\nd x mtime=1", "d a mtime=1\nf a/b/c/d =x mtime=2\nd x mtime=2\nf x/y/z"}},
	{"lower symlink as parent", false, true, []string{"d usr mtime=1\nd usr/lib mtime=2\nf usr/lib/a mtime=3\nl lib ->usr/lib mtime=4", "f lib/b =b mtime=5"}},
	{"lower file as parent", false, true, []string{"f a mtime=1", "f a/b mtime=2"}},
	// containers/storage refuses this.
	{"duplicates", true, false, []string{"f a =1 mtime=1\nf a =2 mtime=2\nd b mtime=1\nf b/x mtime=2\nd b mtime=3\nl c ->x mtime=1\nf c =3 mtime=4"}},
	{"directory with a size", true, true, []string{"d b size=4096 mtime=1\nf b/c mtime=2"}},
	// containers/storage makes 1970 of it.
	{"mtime before 1970", true, false, []string{"f a mtime=-2\nf b pax:mtime=-2.5"}},
}

func TestEngines(t *testing.T) {
	oracle.Root(t)
	umoci, buildah := oracle.Engine(t, "umoci"), oracle.Engine(t, "containers-storage")
	for _, image := range engineImages {
		t.Run(image.name, func(t *testing.T) {
			if image.umoci {
				compareEngine(t, "umoci", umoci, image.layers)
			}
			if image.buildah {
				compareEngine(t, "buildah", buildah, image.layers)
			}
		})
	}
}

// TestMarkersMakeDirectories: overlayfs shows the directory of a marker, also in
// place of a symlink below. What such a directory lists is not to be compared:
// the kernel lists the whiteout, but cannot stat it.
func TestMarkersMakeDirectories(t *testing.T) {
	oracle.Root(t)
	specs := []string{"d b\nf b/x\nl a ->b", "f a/.wh.x\nf c/d/.wh.y\nf e/.wh..wh..opq"}
	root, err := oracle.Engine(t, "containers-storage")(t, layers.Image{Layers: specs})
	if err != nil {
		t.Fatal(err)
	}
	tree, err := Apply(layersOf(t, specs...), RulesOCI)
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/a", "/c", "/c/d", "/e"} {
		info, err := os.Lstat(filepath.Join(root, path))
		if err != nil {
			t.Errorf("buildah: %v", err)
			continue
		}
		e := tree.Lookup(path)
		if e == nil || !e.Origin.Implicit || info.Mode() != os.ModeDir|os.FileMode(e.Node.Perm) {
			t.Errorf("%s: buildah has %v, the rules %+v", path, info.Mode(), e)
		}
	}
}

// compareEngine compares all but what engines make up: the root, and the times
// of directories that have no entry; with umoci, which changes them once more
// for each later layer, those of all.
func compareEngine(t *testing.T, engine string, unpack oracle.UnpackFunc, specs []string) {
	t.Helper()
	root, err := unpack(t, layers.Image{Layers: specs})
	if err != nil {
		t.Fatal(err)
	}
	tree, err := Apply(layersOf(t, specs...), RulesOCI)
	if err != nil {
		t.Fatal(err)
	}
	want := files.ByTools(t, root, "sha256")
	got := files.OfTree(t, tree)
	delete(want, "/")
	delete(got, "/")
	for path, d := range tree.All() {
		e, ok := want[path]
		if ok && e.Type == "d" && (engine == "umoci" || d.Origin.Implicit) {
			e.Mtime = got[path].Mtime
			want[path] = e
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-) and the rules (+) differ:\n%s", engine, diff)
	}
}
