package importers

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"cfsverify/canon"
)

// zstdWindowMax is the window size in bytes up to which the zstd tool decodes
// without being asked to (ZSTD_WINDOWLOG_LIMIT_DEFAULT).
const zstdWindowMax = 128 << 20

// blob is a layer as it is stored, and what manifest and config say of it.
type blob struct {
	layer  *canon.Layer
	digest v1.Hash // of the blob; zero if nobody states it
	size   int64   // of the blob in bytes; -1 if nobody states it
	diffID v1.Hash // of the uncompressed archive; zero if nobody states it
	open   func() (io.ReadCloser, error)
}

// importLayer reads a blob, checks it against its digests, and sets the layer's
// DiffID if nobody stated it. A blob that is not what its digests say is
// reported as such whatever else is wrong with it.
func importLayer(ctx context.Context, b blob, o ReadOptions) (*LayerEntries, error) {
	fail := func(err error) (*LayerEntries, error) { return nil, &EntryError{Layer: b.layer, Err: err} }
	for _, h := range []v1.Hash{b.digest, b.diffID} {
		if h != (v1.Hash{}) && h.Algorithm != "sha256" {
			return fail(fmt.Errorf("only sha256 digests can be verified, not %v", h))
		}
	}
	stored, err := b.open()
	if err != nil {
		return fail(err)
	}
	defer stored.Close()
	r, err := readBlob(b, contextReader{ctx, stored})
	if err != nil {
		return fail(err)
	}
	r.budget = o.budget
	defer r.close()
	entries, readErr := ReadLayer(ctx, r, b.layer, o)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err := r.verify(); err != nil {
		return fail(err)
	}
	if readErr != nil {
		return nil, readErr
	}
	if entries.noEnd && b.digest == (v1.Hash{}) && b.diffID == (v1.Hash{}) {
		return fail(errors.New("the archive ends without the two zero blocks that mark its end, and no digest is stated that would show whether it is whole: it may be truncated"))
	}
	if b.diffID == (v1.Hash{}) {
		b.layer.DiffID = "sha256:" + hex.EncodeToString(r.sum.Sum(nil))
	}
	return entries, nil
}

// blobReader reads a blob uncompressed.
type blobReader struct {
	blob   blob
	stored *storedReader
	// compressed is what stored reads, uncompressed the same or its decoder.
	compressed   *bufio.Reader
	uncompressed io.Reader
	sum          hash.Hash // of what was read uncompressed
	size         int64     // of it, in bytes
	budget       *budget
	close        func()
	err          error // of uncompressed, if it was not read to its end
}

func readBlob(b blob, stored io.Reader) (*blobReader, error) {
	r := &blobReader{blob: b, stored: &storedReader{r: stored, sum: sha256.New()}, sum: sha256.New(), close: func() {}}
	if b.size >= 0 {
		// One more byte shows that the blob is too long.
		r.stored.r = io.LimitReader(stored, b.size+1)
	}
	r.compressed = bufio.NewReaderSize(r.stored, bufferSize)
	head, err := r.compressed.Peek(tarBlockSize)
	if err != nil && err != io.EOF {
		return nil, err
	}
	switch {
	case len(head) == tarBlockSize && string(head[257:262]) == "ustar":
		r.uncompressed = r.compressed
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}):
		decoder, err := gzip.NewReader(r.compressed)
		switch err {
		case nil:
			r.uncompressed = decoder
		case io.EOF:
			r.uncompressed = failedReader{io.ErrUnexpectedEOF}
		default:
			r.uncompressed = failedReader{err}
		}
	case bytes.HasPrefix(head, []byte{0x28, 0xb5, 0x2f, 0xfd}), isSkippableFrame(head):
		decoder, err := zstd.NewReader(r.compressed, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(zstdWindowMax))
		if err != nil {
			return nil, err
		}
		r.uncompressed, r.close = decoder, decoder.Close
	case bytes.HasPrefix(head, []byte("BZh")), bytes.HasPrefix(head, []byte("\xfd7zXZ\x00")):
		return nil, errors.New("bzip2 and xz are no compressions that layers have: use gzip or zstd")
	default:
		r.uncompressed = r.compressed
	}
	return r, nil
}

// isSkippableFrame recognises a zstd frame without data, RFC 8878, section
// 3.1.2.
func isSkippableFrame(head []byte) bool {
	return len(head) >= 4 && head[0]&0xf0 == 0x50 && bytes.Equal(head[1:4], []byte{0x2a, 0x4d, 0x18})
}

// failedReader puts off an error until verify has told whether the blob is
// damaged.
type failedReader struct{ err error }

func (r failedReader) Read([]byte) (int, error) { return 0, r.err }

func (r *blobReader) Read(p []byte) (int, error) {
	n, err := r.uncompressed.Read(p)
	r.sum.Write(p[:n])
	r.size += int64(n)
	if limit := r.budget.addBytes(n, r.size, r.stored.size); limit != nil {
		r.err = limit
		return 0, limit
	}
	if err != nil && err != io.EOF {
		if r.stored.err == nil && r.uncompressed != io.Reader(r.compressed) {
			err = fmt.Errorf("the compressed data is damaged, or followed by other data: %w", err)
		}
		r.err = err
	}
	return n, err
}

// verify reads what is left and compares size and digests.
func (r *blobReader) verify() error {
	if r.err == nil {
		// Read keeps the error.
		_, _ = io.Copy(io.Discard, r)
	}
	// Decoders end at the end of what is stored, or with an error.
	_, _ = io.Copy(io.Discard, r.compressed)
	b := r.blob
	if r.stored.err != nil {
		return r.stored.err
	}
	if b.size >= 0 && r.stored.size != b.size {
		if r.stored.size > b.size {
			return fmt.Errorf("the blob %v has more than the %d bytes that the manifest states", b.digest, b.size)
		}
		return fmt.Errorf("the blob %v has %d bytes, but the manifest states %d: it is truncated", b.digest, r.stored.size, b.size)
	}
	if got := sumDigest(r.stored.sum); b.digest != (v1.Hash{}) && got != b.digest {
		return fmt.Errorf("the blob is damaged: it should be %v and is %v", b.digest, got)
	}
	if r.err != nil {
		return r.err
	}
	if got := sumDigest(r.sum); b.diffID != (v1.Hash{}) && got != b.diffID {
		return fmt.Errorf("the uncompressed layer is not the one that the config names: its diffID should be %v and is %v", b.diffID, got)
	}
	return nil
}

func sumDigest(sum hash.Hash) v1.Hash {
	return v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(sum.Sum(nil))}
}

// storedReader counts and hashes what it reads.
type storedReader struct {
	r    io.Reader
	sum  hash.Hash
	size int64
	err  error // other than io.EOF
}

func (s *storedReader) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	s.sum.Write(p[:n])
	s.size += int64(n)
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}
