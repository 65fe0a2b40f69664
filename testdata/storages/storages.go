// Package storages writes local storages of containers/storage for tests, file by file, so
// that they can be what no program makes. Storages as programs make them are in oracle.
package storages

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"testing"

	"github.com/vbatts/tar-split/tar/asm"
	"github.com/vbatts/tar-split/tar/storage"

	"cfsverify/importers/image"
	"cfsverify/importers/layout"
	"cfsverify/importers/limits"
	"cfsverify/importers/source"
	"cfsverify/testdata/blobs"
	"cfsverify/testdata/files"
)

// Store is a store with the overlay driver. What is changed in its lists, Save writes.
type Store struct {
	*testing.T
	Root           string
	Images, Layers []map[string]any
}

// New makes an empty store.
func New(t *testing.T, root string) *Store {
	t.Helper()
	s := &Store{T: t, Root: root, Images: []map[string]any{}, Layers: []map[string]any{}}
	s.Save()
	return s
}

// Save writes the lists.
func (s *Store) Save() {
	s.Helper()
	s.write("overlay-images/images.json", blobs.JSON(s.T, s.Images))
	s.write("overlay-layers/layers.json", blobs.JSON(s.T, s.Layers))
	for _, lock := range []string{"overlay-images/images.lock", "overlay-layers/layers.lock"} {
		s.write(lock, nil)
	}
}

func (s *Store) write(name string, content []byte) {
	s.Helper()
	files.Write(s.T, filepath.Join(s.Root, name), content)
}

// Pull copies an image out of an OCI layout, as skopeo does, and gives its ID.
func (s *Store) Pull(from source.Source, names ...string) string {
	s.Helper()
	img, err := layout.Open(from, nil)
	if err != nil {
		s.Fatal(err)
	}
	defer img.Close()
	parent := ""
	for _, archive := range archives(s.T, img) {
		parent = s.AddLayer(parent, archive)
	}
	manifest, err := img.ParsedManifest()
	if err != nil {
		s.Fatal(err)
	}
	id := manifest.Config.Digest.Hex
	record := map[string]any{"id": id, "digest": img.Digest().String(), "names": names, "layer": parent, "created": "2026-11-30T00:00:00Z"}
	s.Images = append(s.Images, record)
	s.AddData(record, "manifest", img.Manifest)
	s.AddData(record, "manifest-"+img.Digest().String(), img.Manifest)
	s.AddData(record, manifest.Config.Digest.String(), img.Config)
	s.Save()
	return id
}

// archives are the layers of an image.
func archives(t *testing.T, img *image.Image) [][]byte {
	t.Helper()
	var all [][]byte
	for _, b := range img.Blobs {
		stream, err := image.NewStream(t.Context(), b, limits.NewBudget(limits.Limits{}).Layer(), nil)
		if err != nil {
			t.Fatal(err)
		}
		archive, err := io.ReadAll(stream)
		if err != nil {
			t.Fatal(err)
		}
		stream.Close()
		all = append(all, archive)
	}
	return all
}

// AddData gives an image a document.
func (s *Store) AddData(image map[string]any, key string, data []byte) {
	s.Helper()
	digests, _ := image["big-data-digests"].(map[string]string)
	if digests == nil {
		digests = map[string]string{}
	}
	digests[key] = blobs.Digest(data).String()
	image["big-data-digests"] = digests
	s.write(s.DataFile(image, key), data)
}

// DataFile is the name of a document's file below the root.
func (s *Store) DataFile(image map[string]any, key string) string {
	name := key
	if key != "manifest" {
		name = "=" + base64.StdEncoding.EncodeToString([]byte(key))
	}
	return fmt.Sprintf("overlay-images/%s/%s", image["id"], name)
}

// AddLayer unpacks an archive, unless it is there, and gives the ID of the layer.
func (s *Store) AddLayer(parent string, archive []byte) string {
	s.Helper()
	diffID := blobs.Digest(archive)
	id := blobs.Digest([]byte(parent + " " + diffID.Hex)).Hex
	for _, have := range s.Layers {
		if have["id"] == id {
			return id
		}
	}
	record := map[string]any{"id": id, "diff-digest": diffID.String(), "diff-size": len(archive), "uidset": []int{0}}
	if parent != "" {
		record["parent"] = parent
	}
	s.Layers = append(s.Layers, record)
	s.write("overlay-layers/"+id+".tar-split.gz", split(s.T, archive, filepath.Join(s.Root, "overlay", id, "diff")))
	return id
}

// split unpacks an archive, and gives what tar-split keeps of it.
func split(t *testing.T, archive []byte, dir string) []byte {
	t.Helper()
	var headers bytes.Buffer
	zipped := gzip.NewWriter(&headers)
	whole, done, err := asm.NewInputTarStreamWithDone(bytes.NewReader(archive), storage.NewJSONPacker(zipped), nil)
	if err != nil {
		t.Fatal(err)
	}
	err = unpack(whole, dir)
	if _, rest := io.Copy(io.Discard, whole); errors.Join(err, rest, <-done, zipped.Close()) != nil {
		t.Fatal(err, rest)
	}
	return headers.Bytes()
}

// unpack makes directories, files and symlinks; others have no content.
func unpack(archive io.Reader, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for tr := tar.NewReader(archive); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		name := filepath.Join(dir, path.Clean("/"+h.Name))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return err
		}
		switch h.Typeflag {
		case tar.TypeDir:
			err = os.MkdirAll(name, 0o755)
		case tar.TypeSymlink:
			err = os.Symlink(h.Linkname, name)
		case tar.TypeReg:
			var content []byte
			if content, err = io.ReadAll(tr); err == nil {
				err = os.WriteFile(name, content, 0o644)
			}
		}
		if err != nil {
			return err
		}
	}
}
