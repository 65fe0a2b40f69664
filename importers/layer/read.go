package layer

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"

	"cfsverify/canon"
	"cfsverify/canon/fsverity"
	"cfsverify/canon/tarfile"
	"cfsverify/importers/limits"
	"cfsverify/importers/objects"
)

// ReadOptions says how to read a layer. Hash must be set.
type ReadOptions struct {
	// Hash is the fs-verity hash for file content.
	Hash fsverity.Algorithm
	// Progress, if set, is told now and then how far the work is.
	Progress func(limits.Progress)
	// Objects, if there is one, gets the content that is hashed.
	Objects *objects.Store
	// Keep, if set, chooses by path and size what content Objects gets; else that is all.
	Keep func(path string, size uint64) bool
	// Watch, if set, gives what looks on while content of more than canon.InlineMax bytes
	// goes by, nil for none.
	Watch func(path string, size uint64) *Watcher
	// Hold, if set, chooses by path and size the content that is held in memory as well,
	// as canon.Content.Held.
	Hold func(path string, size uint64) bool
	// Headers: keep what canon.Origin.Header is to say. They take as much memory
	// as the tree.
	Headers bool
	// Inspector, if set, looks at how the layer is written. Headers are kept then.
	Inspector *Inspector
}

// Watcher looks on while the content of a file goes by.
type Watcher struct {
	io.Writer
	// End is told the digest when all content went by.
	End func(fsverity.Digest) error
}

// Inspector is told how a layer is written while it is read. Layers are read side
// by side, so its functions are called from several goroutines.
type Inspector struct {
	// Entry is called for each entry that was read, which is the last of the layer
	// so far.
	Entry func(*Entries, *tarfile.Reader) error
	// End is called once the archive was read; so many bytes follow its end.
	End func(layer *Entries, r *tarfile.Reader, trailing int64)
}

const bufferSize = 64 << 10

// Read reads an uncompressed archive to the end of r, what follows the
// archive's own end included. Content of more than canon.InlineMax bytes is
// hashed and not kept. Without a budget there are no limits. Errors are
// canon.EntryErrors, but for those of ctx.
func Read(ctx context.Context, r io.Reader, layer *canon.Layer, used *limits.Budget, o ReadOptions) (*Entries, error) {
	l := &layerReader{
		tar:     tarfile.NewReader(limits.Reader(ctx, r)),
		out:     &Entries{Layer: layer, quirks: map[int]tarfile.Quirks{}, nanoseconds: map[int]uint32{}},
		hash:    o.Hash,
		hasher:  objects.NewHasher(o.Hash, o.Objects),
		keep:    o.Keep,
		watch:   o.Watch,
		buffer:  make([]byte, bufferSize),
		hold:    o.Hold,
		headers: o.Headers || o.Inspector != nil,
		inspect: o.Inspector,
		steps:   limits.Steps{Report: o.Progress},
		budget:  used,
	}
	if o.Inspector != nil {
		l.tar.Record()
	}
	trailing, err := l.read(ctx)
	if l.fork != nil {
		err = l.fork.join(l, err)
	}
	if err != nil {
		return nil, err
	}
	if o.Inspector != nil {
		o.Inspector.End(l.out, l.tar, trailing)
	}
	l.progress(0)
	l.steps.End()
	return l.out, nil
}

// read reads the archive, and returns the size of what follows it in bytes.
func (l *layerReader) read(ctx context.Context) (trailing int64, err error) {
	behindHeader := int64(-1)
	for {
		header, quirks, err := l.tar.Next()
		if err == io.EOF {
			break
		}
		behindHeader = l.tar.Offset()
		if err == nil {
			err = l.add(ctx, header, quirks)
		}
		if err != nil {
			return 0, l.fail(ctx, header, err)
		}
	}
	l.out.oneZeroBlock, l.out.NoEnd = l.tar.OneZeroBlock, l.tar.NoEnd
	l.out.endsInHeader = l.tar.NoEnd && l.tar.Offset() == behindHeader
	if trailing, err = l.tar.Trailing(); err != nil {
		return 0, &canon.EntryError{Layer: l.out.Layer, Err: err}
	}
	// Appending left room for more, which nothing will use.
	l.out.List = slices.Clone(l.out.List)
	return trailing, nil
}

// layerReader turns headers and content into entries.
type layerReader struct {
	tar     *tarfile.Reader
	out     *Entries
	hash    fsverity.Algorithm
	hasher  *objects.Hasher
	keep    func(path string, size uint64) bool
	watch   func(path string, size uint64) *Watcher
	buffer  []byte
	hold    func(path string, size uint64) bool
	headers bool
	inspect *Inspector
	nodes   canon.Nodes
	steps   limits.Steps
	budget  *limits.Budget
	before  string // the name of the last entry
	offset  int64  // that was reported last
	// fork is nil unless composefs-rs reads something else, and forked unless this
	// reader is the fork's own. Then offsets are those of entries from the one on behind
	// which it began.
	fork, forked *fork
	offsets      []int64
}

func (l *layerReader) add(ctx context.Context, h *canon.Header, quirks tarfile.Quirks) error {
	if err := l.budget.AddEntry(h, l.before); err != nil {
		return err
	}
	l.before = h.Name
	e, err := newEntry(h, &l.nodes)
	if err != nil {
		return err
	}
	if quirks != 0 {
		l.out.quirks[len(l.out.List)] = quirks
	}
	if quirks&tarfile.FirstNanoseconds != 0 {
		l.out.nanoseconds[len(l.out.List)] = l.tar.Nanoseconds()
	}
	if l.headers {
		e.Header = h
	}
	if h.Mtime.Compare(l.out.newest) > 0 {
		l.out.newest = h.Mtime
	}
	if e.Node.Kind == canon.Regular && h.Size > 0 {
		if e.Node.Content, err = l.content(e.Path, h.Size); err != nil {
			return err
		}
	}
	l.out.List = append(l.out.List, e)
	if l.inspect != nil {
		if err := l.inspect.Entry(l.out, l.tar); err != nil {
			return err
		}
	}
	l.progress(1)
	if l.offsets != nil {
		l.offsets = append(l.offsets, h.Offset)
	}
	if quirks&tarfile.SizeWithoutContent != 0 {
		l.skipContent(ctx, h)
	}
	return nil
}

func (l *layerReader) content(path string, size int64) (*canon.Content, error) {
	if size <= canon.InlineMax {
		inline := make([]byte, size)
		_, err := io.ReadFull(l.tar, inline)
		return &canon.Content{Inline: inline}, err
	}
	if err := l.hasher.Start(l.keep == nil || l.keep(path, uint64(size))); err != nil {
		return nil, err
	}
	var held bytes.Buffer
	to := io.Writer(l.hasher)
	isHeld := l.hold != nil && l.hold(path, uint64(size))
	if isHeld {
		to = io.MultiWriter(l.hasher, &held)
	}
	var watcher *Watcher
	if l.watch != nil {
		if watcher = l.watch(path, uint64(size)); watcher != nil {
			to = io.MultiWriter(to, watcher)
		}
	}
	if _, err := io.CopyBuffer(to, l.tar, l.buffer); err != nil {
		return nil, err
	}
	digest, err := l.hasher.End()
	if err == nil && watcher != nil {
		err = watcher.End(digest)
	}
	content := canon.External(digest)
	if isHeld {
		content.Held = held.Bytes()
	}
	return content, err
}

// progress notes that so many entries were read.
func (l *layerReader) progress(entries int64) {
	at := l.tar.Offset()
	l.steps.Add(limits.Progress{Entries: entries, Bytes: at - l.offset})
	l.offset = at
}

func (l *layerReader) fail(ctx context.Context, h *canon.Header, err error) error {
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return err
	}
	e := &canon.EntryError{Layer: l.out.Layer, Entry: len(l.out.List) + 1, Err: err}
	if h != nil {
		e.Path = h.Name
	}
	return e
}
