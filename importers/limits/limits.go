package limits

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"sync/atomic"

	"cfsverify/canon"
)

// Limits keep a hostile image from taking all memory or time of a machine. They
// are for all layers of an image together; 0 is no limit.
type Limits struct {
	// Entries is the number of tar entries, and of the directories that they may
	// bring into being: each component of a name that the entry before does not
	// have, and each slash of a symlink's target.
	Entries int64
	// Bytes is the size of the uncompressed layers.
	Bytes int64
	// Metadata is how many bytes of memory names, link targets, PAX records and inodes
	// take: those that they have, and those of what they are kept in.
	Metadata int64
	// Ratio is by how much a compressed layer may grow, once its uncompressed
	// size is over RatioFree bytes.
	Ratio, RatioFree int64
}

// Default allows far more than images have that are known. Of small entries, 4 GiB of
// metadata are some four million. gzip cannot exceed 1032:1.
func Default() Limits {
	return Limits{Entries: 10_000_000, Bytes: 256 << 30, Metadata: 4 << 30, Ratio: 500, RatioFree: 1 << 30}
}

// What an entry, or a directory that it needs, and a PAX record take in memory besides
// their bytes, in the trees and lists that a comparison has of a side.
const (
	EntryMemory  = 1024
	RecordMemory = 256
)

// Budget is what the layers of an image, or one of them, have used of the limits.
type Budget struct {
	limits Limits
	// image is for a layer's budget.
	image                    *Budget
	entries, bytes, metadata atomic.Int64
}

// Layer is the budget of a layer of the image.
func (b *Budget) Layer() *Budget { return &Budget{limits: b.limits, image: b} }

func (b *Budget) add(entries, bytes, metadata int64) error {
	if b.image != nil {
		if err := b.image.add(entries, bytes, metadata); err != nil {
			return err
		}
	}
	for _, l := range []struct {
		used       *atomic.Int64
		more, most int64
		limit      Limit
	}{
		{&b.entries, entries, b.limits.Entries, EntriesLimit},
		{&b.metadata, metadata, b.limits.Metadata, MetadataLimit},
		{&b.bytes, bytes, b.limits.Bytes, BytesLimit},
	} {
		if n := l.used.Add(l.more); l.most > 0 && n > l.most {
			return &LimitError{l.limit, l.most}
		}
	}
	return nil
}

// AddMetadata is told of more bytes of memory for what a source says besides content.
func (b *Budget) AddMetadata(bytes int64) error { return b.add(0, 0, bytes) }

// AddRead is told, for a layer's budget, of the same layer that was read for another
// image: only the image's own budget is charged.
func (b *Budget) AddRead(l *Budget) error {
	return b.image.add(l.entries.Load(), l.bytes.Load(), l.metadata.Load())
}

// NewBudget is that of an image.
func NewBudget(l Limits) *Budget { return &Budget{limits: l} }

// Limit is one of Limits.
type Limit string

const (
	EntriesLimit  Limit = "entries"
	BytesLimit    Limit = "bytes"
	MetadataLimit Limit = "metadata"
	RatioLimit    Limit = "ratio"
	// CopyLimit is Limits.Bytes for a blob that is copied while it is read.
	CopyLimit Limit = "copy"
)

// LimitError says that an image goes over a limit.
type LimitError struct {
	Limit Limit
	// Most is what the limit allows.
	Most int64
}

func (e *LimitError) Error() string {
	what := map[Limit]string{
		EntriesLimit:  "tar entries and directories that they need",
		BytesLimit:    "uncompressed bytes",
		MetadataLimit: "bytes of names, link targets, PAX records and inodes in memory",
		CopyLimit:     "bytes in a layer",
	}[e.Limit]
	if e.Limit == RatioLimit {
		return fmt.Sprintf("the layer grows to more than %d times of its compressed size", e.Most)
	}
	return fmt.Sprintf("the image has more than %d %s", e.Most, what)
}

// AddEntry is told of an entry, and of the name of the one before it.
func (b *Budget) AddEntry(h *canon.Header, before string) error {
	if b == nil {
		return nil
	}
	size := len(h.Name) + len(h.Linkname)
	for key, value := range h.PAX {
		size += len(key) + len(value) + RecordMemory
	}
	name := strings.TrimRight(h.Name, "/")
	count := 1 + strings.Count(name[CommonDirectory(name, before):], "/")
	if h.Typeflag == '2' {
		count += strings.Count(h.Linkname, "/")
	}
	return b.add(int64(count), 0, int64(size+count*EntryMemory))
}

// AddBytes is told of n more uncompressed bytes, and of the sizes of the layer
// up to here.
func (b *Budget) AddBytes(n int, uncompressed, stored int64) error {
	if b == nil {
		return nil
	}
	if err := b.add(0, int64(n), 0); err != nil {
		return err
	}
	if b.limits.Ratio > 0 && uncompressed > b.limits.RatioFree && uncompressed/b.limits.Ratio >= stored {
		return &LimitError{RatioLimit, b.limits.Ratio}
	}
	return nil
}

// CommonDirectory is the length of the longest directory, with its slash, that
// two names begin with, of which b may be the directory.
func CommonDirectory(a, b string) int {
	common := 0
	for i := 0; i < len(a) && i <= len(b); i++ {
		end := i == len(b)
		if a[i] == '/' && (end || b[i] == '/') {
			common = i + 1
		}
		if end || a[i] != b[i] {
			break
		}
	}
	return common
}

// Metered is r, whose bytes are kept in memory.
func Metered(r io.Reader, used *Budget) io.Reader { return metered{r, used, 0} }

// MeteredLines is r, whose lines have fields that each may take as much memory as a record
// does, as those of dump files.
func MeteredLines(r io.Reader, used *Budget) io.Reader { return metered{r, used, RecordMemory} }

type metered struct {
	r    io.Reader
	used *Budget
	// field is what each space stands for.
	field int
}

func (m metered) Read(p []byte) (int, error) {
	n, err := m.r.Read(p)
	if over := m.used.AddMetadata(int64(n + m.field*bytes.Count(p[:n], []byte{' '}))); over != nil {
		return 0, over
	}
	return n, err
}
