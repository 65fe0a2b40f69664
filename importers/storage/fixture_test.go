package storage_test

import (
	"path/filepath"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/types"

	"cfsverify/canon/tarfile"
	"cfsverify/importers/layout"
	"cfsverify/importers/source"
	"cfsverify/importers/storage"
	"cfsverify/testdata/images"
	"cfsverify/testdata/layers"
	"cfsverify/testdata/storages"
	"cfsverify/testdata/trees"
)

// specs are those of the layers of an image, and merged what they show.
var specs = []string{"d etc\nf etc/a =1\nl etc/b ->a\nf etc/gone =x", "f etc/.wh.gone\nd usr\nf usr/c =333"}

func merged() string { return trees.Lines("d etc\nf etc/a =1\nl etc/b ->a\nd usr\nf usr/c =333") }

// ociImage writes an image with compressed layers, whose config has this author.
func ociImage(t *testing.T, author string, specs ...string) source.Source {
	t.Helper()
	written := images.Image{Manifest: types.OCIManifestSchema1, Config: types.OCIConfigJSON, Fields: map[string]any{"author": author}}
	for _, spec := range specs {
		written.Layers = append(written.Layers, images.Layer{Archive: layers.Tar(spec), Compression: tarfile.Gzip, MediaType: types.OCILayer})
	}
	dir := filepath.Join(t.TempDir(), "layout")
	written.Write(t, dir, "t")
	return source.Source{Transport: source.OCI, Path: dir, Ref: "t"}
}

// newStore makes a store with the image localhost/os:1.
func newStore(t *testing.T) *storages.Store {
	t.Helper()
	store := storages.New(t, filepath.Join(t.TempDir(), "store"))
	store.Pull(ociImage(t, "somebody", specs...), "localhost/os:1")
	return store
}

// read reads localhost/os:1 of a store.
func read(t *testing.T, store *storages.Store) (string, error) {
	t.Helper()
	img, err := storage.Open(t.Context(), inStore(store.Root, "localhost/os:1"), nil)
	if err != nil {
		return "", err
	}
	return readImage(t, img.Image)
}

// openConfig is the config of an image of a layout.
func openConfig(t *testing.T, s source.Source) []byte {
	t.Helper()
	img, err := layout.Open(s, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer img.Close()
	return img.Config
}
