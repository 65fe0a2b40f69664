package rewrite_test

import (
	"context"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"cfsverify/canon"
	"cfsverify/importers"
	"cfsverify/importers/image"
	"cfsverify/importers/layer"
	"cfsverify/importers/layout"
	"cfsverify/importers/rewrite"
	"cfsverify/importers/source"
)

// The stages as commands put them together.

func repairImage(ctx context.Context, s source.Source, w *layout.Writer, o importers.Options) (*rewrite.Repaired, error) {
	return importers.With(ctx, s, o.Platform, o.Timeout, func(ctx context.Context, img *image.Image) (*rewrite.Repaired, error) {
		return rewrite.Repair(ctx, img, w, rewrite.RepairOptions{ReadOptions: o.Reading(), Platform: o.Platform})
	})
}

func loadStaged(ctx context.Context, w *layout.Writer, manifest v1.Descriptor, o importers.Options) (*canon.Tree, error) {
	return importers.WithStaged(ctx, w, manifest, o.Timeout, func(ctx context.Context, img *image.Image) (*canon.Tree, error) {
		layers, err := img.Layers(ctx, o.Reading())
		if err != nil {
			return nil, err
		}
		merged, err := layer.Merge(layers, o.Rules)
		if err != nil {
			return nil, err
		}
		return merged.Tree, nil
	})
}

// writeSeals stages an image and its seals; digests may fail in place of the caller that
// computes them.
func writeSeals(ctx context.Context, s source.Source, w *layout.Writer, places rewrite.SealPlaces, digests func() (rewrite.SealDigests, error), o importers.Options) (*rewrite.Sealed, error) {
	return importers.With(ctx, s, o.Platform, o.Timeout, func(ctx context.Context, img *image.Image) (*rewrite.Sealed, error) {
		sealer, err := rewrite.StageSeals(ctx, img, w, rewrite.SealOptions{ReadOptions: o.Reading(), Places: places, Rules: o.Rules})
		if err != nil {
			return nil, err
		}
		if _, err := layer.MergeTaking(sealer.Layers, o.Rules); err != nil {
			return nil, err
		}
		said, err := digests()
		if err != nil {
			return nil, err
		}
		return sealer.Write(ctx, said)
	})
}
