package importers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"cfsverify/compare/raw"
)

// CompareRaw compares the bytes of two container images, or of bare layers. Of
// the options Platform, Limits, Timeout and Progress count. All blobs are
// verified, those of equal digests as well.
func CompareRaw(ctx context.Context, a, b Source, o Options) (*raw.Images, error) {
	return inTime(ctx, o.Timeout, fmt.Sprintf("%v and %v", a, b), func(ctx context.Context) (out *raw.Images, err error) {
		var sides [2]raw.Side
		for i, s := range []Source{a, b} {
			img, err := openImage(ctx, s, o.Platform)
			if err != nil {
				return nil, err
			}
			defer func() {
				if closed := img.close(); closed != nil {
					out, err = nil, errors.Join(err, fmt.Errorf("%v: %w", s, closed))
				}
			}()
			sides[i] = rawSide(s.String(), img, o.Limits, o.Progress)
		}
		return raw.Compare(ctx, sides[0], sides[1])
	})
}

// rawSide is an image as raw.Compare reads it.
func rawSide(name string, img *image, limits Limits, progress func(Progress)) raw.Side {
	side := raw.Side{Name: name, Manifest: img.manifest, Config: img.config}
	used := newBudget(limits)
	for _, b := range img.layers {
		layer := raw.SideLayer{Layer: b.layer, Open: func(ctx context.Context) (*raw.Stream, error) {
			s, err := openStream(ctx, b, used.ofLayer(), progress)
			if err != nil {
				return nil, err
			}
			verify := func() (raw.Blob, error) {
				stored, err := s.Verify()
				return raw.Blob{Digest: stored.digest.String(), Size: stored.size, Compression: stored.compression, Gzip: stored.gzip}, err
			}
			return &raw.Stream{Reader: s, Count: s.Count, Verify: verify, Close: s.Close}, nil
		}}
		if identity, found := b.identity(); found && b.digest != (v1.Hash{}) {
			layer.Identity = identity
		}
		if mayOpenAgain(b) {
			layer.OpenStored = func(ctx context.Context) (io.ReadCloser, error) {
				stored, err := b.open()
				if err != nil {
					return nil, b.fail(err)
				}
				return struct {
					io.Reader
					io.Closer
				}{contextReader{ctx, stored}, stored}, nil
			}
		}
		side.Layers = append(side.Layers, layer)
	}
	return side
}

// mayOpenAgain: bare layers may be pipes.
func mayOpenAgain(b blob) bool {
	if b.layer.Name == "" {
		return true
	}
	info, err := os.Stat(b.layer.Name)
	return err == nil && info.Mode().IsRegular()
}
