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

func TestImportLayer(t *testing.T) {
	archive := append(layers.Tar("d a\nf a/x ="+strings.Repeat("text", 5000)), "trailing bytes"...)
	skippable := append([]byte{0x53, 0x2a, 0x4d, 0x18, 4, 0, 0, 0}, "data"...)
	for name, stored := range map[string][]byte{
		"plain":                     archive,
		"gzip":                      blobs.Gzip(t, archive),
		"gzip of two members":       blobs.Gzip(t, archive[:700], archive[700:]),
		"zstd":                      blobs.Zstd(t, archive),
		"zstd of two frames":        append(blobs.Zstd(t, archive[:700]), blobs.Zstd(t, archive[700:])...),
		"zstd and skippable frames": append(append(bytes.Clone(skippable), blobs.Zstd(t, archive)...), skippable...),
	} {
		l, err := image.ReadLayer(context.Background(), statedBlob(stored, archive), nil, image.ReadOptions{ReadOptions: layer.ReadOptions{Hash: fsverity.SHA256}})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if l.Len() != 2 {
			t.Errorf("%s: %d entries", name, l.Len())
		}
		bare := statedBlob(stored, archive)
		bare.Layer = &canon.Layer{Index: 1, Name: "x.tar"}
		bare.Digest, bare.Size, bare.DiffID = v1.Hash{}, -1, v1.Hash{}
		if _, err := image.ReadLayer(context.Background(), bare, nil, image.ReadOptions{ReadOptions: layer.ReadOptions{Hash: fsverity.SHA256}}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if bare.Layer.DiffID != blobs.Digest(archive).String() || bare.Layer.Digest != "" {
			t.Errorf("%s: layer %+v", name, bare.Layer)
		}
	}
}

func TestImportLayerErrors(t *testing.T) {
	archive := layers.Tar("d a\nf a/x =" + strings.Repeat("text", 5000))
	other := layers.Tar("f other")
	gz := blobs.Gzip(t, archive)
	flipped := bytes.Clone(gz)
	flipped[len(flipped)/2] ^= 0x10
	bigWindow := []byte{0x28, 0xb5, 0x2f, 0xfd, 0x00, (29 - 10) << 3, 0x01, 0x00, 0x00}
	for _, c := range []struct {
		name   string
		blob   func() blob.Blob
		stored []byte
		want   string
	}{
		{"other blob", func() blob.Blob { return statedBlob(gz, archive) }, blobs.Gzip(t, archive, nil), "has more than the"},
		{"damaged blob", func() blob.Blob { return statedBlob(gz, archive) }, flipped,
			"the blob is damaged: it should be " + blobs.Digest(gz).String() + " and is " + blobs.Digest(flipped).String()},
		{"truncated blob", func() blob.Blob { return statedBlob(gz, archive) }, gz[:len(gz)-9], "it is truncated"},
		{"blob cut after its magic", func() blob.Blob { return statedBlob(gz, archive) }, gz[:2], "it is truncated"},
		{"stated blob cut after its magic", func() blob.Blob { return statedBlob(gz[:2], archive) }, nil, "damaged, or followed by other data: unexpected EOF"},
		{"truncated gzip", func() blob.Blob { return statedBlob(gz[:len(gz)-9], archive) }, nil, "unexpected EOF"},
		{"data after gzip", func() blob.Blob { return statedBlob(append(bytes.Clone(gz), "junk"...), archive) }, nil, "followed by other data"},
		{"data after zstd", func() blob.Blob { return statedBlob(append(blobs.Zstd(t, archive), "junk"...), archive) }, nil, "followed by other data"},
		{"other archive", func() blob.Blob { return statedBlob(gz, other) }, nil,
			"its diffID should be " + blobs.Digest(other).String() + " and is " + blobs.Digest(archive).String()},
		{"other plain archive", func() blob.Blob { return statedBlob(archive, other) }, nil, "its diffID should be"},
		{"broken archive that is not the one stated", func() blob.Blob { return statedBlob([]byte("no archive"), other) }, nil, "its diffID should be"},
		{"broken archive", func() blob.Blob { return statedBlob([]byte("no archive"), []byte("no archive")) }, nil, "layer 2 (sha256:" + blobs.Digest([]byte("no archive")).Hex[:12] + "), entry 1: the archive ends in the middle"},
		{"bzip2", func() blob.Blob { return statedBlob([]byte("BZh9"), archive) }, nil, "use gzip or zstd"},
		{"xz", func() blob.Blob { return statedBlob([]byte("\xfd7zXZ\x00"), archive) }, nil, "use gzip or zstd"},
		{"zstd window of 512 MiB", func() blob.Blob { return statedBlob(bigWindow, nil) }, nil, "window size exceeded"},
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
