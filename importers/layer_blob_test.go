package importers

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
	"cfsverify/testdata/blobs"
	"cfsverify/testdata/layers"
)

// statedBlob is a blob with all that a manifest and config would say of it.
func statedBlob(stored, archive []byte) blob {
	return blob{
		layer:  &canon.Layer{Index: 2, Digest: blobs.Digest(stored).String(), DiffID: blobs.Digest(archive).String()},
		digest: blobs.Digest(stored), size: int64(len(stored)), diffID: blobs.Digest(archive),
		open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(stored)), nil },
	}
}

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
		l, err := importLayer(context.Background(), statedBlob(stored, archive), nil, ImageReadOptions{ReadOptions: ReadOptions{Hash: fsverity.SHA256}})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if l.Len() != 2 {
			t.Errorf("%s: %d entries", name, l.Len())
		}
		bare := statedBlob(stored, archive)
		bare.layer = &canon.Layer{Index: 1, Name: "x.tar"}
		bare.digest, bare.size, bare.diffID = v1.Hash{}, -1, v1.Hash{}
		if _, err := importLayer(context.Background(), bare, nil, ImageReadOptions{ReadOptions: ReadOptions{Hash: fsverity.SHA256}}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if bare.layer.DiffID != blobs.Digest(archive).String() || bare.layer.Digest != "" {
			t.Errorf("%s: layer %+v", name, bare.layer)
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
		blob   func() blob
		stored []byte
		want   string
	}{
		{"other blob", func() blob { return statedBlob(gz, archive) }, blobs.Gzip(t, archive, nil), "has more than the"},
		{"damaged blob", func() blob { return statedBlob(gz, archive) }, flipped,
			"the blob is damaged: it should be " + blobs.Digest(gz).String() + " and is " + blobs.Digest(flipped).String()},
		{"truncated blob", func() blob { return statedBlob(gz, archive) }, gz[:len(gz)-9], "it is truncated"},
		{"blob cut after its magic", func() blob { return statedBlob(gz, archive) }, gz[:2], "it is truncated"},
		{"stated blob cut after its magic", func() blob { return statedBlob(gz[:2], archive) }, nil, "damaged, or followed by other data: unexpected EOF"},
		{"truncated gzip", func() blob { return statedBlob(gz[:len(gz)-9], archive) }, nil, "unexpected EOF"},
		{"data after gzip", func() blob { return statedBlob(append(bytes.Clone(gz), "junk"...), archive) }, nil, "followed by other data"},
		{"data after zstd", func() blob { return statedBlob(append(blobs.Zstd(t, archive), "junk"...), archive) }, nil, "followed by other data"},
		{"other archive", func() blob { return statedBlob(gz, other) }, nil,
			"its diffID should be " + blobs.Digest(other).String() + " and is " + blobs.Digest(archive).String()},
		{"other plain archive", func() blob { return statedBlob(archive, other) }, nil, "its diffID should be"},
		{"broken archive that is not the one stated", func() blob { return statedBlob([]byte("no archive"), other) }, nil, "its diffID should be"},
		{"broken archive", func() blob { return statedBlob([]byte("no archive"), []byte("no archive")) }, nil, "layer 2 (sha256:" + blobs.Digest([]byte("no archive")).Hex[:12] + "), entry 1: the archive ends in the middle"},
		{"bzip2", func() blob { return statedBlob([]byte("BZh9"), archive) }, nil, "use gzip or zstd"},
		{"xz", func() blob { return statedBlob([]byte("\xfd7zXZ\x00"), archive) }, nil, "use gzip or zstd"},
		{"zstd window of 512 MiB", func() blob { return statedBlob(bigWindow, nil) }, nil, "window size exceeded"},
		{"sha512", func() blob {
			b := statedBlob(gz, archive)
			b.digest.Algorithm = "sha512"
			return b
		}, nil, "only sha256 digests can be verified"},
		{"unreadable", func() blob {
			b := statedBlob(gz, archive)
			b.open = func() (io.ReadCloser, error) {
				return io.NopCloser(io.MultiReader(bytes.NewReader(gz[:30]), readerFunc(func([]byte) (int, error) { return 0, errors.New("disk on fire") }))), nil
			}
			return b
		}, nil, "layer 2 (" + blobs.Digest(gz).String()[:19] + "): disk on fire"},
		{"unopenable", func() blob {
			b := statedBlob(gz, archive)
			b.open = func() (io.ReadCloser, error) { return nil, errors.New("no such blob") }
			return b
		}, nil, "no such blob"},
	} {
		b := c.blob()
		if c.stored != nil {
			b.open = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(c.stored)), nil }
		}
		_, err := importLayer(context.Background(), b, nil, ImageReadOptions{ReadOptions: ReadOptions{Hash: fsverity.SHA256}})
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
	if _, err := importLayer(ctx, statedBlob(archive, archive), nil, ImageReadOptions{ReadOptions: ReadOptions{Hash: fsverity.SHA256}}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}
