package importers

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// metadataMax is the size in bytes up to which a manifest or config is read.
const metadataMax = 16 << 20

// ociArchive is an OCI image layout in a tar file, read in place.
type ociArchive struct {
	file  *os.File
	files map[string]*io.SectionReader
}

func openOCIArchive(name string) (*ociArchive, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	a := &ociArchive{file: f, files: map[string]*io.SectionReader{}}
	if err := a.readTable(); err != nil {
		f.Close()
		return nil, fmt.Errorf("%s is no OCI archive: %w", name, err)
	}
	if a.files["index.json"] == nil {
		f.Close()
		return nil, fmt.Errorf("%s is no OCI archive, as it has no index.json: write docker-archive:%s for what docker save wrote, tar:%s for a layer", name, name, name)
	}
	return a, nil
}

func (a *ociArchive) readTable() error {
	tr := tar.NewReader(a.file)
	for {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		// The archive's reader stands at the content, of which it read nothing yet.
		offset, err := a.file.Seek(0, io.SeekCurrent)
		if err != nil {
			return err
		}
		if h.Typeflag == tar.TypeReg {
			a.files[path.Clean(h.Name)] = io.NewSectionReader(a.file, offset, h.Size)
		}
	}
}

func (a *ociArchive) Close() error { return a.file.Close() }

func (a *ociArchive) open(h v1.Hash) (*io.SectionReader, error) {
	name := path.Join("blobs", h.Algorithm, h.Hex)
	if f := a.files[name]; f != nil {
		return io.NewSectionReader(f, 0, f.Size()), nil
	}
	return nil, fmt.Errorf("the archive lacks %s", name)
}

func (a *ociArchive) read(h v1.Hash) ([]byte, error) {
	f, err := a.open(h)
	if err != nil {
		return nil, err
	}
	if f.Size() > metadataMax {
		return nil, fmt.Errorf("%v has %d bytes, too many for a manifest or config", h, f.Size())
	}
	return io.ReadAll(f)
}

func (a *ociArchive) index() (v1.ImageIndex, error) {
	raw, err := io.ReadAll(io.LimitReader(a.files["index.json"], metadataMax))
	if err != nil {
		return nil, err
	}
	return &archiveIndex{archive: a, raw: raw}, nil
}

// archiveIndex is a v1.ImageIndex of an archive.
type archiveIndex struct {
	archive *ociArchive
	raw     []byte
}

func (x *archiveIndex) MediaType() (types.MediaType, error) { return types.OCIImageIndex, nil }
func (x *archiveIndex) RawManifest() ([]byte, error)        { return x.raw, nil }
func (x *archiveIndex) Digest() (v1.Hash, error)            { return partial.Digest(x) }
func (x *archiveIndex) Size() (int64, error)                { return int64(len(x.raw)), nil }
func (x *archiveIndex) IndexManifest() (*v1.IndexManifest, error) {
	return v1.ParseIndexManifest(bytes.NewReader(x.raw))
}

func (x *archiveIndex) ImageIndex(h v1.Hash) (v1.ImageIndex, error) {
	raw, err := x.archive.read(h)
	if err != nil {
		return nil, err
	}
	return &archiveIndex{archive: x.archive, raw: raw}, nil
}

func (x *archiveIndex) Image(h v1.Hash) (v1.Image, error) {
	raw, err := x.archive.read(h)
	if err != nil {
		return nil, err
	}
	return partial.CompressedToImage(&archiveImage{archive: x.archive, raw: raw})
}

// archiveImage is a partial.CompressedImageCore of an archive.
type archiveImage struct {
	archive *ociArchive
	raw     []byte
}

func (m *archiveImage) RawManifest() ([]byte, error) { return m.raw, nil }

func (m *archiveImage) MediaType() (types.MediaType, error) {
	var manifest struct {
		MediaType types.MediaType `json:"mediaType"`
	}
	if err := json.Unmarshal(m.raw, &manifest); err != nil {
		return "", err
	}
	if manifest.MediaType == "" {
		return types.OCIManifestSchema1, nil
	}
	return manifest.MediaType, nil
}

func (m *archiveImage) RawConfigFile() ([]byte, error) {
	manifest, err := partial.Manifest(m)
	if err != nil {
		return nil, err
	}
	return m.archive.read(manifest.Config.Digest)
}

func (m *archiveImage) LayerByDigest(h v1.Hash) (partial.CompressedLayer, error) {
	manifest, err := partial.Manifest(m)
	if err != nil {
		return nil, err
	}
	for _, desc := range manifest.Layers {
		if desc.Digest == h {
			return &archiveLayer{m.archive, desc}, nil
		}
	}
	return nil, fmt.Errorf("the manifest has no layer %v", h)
}

// archiveLayer is a partial.CompressedLayer of an archive.
type archiveLayer struct {
	archive *ociArchive
	desc    v1.Descriptor
}

func (l *archiveLayer) Digest() (v1.Hash, error)            { return l.desc.Digest, nil }
func (l *archiveLayer) Size() (int64, error)                { return l.desc.Size, nil }
func (l *archiveLayer) MediaType() (types.MediaType, error) { return l.desc.MediaType, nil }
func (l *archiveLayer) Compressed() (io.ReadCloser, error) {
	f, err := l.archive.open(l.desc.Digest)
	if err != nil {
		return nil, err
	}
	return io.NopCloser(f), nil
}
