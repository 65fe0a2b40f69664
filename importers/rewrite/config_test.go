package rewrite

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"cfsverify/canon"
	"cfsverify/canon/fsverity"
	"cfsverify/canon/tarfile"
	"cfsverify/importers/blob"
	"cfsverify/importers/document"
	"cfsverify/importers/image"
	"cfsverify/importers/layer"
	"cfsverify/importers/layout"
	"cfsverify/importers/objects"
	"cfsverify/importers/source"
	"cfsverify/testdata/blobs"
	"cfsverify/testdata/reading"
)

func TestConfigOfOtherSpelling(t *testing.T) {
	for config, want := range map[string]string{
		`{"rootfs":{"diff_ids":["a"]}}`:             "",
		`{"rootfs":{"diff_ids":["a"]},"RootFS":{}}`: `member "/RootFS" is "rootfs" in another case`,
		`{"rootfs":{"Diff_IDs":["a"]}}`:             `member "/rootfs/Diff_IDs" is "diff_ids" in another case`,
		`[]`:                                        "the config is not valid",
	} {
		_, err := withDiffIDs([]byte(config), []string{"b"})
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v", config, err)
		}
	}
}

// TestRepairOfChangingBlob: a blob that is another one when it is copied is an
// error.
func TestRepairOfChangingBlob(t *testing.T) {
	archive := canonicalLayer(t, "d usr mtime=1")
	digest, size, err := v1.SHA256(bytes.NewReader(archive))
	if err != nil {
		t.Fatal(err)
	}
	opened := 0
	img := &image.Image{Config: []byte(`{"rootfs":{}}`), Blobs: []blob.Blob{{Layer: &canon.Layer{Index: 1, DiffID: digest.String()}, Digest: digest, Size: size, DiffID: digest,
		Open: func() (io.ReadCloser, error) {
			if opened++; opened > 1 {
				return blobs.Opener(canonicalLayer(t, "d usr mtime=2"))()
			}
			return blobs.Opener(archive)()
		}}}}
	if img.Manifest, err = document.Marshal(v1.Manifest{Config: v1.Descriptor{Digest: digest}, Layers: []v1.Descriptor{{MediaType: types.OCIUncompressedLayer, Digest: digest, Size: size}}}); err != nil {
		t.Fatal(err)
	}
	store, err := objects.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	w, err := layout.NewWriter(t.Context(), source.Source{Transport: source.OCI, Path: t.TempDir()}, layout.Waiting{})
	if err != nil {
		t.Fatal(err)
	}
	r := repairer{ctx: t.Context(), image: img, out: w, options: RepairOptions{ReadOptions: image.ReadOptions{ReadOptions: layer.ReadOptions{Hash: fsverity.SHA256, Objects: store}}}}
	if _, err := r.repair(); err == nil || !strings.Contains(err.Error(), "changed while it was read") {
		t.Errorf("error %v after %d opens", err, opened)
	}
	if err := errors.Join(w.Close(), store.Close()); err != nil {
		t.Error(err)
	}
}

// canonicalLayer is one that needs no repair.
func canonicalLayer(t *testing.T, spec string) []byte {
	t.Helper()
	tree, _, err := newLayerRepairer().next(reading.Layers(t, spec)[0])
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := tarfile.Write(&out, tree, tarfile.Options{Layer: true, NoGlobalHeader: true}); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}
