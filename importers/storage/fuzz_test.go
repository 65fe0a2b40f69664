package storage

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vbatts/tar-split/tar/asm"
	packed "github.com/vbatts/tar-split/tar/storage"

	"cfsverify/importers/source"
	"cfsverify/testdata/files"
	"cfsverify/testdata/layers"
)

// FuzzHeaders: whatever the headers of a layer are, there is an error, or an archive of the
// bytes that they have and the files that they name. Without files, entries are few for the
// bytes that come out.
func FuzzHeaders(f *testing.F) {
	for _, spec := range []string{"d a\nf a/b =12\nf c =3\nl d ->c", "f \"\\xff\" =1\nh b ->a"} {
		var lines bytes.Buffer
		r, done, err := asm.NewInputTarStreamWithDone(bytes.NewReader(layers.Tar(spec)), packed.NewJSONPacker(&lines), nil)
		if err != nil {
			f.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, r); errors.Join(err, <-done) != nil {
			f.Fatal(err)
		}
		f.Add(lines.Bytes())
	}
	f.Add([]byte(`{"type":1,"name":"a","size":9223372036854775807,"payload":null}`))
	f.Add([]byte("{\"type\":2,\n\"payload\":\"\"}"))
	f.Fuzz(func(t *testing.T, lines []byte) {
		var zipped bytes.Buffer
		w := gzip.NewWriter(&zipped)
		if _, err := w.Write(lines); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		var opened int64
		a := &archive{headers: bytes.NewReader(zipped.Bytes()), stop: make(chan struct{}), open: func(name string) (io.ReadCloser, int64, error) {
			content := strings.Repeat("x", len(name))
			opened += int64(len(content))
			return io.NopCloser(strings.NewReader(content)), int64(len(content)), nil
		}}
		list, err := a.entries()
		if err != nil {
			t.Fatal(err)
		}
		for err = nil; err == nil; {
			_, err = list.Next()
		}
		if limit := list.bytes/128 + 9; list.count > limit {
			t.Errorf("%d entries for %d bytes", list.count, list.bytes)
		}
		var out bytes.Buffer
		if err := a.write(&out); err == nil && int64(out.Len()) != list.bytes+opened {
			t.Errorf("%d bytes come out, of %d and files of %d", out.Len(), list.bytes, opened)
		}
	})
}

// FuzzLists: whatever images.json and layers.json say, names and parents come to an end,
// and no file outside of the store is opened.
func FuzzLists(f *testing.F) {
	f.Add([]byte(`[{"id":"aaa","digest":"sha256:00","names":["localhost/a:1"],"layer":"bbb","big-data-digests":{"manifest":"sha256:00"}}]`),
		[]byte(`[{"id":"bbb","parent":"ccc","flags":{"incomplete":false}},{"id":"ccc","parent":"bbb","uidmap":[{"container_id":0,"host_id":1,"size":2}]}]`), "a:1")
	f.Add([]byte(`[]`), []byte(`null`), "@aaa")
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, images, list []byte, ref string) {
		root := filepath.Join(dir, "store")
		if err := os.RemoveAll(root); err != nil {
			t.Fatal(err)
		}
		files.Write(t, filepath.Join(root, imagesDir, "images.json"), images)
		files.Write(t, filepath.Join(root, layersDir, "layers.json"), list)
		s, err := openStore(t.Context(), root)
		if err != nil {
			return
		}
		defer s.unlock()
		for _, image := range s.images {
			if name := s.dataFile(&image, ref); ref != "" && filepath.Dir(filepath.Dir(name)) != filepath.Join(root, imagesDir) {
				t.Errorf("%q leads to %s", ref, name)
			}
			opened, err := openLayers([]*store{s}, image.Layer)
			if err == nil && len(opened) > len(s.layers) {
				t.Errorf("%d layers of %d", len(opened), len(s.layers))
			}
			for _, l := range opened {
				if filepath.Dir(filepath.Dir(l.Diff)) != filepath.Join(root, filesDir) {
					t.Errorf("%q leads to %s", l.ID, l.Diff)
				}
			}
			if err := (&Image{Layers: opened}).close(); err != nil {
				t.Error(err)
			}
		}
		found, err := lookUp([]*store{s}, source.Source{Ref: ref})
		if err == nil && found.image == nil {
			t.Errorf("%q is no image", ref)
		}
	})
}

// FuzzParseSpec: what is understood of a source names at least one store, and reads as it is
// written.
func FuzzParseSpec(f *testing.F) {
	f.Add("containers-storage:[overlay@/r+/run:imagestore=/i,additionalimagestore=/a]localhost/a:1@sha256:00")
	f.Add("containers-storage:[/r]x")
	f.Fuzz(func(t *testing.T, arg string) {
		s, err := source.Parse("containers-storage:" + strings.TrimPrefix(arg, "containers-storage:"))
		if err != nil {
			return
		}
		if again, err := source.Parse(s.String()); err != nil || again.Path != s.Path || again.Ref != s.Ref {
			t.Errorf("%q is written %q: %v", arg, s, err)
		}
		if s.Path == "" {
			return
		}
		where, err := find(s)
		if err == nil && len(where.stores) == 0 {
			t.Errorf("%q names no store", s)
		}
		for _, dir := range where.stores {
			if !filepath.IsAbs(dir.path) {
				t.Errorf("%q names %q", s, dir.path)
			}
		}
	})
}
