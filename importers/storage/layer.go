package storage

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"cfsverify/canon/printable"
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
	// UserXattrs: what overlayfs keeps of it is in user.overlay.* and not trusted.overlay.*, as
	// it was unpacked by a user.
	UserXattrs bool
	// UIDs and GIDs are empty unless the layer was made for containers with other IDs.
	UIDs, GIDs []IDMap

	headers, diff *os.File
	// headersErr and diffErr say why there is none.
	headersErr, diffErr error
	// unpacked is Diff as it was found.
	unpacked fs.FileInfo
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
			return fail(fmt.Errorf("the layer %s is its own parent", printable.Text(id)))
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
			return nil, layerRecord{}, fmt.Errorf("the layer %s in %s is not complete: the pull was interrupted; pull the image again", printable.Text(id), printable.Text(s.root))
		case found:
			return s, record, nil
		}
	}
	return nil, layerRecord{}, fmt.Errorf("the layer %s is not there: it may be in an additional image store, which is named as containers-storage:[overlay@GRAPHROOT:additionalimagestore=PATH]NAME", printable.Text(id))
}

// open opens headers and files, as far as they are there.
func (l *Layer) open(stores []*store) error {
	var headers []string
	for _, s := range stores {
		// With an image store of its own, headers stay in the graph root.
		headers = append(headers, filepath.Join(s.root, layersDir, l.ID+".tar-split.gz"))
	}
	l.openFiles(headers)
	composefs := filepath.Join(filepath.Dir(l.Diff), "composefs-data", "composefs.blob")
	if _, err := os.Lstat(composefs); err == nil {
		l.Composefs = composefs
	} else if !errors.Is(err, fs.ErrNotExist) && l.diffErr == nil {
		return err
	}
	var err error
	l.MountProgram, err = hasMountProgram(l.Store)
	return err
}

// hasMountProgram says that a store is mounted by a program such as fuse-overlayfs.
func hasMountProgram(store string) (bool, error) {
	mark, err := readDocument(filepath.Join(store, filesDir, ".has-mount-program"))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return strings.TrimSpace(string(mark)) == "true", err
}

// owner is the user who unpacked the layer, -1 if that is not known.
func (l *Layer) owner() int { return ownerOf(filepath.Dir(filepath.Dir(l.Diff))) }

// openFiles opens the first of some files with headers, and the directory.
func (l *Layer) openFiles(headers []string) {
	l.headersErr = fs.ErrNotExist
	for _, name := range headers {
		if l.headers, l.headersErr = openRegular(name); !errors.Is(l.headersErr, fs.ErrNotExist) {
			break
		}
	}
	if errors.Is(l.headersErr, fs.ErrNotExist) {
		l.headersErr = &NoHeadersError{File: headers[0]}
	}
	l.diff, l.diffErr = openDirectory(l.Diff)
	l.unpacked, _ = os.Stat(l.Diff)
	l.UserXattrs = l.owner() != 0 || inUserNamespace()
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
	place, found := blob.FilePlace(l.headers.Name())
	// The content of its files is elsewhere.
	place.Name = l.Diff
	return place, found
}

// CheckLayers fails if a layer is no longer what it was when the image was opened: who reads
// unpacked files, and not archives that are verified, learns so that none was removed
// meanwhile. A program that removes a layer marks it as incomplete before.
func (img *Image) CheckLayers(ctx context.Context) error {
	stores, err := openStores(ctx, img.where)
	if err != nil {
		return err
	}
	defer unlock(stores)
	for _, l := range img.Layers {
		var err error
		s := &store{root: l.Store}
		if len(stores) > 0 {
			s, _, err = findLayer(stores, l.ID)
		}
		if err != nil {
			return &ChangedError{l, err}
		}
		now, err := os.Stat(l.Diff)
		if err != nil {
			return &ChangedError{l, err}
		}
		if s.root != l.Store || l.unpacked == nil || !os.SameFile(now, l.unpacked) {
			return &ChangedError{l, errors.New("it is another one now")}
		}
	}
	return nil
}

// ChangedError says that a layer was removed or replaced while it was read.
type ChangedError struct {
	Layer *Layer
	Err   error
}

func (e *ChangedError) Error() string {
	return fmt.Sprintf("the layer %s changed while it was read: %v", printable.Text(e.Layer.ID), e.Err)
}

func (e *ChangedError) Unwrap() error { return e.Err }
