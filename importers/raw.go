package importers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"cfsverify/compare/raw"
	"cfsverify/importers/image"
	"cfsverify/importers/limits"
	"cfsverify/importers/source"
)

// RawOptions says how the bytes of images are read. The fields are those of Options.
type RawOptions struct {
	Platform *v1.Platform
	Limits   limits.Limits
	Timeout  time.Duration
	Progress func(limits.Progress)
}

// CompareRaw compares the bytes of two container images, or of bare layers. All blobs
// are verified, those of equal digests as well.
func CompareRaw(ctx context.Context, a, b source.Source, o RawOptions) (*raw.Images, error) {
	return limits.InTime(ctx, o.Timeout, fmt.Sprintf("%v and %v could not be read", a, b), func(ctx context.Context) (out *raw.Images, err error) {
		var sides [2]raw.Side
		for i, s := range []source.Source{a, b} {
			img, err := Open(ctx, s, o.Platform)
			if err != nil {
				return nil, err
			}
			defer func() {
				if closed := img.Close(); closed != nil {
					out, err = nil, errors.Join(err, fmt.Errorf("%v: %w", s, closed))
				}
			}()
			sides[i] = rawSide(s.Name(), img, o.Limits, o.Progress)
		}
		return raw.Compare(ctx, sides[0], sides[1])
	})
}

// rawSide is an image as raw.Compare reads it.
func rawSide(name string, img *image.Image, most limits.Limits, progress func(limits.Progress)) raw.Side {
	side := raw.Side{Name: name, Manifest: img.Manifest, Config: img.Config}
	used := limits.NewBudget(most)
	for _, b := range img.Blobs {
		layer := raw.SideLayer{Layer: b.Layer, Open: func(ctx context.Context) (*raw.Stream, error) {
			s, err := image.NewStream(ctx, b, used.Layer(), progress)
			if err != nil {
				return nil, err
			}
			verify := func() (raw.Blob, error) {
				stored, err := s.Verify()
				return raw.Blob{Digest: stored.Digest.String(), Size: stored.Size, Compression: stored.Compression, Gzip: stored.Gzip}, err
			}
			return &raw.Stream{Reader: s, Count: s.Count, Verify: verify, Close: s.Close}, nil
		}}
		if identity, found := b.Identity(); found && b.Digest != (v1.Hash{}) {
			layer.Identity = identity
		}
		if b.Reopens() {
			layer.OpenStored = func(ctx context.Context) (io.ReadCloser, error) {
				stored, err := b.Open()
				if err != nil {
					return nil, b.Fail(err)
				}
				return struct {
					io.Reader
					io.Closer
				}{limits.Reader(ctx, stored), stored}, nil
			}
		}
		side.Layers = append(side.Layers, layer)
	}
	return side
}
