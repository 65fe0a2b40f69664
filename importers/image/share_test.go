package image_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"cfsverify/canon"
	"cfsverify/canon/fsverity"
	"cfsverify/importers"
	"cfsverify/importers/image"
	"cfsverify/importers/layer"
	"cfsverify/importers/limits"
	"cfsverify/importers/source"
	"cfsverify/testdata/blobs"
	"cfsverify/testdata/layers"
	"cfsverify/testdata/trees"
)

// loadPair imports two lists of layer files side by side.
func loadPair(t *testing.T, most limits.Limits, read *atomic.Int64, lists ...[]string) (imports []*importers.Import, errs []error) {
	t.Helper()
	imports, errs = make([]*importers.Import, len(lists)), make([]error, len(lists))
	o := importers.Options{Hash: fsverity.SHA256, Rules: layer.RulesOCI, Limits: most, Shared: &image.Shared{}, Headers: true,
		Progress: func(p limits.Progress) { read.Add(p.Bytes) }}
	var wait sync.WaitGroup
	for i, files := range lists {
		wait.Go(func() {
			imports[i], errs[i] = importers.Load(t.Context(), source.Source{Transport: source.Tar, Layers: files}, o)
		})
	}
	wait.Wait()
	return imports, errs
}

func TestSharedLayers(t *testing.T) {
	dir := t.TempDir()
	file := func(name string, data []byte) string {
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, data, 0o644); err != nil {
			t.Fatal(err)
		}
		return name
	}
	base, top := layers.Tar("d a mtime=1\nf a/b =base"), layers.Tar("d a mtime=2\nf a/c =top\nh d ->a/b")
	baseFile, topFile := file("base.tar.gz", blobs.Gzip(t, base)), file("top.tar", top)
	copied := file("copy.tar.gz", blobs.Gzip(t, base))
	linked := filepath.Join(dir, "linked.tar.gz")
	if err := os.Link(baseFile, linked); err != nil {
		t.Fatal(err)
	}
	var read atomic.Int64
	imports, errs := loadPair(t, limits.Limits{}, &read, []string{baseFile, topFile}, []string{linked})
	if errs[0] != nil || errs[1] != nil {
		t.Fatal(errs)
	}
	if want := int64(len(base) + len(top)); read.Load() != want {
		t.Errorf("%d bytes were read, want %d", read.Load(), want)
	}
	for i, want := range []string{"d a mtime=2\nf a/b =base\nf a/c =top\nh d ->a/b", "d a mtime=1\nf a/b =base"} {
		if got := trees.Text(imports[i].Tree); got != trees.Lines(want) {
			t.Errorf("got\n%swant\n%s", got, trees.Lines(want))
		}
		l := imports[i].Layers[0]
		if l.Name != []string{baseFile, linked}[i] || l.DiffID != blobs.Digest(base).String() {
			t.Errorf("layer %+v", l)
		}
		if o := imports[i].Tree.Lookup("/a/b").Origin; o.Layer != l {
			t.Errorf("/a/b comes from %v, want %v", o.Layer, l)
		}
	}

	read.Store(0)
	if _, errs = loadPair(t, limits.Limits{}, &read, []string{baseFile}, []string{copied}); errs[0] != nil || errs[1] != nil {
		t.Fatal(errs)
	}
	if want := int64(2 * len(base)); read.Load() != want {
		t.Errorf("of copies %d bytes were read, want %d", read.Load(), want)
	}

	// What was read for the other image counts as well.
	both := int64(len(base) + len(top))
	for most, want := range map[int64]bool{both: true, both - 1: false} {
		o := importers.Options{Hash: fsverity.SHA256, Rules: layer.RulesOCI, Shared: &image.Shared{}}
		if _, err := importers.Load(t.Context(), source.Source{Transport: source.Tar, Layers: []string{baseFile}}, o); err != nil {
			t.Fatal(err)
		}
		o.Limits.Bytes = most
		_, err := importers.Load(t.Context(), source.Source{Transport: source.Tar, Layers: []string{linked, topFile}}, o)
		var limit *limits.LimitError
		if (err == nil) != want || err != nil && !errors.As(err, &limit) {
			t.Errorf("of %d bytes %d are allowed: error %v", both, most, err)
		}
	}
	if _, errs = loadPair(t, limits.Limits{Entries: 2}, &read, []string{baseFile}, []string{linked}); errs[0] != nil || errs[1] != nil {
		t.Errorf("errors %v", errs)
	}
	if _, errs = loadPair(t, limits.Limits{Entries: 1}, &read, []string{baseFile}, []string{linked}); errs[0] == nil || errs[1] == nil {
		t.Errorf("errors %v", errs)
	}

	damaged := file("damaged.tar.gz", bytes.Replace(blobs.Gzip(t, base), []byte{0x1f, 0x8b, 8}, []byte{0x1f, 0x8b, 9}, 1))
	_, errs = loadPair(t, limits.Limits{}, &read, []string{baseFile, damaged}, []string{damaged})
	for i, index := range []int{2, 1} {
		var entry *canon.EntryError
		if !errors.As(errs[i], &entry) || entry.Layer.Index != index {
			t.Errorf("error %v, want one of layer %d", errs[i], index)
		}
	}
}
