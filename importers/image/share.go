package image

import (
	"context"
	"sync"

	"cfsverify/canon"
	"cfsverify/canon/fsverity"
	"cfsverify/importers/blob"
	"cfsverify/importers/layer"
	"cfsverify/importers/limits"
)

// Shared lets images that are imported side by side share the layers that
// both have: each is read, verified and hashed once. Blobs are the same if they
// are one file, or of one digest in one repository; of copies each is read.
type Shared struct {
	mu     sync.Mutex
	layers map[sharedSource]*sharedLayer // guarded by mu
}

// sharedSource identifies a blob, and what is to be made of it.
type sharedSource struct {
	blob    blob.Identity
	hash    fsverity.Algorithm
	headers bool
}

// sharedLayer is complete once done is closed.
type sharedLayer struct {
	done    chan struct{}
	entries *layer.Entries
	diffID  string
	used    *limits.Budget
	err     error
}

// read gives what load reads of a blob, or what it gave for another
// image.
func (s *Shared) read(ctx context.Context, source sharedSource, layer *canon.Layer, used *limits.Budget, load func() (*layer.Entries, error)) (*layer.Entries, error) {
	s.mu.Lock()
	shared := s.layers[source]
	first := shared == nil
	if first {
		shared = &sharedLayer{done: make(chan struct{}), used: used}
		if s.layers == nil {
			s.layers = map[sharedSource]*sharedLayer{}
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
	if err := used.AddRead(shared.used); err != nil {
		return nil, &canon.EntryError{Layer: layer, Err: err}
	}
	layer.DiffID = shared.diffID
	entries := *shared.entries
	entries.Layer = layer
	return &entries, nil
}
