package importers

import (
	"context"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// openImage opens the image that a source names. The caller closes it.
func openImage(ctx context.Context, s Source, platform *v1.Platform) (*image, error) {
	switch s.Transport {
	case OCI:
		layout, err := openOCIDirectory(s.Path)
		if err != nil {
			return nil, err
		}
		return imageFromLayout(s, layout, platform)
	case OCIArchive:
		layout, err := openOCIArchive(s.Path)
		if err != nil {
			return nil, err
		}
		return imageFromLayout(s, layout, platform)
	case DockerArchive:
		return dockerArchive(s, platform)
	case Docker:
		return registryImage(ctx, s, platform)
	}
	return bareLayers(s.Layers), nil
}
