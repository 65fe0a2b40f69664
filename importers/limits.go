package importers

import (
	"fmt"
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
	// Metadata is the size in bytes of all names, link targets and PAX records,
	// which are kept in memory.
	Metadata int64
	// Ratio is by how much a compressed layer may grow, once its uncompressed
	// size is over RatioFree bytes.
	Ratio, RatioFree int64
}

// DefaultLimits allow some ten times of what the largest images have. gzip
// cannot exceed 1032:1.
func DefaultLimits() Limits {
	return Limits{Entries: 10_000_000, Bytes: 256 << 30, Metadata: 4 << 30, Ratio: 500, RatioFree: 1 << 30}
}

// budget is what the layers of an image, or one of them, have used of the limits.
type budget struct {
	limits Limits
	// image is for a layer's budget.
	image                    *budget
	entries, bytes, metadata atomic.Int64
}

func (b *budget) ofLayer() *budget { return &budget{limits: b.limits, image: b} }

func (b *budget) add(entries, bytes, metadata int64) error {
	if b.image != nil {
		if err := b.image.add(entries, bytes, metadata); err != nil {
			return err
		}
	}
	for _, l := range []struct {
		used       *atomic.Int64
		more, most int64
		what, flag string
	}{
		{&b.entries, entries, b.limits.Entries, "tar entries and directories that they need", "--max-entries"},
		{&b.metadata, metadata, b.limits.Metadata, "bytes of names, link targets and PAX records", "--max-metadata"},
		{&b.bytes, bytes, b.limits.Bytes, "uncompressed bytes", "--max-size"},
	} {
		if n := l.used.Add(l.more); l.most > 0 && n > l.most {
			return &LimitError{l.what, l.flag, l.most}
		}
	}
	return nil
}

// addLayer is told of a layer that was read for another image.
func (b *budget) addLayer(l *budget) error {
	return b.add(l.entries.Load(), l.bytes.Load(), l.metadata.Load())
}

// LimitError says that an image goes over a limit.
type LimitError struct {
	// What is the limited thing, Flag what raises the limit.
	What, Flag string
	Limit      int64
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("the image has more than %d %s: if you trust it, raise %s", e.Limit, e.What, e.Flag)
}

// addEntry is told of an entry, and of the name of the one before it.
func (b *budget) addEntry(h *canon.Header, before string) error {
	if b == nil {
		return nil
	}
	size := len(h.Name) + len(h.Linkname)
	for key, value := range h.PAX {
		size += len(key) + len(value)
	}
	name := strings.TrimRight(h.Name, "/")
	count := 1 + strings.Count(name[commonDirectory(name, before):], "/")
	if h.Typeflag == '2' {
		count += strings.Count(h.Linkname, "/")
	}
	return b.add(int64(count), 0, int64(size))
}

// addBytes is told of n more uncompressed bytes, and of the sizes of the layer
// up to here.
func (b *budget) addBytes(n int, uncompressed, stored int64) error {
	if b == nil {
		return nil
	}
	if err := b.add(0, int64(n), 0); err != nil {
		return err
	}
	if b.limits.Ratio > 0 && uncompressed > b.limits.RatioFree && uncompressed/b.limits.Ratio >= stored {
		return fmt.Errorf("the layer grows to more than %d times of its compressed size: if you trust the image, raise --max-ratio", b.limits.Ratio)
	}
	return nil
}

// commonDirectory is the length of the longest directory, with its slash, that
// two names begin with, of which b may be the directory.
func commonDirectory(a, b string) int {
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
