package storage

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"cfsverify/importers/blob"
)

// Layer is one as it was unpacked.
type Layer struct {
	ID string
	// Store is the directory of the store that has it.
	Store string
	// Diff is the directory in which its files are. Where Composefs is set, they are there
	// under the digests of their content.
	Diff string
	// Composefs is the path of the composefs image with the layer's tree, empty if there is
	// none.
	Composefs string
	// MountProgram: it was unpacked for a program such as fuse-overlayfs, so that whiteouts
	// are files.
	MountProgram bool
	// UIDs and GIDs are empty unless the layer was made for containers with other IDs.
	UIDs, GIDs []IDMap

	headers, diff *os.File
	// headersErr and diffErr say why there is none.
	headersErr, diffErr error
}

// openLayers opens what was unpacked of the layer with this ID and those below it, lowest
// first. What a layer lacks shows when its archive is read: not everybody reads it.
func openLayers(stores []*store, top string) ([]*Layer, error) {
	var layers []*Layer
	fail := func(err error) ([]*Layer, error) {
		for _, l := range layers {
			err = errors.Join(err, l.close())
		}
		return nil, err
	}
	for id := top; id != ""; {
		if slices.ContainsFunc(layers, func(l *Layer) bool { return l.ID == id }) {
			return fail(fmt.Errorf("the layer %s is its own parent", id))
		}
		s, record, err := findLayer(stores, id)
		if err != nil {
			return fail(err)
		}
		l := &Layer{ID: id, Store: s.root, Diff: filepath.Join(s.root, filesDir, id, "diff"), UIDs: record.UIDs, GIDs: record.GIDs}
		layers = append(layers, l)
		if err := l.open(stores); err != nil {
			return fail(err)
		}
		id = record.Parent
	}
	slices.Reverse(layers)
	return layers, nil
}

// findLayer finds a layer in the first store that has it; that of its parent may be another
// one.
func findLayer(stores []*store, id string) (*store, layerRecord, error) {
	for _, s := range stores {
		record, found := s.layers[id]
		switch {
		case found && record.Flags.Incomplete:
			return nil, layerRecord{}, fmt.Errorf("the layer %s in %s is not complete: the pull was interrupted; pull the image again", id, s.root)
		case found:
			return s, record, nil
		}
	}
	return nil, layerRecord{}, fmt.Errorf("the layer %s is not there: it may be in an additional image store, which is named as containers-storage:[overlay@GRAPHROOT:additionalimagestore=PATH]NAME", id)
}

// open opens headers and files, as far as they are there.
func (l *Layer) open(stores []*store) error {
	l.headersErr = fs.ErrNotExist
	for _, s := range stores {
		// With an image store of its own, headers stay in the graph root.
		l.headers, l.headersErr = openRegular(filepath.Join(s.root, layersDir, l.ID+".tar-split.gz"))
		if !errors.Is(l.headersErr, fs.ErrNotExist) {
			break
		}
	}
	l.diff, l.diffErr = openDirectory(l.Diff)
	composefs := filepath.Join(filepath.Dir(l.Diff), "composefs-data", "composefs.blob")
	if _, err := os.Lstat(composefs); err == nil {
		l.Composefs = composefs
	}
	mark, err := readDocument(filepath.Join(l.Store, filesDir, ".has-mount-program"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	l.MountProgram = string(mark) == "true"
	return nil
}

func (l *Layer) close() error {
	var errs []error
	for _, f := range []*os.File{l.headers, l.diff} {
		if f != nil {
			errs = append(errs, f.Close())
		}
	}
	return errors.Join(errs...)
}

// place is that of the headers: who reads two images of one store reads a layer once.
func (l *Layer) place() (blob.Place, bool) {
	if l.headers == nil {
		return blob.Place{}, false
	}
	return blob.FilePlace(l.headers.Name())
}
