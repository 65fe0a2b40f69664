package importers

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"cfsverify/canon"
	"cfsverify/canon/overlayfs"
	"cfsverify/importers/labels"
	"cfsverify/importers/overlay"
	"cfsverify/importers/source"
	"cfsverify/importers/storage"
)

// loadUnpacked imports what an engine unpacked of an image, as a mount of it shows it.
func loadUnpacked(ctx context.Context, s source.Source, o Options) (read *Import, err error) {
	img, err := openStored(ctx, s.Stored(), o.Platform)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, img.Close()) }()
	tree, err := unpackedTree(ctx, img, o)
	if err != nil {
		return nil, fmt.Errorf("%v: %w", s, err)
	}
	return &Import{Tree: tree, Created: img.Created}, nil
}

func unpackedTree(ctx context.Context, img *storage.Image, o Options) (*canon.Tree, error) {
	if err := img.CheckView(); err != nil {
		return nil, err
	}
	rules := overlayfs.Rules{Fuse: img.MountProgram}
	var layers []overlay.Layer
	var dirs []string
	for _, l := range slices.Backward(img.Layers) {
		layers = append(layers, overlay.Layer{Dir: l.Diff, Composefs: l.Composefs})
		dirs = append(dirs, l.Diff)
		rules.UserXattrs = rules.UserXattrs || l.UserXattrs
		// In an image of composefs the content of files is elsewhere.
		rules.Metacopy = rules.Metacopy || l.Composefs != ""
	}
	tree, err := overlay.Scan(ctx, layers, overlay.Options{Hash: o.Hash, Progress: scanSteps(o.Progress), Objects: o.Objects, Rules: rules})
	if err == nil {
		err = img.CheckLayers(ctx)
	}
	if err == nil && o.Labels {
		err = labels.FromLayers(dirs, tree)
	}
	return tree, err
}
