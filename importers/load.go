package importers

import (
	"context"
	"fmt"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"cfsverify/canon"
	"cfsverify/canon/erofs"
	"cfsverify/canon/fsverity"
	"cfsverify/canon/policy"
	"cfsverify/importers/composefs"
	"cfsverify/importers/image"
	"cfsverify/importers/labels"
	"cfsverify/importers/layer"
	"cfsverify/importers/limits"
	"cfsverify/importers/objects"
	"cfsverify/importers/scan"
	"cfsverify/importers/source"
)

// Options says how to read a source, of whatever kind. Hash must be set, and Rules for
// images.
type Options struct {
	// Hash is the fs-verity hash for file content.
	Hash fsverity.Algorithm
	// Platform chooses from an image index; nil takes the only image there is,
	// or else that for linux on this machine's architecture.
	Platform *v1.Platform
	// Rules apply the layers of an image.
	Rules layer.Rules
	// Objects, if there is one, gets all content that the tree does not hold. With
	// a dump file or composefs image, which have none, that is an error.
	Objects *objects.Store
	// Lenient reads dump files of historical forms; see dumpfile.Options.
	Lenient bool
	// Mounts says what to do with other mounts in a directory.
	Mounts scan.MountPolicy
	// Limits bound what an image may cost.
	Limits limits.Limits
	// Timeout is how long reading may take; 0 is no limit.
	Timeout time.Duration
	// Labels: hold the content of the files of an SELinux policy, by which a tree is
	// labelled for booting.
	Labels bool
	// LabelStore, if not empty, is a composefs content store with that content, for dump
	// files and composefs images, which have none.
	LabelStore string
	// Headers: canon.Origin.Header is to say what an image's archives have, as
	// explanations of differences need it.
	Headers bool
	// Shared, if set, is for images that are imported side by side.
	Shared *image.Shared
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
	// Composefs is set for a composefs image, see composefs.File.
	Composefs *erofs.Image
	// Written is the policy that was applied to a dump file's tree before it was written,
	// nil if that is not known. RecordErr, a *composefs.RecordError, says of a record of it
	// why that cannot be used.
	Written   *policy.Policy
	RecordErr error
	// Other is set if the layer rules that Options.Rules did not name treat the image
	// in another way.
	Other *layer.OtherRules
}

// Load imports a source. The tree is as it was read: no policy is applied.
func Load(ctx context.Context, s source.Source, o Options) (*Import, error) {
	if s.IsScan() || s.IsFinal() {
		return limits.InTime(ctx, o.Timeout, notRead(s), func(ctx context.Context) (*Import, error) { return loadTree(ctx, s, o) })
	}
	return With(ctx, s, o.Platform, o.Timeout, func(ctx context.Context, img *image.Image) (*Import, error) { return loadImage(ctx, img, o) })
}

// loadTree imports a source that is a tree already.
func loadTree(ctx context.Context, s source.Source, o Options) (*Import, error) {
	if err := s.Check(); err != nil {
		return nil, err
	}
	if s.Transport == source.Unpacked {
		return loadUnpacked(ctx, s, o)
	}
	if s.Transport == source.Dir {
		tree, err := scan.Directory(ctx, s.Path, scan.Options{Hash: o.Hash, Progress: scanSteps(o.Progress), Objects: o.Objects, Mounts: o.Mounts})
		if err == nil && o.Labels {
			err = labels.FromDirectory(s.Path, tree)
		}
		if err != nil {
			return nil, err
		}
		return &Import{Tree: tree}, nil
	}
	if o.Objects != nil {
		return nil, fmt.Errorf("%v has no content of files, only their digests", s)
	}
	read, err := composefs.Load(s, composefs.Options{Hash: o.Hash, Lenient: o.Lenient, Limits: o.Limits})
	if err == nil && o.Labels && o.LabelStore != "" {
		err = labels.FromStore(o.LabelStore, read.Tree)
	}
	if err != nil {
		return nil, err
	}
	return &Import{Tree: read.Tree, Composefs: read.Image, Written: read.Written, RecordErr: read.RecordErr}, nil
}

func loadImage(ctx context.Context, img *image.Image, o Options) (*Import, error) {
	reading := o.Reading()
	layers, err := img.Layers(ctx, reading)
	if err != nil {
		return nil, err
	}
	apply := layer.Merge
	if o.Shared == nil {
		apply = layer.MergeTaking
	}
	merged, err := merge(img, layers, o.Rules, apply)
	if err != nil {
		return nil, err
	}
	return newImport(ctx, img, reading, merged)
}

// Reading is what the options say about reading the layers of an image.
func (o Options) Reading() image.ReadOptions {
	reading := image.ReadOptions{
		ReadOptions: layer.ReadOptions{Hash: o.Hash, Progress: o.Progress, Objects: o.Objects, Headers: o.Headers},
		Limits:      o.Limits, Shared: o.Shared,
	}
	if o.Labels {
		reading.Hold = labels.Holder()
	}
	return reading
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
