// Package images writes images to layouts for tests, as other tools write them, and
// changes what is in layouts.
package images

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"cfsverify/canon/tarfile"
	"cfsverify/importers/blob"
	"cfsverify/importers/document"
	"cfsverify/importers/layout"
	"cfsverify/importers/source"
	"cfsverify/testdata/blobs"
	"cfsverify/testdata/files"
)

// Image is an image as other tools write it.
type Image struct {
	Manifest, Config types.MediaType
	// Fields are in the config besides rootfs, more in the manifest.
	Fields, More map[string]any
	// Annotations are those of the config's descriptor.
	Annotations map[string]string
	Layers      []Layer
}

// Layer is one of its layers.
type Layer struct {
	Archive     []byte
	Compression tarfile.Compression
	MediaType   types.MediaType
	Annotations map[string]string
}

// Write adds the image to a layout, and gives its descriptor.
func (m Image) Write(t *testing.T, dir, tag string) v1.Descriptor {
	t.Helper()
	w := OpenLayout(t, source.Source{Transport: source.OCI, Path: dir, Ref: tag})
	put := func(mediaType types.MediaType, data []byte) v1.Descriptor {
		d, err := w.WriteBytes(mediaType, data)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	encode := func(doc any) []byte {
		data, err := document.Marshal(doc)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	var diffIDs []string
	var layers []v1.Descriptor
	for _, l := range m.Layers {
		var staged bytes.Buffer
		compressed, err := blob.NewWriter(l.Compression, &staged)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := compressed.Write(l.Archive); err != nil {
			t.Fatal(err)
		}
		if err := compressed.Close(); err != nil {
			t.Fatal(err)
		}
		d := put(l.MediaType, staged.Bytes())
		d.Annotations = l.Annotations
		layers, diffIDs = append(layers, d), append(diffIDs, put("x", l.Archive).Digest.String())
	}
	config := map[string]any{"os": "linux", "architecture": "amd64", "rootfs": map[string]any{"type": "layers", "diff_ids": diffIDs, "x": 1}}
	for key, value := range m.Fields {
		config[key] = value
	}
	configDescriptor := put(m.Config, encode(config))
	configDescriptor.Annotations = m.Annotations
	manifest := map[string]any{"schemaVersion": 2, "mediaType": m.Manifest, "config": configDescriptor, "layers": layers}
	for key, value := range m.More {
		manifest[key] = value
	}
	written := put(m.Manifest, encode(manifest))
	if err := errors.Join(w.Commit(t.Context(), written), w.Close()); err != nil {
		t.Fatal(err)
	}
	return written
}

// Listed is what a layout's index lists: digest and tag.
func Listed(t *testing.T, dir string) []string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, "index.json"))
	if err != nil {
		t.Fatal(err)
	}
	var index v1.IndexManifest
	if err := json.Unmarshal(data, &index); err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, m := range index.Manifests {
		list = append(list, fmt.Sprintf("%v %s", m.Digest, m.Annotations["org.opencontainers.image.ref.name"]))
	}
	return list
}

func OpenLayout(t *testing.T, target source.Source) *layout.Writer {
	t.Helper()
	w, err := layout.NewWriter(t.Context(), target, layout.Waiting{})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func Read(t *testing.T, dir, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// File is the name of a blob in a layout.
func File(h v1.Hash) string { return "blobs/" + h.Algorithm + "/" + h.Hex }

// ChangeManifest changes the manifest of a layout's only image.
func ChangeManifest(t *testing.T, s source.Source, change func(m map[string]any)) {
	t.Helper()
	digest, err := v1.NewHash(strings.Fields(Listed(t, s.Path)[0])[0])
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal([]byte(Read(t, s.Path, File(digest))), &m); err != nil {
		t.Fatal(err)
	}
	change(m)
	w := OpenLayout(t, s)
	d, err := w.WriteBytes(types.OCIManifestSchema1, blobs.JSON(t, m))
	if err := errors.Join(err, w.Commit(t.Context(), d), w.Close()); err != nil {
		t.Fatal(err)
	}
}

// Parsed are the annotations of a manifest, its config and its layers.
func Parsed(t *testing.T, manifest string) (m v1.Manifest) {
	t.Helper()
	if err := json.Unmarshal([]byte(manifest), &m); err != nil {
		t.Fatal(err)
	}
	return m
}

// ChangeIndex changes the descriptors that index.json has.
func ChangeIndex(t *testing.T, dir string, change func([]v1.Descriptor) []v1.Descriptor) {
	t.Helper()
	index, err := v1.ParseIndexManifest(strings.NewReader(Read(t, dir, "index.json")))
	if err != nil {
		t.Fatal(err)
	}
	index.Manifests = change(index.Manifests)
	files.Write(t, filepath.Join(dir, "index.json"), blobs.JSON(t, index))
}
