package image_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"cfsverify/canon"
	"cfsverify/canon/fsverity"
	"cfsverify/importers/blob"
	"cfsverify/importers/image"
	"cfsverify/importers/layer"
	"cfsverify/importers/limits"
	"cfsverify/testdata/blobs"
	"cfsverify/testdata/layers"
)

// imported imports bare layers.
func imported(t *testing.T, most limits.Limits, layers ...func() (io.ReadCloser, error)) error {
	t.Helper()
	img := &image.Image{}
	for i, open := range layers {
		img.Blobs = append(img.Blobs, blob.Blob{Layer: &canon.Layer{Index: i + 1, Name: fmt.Sprintf("%d.tar", i+1)}, Size: -1, Open: open})
	}
	_, err := merged(t, img, most)
	return err
}

// merged reads an image and makes its tree.
func merged(t *testing.T, img *image.Image, most limits.Limits) (*layer.Merged, error) {
	t.Helper()
	read, err := img.Layers(t.Context(), image.ReadOptions{ReadOptions: layer.ReadOptions{Hash: fsverity.SHA256}, Limits: most})
	if err != nil {
		return nil, err
	}
	return layer.Merge(read, layer.RulesOCI)
}

// TestLimits: exactly what a limit allows is accepted, with all layers counted.
func TestLimits(t *testing.T) {
	one, two := layers.Tar("d a\nf a/b =123\nl c ->target"), layers.Tar("f d pax:SCHILY.xattr.user.x=12345\nh e ->d")
	metadata := int64(len("a"+"a/b"+"c"+"target"+"d"+"SCHILY.xattr.user.x"+"12345"+"e"+"d")) + 5*limits.EntryMemory + limits.RecordMemory
	for _, c := range []struct {
		name  string
		at    limits.Limits
		less  limits.Limits
		limit limits.Limit
	}{
		{"entries", limits.Limits{Entries: 5}, limits.Limits{Entries: 4}, limits.EntriesLimit},
		{"bytes", limits.Limits{Bytes: int64(len(one) + len(two))}, limits.Limits{Bytes: int64(len(one) + len(two) - 1)}, limits.BytesLimit},
		{"metadata", limits.Limits{Metadata: metadata}, limits.Limits{Metadata: metadata - 1}, limits.MetadataLimit},
	} {
		if err := imported(t, c.at, blobs.Opener(one), blobs.Opener(two)); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		err := imported(t, c.less, blobs.Opener(one), blobs.Opener(two))
		var limit *limits.LimitError
		if !errors.As(err, &limit) || limit.Limit != c.limit || !strings.HasPrefix(err.Error(), "layer ") {
			t.Errorf("%s: error %v", c.name, err)
		}
	}
}

// zeros is an archive of one file of so many zero bytes, compressed.
func zeros(t *testing.T, size int64) func() (io.ReadCloser, error) {
	var compressed bytes.Buffer
	w := gzip.NewWriter(&compressed)
	header := layers.Tar(fmt.Sprintf("f zeros size=%d", size))[:512]
	if _, err := w.Write(header); err != nil {
		t.Fatal(err)
	}
	block := make([]byte, 1<<20)
	for left := size; left > 0; left -= int64(len(block)) {
		if _, err := w.Write(block[:min(left, int64(len(block)))]); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Write(block[:1024]); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return blobs.Opener(compressed.Bytes())
}

// TestRatio: a gzip bomb, of more than a thousand times its size.
func TestRatio(t *testing.T) {
	const free = 8 << 20
	most := limits.Limits{Ratio: 500, RatioFree: free}
	if err := imported(t, most, zeros(t, free-1024-512)); err != nil {
		t.Error(err)
	}
	err := imported(t, most, zeros(t, free))
	if err == nil || !strings.Contains(err.Error(), "layer 1 (1.tar): the layer grows to more than 500 times") {
		t.Errorf("error %v", err)
	}
	if err := imported(t, limits.Limits{Ratio: 2000}, zeros(t, free)); err != nil {
		t.Error(err)
	}
}
