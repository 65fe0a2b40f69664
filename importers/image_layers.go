package importers

import (
	"context"
	"errors"
	"io"
	"runtime"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/sync/errgroup"
)

// ImageReadOptions says how to read the layers of an image.
type ImageReadOptions struct {
	ReadOptions
	// Limits are for all layers together.
	Limits Limits
	// Shared, if set, is for images that are read side by side.
	Shared *SharedLayers
}

// readLayers reads the layers, lowest first, side by side, and verifies them.
func (img *image) readLayers(ctx context.Context, o ImageReadOptions) ([]*LayerEntries, error) {
	return img.readLayersBy(ctx, o, importLayer)
}

// readLayersBy does so with a function that reads one of them, which may do more
// with its blob.
func (img *image) readLayersBy(ctx context.Context, o ImageReadOptions, read func(context.Context, blob, *budget, ImageReadOptions) (*LayerEntries, error)) ([]*LayerEntries, error) {
	layers := make([]*LayerEntries, len(img.layers))
	used := newBudget(o.Limits)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, b := range img.layers {
		group.Go(func() (err error) {
			layers[i], err = read(ctx, b, used.ofLayer(), o)
			return err
		})
	}
	return layers, group.Wait()
}

// importLayer reads a blob, checks it against its digests, and sets the layer's
// DiffID if nobody stated it. A blob that is not what its digests say is
// reported as such whatever else is wrong with it.
func importLayer(ctx context.Context, b blob, used *budget, o ImageReadOptions) (*LayerEntries, error) {
	if err := b.checkDigests(); err != nil {
		return nil, err
	}
	read := func() (*LayerEntries, error) {
		stored, err := b.open()
		if err != nil {
			return nil, b.fail(err)
		}
		defer stored.Close()
		return importStored(ctx, b, stored, used, o.ReadOptions)
	}
	if o.Shared != nil && o.Inspector == nil {
		if identity, found := b.identity(); found {
			return o.Shared.read(ctx, sharedSource{identity, o.Hash, o.Headers}, b.layer, used, read)
		}
	}
	return read()
}

// importStored reads an opened blob.
func importStored(ctx context.Context, b blob, stored io.Reader, used *budget, o ReadOptions) (*LayerEntries, error) {
	r, err := readBlob(b, contextReader{ctx, stored}, used)
	if err != nil {
		return nil, b.fail(err)
	}
	defer r.close()
	entries, readErr := ReadLayer(ctx, r, b.layer, used, o)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err := r.verify(); err != nil {
		return nil, b.fail(err)
	}
	if readErr != nil {
		return nil, readErr
	}
	if entries.noEnd && b.digest == (v1.Hash{}) && b.diffID == (v1.Hash{}) {
		return nil, b.fail(errors.New("the archive ends without the two zero blocks that mark its end, and no digest is stated that would show whether it is whole: it may be truncated"))
	}
	if b.diffID == (v1.Hash{}) {
		b.layer.DiffID = r.diffID().String()
	}
	entries.compression = r.compression
	return entries, nil
}
