package image_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"cfsverify/canon"
	"cfsverify/canon/tarfile"
	"cfsverify/importers/blob"
	"cfsverify/importers/image"
	"cfsverify/importers/limits"
	"cfsverify/testdata/blobs"
	"cfsverify/testdata/layers"
)

// TestStream: the archive comes uncompressed, and what is not read counts as well.
func TestStream(t *testing.T) {
	archive := layers.Tar("d a\nf a/b =" + strings.Repeat("text", 1<<20))
	gz := blobs.Gzip(t, archive)
	for _, read := range []int{0, 700, len(archive)} {
		b := statedBlob(gz, archive)
		b.Layer.DiffID = ""
		var told limits.Progress // in steps of 4 MiB
		s, err := image.NewStream(t.Context(), b, limits.NewBudget(limits.Default()).Layer(), func(p limits.Progress) {
			told.Bytes += p.Bytes
		})
		if err != nil {
			t.Fatal(err)
		}
		got := make([]byte, read)
		if _, err := io.ReadFull(s, got); err != nil || !bytes.Equal(got, archive[:read]) {
			t.Errorf("%d bytes: other bytes, %v", read, err)
		}
		stored, err := s.Verify()
		if err != nil || stored.Digest != blobs.Digest(gz) || stored.Size != int64(len(gz)) || stored.Compression != tarfile.Gzip || stored.Gzip == nil {
			t.Errorf("%d bytes: %+v, %v", read, stored, err)
		}
		if b.Layer.DiffID != blobs.Digest(archive).String() {
			t.Errorf("%d bytes: layer %+v", read, b.Layer)
		}
		if told.Bytes < 4<<20 || told.Bytes > int64(len(archive)) {
			t.Errorf("%d bytes: the progress was %d bytes of %d", read, told.Bytes, len(archive))
		}
		s.Close()
	}
}

// TestStreamCounts: entries, names and headers are held against the limits, and a
// directory that two names share counts once.
func TestStreamCounts(t *testing.T) {
	names := []string{"a/b/c", "a/b/d"}
	for _, c := range []struct {
		most   limits.Limits
		global int64
		limit  limits.Limit
	}{
		{limits.Limits{Entries: 4, Metadata: 10 + 6 + 4*limits.EntryMemory}, 3, ""},
		{limits.Limits{Entries: 3}, 3, limits.EntriesLimit},
		{limits.Limits{Metadata: 10 + 5 + 4*limits.EntryMemory}, 3, limits.MetadataLimit},
		{limits.Limits{Metadata: 9}, 0, limits.MetadataLimit},
	} {
		archive := layers.Tar("f x")
		s, err := image.NewStream(t.Context(), statedBlob(archive, archive), limits.NewBudget(c.most).Layer(), nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			if err == nil {
				err = s.Count(&canon.Header{Name: name}, c.global)
			}
		}
		var limit *limits.LimitError
		if c.limit == "" && err != nil || c.limit != "" && (!errors.As(err, &limit) || limit.Limit != c.limit) {
			t.Errorf("%+v: error %v", c.most, err)
		}
		s.Close()
	}
}

func TestStreamErrors(t *testing.T) {
	archive, other := layers.Tar("f a =x"), layers.Tar("f a =y")
	for name, c := range map[string]struct {
		change func(b *blob.Blob)
		opens  bool
		want   string
	}{
		"another blob":    {func(b *blob.Blob) { b.Open = blobs.Opener(other) }, true, "the blob is damaged: it should be " + blobs.Digest(archive).String()},
		"another archive": {func(b *blob.Blob) { b.DiffID = blobs.Digest(other) }, true, "its diffID should be " + blobs.Digest(other).String()},
		"another hash":    {func(b *blob.Blob) { b.DiffID.Algorithm = "sha512" }, false, "only sha256 digests can be verified"},
		"not there":       {func(b *blob.Blob) { b.Open = func() (io.ReadCloser, error) { return nil, errors.New("no such blob") } }, false, "no such blob"},
		"bzip2":           {func(b *blob.Blob) { b.Open = blobs.Opener([]byte("BZh9")) }, false, "use gzip or zstd"},
		"cut off":         {func(b *blob.Blob) { b.Open = blobs.Opener(archive[:600]) }, true, "it is truncated"},
		"too many bytes":  {func(b *blob.Blob) { b.Open = blobs.Opener(append(bytes.Clone(archive), 0)) }, true, "has more than the 2048 bytes"},
	} {
		b := statedBlob(archive, archive)
		c.change(&b)
		s, err := image.NewStream(t.Context(), b, nil, nil)
		if (err == nil) != c.opens {
			t.Errorf("%s: error %v", name, err)
			continue
		}
		if c.opens {
			_, err = s.Verify()
			s.Close()
		}
		var entry *canon.EntryError
		if !errors.As(err, &entry) || entry.Layer != b.Layer || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %s", name, err, c.want)
		}
	}
}

func TestStreamCancelled(t *testing.T) {
	archive := layers.Tar("f a")
	ctx, cancel := context.WithCancel(t.Context())
	b := statedBlob(archive, archive)
	b.Open = func() (io.ReadCloser, error) {
		return io.NopCloser(io.MultiReader(bytes.NewReader(archive[:512]), blobs.ReaderFunc(func(p []byte) (int, error) {
			cancel()
			return copy(p, archive[512:]), nil
		}))), nil
	}
	s, err := image.NewStream(ctx, b, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var entry *canon.EntryError
	if _, err := s.Verify(); !errors.Is(err, context.Canceled) || errors.As(err, &entry) {
		t.Errorf("error %v", err)
	}
}
