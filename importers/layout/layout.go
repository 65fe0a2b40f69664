package layout

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"cfsverify/importers/archive"
	"cfsverify/importers/blob"
	"cfsverify/importers/document"
	"cfsverify/importers/image"
	"cfsverify/importers/source"
)

// Layout is an OCI image layout, in a directory or a tar file.
type Layout struct {
	// Open opens a file of the layout, by its name in it.
	Open  func(name string) (content io.ReadCloser, size int64, err error)
	place func(v1.Hash) (blob.Place, bool)
	close func() error
}

// openDirectory opens a layout in a directory.
func openDirectory(dir string) (*Layout, error) {
	if _, err := os.Stat(filepath.Join(dir, indexName)); err != nil {
		return nil, fmt.Errorf("%s is no OCI image layout: %w", dir, err)
	}
	return Below(dir), nil
}

// Below is a layout of which all is in a directory, or nothing yet.
func Below(dir string) *Layout {
	return &Layout{
		close: func() error { return nil },
		Open:  func(name string) (io.ReadCloser, int64, error) { return openSized(filepath.Join(dir, name)) },
		place: func(h v1.Hash) (blob.Place, bool) { return blob.FilePlace(filepath.Join(dir, blobName(h))) },
	}
}

// Open opens the image of a layout that a source names.
func Open(s source.Source, platform *v1.Platform) (*image.Image, error) {
	open := openDirectory
	if s.Transport == source.OCIArchive {
		open = openArchive
	}
	layout, err := open(s.Path)
	if err != nil {
		return nil, err
	}
	index, err := layout.index()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%v: %w", s, err), layout.close())
	}
	img, err := image.FromIndex(s, index, layout.parts(), s.Ref, platform)
	if err != nil {
		return nil, errors.Join(err, layout.close())
	}
	img.Close = layout.close
	img.Locate(layout.place)
	img.Artifacts = func(ctx context.Context) ([]image.Artifact, error) { return layout.Artifacts(ctx, img.Digest()) }
	return img, nil
}

// openSized opens a regular file and tells its size in bytes.
func openSized(name string) (io.ReadCloser, int64, error) {
	f, err := archive.OpenRegular(name)
	if err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, 0, err
	}
	return f, info.Size(), nil
}

// openArchive opens a layout in a tar archive.
func openArchive(name string) (*Layout, error) {
	a, err := archive.Open(name)
	if err != nil {
		return nil, fmt.Errorf("%s is no OCI archive: %w", name, err)
	}
	if !a.Has(indexName) {
		a.Close()
		return nil, fmt.Errorf("%s is no OCI archive, as it has no index.json", name)
	}
	return &Layout{Open: a.Open, close: a.Close, place: func(h v1.Hash) (blob.Place, bool) {
		place, found := blob.FilePlace(name)
		place.Name = blobName(h)
		return place, found
	}}, nil
}

func blobName(h v1.Hash) string { return path.Join("blobs", h.Algorithm, h.Hex) }

func (l *Layout) read(h v1.Hash) ([]byte, error) { return document.Read(l.Open, blobName(h)) }

func (l *Layout) openBlob(desc v1.Descriptor) (io.ReadCloser, error) {
	f, _, err := l.Open(blobName(desc.Digest))
	return f, err
}

func (l *Layout) parts() image.Parts {
	return image.Parts{Document: func(d v1.Descriptor) ([]byte, error) { return l.read(d.Digest) }, Open: l.openBlob}
}

// index reads index.json.
func (l *Layout) index() (*v1.IndexManifest, error) {
	raw, err := document.Read(l.Open, indexName)
	if err != nil {
		return nil, err
	}
	index, err := image.ParseIndex(raw, "")
	if err != nil {
		return nil, fmt.Errorf("index.json is not valid: %w", err)
	}
	return index, nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
