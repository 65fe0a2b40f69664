package importers

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cfsverify/canon"
	"cfsverify/canon/fsverity"
	"cfsverify/canon/tarfile"
	"cfsverify/compare"
	"cfsverify/importers/engine"
	"cfsverify/importers/layer"
	"cfsverify/importers/scan"
	"cfsverify/testdata/files"
	"cfsverify/testdata/layers"
	"cfsverify/testdata/oracle"
	"cfsverify/testdata/reading"
	"cfsverify/testdata/trees"
)

// everythingTar is the canonical tar of a directory with all that a tar can
// hold but some names, and the tree that it is of.
func everythingTar(t *testing.T, o tarfile.Options, without ...string) (*canon.Tree, []byte) {
	m := files.New(t, t.TempDir())
	m.MakeEverything()
	for _, name := range append(without, "dev/socket", "usr/socket") {
		m.Do(os.Remove(m.Path(name)))
	}
	deep := strings.Repeat("a-directory-with-a-long-name/", 12)
	m.Mkdir(deep)
	m.File(deep+"file", strings.Repeat("deep", 100))
	m.Link(deep+"file", "deep-file")
	m.Symlink(deep+"file", "deep-symlink")
	m.Mtime("names/...", 9_000_000_000, 5)
	tree := scannedTree256(t, m.Dir)
	var out bytes.Buffer
	o.Open = func(path string, _ *canon.Node) (io.ReadCloser, error) { return os.Open(m.Path(path)) }
	if err := tarfile.Write(&out, tree, o); err != nil {
		t.Fatal(err)
	}
	return tree, out.Bytes()
}

func TestCanonicalTarReadAgain(t *testing.T) {
	oracle.Root(t)
	tree, archive := everythingTar(t, tarfile.Options{})
	l, err := reading.Layer(archive, 1)
	if err != nil {
		t.Fatal(err)
	}
	again, err := layer.Apply([]*layer.Entries{l}, layer.RulesOCI)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range compare.Trees(tree, again) {
		t.Errorf("%q differs", d.Path)
	}
}

// withoutContents makes contents those of their digest, as two trees have two.
func withoutContents(tree *canon.Tree) *canon.Tree {
	tree = tree.Clone()
	for e := range tree.Dirents() {
		if c := e.Node.Content; c != nil {
			e.Node.Target, e.Node.Content = string(c.Inline)+c.Digest.String(), nil
		}
	}
	return tree
}

// TestCanonicalTarExtracts: what tools and engines extract of a canonical tar
// scans as the tree that it is of.
func TestCanonicalTarExtracts(t *testing.T) {
	oracle.Root(t)
	tree, archive := everythingTar(t, tarfile.Options{})
	file := filepath.Join(t.TempDir(), "canonical.tar")
	if err := os.WriteFile(file, archive, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		tool, pkg string
		args      []string
		// differs changes what the tool is known not to keep.
		differs func(want, got *canon.Tree)
	}{
		{"tar", "tar", []string{"--xattrs", "--xattrs-include=*", "--numeric-owner", "-xpf"}, nil},
		{"bsdtar", "libarchive-tools", []string{"--xattrs", "--numeric-owner", "-xpf"}, func(want, got *canon.Tree) {
			// It reads -1.5 as -0.5, and writes into the root after it set its time.
			want.Lookup("/etc/size-1").Node.Mtime.Sec++
			want.Root.Mtime = got.Root.Mtime
		}},
	} {
		t.Run(c.tool, func(t *testing.T) {
			oracle.Tool(t, c.tool, c.pkg)
			dir := t.TempDir()
			files.Tool(t, c.tool, append(append([]string{"-C", dir}, c.args...), file)...)
			compareExtracted(t, tree, scannedTree256(t, dir), c.differs)
		})
	}
	// What engines leave out, or take for a whiteout, is LAYERS.md's to tell.
	engines, archive := everythingTar(t, tarfile.Options{NoGlobalHeader: true}, "dev/whiteout", "etc/size-1", "dev/null", "usr/null")
	for _, engine := range engine.Engines() {
		t.Run(engine.Name, func(t *testing.T) {
			root, refusal := oracle.Engine(t, engine.Name)(t, layers.Archives{archive})
			if refusal != nil {
				t.Fatal(refusal)
			}
			compareExtracted(t, engines, scannedTree256(t, root), func(want, got *canon.Tree) {
				// They make the root themselves, and archive/tar drops empty values.
				layer.SetStat(want.Root, got.Root)
				for e := range want.Dirents() {
					e.Node.Xattrs = slices.DeleteFunc(e.Node.Xattrs, func(x canon.Xattr) bool { return x.Value == "" })
				}
			})
		})
	}
}

func compareExtracted(t *testing.T, want, got *canon.Tree, differs func(want, got *canon.Tree)) {
	t.Helper()
	want = want.Clone()
	if differs != nil {
		differs(want, got)
	}
	if diff := cmp.Diff(strings.Split(trees.Text(withoutContents(want)), "\n"), strings.Split(trees.Text(withoutContents(got)), "\n")); diff != "" {
		t.Errorf("the tree (-) and what was extracted (+) differ:\n%s", diff)
	}
}

func scannedTree256(t *testing.T, dir string) *canon.Tree {
	t.Helper()
	tree, err := scan.Directory(t.Context(), dir, scan.Options{Hash: fsverity.SHA256})
	if err != nil {
		t.Fatal(err)
	}
	return tree
}
