package rewrite_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"cfsverify/canon/fsverity"
	"cfsverify/canon/tarfile"
	"cfsverify/importers/rewrite"
	"cfsverify/importers/source"
	"cfsverify/testdata/images"
	"cfsverify/testdata/layers"
	"cfsverify/testdata/oracle"
	"cfsverify/testdata/storages"
)

// compression are annotations of a blob, of which one holds for what is in it as well.
var compression = map[string]string{"io.github.containers.zstd-chunked.manifest-checksum": "sha256:0", "io.containers.zstd-chunked.manifest-position": "1", "kept": "toc"}

// stored writes an image to a layout and to a local storage.
func stored(t *testing.T, image images.Image) (layout, stored, to source.Source) {
	t.Helper()
	dir := t.TempDir()
	layout = source.Source{Transport: source.OCI, Path: filepath.Join(dir, "from"), Ref: "t"}
	image.Write(t, layout.Path, "t")
	store := storages.New(t, filepath.Join(dir, "store"))
	store.Pull(layout, "localhost/a:1")
	stored = source.Source{Transport: source.ContainersStorage, Path: "overlay@" + store.Root, Ref: "localhost/a:1"}
	return layout, stored, source.Source{Transport: source.OCI, Path: filepath.Join(dir, "to"), Ref: "t"}
}

// descriptors are those of a manifest's layers.
func descriptors(m v1.Manifest) []string {
	var list []string
	for _, l := range m.Layers {
		list = append(list, fmt.Sprintf("%s %v %d %v %v", l.MediaType, l.Digest, l.Size, l.URLs, l.Annotations))
	}
	return list
}

// TestSealsOfStorage: layers are the archives that the storage has, and nothing else of the
// manifest changes.
func TestSealsOfStorage(t *testing.T) {
	lower, upper := layers.Tar("d usr\nf usr/a =a"), layers.Tar("f usr/b =b")
	image := images.Image{Manifest: types.OCIManifestSchema1, Config: types.OCIConfigJSON, More: map[string]any{"unknown": []any{"<x>"}, "annotations": map[string]string{"kept": "yes"}},
		Layers: []images.Layer{
			{Archive: lower, Compression: tarfile.Zstd, MediaType: types.OCILayerZStd, Annotations: compression},
			{Archive: upper, Compression: tarfile.Uncompressed, MediaType: types.OCIUncompressedLayer, Annotations: compression},
		}}
	_, from, to := stored(t, image)
	var digest fsverity.Digest
	_, raw := sealedBy(t, from, to, rewrite.SealPlaces{Label: true}, rewrite.SealDigests{Merged: digest})
	written := images.Parsed(t, raw)
	want := []string{
		fmt.Sprintf("application/vnd.oci.image.layer.v1.tar %s %d [] map[kept:toc]", sha256Of(lower), len(lower)),
		fmt.Sprintf("application/vnd.oci.image.layer.v1.tar %s %d [] %v", sha256Of(upper), len(upper), compression),
	}
	if diff := cmp.Diff(want, descriptors(written)); diff != "" {
		t.Error(diff)
	}
	if !strings.Contains(raw, `"unknown":["<x>"]`) || written.Annotations["kept"] != "yes" {
		t.Errorf("manifest %s", raw)
	}
	// What is stated uncompressed stays byte for byte.
	image.Layers = image.Layers[1:]
	layout, from, to := stored(t, image)
	before := images.Read(t, layout.Path, images.File(hashOf(t, images.Listed(t, layout.Path)[0])))
	if sealed, raw := sealedBy(t, from, to, rewrite.SealPlaces{Artifact: true}, rewrite.SealDigests{Merged: digest}); raw != before || sealed.Artifact == nil {
		t.Errorf("manifest %s, was %s", raw, before)
	}
}

// TestSealsOfStorageOfDocker: a manifest of Docker's media types becomes one of OCI.
func TestSealsOfStorageOfDocker(t *testing.T) {
	archive := layers.Tar("d usr\nf usr/a =a")
	_, from, to := stored(t, images.Image{Manifest: types.DockerManifestSchema2, Config: types.DockerConfigJSON,
		Layers: []images.Layer{{Archive: archive, Compression: tarfile.Gzip, MediaType: types.DockerLayer}}})
	_, raw := sealedBy(t, from, to, rewrite.SealPlaces{Label: true}, rewrite.SealDigests{})
	if diff := cmp.Diff([]string{fmt.Sprintf("application/vnd.oci.image.layer.v1.tar %s %d [] map[]", sha256Of(archive), len(archive))}, descriptors(images.Parsed(t, raw))); diff != "" {
		t.Error(diff)
	}
}

// TestRepairOfStorage: a layer that needs no repair is kept as the archive that it is.
func TestRepairOfStorage(t *testing.T) {
	clean, other := canonicalLayer(t, "d usr\nf usr/a =a"), layers.Tar("f usr/b =b")
	image := images.Image{Manifest: types.OCIManifestSchema1, Config: types.OCIConfigJSON, Layers: []images.Layer{
		{Archive: clean, Compression: tarfile.Gzip, MediaType: types.OCILayer, Annotations: compression},
		{Archive: other, Compression: tarfile.Gzip, MediaType: types.OCILayer, Annotations: compression},
	}}
	_, from, to := stored(t, image)
	r, manifest, _ := repairedTo(t, from, to)
	if !r.Layers[0].Kept || r.Layers[1].Kept {
		t.Errorf("kept %+v", r.Layers)
	}
	if diff := cmp.Diff(fmt.Sprintf("application/vnd.oci.image.layer.v1.tar %s %d [] map[kept:toc]", sha256Of(clean), len(clean)), descriptors(manifest)[0]); diff != "" {
		t.Error(diff)
	}
	if l := manifest.Layers[1]; l.MediaType != types.OCIUncompressedLayer || len(l.Annotations) > 0 {
		t.Errorf("layer %+v", l)
	}
	// What is right as it is stated stays.
	image.Layers = []images.Layer{{Archive: clean, Compression: tarfile.Uncompressed, MediaType: types.OCIUncompressedLayer, Annotations: map[string]string{"kept": "toc"}}}
	layout, from, to := stored(t, image)
	if r, _, _ := repairedTo(t, from, to); r.Manifest.Digest != hashOf(t, images.Listed(t, layout.Path)[0]) {
		t.Errorf("manifest %v", r.Manifest)
	}
}

func hashOf(t *testing.T, listed string) v1.Hash {
	t.Helper()
	hash, err := v1.NewHash(strings.Fields(listed)[0])
	if err != nil {
		t.Fatal(err)
	}
	return hash
}

// TestArchivesAsSkopeo: skopeo names the same archives when it copies the image out of a
// storage without compressing them. That of Debian 12 leaves them the media type of what was
// compressed.
func TestArchivesAsSkopeo(t *testing.T) {
	store := oracle.NewStorage(t)
	layout, _, to := stored(t, images.Image{Manifest: types.OCIManifestSchema1, Config: types.OCIConfigJSON, Layers: []images.Layer{
		{Archive: layers.Tar("d usr\nf usr/a =a"), Compression: tarfile.Gzip, MediaType: types.OCILayer},
		{Archive: layers.Tar("f usr/b =b"), Compression: tarfile.Uncompressed, MediaType: types.OCIUncompressedLayer},
	}})
	if err := store.Copy(t, layout.String(), "localhost/a:1"); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(store.Dir, "dir")
	store.Must(t, "skopeo", "copy", "--quiet", store.Name("localhost/a:1"), "dir:"+dir)
	raw, err := os.ReadFile(filepath.Join(dir, "manifest.json"))
	if err != nil {
		t.Fatal(err)
	}
	var want v1.Manifest
	if err := json.Unmarshal(raw, &want); err != nil {
		t.Fatal(err)
	}
	_, sealed := sealedBy(t, source.Source{Transport: source.ContainersStorage, Path: "overlay@" + store.Root, Ref: "localhost/a:1"}, to, rewrite.SealPlaces{Label: true}, rewrite.SealDigests{})
	for i := range want.Layers {
		want.Layers[i].MediaType = types.OCIUncompressedLayer
	}
	if diff := cmp.Diff(descriptors(want), descriptors(images.Parsed(t, sealed))); diff != "" {
		t.Errorf("skopeo (-) and the writer (+):\n%s", diff)
	}
}
