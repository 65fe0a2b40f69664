package importers

import (
	"context"
	"errors"
	"fmt"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"cfsverify/importers/archive"
	"cfsverify/importers/image"
	"cfsverify/importers/layout"
	"cfsverify/importers/limits"
	"cfsverify/importers/registry"
	"cfsverify/importers/source"
	"cfsverify/importers/storage"
)

// Open opens the container image that a source names; platform chooses from an index,
// nil takes the only image there is, or else that for linux on this machine's
// architecture. The caller closes the image.
func Open(ctx context.Context, s source.Source, platform *v1.Platform) (*image.Image, error) {
	if err := s.Check(); err != nil {
		return nil, err
	}
	switch s.Transport {
	case source.OCI, source.OCIArchive:
		return layout.Open(s, platform)
	case source.DockerArchive:
		return archive.Docker(s, platform)
	case source.Docker:
		img, err := registry.Open(ctx, s, platform)
		if err != nil {
			return nil, hintLocal(ctx, s.Ref, err)
		}
		return img, nil
	case source.ContainersStorage, source.DockerOverlay2:
		img, err := openStored(ctx, s, platform)
		if err != nil {
			return nil, err
		}
		return img.Image, nil
	case source.Tar:
		return image.Bare(s.Layers), nil
	}
	return nil, fmt.Errorf("%v is no container image", s)
}

// openStored opens an image in a local storage.
func openStored(ctx context.Context, s source.Source, platform *v1.Platform) (*storage.Image, error) {
	if s.Transport == source.DockerOverlay2 {
		return storage.OpenDocker(s, platform)
	}
	return storage.Open(ctx, s, platform)
}

func notRead(s source.Source) string { return s.String() + " could not be read" }

// With opens the image that a source names for some work, and closes it. Errors of the
// work name the source. After the timeout it gives up; 0 is no limit.
func With[T any](ctx context.Context, s source.Source, platform *v1.Platform, timeout time.Duration, work func(context.Context, *image.Image) (T, error)) (T, error) {
	return limits.InTime(ctx, timeout, notRead(s), func(ctx context.Context) (result T, err error) {
		img, err := Open(ctx, s, platform)
		if err != nil {
			return result, err
		}
		result, err = work(ctx, img)
		if err := errors.Join(err, img.Close()); err != nil {
			var none T
			return none, fmt.Errorf("%v: %w", s, err)
		}
		return result, nil
	})
}

// WithStaged does what With does for the image whose manifest was staged in a layout.
func WithStaged[T any](ctx context.Context, w *layout.Writer, manifest v1.Descriptor, timeout time.Duration, work func(context.Context, *image.Image) (T, error)) (T, error) {
	return limits.InTime(ctx, timeout, notRead(w.Target), func(ctx context.Context) (result T, err error) {
		img, err := w.Image(manifest)
		if err != nil {
			return result, err
		}
		if result, err = work(ctx, img); err != nil {
			return result, fmt.Errorf("%v: %w", w.Target, err)
		}
		return result, nil
	})
}
