package blob

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"cfsverify/canon"
	"cfsverify/canon/tarfile"
	"cfsverify/importers/limits"
)

// zstdWindowMax is the window size in bytes up to which the zstd tool decodes
// without being asked to (ZSTD_WINDOWLOG_LIMIT_DEFAULT).
const zstdWindowMax = 128 << 20

// storedBuffer is how many bytes of a blob are looked at to see how it is compressed,
// and given to a decoder at a time.
const storedBuffer = 64 << 10

// Blob is a layer as it is stored, and what manifest and config say of it.
type Blob struct {
	Layer  *canon.Layer
	Digest v1.Hash // of the blob; zero if nobody states it
	Size   int64   // of the blob in bytes; -1 if nobody states it
	DiffID v1.Hash // of the uncompressed archive; zero if nobody states it
	Open   func() (io.ReadCloser, error)
	// Place is where it lies, if that can be told; nil if it cannot.
	Place func() (Place, bool)
}

// Identity is the same for blobs that are one.
type Identity struct {
	place          Place
	digest, diffID v1.Hash
	size           int64
}

// Identity says what the blob is, if that can be told.
func (b Blob) Identity() (Identity, bool) {
	if b.Place == nil {
		return Identity{}, false
	}
	place, found := b.Place()
	return Identity{place, b.Digest, b.DiffID, b.Size}, found
}

// Stored is a blob as it was found.
type Stored struct {
	Digest      v1.Hash
	Size        int64
	Compression tarfile.Compression
	// Gzip is the header of the first gzip member, nil for other compressions.
	Gzip *tarfile.GzipHeader
}

// Fail says of which layer an error is.
func (b Blob) Fail(err error) error { return &canon.EntryError{Layer: b.Layer, Err: err} }

// Reopens says that Open gives the same bytes again: bare layers may be pipes.
func (b Blob) Reopens() bool {
	if b.Layer.Name == "" {
		return true
	}
	info, err := os.Stat(b.Layer.Name)
	return err == nil && info.Mode().IsRegular()
}

// CheckDigests refuses those that cannot be verified.
func (b Blob) CheckDigests() error {
	for _, h := range []v1.Hash{b.Digest, b.DiffID} {
		if h != (v1.Hash{}) && h.Algorithm != "sha256" {
			return b.Fail(fmt.Errorf("only sha256 digests can be verified, not %v", h))
		}
	}
	return nil
}

// Reader reads a blob uncompressed. What is stored is read and hashed,
// decompressed, and hashed again in goroutines of their own, each ahead of the
// next.
type Reader struct {
	blob     Blob
	stored   hashingReader  // belongs to source until that has ended
	read     countingReader // of stored, likewise
	source   *readAhead
	taken    countingReader // from source
	buffered *bufio.Reader  // of taken
	archive  archiveReader  // belongs to decoded
	decoded  *readAhead
	// Compression is how it is stored, and gzip its header if that is gzip.
	Compression tarfile.Compression
	gzip        *tarfile.GzipHeader
	hashed      hashingReader // belongs to ahead
	ahead       *readAhead
	// closeDecoder is for after decoded has ended.
	closeDecoder func()
}

// NewReader reads a blob from what Blob.Open gave. Without a budget there are no
// limits. The caller closes it.
func NewReader(b Blob, stored io.Reader, used *limits.Budget) (*Reader, error) {
	if b.Size >= 0 {
		// One more byte shows that the blob is too long.
		stored = io.LimitReader(stored, b.Size+1)
	}
	r := &Reader{blob: b, stored: hashingReader{r: stored, sum: sha256.New()}}
	r.read.r = &r.stored
	r.source = newReadAhead(&r.read)
	r.taken.r = r.source
	r.buffered = bufio.NewReaderSize(&r.taken, storedBuffer)
	r.archive = archiveReader{taken: &r.taken, budget: used}
	if err := r.decode(); err != nil {
		r.source.close()
		return nil, err
	}
	r.decoded = newReadAhead(&r.archive)
	r.hashed = hashingReader{r: r.decoded, sum: sha256.New()}
	r.ahead = newReadAhead(&r.hashed)
	return r, nil
}

// decode looks how the blob is compressed.
func (r *Reader) decode() error {
	head, err := r.buffered.Peek(tarfile.BlockSize)
	if err != nil && err != io.EOF {
		return err
	}
	r.archive.r, r.closeDecoder, r.Compression = r.buffered, func() {}, tarfile.Uncompressed
	switch {
	case len(head) == tarfile.BlockSize && string(head[257:262]) == "ustar":
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}):
		r.archive.compressed, r.Compression = true, tarfile.Gzip
		decoder, err := gzip.NewReader(r.buffered)
		switch err {
		case nil:
			r.archive.r, r.gzip = decoder, gzipHeader(head, decoder)
		case io.EOF:
			r.archive.r = failedReader{io.ErrUnexpectedEOF}
		default:
			r.archive.r = failedReader{err}
		}
	case bytes.HasPrefix(head, []byte{0x28, 0xb5, 0x2f, 0xfd}), isSkippableFrame(head):
		r.archive.compressed, r.Compression = true, tarfile.Zstd
		decoder, err := zstd.NewReader(r.buffered, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(zstdWindowMax))
		if err != nil {
			return err
		}
		r.archive.r, r.closeDecoder = decoder, decoder.Close
	case bytes.HasPrefix(head, []byte("BZh")), bytes.HasPrefix(head, []byte("\xfd7zXZ\x00")):
		return errors.New("bzip2 and xz are no compressions that layers have: use gzip or zstd")
	}
	return nil
}

// gzipHeader is that of a decoder that has read nothing else; head is what it
// began with.
func gzipHeader(head []byte, decoder *gzip.Reader) *tarfile.GzipHeader {
	return &tarfile.GzipHeader{
		Mtime: binary.LittleEndian.Uint32(head[4:8]), Flags: head[8], OS: head[9],
		Name: decoder.Name, Comment: decoder.Comment, Extra: string(decoder.Extra),
	}
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

func (r *Reader) Read(p []byte) (int, error) { return r.ahead.Read(p) }

// Close ends all reading.
func (r *Reader) Close() {
	r.ahead.close()
	r.decoded.close()
	r.source.close()
	r.closeDecoder()
}

// Verify reads what is left and compares size and digests.
func (r *Reader) Verify() error {
	// The readers keep their errors. Once the last one has ended, so have those
	// that it reads from but source: decoders end at the end of what is stored, or
	// with an error.
	_, _ = io.Copy(io.Discard, r.ahead)
	_, _ = io.Copy(io.Discard, r.buffered)
	b := r.blob
	if r.read.err != nil {
		return r.read.err
	}
	if b.Size >= 0 && r.read.size != b.Size {
		if r.read.size > b.Size {
			return fmt.Errorf("the blob %v has more than the %d bytes that the manifest states", b.Digest, b.Size)
		}
		return fmt.Errorf("the blob %v has %d bytes, but the manifest states %d: it is truncated", b.Digest, r.read.size, b.Size)
	}
	if got := SumDigest(r.stored.sum); b.Digest != (v1.Hash{}) && got != b.Digest {
		return fmt.Errorf("the blob is damaged: it should be %v and is %v", b.Digest, got)
	}
	if r.archive.err != nil {
		return r.archive.err
	}
	if got := r.DiffID(); b.DiffID != (v1.Hash{}) && got != b.DiffID {
		return fmt.Errorf("the uncompressed layer is not the one that the config names: its diffID should be %v and is %v", b.DiffID, got)
	}
	return nil
}

// DiffID is the digest of the archive once that has been read.
func (r *Reader) DiffID() v1.Hash { return SumDigest(r.hashed.sum) }

// Stored is what was read, once verify has found no fault.
func (r *Reader) Stored() Stored {
	return Stored{SumDigest(r.stored.sum), r.read.size, r.Compression, r.gzip}
}

// SumDigest is the digest that a SHA-256 hash stands at.
func SumDigest(sum hash.Hash) v1.Hash {
	return v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(sum.Sum(nil))}
}

// countingReader counts what it reads, and keeps the error.
type countingReader struct {
	r    io.Reader
	size int64
	err  error // other than io.EOF
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.size += int64(n)
	if err != nil && err != io.EOF {
		c.err = err
	}
	return n, err
}

// archiveReader reads what was decompressed, as far as the limits go.
type archiveReader struct {
	r          io.Reader
	compressed bool
	taken      *countingReader // what r reads from
	budget     *limits.Budget
	size       int64
	err        error // other than io.EOF
}

func (a *archiveReader) Read(p []byte) (int, error) {
	n, err := a.r.Read(p)
	a.size += int64(n)
	if limit := a.budget.AddBytes(n, a.size, a.taken.size); limit != nil {
		a.err = limit
		return 0, limit
	}
	if err != nil && err != io.EOF {
		if a.compressed && a.taken.err == nil {
			err = fmt.Errorf("the compressed data is damaged, or followed by other data: %w", err)
		}
		a.err = err
	}
	return n, err
}

type hashingReader struct {
	r   io.Reader
	sum hash.Hash
}

func (h *hashingReader) Read(p []byte) (int, error) {
	n, err := h.r.Read(p)
	h.sum.Write(p[:n])
	return n, err
}
