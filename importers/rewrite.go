package importers

import (
	"context"
	"fmt"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"cfsverify/importers/image"
	"cfsverify/importers/layout"
	"cfsverify/importers/limits"
	"cfsverify/importers/rewrite"
	"cfsverify/importers/source"
)

// LoadStaged imports the image whose manifest was staged, as Load does what a layout
// has.
func LoadStaged(ctx context.Context, w *layout.Writer, manifest v1.Descriptor, o Options) (*Import, error) {
	return limits.InTime(ctx, o.Timeout, w.Target.String(), func(ctx context.Context) (*Import, error) {
		img, err := w.Image(manifest)
		if err != nil {
			return nil, err
		}
		imported, err := loadImage(ctx, img, o)
		if err != nil {
			return nil, fmt.Errorf("%v: %w", w.Target, err)
		}
		return imported, nil
	})
}

// Repair does what rewrite.Repair does for the image that a source names, and gives
// what it holds as well.
func Repair(ctx context.Context, s source.Source, w *layout.Writer, o Options) (*rewrite.Repaired, *Import, error) {
	if s.Transport == source.Dir || s.IsFinal() {
		return nil, nil, fmt.Errorf("%v has no layers: repair needs a container image", s)
	}
	type result struct {
		repaired *rewrite.Repaired
		source   *Import
	}
	r, err := With(ctx, s, o.Platform, o.Timeout, func(ctx context.Context, img *image.Image) (result, error) {
		options := rewrite.RepairOptions{ReadOptions: o.readOptions(nil), Platform: o.Platform}
		options.Headers, options.Shared = false, nil
		repaired, err := rewrite.Repair(ctx, img, w, options)
		if err != nil {
			return result{}, err
		}
		return result{repaired, &Import{Tree: repaired.Tree, Created: img.Created, Layers: img.LayerList()}}, nil
	})
	return r.repaired, r.source, err
}

// WriteSeals does what rewrite.Sealer does for the image that a source names. The function
// digests is given the image, and may change its tree.
func WriteSeals(ctx context.Context, s source.Source, w *layout.Writer, places rewrite.SealPlaces, digests func(*Import) (rewrite.SealDigests, error), o Options) (*rewrite.Sealed, error) {
	if s.Transport == source.Dir || s.Transport == source.Tar || s.IsFinal() {
		return nil, fmt.Errorf("%v has no config and manifest that seals could be in: name a container image", s)
	}
	o.Objects, o.Engines, o.Headers, o.Shared = nil, nil, false, nil
	return With(ctx, s, o.Platform, o.Timeout, func(ctx context.Context, img *image.Image) (*rewrite.Sealed, error) {
		sealer, err := rewrite.StageSeals(ctx, img, w, rewrite.SealOptions{ReadOptions: o.readOptions(nil), Places: places, Rules: o.Rules})
		if err != nil {
			return nil, err
		}
		imported, err := applyImage(ctx, img, sealer.Layers, nil, o)
		if err != nil {
			return nil, err
		}
		merged, err := digests(imported)
		if err != nil {
			return nil, err
		}
		return sealer.Write(ctx, merged)
	})
}
