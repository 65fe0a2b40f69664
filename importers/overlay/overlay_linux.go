package overlay

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"cfsverify/canon"
	"cfsverify/canon/fsverity"
	"cfsverify/canon/overlayfs"
	"cfsverify/importers/objects"
	"cfsverify/importers/scan"
)

// Layer is what an engine keeps of one layer.
type Layer struct {
	// Dir is the directory that was unpacked into (diff) or, of a layer that is backed by
	// composefs, the directory of its objects.
	Dir string
	// Composefs is the composefs image with the layer's tree, empty for a layer that is
	// not backed by one.
	Composefs string
}

// Options says how Scan reads layers.
type Options struct {
	// Hash, Progress and Objects are those of scan.Options. Progress is told of the
	// entries of all layers, and of the content of files that show.
	Hash     fsverity.Algorithm
	Progress func(entries, bytes int64)
	Objects  *objects.Store
	// Rules are those of the mount that the engine would make.
	Rules overlayfs.Rules
}

// ErrNoTrusted says that the process does not see trusted.* xattrs, in which the
// layers have what the mount needs.
var ErrNoTrusted = errors.New("the layers' trusted.overlay.* xattrs, which say what shows, are visible only to root outside of any user namespace")

// Scan gives the tree that scan.Directory would give of a read-only mount of layers. There
// is at least one, and the first is the topmost, which gives the root's metadata. The
// mount has one empty directory more below them, as that of an engine has. Each file's
// content is read once, and only if it shows.
//
// Errors are those of scan.Directory with the path in the layer, such as
// *scan.UnreadableError and *scan.MountsError; *scan.PhantomError and *overlayfs.Error where
// the mount lists what cannot be opened; and ErrNoTrusted. All metadata of every layer
// must be readable, even of what does not show.
func Scan(ctx context.Context, layers []Layer, o Options) (*canon.Tree, error) {
	if len(layers) == 0 {
		return nil, errors.New("there is no layer")
	}
	if !o.Rules.UserXattrs && !o.Rules.Fuse && !scan.SeesTrustedXattrs() {
		return nil, ErrNoTrusted
	}
	var dirs []string
	for _, l := range layers {
		if l.Composefs == "" {
			dirs = append(dirs, l.Dir)
		}
	}
	unread, err := scan.Metadata(ctx, dirs, scan.Options{Hash: o.Hash, Progress: o.Progress, Objects: o.Objects})
	if err != nil {
		return nil, err
	}
	defer unread.Close()
	roots := slices.Clone(unread.Roots)
	var images []composefsLayer
	for i, l := range layers {
		if l.Composefs == "" {
			continue
		}
		image, err := readComposefs(l)
		if err != nil {
			return nil, err
		}
		images = append(images, image)
		roots = slices.Insert(roots, i, image.root)
	}
	view, err := o.Rules.Merge(roots)
	if err != nil {
		return nil, shownError(err, layers)
	}
	tree := &canon.Tree{Root: view.Root}
	if err := checkDepth("", view.Root, 1); err != nil {
		return nil, err
	}
	if err := readShown(ctx, tree, view, unread, images); err != nil {
		return nil, err
	}
	tree.CountLinks()
	return tree, nil
}

// shownError names the layer of an error.
func shownError(err error, layers []Layer) error {
	var e *overlayfs.Error
	switch {
	case !errors.As(err, &e):
		return err
	case errors.Is(err, overlayfs.ErrWhiteout):
		return &scan.PhantomError{Path: layers[e.Layer].Dir + e.Path}
	}
	return fmt.Errorf("layer %q: %w", layers[e.Layer].Dir, err)
}

func checkDepth(path string, dir *canon.Node, depth int) error {
	if depth > scan.DepthMax {
		return fmt.Errorf("%.200q…: directories are nested more than %d deep", path, scan.DepthMax)
	}
	for _, e := range dir.Children() {
		if e.Node.Kind == canon.Directory {
			if err := checkDepth(path+"/"+e.Name, e.Node, depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}

// readShown reads the content of the files that the tree shows.
func readShown(ctx context.Context, tree *canon.Tree, view *overlayfs.View, unread *scan.Unread, images []composefsLayer) error {
	wanted := map[*canon.Node]bool{}
	for e := range tree.Dirents() {
		n := e.Node
		if n.Kind != canon.Regular || n.Size == 0 {
			continue
		}
		if data := view.Contents[n]; data != nil {
			n = data
		}
		wanted[n] = true
	}
	for _, image := range images {
		if err := image.addObjects(unread, images, wanted); err != nil {
			return err
		}
	}
	if err := unread.Read(ctx, func(n *canon.Node) bool { return wanted[n] }); err != nil {
		return err
	}
	for path, e := range tree.All() {
		n := e.Node
		data := view.Contents[n]
		if data == nil || n.Size == 0 {
			continue
		}
		if data.Size != n.Size {
			return fmt.Errorf("%q: the layer that has its metadata says %d bytes, the one that has its content %d: overlayfs shows a file that cannot be read whole", path, n.Size, data.Size)
		}
		n.Content = data.Content
	}
	return nil
}
