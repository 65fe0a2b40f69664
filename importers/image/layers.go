package image

import (
	"context"
	"errors"
	"io"
	"iter"
	"runtime"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/sync/errgroup"

	"cfsverify/canon"
	"cfsverify/importers/blob"
	"cfsverify/importers/layer"
	"cfsverify/importers/limits"
	"cfsverify/importers/source"
)

// ReadOptions says how to read the layers of an image.
type ReadOptions struct {
	layer.ReadOptions
	// Limits are for all layers together.
	Limits limits.Limits
	// Shared, if set, is for images that are read side by side.
	Shared *Shared
}

// Layers reads the layers, lowest first, side by side, and verifies them.
func (img *Image) Layers(ctx context.Context, o ReadOptions) ([]*layer.Entries, error) {
	return img.LayersBy(ctx, o, ReadLayer)
}

// LayersBy does so with a function that reads one of them, which may do more
// with its blob.
func (img *Image) LayersBy(ctx context.Context, o ReadOptions, read func(context.Context, blob.Blob, *limits.Budget, ReadOptions) (*layer.Entries, error)) ([]*layer.Entries, error) {
	layers := make([]*layer.Entries, len(img.Blobs))
	used := limits.NewBudget(o.Limits)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, b := range img.Blobs {
		group.Go(func() (err error) {
			layers[i], err = read(ctx, b, used.Layer(), o)
			return err
		})
	}
	return layers, group.Wait()
}

// ReadLayer reads a blob, checks it against its digests, and sets the layer's
// DiffID if nobody stated it. A blob that is not what its digests say is
// reported as such whatever else is wrong with it.
func ReadLayer(ctx context.Context, b blob.Blob, used *limits.Budget, o ReadOptions) (*layer.Entries, error) {
	if err := b.CheckDigests(); err != nil {
		return nil, err
	}
	read := func() (*layer.Entries, error) {
		stored, err := b.Open()
		if err != nil {
			return nil, b.Fail(err)
		}
		defer stored.Close()
		return importStored(ctx, b, stored, used, o.ReadOptions)
	}
	if o.Shared != nil && o.Inspector == nil {
		if identity, found := b.Identity(); found {
			return o.Shared.read(ctx, sharedSource{identity, o.Hash, o.Headers}, b.Layer, used, read)
		}
	}
	return read()
}

// importStored reads an opened blob.
func importStored(ctx context.Context, b blob.Blob, stored io.Reader, used *limits.Budget, o layer.ReadOptions) (*layer.Entries, error) {
	r, err := blob.NewReader(b, limits.Reader(ctx, stored), used)
	if err != nil {
		return nil, b.Fail(err)
	}
	defer r.Close()
	entries, readErr := layer.Read(ctx, r, b.Layer, used, o)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err := r.Verify(); err != nil {
		return nil, b.Fail(err)
	}
	if readErr != nil {
		return nil, readErr
	}
	if b.Layer.Index == 1 && b.Layer.Name != "" {
		if err := source.CheckLayer(namesOf(entries)); err != nil {
			return nil, b.Fail(err)
		}
	}
	if entries.NoEnd && b.Digest == (v1.Hash{}) && b.DiffID == (v1.Hash{}) {
		return nil, b.Fail(errors.New("the archive ends without the two zero blocks that mark its end, and no digest is stated that would show whether it is whole: it may be truncated"))
	}
	if b.DiffID == (v1.Hash{}) {
		b.Layer.DiffID = r.DiffID().String()
	}
	entries.Compression = r.Compression
	return entries, nil
}

// namesOf are the names of entries, and whether they are of directories.
func namesOf(layer *layer.Entries) iter.Seq2[string, bool] {
	return func(yield func(string, bool) bool) {
		for _, e := range layer.List {
			if !yield(e.Path, e.Node.Kind == canon.Directory) {
				return
			}
		}
	}
}
