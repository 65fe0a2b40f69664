package image_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"cfsverify/canon"
	"cfsverify/canon/fsverity"
	"cfsverify/importers/blob"
	"cfsverify/importers/image"
	"cfsverify/importers/layer"
	"cfsverify/testdata/blobs"
	"cfsverify/testdata/layers"
)

// TestImportLayer: the entries of a blob are read, and its diffID is told, whether or
// not anything is stated of it.
func TestImportLayer(t *testing.T) {
	archive := append(layers.Tar("d a\nf a/x ="+strings.Repeat("text", 5000)), "trailing bytes"...)
	for name, stored := range map[string][]byte{"plain": archive, "gzip": blobs.Gzip(t, archive), "zstd": blobs.Zstd(t, archive)} {
		bare := statedBlob(stored, archive)
		bare.Layer = &canon.Layer{Index: 1, Name: "x.tar"}
		bare.Digest, bare.Size, bare.DiffID = v1.Hash{}, -1, v1.Hash{}
		for _, b := range []blob.Blob{statedBlob(stored, archive), bare} {
			l, err := image.ReadLayer(context.Background(), b, nil, image.ReadOptions{ReadOptions: layer.ReadOptions{Hash: fsverity.SHA256}})
			if err != nil || l.Len() != 2 {
				t.Errorf("%s: %v", name, err)
			}
		}
		if bare.Layer.DiffID != blobs.Digest(archive).String() || bare.Layer.Digest != "" {
			t.Errorf("%s: layer %+v", name, bare.Layer)
		}
	}
}

// TestImportLayerErrors: what is wrong with a blob is told of its layer, before what is
// wrong with the archive that may follow from it.
func TestImportLayerErrors(t *testing.T) {
	archive := layers.Tar("d a\nf a/x =" + strings.Repeat("text", 5000))
	other := layers.Tar("f other")
	gz := blobs.Gzip(t, archive)
	flipped := bytes.Clone(gz)
	flipped[len(flipped)/2] ^= 0x10
	for _, c := range []struct {
		name   string
		blob   func() blob.Blob
		stored []byte
		want   string
	}{
		{"damaged blob", func() blob.Blob { return statedBlob(gz, archive) }, flipped,
			"the blob is damaged: it should be " + blobs.Digest(gz).String() + " and is " + blobs.Digest(flipped).String()},
		{"other archive", func() blob.Blob { return statedBlob(gz, other) }, nil,
			"its diffID should be " + blobs.Digest(other).String() + " and is " + blobs.Digest(archive).String()},
		{"broken archive that is not the one stated", func() blob.Blob { return statedBlob([]byte("no archive"), other) }, nil, "its diffID should be"},
		{"broken archive", func() blob.Blob { return statedBlob([]byte("no archive"), []byte("no archive")) }, nil, "layer 2 (sha256:" + blobs.Digest([]byte("no archive")).Hex[:12] + "), entry 1: the archive ends in the middle"},
		{"bzip2", func() blob.Blob { return statedBlob([]byte("BZh9"), archive) }, nil, "use gzip or zstd"},
		{"sha512", func() blob.Blob {
			b := statedBlob(gz, archive)
			b.Digest.Algorithm = "sha512"
			return b
		}, nil, "only sha256 digests can be verified"},
		{"unreadable", func() blob.Blob {
			b := statedBlob(gz, archive)
			b.Open = func() (io.ReadCloser, error) {
				return io.NopCloser(io.MultiReader(bytes.NewReader(gz[:30]), blobs.ReaderFunc(func([]byte) (int, error) { return 0, errors.New("disk on fire") }))), nil
			}
			return b
		}, nil, "layer 2 (" + blobs.Digest(gz).String()[:19] + "): disk on fire"},
		{"unopenable", func() blob.Blob {
			b := statedBlob(gz, archive)
			b.Open = func() (io.ReadCloser, error) { return nil, errors.New("no such blob") }
			return b
		}, nil, "no such blob"},
	} {
		b := c.blob()
		if c.stored != nil {
			b.Open = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(c.stored)), nil }
		}
		_, err := image.ReadLayer(context.Background(), b, nil, image.ReadOptions{ReadOptions: layer.ReadOptions{Hash: fsverity.SHA256}})
		var entryError *canon.EntryError
		if !errors.As(err, &entryError) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", c.name, err, c.want)
		}
	}
}

func TestImportLayerCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	archive := layers.Tar("f a")
	if _, err := image.ReadLayer(ctx, statedBlob(archive, archive), nil, image.ReadOptions{ReadOptions: layer.ReadOptions{Hash: fsverity.SHA256}}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

// statedBlob is a blob with all that a manifest and config would say of it.
func statedBlob(stored, archive []byte) blob.Blob {
	return blob.Blob{
		Layer:  &canon.Layer{Index: 2, Digest: blobs.Digest(stored).String(), DiffID: blobs.Digest(archive).String()},
		Digest: blobs.Digest(stored), Size: int64(len(stored)), DiffID: blobs.Digest(archive),
		Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(stored)), nil },
	}
}
