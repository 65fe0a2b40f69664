package importers

import (
	"context"
	"io"
	"os"
	"sync"
	"syscall"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"cfsverify/canon"
	"cfsverify/canon/fsverity"
)

// SharedLayers lets images that are imported side by side share the layers that
// both have: each is read, verified and hashed once. Blobs are the same if they
// are one file, or of one digest in one repository; of copies each is read.
type SharedLayers struct {
	mu     sync.Mutex
	layers map[layerSource]*sharedLayer // guarded by mu
}

// layerSource identifies a blob, and what is to be made of it.
type layerSource struct {
	dev, ino       uint64
	mtime          time.Time
	repository     string
	digest, diffID v1.Hash
	size           int64
	hash           fsverity.Algorithm
	headers        bool
}

// sharedLayer is complete once done is closed.
type sharedLayer struct {
	done    chan struct{}
	entries *LayerEntries
	diffID  string
	used    *budget
	err     error
}

// sourceOf does not know pipes, and what lies in another file.
func sourceOf(stored io.ReadCloser, b blob, o ReadOptions) (layerSource, bool) {
	s := layerSource{digest: b.digest, diffID: b.diffID, size: b.size, hash: o.Hash, headers: o.Headers}
	switch stored := stored.(type) {
	case *registryBlob:
		s.repository = stored.repository.repo.Name()
		return s, true
	case *os.File:
		info, err := stored.Stat()
		if err != nil || !info.Mode().IsRegular() {
			return s, false
		}
		stat, ok := info.Sys().(*syscall.Stat_t)
		if ok {
			s.dev, s.ino, s.mtime = uint64(stat.Dev), stat.Ino, info.ModTime()
		}
		return s, ok
	}
	return s, false
}

// read gives what import of an opened blob gives, or what it gave for another
// image.
func (s *SharedLayers) read(ctx context.Context, source layerSource, layer *canon.Layer, used *budget, load func() (*LayerEntries, error)) (*LayerEntries, error) {
	s.mu.Lock()
	shared := s.layers[source]
	first := shared == nil
	if first {
		shared = &sharedLayer{done: make(chan struct{}), used: used}
		if s.layers == nil {
			s.layers = map[layerSource]*sharedLayer{}
		}
		s.layers[source] = shared
	}
	s.mu.Unlock()
	if first {
		defer close(shared.done)
		shared.entries, shared.err = load()
		shared.diffID = layer.DiffID
		return shared.entries, shared.err
	}
	select {
	case <-shared.done:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if shared.err != nil {
		// It is that image's to report.
		return load()
	}
	if err := used.image.addLayer(shared.used); err != nil {
		return nil, &canon.EntryError{Layer: layer, Err: err}
	}
	layer.DiffID = shared.diffID
	entries := *shared.entries
	entries.Layer = layer
	return &entries, nil
}
