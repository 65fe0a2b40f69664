package layer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"sort"

	"cfsverify/canon"
	"cfsverify/canon/tarfile"
	"cfsverify/importers/limits"
	"cfsverify/importers/objects"
)

// reading is what composefs-rs reads of an archive in which an entry states a size,
// but has no content: it takes what follows for content. Its list begins as that of
// everybody else does.
type reading struct {
	Entries
	// told says, of entries by their index, what only composefs-rs does.
	told map[int]string
	// err is why there is no more of the archive behind entry errAt, by its index.
	err   error
	errAt int
}

// skip is what composefs-rs takes for the content of the entry with that index.
type skip struct {
	entry    int
	from, to int64 // in bytes of the archive
}

// fork reads an archive as composefs-rs does, from an entry on, while it is read.
type fork struct {
	*layerReader
	skips []skip
	end   *io.PipeWriter
	done  chan struct{}
	err   error
}

// skipContent notes that h, of the last entry, states a size that is none.
func (l *layerReader) skipContent(ctx context.Context, h *canon.Header) {
	at := l.tar.Offset()
	end := at + min(h.Size, math.MaxInt64-at-tarfile.BlockSize)
	s := skip{len(l.out.List) - 1, at, end + -end&(tarfile.BlockSize-1)}
	switch {
	case l.forked != nil:
		l.forked.skips = append(l.forked.skips, s)
	case l.fork == nil:
		l.offsets = []int64{h.Offset}
		l.startFork(ctx, h.Size, s)
	}
}

func (l *layerReader) startFork(ctx context.Context, size int64, first skip) {
	f := &fork{skips: []skip{first}, done: make(chan struct{})}
	f.layerReader = &layerReader{
		out:     &Entries{Layer: l.out.Layer, List: slices.Clone(l.out.List), quirks: maps.Clone(l.out.quirks), nanoseconds: maps.Clone(l.out.nanoseconds)},
		hash:    l.hash,
		hasher:  objects.NewHasher(l.hash, nil),
		buffer:  make([]byte, bufferSize),
		headers: l.headers,
		budget:  l.budget,
		before:  l.before,
		offsets: slices.Clone(l.offsets),
		forked:  f,
	}
	f.tar, f.end = l.tar.Fork(size)
	l.fork = f
	go func() {
		defer close(f.done)
		if _, f.err = f.read(ctx); f.err != nil {
			// The reader of the archive says what is wrong with reading it.
			_, _ = f.tar.Trailing()
		}
	}()
}

// join waits for the fork at the end of l, which ended with err.
func (f *fork) join(l *layerReader, err error) error {
	f.end.CloseWithError(err)
	<-f.done
	if err != nil {
		return err
	}
	if limit := new(limits.LimitError); errors.As(f.err, &limit) {
		return f.err
	}
	l.out.composefs = f.reading(l)
	return nil
}

// reading compares what the fork read with what l did.
func (f *fork) reading(l *layerReader) *reading {
	r := &reading{Entries: *f.out, told: map[int]string{}}
	// Both lists begin with so many entries of which no offsets are known.
	base := len(l.out.List) - len(l.offsets)
	for i := range r.List {
		if i < base {
			r.numbers = append(r.numbers, int32(i+1))
			continue
		}
		offset := f.offsets[i-base]
		at := sort.Search(len(l.offsets), func(k int) bool { return l.offsets[k] > offset }) - 1
		r.numbers = append(r.numbers, int32(base+at+1))
		if l.offsets[at] == offset {
			r.List[i] = l.out.List[base+at]
			continue
		}
		r.told[i] = fmt.Sprintf("only composefs-rs sees this entry, in bytes that are content or extension headers of entry %d, %q", base+at+1, l.out.List[base+at].Path)
	}
	for _, s := range f.skips {
		from := sort.Search(len(l.offsets), func(k int) bool { return l.offsets[k] >= s.from })
		to := sort.Search(len(l.offsets), func(k int) bool { return l.offsets[k] >= s.to })
		if from < to {
			r.told[s.entry] = fmt.Sprintf("composefs-rs takes the %d bytes behind the header for content of this entry, and does not see %s",
				s.to-s.from, l.out.span(base+from, base+to-1))
		}
	}
	if f.err != nil {
		last := f.skips[len(f.skips)-1]
		r.errAt = last.entry
		r.err = fmt.Errorf("the %d bytes behind the header are taken for content of this entry, and what is read then is refused: %w", last.to-last.from, inner(f.err))
	}
	return r
}

// span names the entries from one index to another.
func (l *Entries) span(from, to int) string {
	if from == to {
		return fmt.Sprintf("entry %d, %q", from+1, l.List[from].Path)
	}
	return fmt.Sprintf("entries %d to %d, %q to %q", from+1, to+1, l.List[from].Path, l.List[to].Path)
}

// inner leaves out where an error is.
func inner(err error) error {
	if at := new(canon.EntryError); errors.As(err, &at) {
		return at.Err
	}
	return err
}

// asComposefsRS is what composefs-rs reads of the archive.
func (l *Entries) asComposefsRS() *reading {
	if l.composefs == nil {
		return &reading{Entries: *l}
	}
	r := *l.composefs
	r.Layer = l.Layer
	return &r
}

// number is that of an entry, by its index.
func (l *Entries) number(i int) int {
	if l.numbers == nil {
		return i + 1
	}
	return int(l.numbers[i])
}

// path is that of the first entry with a number.
func (l *Entries) path(number int) string {
	i := number - 1
	if l.numbers != nil {
		i = slices.Index(l.numbers, int32(number))
	}
	return l.List[i].Path
}
