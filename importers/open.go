package importers

import (
	"context"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"cfsverify/importers/archive"
	"cfsverify/importers/image"
	"cfsverify/importers/layout"
	"cfsverify/importers/registry"
	"cfsverify/importers/source"
)

// openImage opens the image that a source names. The caller closes it.
func openImage(ctx context.Context, s source.Source, platform *v1.Platform) (*image.Image, error) {
	switch s.Transport {
	case source.OCI:
		opened, err := layout.OpenDirectory(s.Path)
		if err != nil {
			return nil, err
		}
		return layout.Open(s, opened, platform)
	case source.OCIArchive:
		opened, err := layout.OpenArchive(s.Path)
		if err != nil {
			return nil, err
		}
		return layout.Open(s, opened, platform)
	case source.DockerArchive:
		return archive.Docker(s, platform)
	case source.Docker:
		return registry.Open(ctx, s, platform)
	}
	return image.Bare(s.Layers), nil
}
