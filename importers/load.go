package importers

import (
	"context"
	"fmt"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"cfsverify/canon"
	"cfsverify/canon/erofs"
	"cfsverify/canon/fsverity"
	"cfsverify/canon/seal"
	"cfsverify/canon/tarfile"
	"cfsverify/importers/composefs"
	"cfsverify/importers/engine"
	"cfsverify/importers/image"
	"cfsverify/importers/layer"
	"cfsverify/importers/limits"
	"cfsverify/importers/lint"
	"cfsverify/importers/objects"
	"cfsverify/importers/scan"
	"cfsverify/importers/seals"
	"cfsverify/importers/source"
)

// Options says how to import. Hash must be set.
type Options struct {
	// Hash is the fs-verity hash for file content.
	Hash fsverity.Algorithm
	// Platform chooses from an image index; nil takes the only image there is,
	// or else that for linux on this machine's architecture.
	Platform *v1.Platform
	// Rules apply the layers of an image. They must be set.
	Rules layer.Rules
	// Objects, if there is one, gets all content that the tree does not hold. With
	// a dump file or composefs image, which have none, that is an error.
	Objects *objects.Store
	// Lenient reads dump files of historical forms; see dumpfile.Options.
	Lenient bool
	// Mounts is for a directory.
	Mounts scan.MountPolicy
	// Limits are for images.
	Limits limits.Limits
	// Timeout is how long Load may take; 0 is no limit.
	Timeout time.Duration
	// Headers: canon.Origin.Header is to say what an image's archives have, as
	// explanations of differences need it.
	Headers bool
	// Layer, if not 0, gives the tree of that layer of an image alone, counted from
	// 1, as it is on the layers below.
	Layer int
	// Lint finds out how an image's layers depart from canonical ones, instead of
	// making a tree.
	Lint bool
	// Seals finds what seals an image. Objects then gets only what may be a unified
	// kernel image, and layers stay to be applied otherwise.
	Seals bool
	// Shared, if set, is for images that are imported side by side.
	Shared *image.Shared
	// Engines, for an image, are those whose unpacking is simulated.
	Engines []engine.Engine
	// Progress, if set, is told how far the work is; calls come from several
	// goroutines.
	Progress func(limits.Progress)
}

// Import is what a source holds.
type Import struct {
	Tree *canon.Tree
	// Layers are those of an image, lowest first.
	Layers []*canon.Layer
	// Created is an image's creation time, nil if it states none.
	Created *canon.Time
	// Image is set for a composefs image.
	Image *erofs.Image
	// Unpacked is what Options.Engines show of an image, and UnpackTime what
	// stands for the time of unpacking in it, in a second that no entry is of.
	Unpacked   []Unpacked
	UnpackTime canon.Time
	// Departures are those of Options.Lint, in the order of layers and entries.
	Departures []tarfile.Departure
	// Seals and what follows are set for Options.Seals: the seals in the image's
	// metadata, its manifest and config as they are, nil without one, and its layers.
	Seals            []seal.Seal
	Manifest, Config []byte
	Stack            *layer.Stack
	// Other is set if the rules that Options.Rules did not name treat the image
	// in another way.
	Other *layer.OtherRules
}

// Unpacked is what an engine shows of an image.
type Unpacked struct {
	Engine engine.Engine
	// Tree is nil if the engine refuses the image; Err then says why.
	Tree *canon.Tree
	Err  error
}

// Load imports a source. The tree is as it was read: no policy is applied.
func Load(ctx context.Context, s source.Source, o Options) (*Import, error) {
	if s.Transport == source.Dir || s.IsFinal() {
		return limits.InTime(ctx, o.Timeout, s.String(), func(ctx context.Context) (*Import, error) { return loadTree(ctx, s, o) })
	}
	return With(ctx, s, o.Platform, o.Timeout, func(ctx context.Context, img *image.Image) (*Import, error) { return loadImage(ctx, img, o) })
}

// loadTree imports a source that is a tree already.
func loadTree(ctx context.Context, s source.Source, o Options) (*Import, error) {
	if s.Transport == source.Dir {
		tree, err := scan.Directory(ctx, s.Path, scan.Options{Hash: o.Hash, Progress: scanSteps(o.Progress), Objects: o.Objects, Mounts: o.Mounts})
		if err != nil {
			return nil, err
		}
		return &Import{Tree: tree}, nil
	}
	if o.Objects != nil {
		return nil, fmt.Errorf("%v has no content of files, only their digests", s)
	}
	read, err := composefs.Load(s, composefs.Options{Hash: o.Hash, Lenient: o.Lenient})
	if err != nil {
		return nil, err
	}
	return &Import{Tree: read.Tree, Image: read.Image}, nil
}

func loadImage(ctx context.Context, img *image.Image, o Options) (*Import, error) {
	linter := lint.New()
	layers, err := img.Layers(ctx, o.readOptions(linter))
	if err != nil {
		return nil, err
	}
	return applyImage(ctx, img, layers, linter, o)
}

// applyImage makes of an image's layers what is to be imported. No other tree can
// be made of them afterwards.
func applyImage(ctx context.Context, img *image.Image, layers []*layer.Entries, linter *lint.Linter, o Options) (*Import, error) {
	imported := &Import{Created: img.Created, Layers: img.LayerList()}
	if o.Layer > 0 {
		tree, err := layer.Alone(layers, o.Layer)
		if err != nil {
			return nil, err
		}
		imported.Tree = tree
		return imported, nil
	}
	if o.Lint {
		imported.Departures = linter.Layers(layers)
		return imported, nil
	}
	merge := layer.Merge
	if o.Shared == nil && !o.Seals {
		merge = layer.MergeTaking
	}
	merged, err := merge(layers, o.Rules)
	if err != nil {
		return nil, err
	}
	tree := merged.Tree
	imported.Tree, imported.Other = tree, merged.Other
	if o.Seals {
		imported.Manifest, imported.Config, imported.Stack = img.Manifest, img.Config, layer.NewStack(layers, o.Rules)
		if imported.Seals, err = seals.Find(ctx, img, tree, o.Objects); err != nil {
			return nil, err
		}
	}
	imported.UnpackTime = engine.TimeAfter(tree)
	for _, e := range o.Engines {
		u := Unpacked{Engine: e}
		u.Tree, u.Err = e.Unpack(layers, imported.UnpackTime)
		imported.Unpacked = append(imported.Unpacked, u)
	}
	return imported, nil
}

// readOptions are those that a mode needs.
func (o Options) readOptions(linter *lint.Linter) image.ReadOptions {
	options := image.ReadOptions{
		ReadOptions: layer.ReadOptions{Hash: o.Hash, Progress: o.Progress, Objects: o.Objects, Headers: o.Headers || len(o.Engines) > 0},
		Limits:      o.Limits, Shared: o.Shared,
	}
	if o.Lint {
		options.Inspector = linter.Inspector()
	}
	if o.Seals {
		options.ObjectMagic = seals.Magic
	}
	return options
}

// scanSteps turns totals into what was read since the last call.
func scanSteps(report func(limits.Progress)) func(entries, bytes int64) {
	if report == nil {
		return nil
	}
	var last limits.Progress
	return func(entries, bytes int64) {
		now := limits.Progress{Entries: entries, Bytes: bytes}
		report(limits.Progress{Entries: now.Entries - last.Entries, Bytes: now.Bytes - last.Bytes})
		last = now
	}
}
