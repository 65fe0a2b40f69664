// Package layers makes layers and images for tests of a text, without any
// tool: the same bytes every time.
package layers

import (
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Image is an image to make.
type Image struct {
	Name string
	// Layers are specs as Tar takes them, the lowest first.
	Layers []string
}

// WriteLayout makes an OCI image layout in dir, which may not be there yet, with
// the image under the tag. The layers are not compressed.
func (i Image) WriteLayout(dir, tag string) error {
	var archives Archives
	for _, spec := range i.Layers {
		archives = append(archives, Tar(spec))
	}
	return archives.WriteLayout(dir, tag)
}

// Archives are an image's layers as they are, the lowest first.
type Archives [][]byte

// WriteLayout does what Image.WriteLayout does.
func (a Archives) WriteLayout(dir, tag string) error {
	img, err := a.image()
	if err != nil {
		return err
	}
	path, err := layout.Write(dir, empty.Index)
	if err != nil {
		return err
	}
	return path.AppendImage(img, layout.WithAnnotations(map[string]string{"org.opencontainers.image.ref.name": tag}))
}

func (a Archives) image() (v1.Image, error) {
	img := mutate.MediaType(mutate.ConfigMediaType(empty.Image, types.OCIConfigJSON), types.OCIManifestSchema1)
	config, err := img.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	config.OS, config.Architecture = "linux", "amd64"
	config.Created = v1.Time{Time: time.Unix(1700000000, 0).UTC()}
	if img, err = mutate.ConfigFile(img, config); err != nil {
		return nil, err
	}
	for _, archive := range a {
		addendum := mutate.Addendum{Layer: static.NewLayer(archive, types.OCIUncompressedLayer), MediaType: types.OCIUncompressedLayer}
		if img, err = mutate.Append(img, addendum); err != nil {
			return nil, err
		}
	}
	return img, nil
}
