package seals

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"

	"cfsverify/canon"
	"cfsverify/canon/fsverity"
	"cfsverify/importers/image"
	"cfsverify/importers/layer"
	"cfsverify/importers/limits"
	"cfsverify/importers/objects"
)

// linesMax is how many bytes of command lines an image's unified kernel images and addons
// may have together.
const linesMax = 64 << 20

// Reading holds what Find and FindDumps need of files while the layers of an image are
// read: of unified kernel images and addons the command lines, as they go by, and of dump
// files the content, in a store.
type Reading struct {
	dumps *objects.Store
	// used is of all dump files together.
	used *limits.Budget
	// dumpBytes are those of all dump files.
	dumpBytes atomic.Int64

	mu       sync.Mutex
	programs map[fsverity.Digest]readProgram // guarded by mu
	lines    int                             // guarded by mu
	seals    int                             // guarded by mu
}

// readProgram is a file that went by, or why it is no program.
type readProgram struct {
	*program
	err error
}

// NewReading has dump files kept in a store. What they take of memory once they are read is
// bounded as an image is.
func NewReading(dumps *objects.Store, most limits.Limits) *Reading {
	return &Reading{dumps: dumps, used: limits.NewBudget(most), programs: map[fsverity.Digest]readProgram{}}
}

// Keep chooses what the store gets: see layer.ReadOptions.
func (r *Reading) Keep(path string, size uint64) bool {
	return mayBeDump("/"+path) && size <= dumpMax && r.dumpBytes.Add(int64(size)) <= dumpMax
}

// Watch looks on where a unified kernel image or addon can be: see layer.ReadOptions.
func (r *Reading) Watch(path string, size uint64) *layer.Watcher {
	if !isUKIPath("/" + path) {
		return nil
	}
	return r.watch(size)
}

func (r *Reading) watch(size uint64) *layer.Watcher {
	file := &passing{size: int64(size)}
	return &layer.Watcher{Writer: file, End: func(digest fsverity.Digest) error { return r.add(digest, file) }}
}

// add reads a file that went by.
func (r *Reading) add(digest fsverity.Digest, file *passing) error {
	uki, err := file.read()
	lines := 0
	var p *program
	if err == nil {
		for _, c := range uki.cmdlines() {
			lines += len(c.text)
		}
		p, err = uki.program()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, known := r.programs[digest]; known {
		return nil
	}
	if p != nil {
		r.seals += len(p.seals) + len(p.added)
	}
	if err := checkSealCount(r.seals); err != nil {
		return err
	}
	if r.lines += lines; r.lines > linesMax {
		return fmt.Errorf("the command lines of unified kernel images and addons have more than %d bytes together: that is too many to check", linesMax)
	}
	r.programs[digest] = readProgram{p, err}
	return nil
}

// ReadLinked looks at the layers of an opened image once more if a unified kernel image of
// its tree has its content under another name, in a place where none can be.
func (r *Reading) ReadLinked(ctx context.Context, img *image.Image, reading image.ReadOptions, t *canon.Tree) error {
	sizes := map[uint64]bool{}
	for path, e := range t.All() {
		if isUKIPath(path) && !r.has(e.Node) {
			sizes[e.Node.Size] = true
		}
	}
	if len(sizes) == 0 || !img.Reopens() {
		return nil
	}
	again := reading
	again.Objects, again.Keep, again.Hold, again.Inspector, again.Progress = nil, nil, nil, nil, nil
	again.Watch = func(_ string, size uint64) *layer.Watcher {
		if !sizes[size] {
			return nil
		}
		return r.watch(size)
	}
	_, err := img.Layers(ctx, again)
	return err
}

// has says that the file is no regular one, or its content is here or in the tree.
func (r *Reading) has(n *canon.Node) bool {
	if n.Kind != canon.Regular || n.Content == nil || n.Content.Inline != nil {
		return true
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	_, has := r.programs[n.Content.Digest]
	return has
}

// programOf is that of a file of the tree.
func (r *Reading) programOf(n *canon.Node) (*program, error) {
	content := io.ReaderAt(strings.NewReader(""))
	switch c := n.Content; {
	case c == nil:
	case c.Inline != nil:
		content = strings.NewReader(string(c.Inline))
	default:
		r.mu.Lock()
		defer r.mu.Unlock()
		if p, has := r.programs[c.Digest]; has {
			return p.program, p.err
		}
		return nil, errors.New("its content is under another name, and the image cannot be read twice, or composefs-rs alone sees it: write the image to a file, or repair it")
	}
	f, err := readUKI(content)
	if err != nil {
		return nil, err
	}
	return f.program()
}
