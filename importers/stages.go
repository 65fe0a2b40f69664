package importers

import (
	"bytes"
	"context"
	"errors"
	"slices"

	"cfsverify/canon"
	"cfsverify/canon/seal"
	"cfsverify/canon/selinux"
	"cfsverify/canon/tarfile"
	"cfsverify/importers/engine"
	"cfsverify/importers/image"
	"cfsverify/importers/labels"
	"cfsverify/importers/layer"
	"cfsverify/importers/lint"
	"cfsverify/importers/seals"
)

// Lint tells what the layers of an opened image depart from, in the order of layers and
// entries.
func Lint(ctx context.Context, img *image.Image, reading image.ReadOptions) ([]tarfile.Departure, error) {
	linter := lint.New()
	reading.Inspector = linter.Inspector()
	layers, err := img.Layers(ctx, reading)
	if err != nil {
		return nil, err
	}
	return linter.Layers(layers), nil
}

// Layer is the tree of layer n of an opened image, counted from 1, alone as it is on
// those below.
func Layer(ctx context.Context, img *image.Image, reading image.ReadOptions, n int) (*canon.Tree, error) {
	layers, err := img.Layers(ctx, reading)
	if err != nil {
		return nil, err
	}
	return layer.Alone(layers, n)
}

// Unpacked is an image, and what engines show of it when they have unpacked it.
type Unpacked struct {
	Image *Import
	// Time stands for that of unpacking, in a second that no entry is of.
	Time    canon.Time
	Engines []EngineTree
}

// EngineTree is what an engine shows. Tree is nil if it refuses the image; Err then says
// why.
type EngineTree struct {
	Engine engine.Engine
	Tree   *canon.Tree
	Err    error
}

// Unpack merges the layers of an opened image by rules, and has engines unpack them.
func Unpack(ctx context.Context, img *image.Image, reading image.ReadOptions, rules layer.Rules, engines []engine.Engine) (*Unpacked, error) {
	reading.Headers = true
	layers, err := img.Layers(ctx, reading)
	if err != nil {
		return nil, err
	}
	merged, err := merge(img, layers, rules, layer.Merge)
	if err != nil {
		return nil, err
	}
	read, err := newImport(ctx, img, reading, merged)
	if err != nil {
		return nil, err
	}
	u := &Unpacked{Image: read, Time: engine.TimeAfter(merged.Tree)}
	for _, e := range engines {
		tree, err := e.Unpack(layers, u.Time)
		if err == nil && reading.Hold != nil {
			selinux.Share(merged.Tree, tree)
		}
		u.Engines = append(u.Engines, EngineTree{e, tree, err})
	}
	return u, nil
}

// Sealed is an image with the seals that it has.
type Sealed struct {
	*Import
	Seals []seal.Seal
	Stack *layer.Stack
	// Dumps are what may be of the trees that were sealed.
	Dumps []seals.Dump
	// Manifest and Config are as they are written, nil without one.
	Manifest, Config []byte
}

// ReadSealed merges the layers of an opened image by rules, and finds its seals.
// reading.Objects must be set, and gets what may be a dump file.
func ReadSealed(ctx context.Context, img *image.Image, reading image.ReadOptions, rules layer.Rules) (*Sealed, error) {
	files := seals.NewReading(reading.Objects, reading.Limits)
	reading.Keep, reading.Watch, reading.Headers = files.Keep, files.Watch, true
	layers, err := img.Layers(ctx, reading)
	if err != nil {
		return nil, err
	}
	merged, err := merge(img, layers, rules, layer.Merge)
	if err != nil {
		return nil, err
	}
	if err := files.ReadLinked(ctx, img, reading, merged.Tree); err != nil {
		return nil, err
	}
	var other *canon.Tree
	if merged.Other != nil {
		other = merged.Other.Tree
	}
	found, err := seals.Find(ctx, img, merged.Tree, other, files)
	if err != nil {
		return nil, err
	}
	dumps := seals.FindDumps(merged.Tree, files)
	read, err := newImport(ctx, img, reading, merged)
	if err != nil {
		return nil, err
	}
	return &Sealed{read, found, layer.NewStack(layers, rules), dumps, img.Manifest, img.Config}, nil
}

// CheckSame says whether an image that was read again is the same: those of archives and bare
// layers have no manifest by which they could be named.
func (s *Sealed) CheckSame(again *Sealed) error {
	sameLayer := func(a, b *canon.Layer) bool { return a.DiffID == b.DiffID }
	if !bytes.Equal(s.Config, again.Config) || !bytes.Equal(s.Manifest, again.Manifest) || !slices.EqualFunc(s.Layers, again.Layers, sameLayer) {
		return errors.New("the image is another one than before: something has changed it while it was read for the digests of one hash after the other")
	}
	return nil
}

// merge merges the layers of an image by rules, as apply does. That composefs-rs refuses the
// image, whatever its layers hold, is what its layer rules make of it.
func merge(img *image.Image, layers []*layer.Entries, rules layer.Rules, apply func([]*layer.Entries, layer.Rules) (*layer.Merged, error)) (*layer.Merged, error) {
	refusal := img.ComposefsRSRefusal(layers)
	if rules == layer.RulesComposefsRS && refusal != nil {
		return nil, refusal
	}
	merged, err := apply(layers, rules)
	if err != nil || refusal == nil {
		return merged, err
	}
	if merged.Other == nil {
		merged.Other = &layer.OtherRules{Rules: layer.RulesComposefsRS}
	}
	merged.Other.Tree, merged.Other.Err = nil, refusal
	return merged, nil
}

// newImport is what was merged, with the content that labels need if it was asked for.
func newImport(ctx context.Context, img *image.Image, reading image.ReadOptions, merged *layer.Merged) (*Import, error) {
	if reading.Hold != nil {
		if err := labels.FromImage(ctx, img, reading, merged.Tree); err != nil {
			return nil, err
		}
		if other := merged.Other; other != nil && other.Tree != nil {
			selinux.Share(merged.Tree, other.Tree)
		}
	}
	return &Import{Tree: merged.Tree, Layers: img.LayerList(), Created: img.Created, Other: merged.Other}, nil
}
