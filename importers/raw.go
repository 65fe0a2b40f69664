package importers

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"regexp"
	"runtime"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/sync/errgroup"

	"cfsverify/canon"
	"cfsverify/compare/raw"
)

// CompareRaw compares the bytes of two container images, or of bare layers. Of
// the options Platform, Limits, Timeout and Progress count. All blobs are
// verified, those of equal digests as well.
func CompareRaw(ctx context.Context, a, b Source, o Options) (*raw.Images, error) {
	return inTime(ctx, o.Timeout, fmt.Sprintf("%v and %v", a, b), func(ctx context.Context) (*raw.Images, error) {
		return compareRaw(ctx, [2]Source{a, b}, o)
	})
}

func compareRaw(ctx context.Context, sources [2]Source, o Options) (out *raw.Images, err error) {
	c := rawComparison{sources: sources, options: o}
	for i, s := range sources {
		img, err := openImage(ctx, s, o.Platform)
		if err != nil {
			return nil, errors.Join(err, c.close())
		}
		c.images[i], c.budgets[i] = img, &budget{limits: o.Limits}
	}
	out, err = c.compare(ctx)
	if err := errors.Join(err, c.close()); err != nil {
		return nil, err
	}
	return out, nil
}

// rawComparison is of two images that are open.
type rawComparison struct {
	sources [2]Source
	options Options
	images  [2]*image
	budgets [2]*budget
}

func (c *rawComparison) close() error {
	var errs []error
	for i, img := range c.images {
		if img != nil {
			if err := img.close(); err != nil {
				errs = append(errs, fmt.Errorf("%v: %w", c.sources[i], err))
			}
		}
	}
	return errors.Join(errs...)
}

func (c *rawComparison) compare(ctx context.Context) (*raw.Images, error) {
	a, b := c.images[0], c.images[1]
	out := &raw.Images{A: rawImage(c.sources[0], a), B: rawImage(c.sources[1], b)}
	var err error
	if a.config != nil && b.config != nil {
		if out.Config, err = raw.Documents(a.config, b.config, func(path string) bool { return path == "rootfs.diff_ids" }); err != nil {
			return nil, fmt.Errorf("the config is not valid: %w", err)
		}
	}
	if a.manifest != nil && b.manifest != nil {
		// The values that follow from the config and the layers.
		follows := regexp.MustCompile(`^(config|layers\[[0-9]+\])\.(digest|size)$`)
		if out.Manifest, err = raw.Documents(a.manifest, b.manifest, follows.MatchString); err != nil {
			return nil, fmt.Errorf("the manifest is not valid: %w", err)
		}
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	pairs := raw.Pairs(diffIDs(a), diffIDs(b))
	out.Layers = make([]*raw.Layer, len(pairs))
	for i, pair := range pairs {
		group.Go(func() (err error) {
			out.Layers[i], err = c.compareLayers(ctx, pair)
			return err
		})
	}
	return out, group.Wait()
}

func rawImage(s Source, img *image) raw.Image {
	r := raw.Image{Source: s.String(), Layers: len(img.layers)}
	if img.manifest != nil {
		r.Manifest = img.digest().String()
	}
	if img.config != nil {
		r.Config = fmt.Sprintf("sha256:%x", sha256.Sum256(img.config))
	}
	return r
}

func diffIDs(img *image) []string {
	var ids []string
	for _, b := range img.layers {
		id := ""
		if b.diffID != (v1.Hash{}) {
			id = b.diffID.String()
		}
		ids = append(ids, id)
	}
	return ids
}

// compareLayers compares a pair as rawdiff.Pairs gives it.
func (c *rawComparison) compareLayers(ctx context.Context, pair [2]int) (*raw.Layer, error) {
	var sides [2]*rawSide
	for i, at := range pair {
		if at >= 0 {
			used := c.budgets[i].ofLayer()
			sides[i] = &rawSide{source: c.sources[i], blob: c.images[i].layers[at], budget: used, progress: &progressSteps{report: c.options.Progress}}
		}
	}
	var archive *raw.Archive
	var err error
	a, b := sides[0], sides[1]
	switch {
	case a == nil:
		err = b.verify(ctx)
	case b == nil:
		err = a.verify(ctx)
	case a.blob.diffID != (v1.Hash{}) && a.blob.diffID == b.blob.diffID:
		err = verifyBoth(ctx, a, b)
	default:
		archive, err = compareArchives(ctx, a, b)
	}
	if err != nil {
		return nil, err
	}
	layer := &raw.Layer{A: a.layer(), B: b.layer(), Archive: archive}
	if a != nil && b != nil && a.stored.Digest != b.stored.Digest {
		layer.Stored = &raw.Stored{A: a.stored, B: b.stored, Offset: -1}
		if archive == nil {
			layer.Stored.Offset, err = firstDifferent(ctx, a.blob, b.blob)
		}
	}
	return layer, err
}

func (s *rawSide) layer() *canon.Layer {
	if s == nil {
		return nil
	}
	return s.blob.layer
}
