package importers_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"cfsverify/importers"
	"cfsverify/importers/source"
	"cfsverify/testdata/blobs"
	"cfsverify/testdata/files"
	"cfsverify/testdata/images"
	"cfsverify/testdata/layers"
)

// TestWrongTransport: no transport reads what another one is for, and each refusal names
// the right one.
func TestWrongTransport(t *testing.T) {
	sources := everySource(t)
	for _, s := range sources {
		if s.Transport == importers.Docker {
			continue
		}
		right := s
		if s.Transport == importers.Tar {
			s.Path, right.Layers = s.Layers[0], s.Layers[:1]
		}
		right.Ref = ""
		for _, transport := range source.Transports() {
			if transport == s.Transport || len((importers.Source{Transport: transport, Path: s.Path, Layers: []string{s.Path}}).Files()) == 0 {
				continue
			}
			wrong := importers.Source{Transport: transport, Path: s.Path}
			if transport == importers.Tar {
				wrong = importers.Source{Transport: transport, Layers: []string{s.Path}}
			}
			want := wrong.String() + ": it is "
			if read, err := importers.Load(t.Context(), wrong, options()); read != nil || err == nil || !strings.HasPrefix(err.Error(), want) || !strings.Contains(err.Error(), ": write "+right.String()) {
				t.Errorf("%v for %v: error %v", wrong, right, err)
			}
			if !wrong.HasLayers() {
				continue
			}
			if img, err := importers.Open(t.Context(), wrong, nil); img != nil || err == nil || !strings.HasPrefix(err.Error(), want) {
				t.Errorf("%v is opened: error %v", wrong, err)
			}
			if read, err := importers.CompareRaw(t.Context(), wrong, wrong, importers.RawOptions{}); read != nil || err == nil || !strings.HasPrefix(err.Error(), want) {
				t.Errorf("the bytes of %v are compared: error %v", wrong, err)
			}
		}
	}
}

// TestImagesInTrees: a root file system that has the files of an OCI layout, and a layer
// that has those of an image, are read as what the transport says.
func TestImagesInTrees(t *testing.T) {
	both := ociLayout(t, specs()...)
	files.Write(t, filepath.Join(both.Path, "usr/a"), []byte("one"))
	image, err := importers.Load(t.Context(), both, options())
	if err != nil || image.Tree.Lookup("/usr/large") == nil || image.Tree.Lookup("/oci-layout") != nil {
		t.Errorf("as a layout: %v", err)
	}
	root, err := importers.Load(t.Context(), importers.Source{Transport: importers.Dir, Path: both.Path}, options())
	if err != nil || root.Tree.Lookup("/usr/large") != nil || root.Tree.Lookup("/oci-layout") == nil {
		t.Errorf("as a root file system: %v", err)
	}
	packed := images.Archive(t, both.Path)
	layer, err := importers.Load(t.Context(), importers.Source{Transport: importers.Tar, Layers: []string{packed}}, options())
	if err != nil || layer.Tree.Lookup("/oci-layout") == nil {
		t.Errorf("as a layer: %v", err)
	}
	if image, err = importers.Load(t.Context(), importers.Source{Transport: importers.OCIArchive, Path: packed}, options()); err != nil || image.Tree.Lookup("/usr/large") == nil {
		t.Errorf("as a layout in an archive: %v", err)
	}
	if s, err := importers.ParseSource(both.Path); err == nil {
		t.Errorf("it is guessed that it is %v", s)
	}
	if s, err := importers.ParseSource(packed); err == nil {
		t.Errorf("it is guessed that it is %v", s)
	}
	// An upper layer may bring nothing but an image.
	upper := images.Archive(t, ociLayout(t, specs()...).Path)
	layered, err := importers.Load(t.Context(), importers.Source{Transport: importers.Tar, Layers: []string{bareFile(t, layers.Tar("d usr")).Layers[0], upper}}, options())
	if err != nil || layered.Tree.Lookup("/index.json") == nil {
		t.Errorf("as an upper layer: %v", err)
	}
}

// TestWrongStreams: what cannot be looked at before it is read is recognised while it is
// read.
func TestWrongStreams(t *testing.T) {
	sources := everySource(t)
	content := func(s importers.Source) []byte {
		data, err := os.ReadFile(s.Path)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	oci, err := os.ReadFile(images.Archive(t, ociLayout(t, specs()...).Path))
	if err != nil {
		t.Fatal(err)
	}
	save, dump, image := content(sources[importers.DockerArchive]), content(sources[importers.Dump]), content(sources[importers.Erofs])
	for name, c := range map[string]struct {
		transport importers.Transport
		content   []byte
		want      string
	}{
		"docker save":             {importers.Tar, save, "it is what docker save writes, and no layer"},
		"docker save in gzip":     {importers.Tar, blobs.Gzip(t, save), "it is what docker save writes, and no layer"},
		"layout":                  {importers.Tar, oci, "it is an OCI layout in an archive, and no layer"},
		"dump in zstd":            {importers.Dump, blobs.Zstd(t, dump), "it is a compressed file: decompress it first"},
		"layer as dump":           {importers.Dump, layers.Tar("d usr"), "it is a tar archive: write tar:"},
		"image as dump":           {importers.Dump, image, "it is a composefs image: write erofs:"},
		"dump as composefs image": {importers.Erofs, dump, "it is a dump file: write dump:"},
	} {
		pipe := filepath.Join(t.TempDir(), "pipe")
		if err := unix.Mkfifo(pipe, 0o600); err != nil {
			t.Fatal(err)
		}
		written := make(chan error, 1)
		go func() {
			f, err := os.OpenFile(pipe, os.O_WRONLY, 0)
			if err == nil {
				// The reader need not read all.
				_, _ = f.Write(c.content)
				err = f.Close()
			}
			written <- err
		}()
		s := importers.Source{Transport: c.transport, Path: pipe}
		if c.transport == importers.Tar {
			s = importers.Source{Transport: c.transport, Layers: []string{pipe}}
		}
		if read, err := importers.Load(t.Context(), s, options()); read != nil || err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v", name, err)
		}
		if err := <-written; err != nil {
			t.Fatal(err)
		}
	}
}
