package importers

import (
	"fmt"
	"io"
	"os"
	"path"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"cfsverify/canon"
)

// dockerArchive opens what docker save wrote. Its layers are named by nothing
// but the config's diffIDs.
func dockerArchive(s Source, platform *v1.Platform) (*image, error) {
	opener := func() (io.ReadCloser, error) { return os.Open(s.Path) }
	manifest, err := tarball.LoadManifest(opener)
	if err != nil {
		return nil, fmt.Errorf("%s is no docker archive: %w", s.Path, err)
	}
	desc, tag, err := chooseTag(s, manifest)
	if err != nil {
		return nil, err
	}
	from, err := tarball.Image(opener, tag)
	if err != nil {
		return nil, fmt.Errorf("%v: %w", s, err)
	}
	raw, err := from.RawConfigFile()
	if err != nil {
		return nil, fmt.Errorf("%v: %w", s, err)
	}
	base := strings.TrimSuffix(path.Base(desc.Config), ".json")
	if digest, err := v1.NewHash("sha256:" + base); err == nil {
		if err := verifyBytes("config", raw, digest, -1); err != nil {
			return nil, fmt.Errorf("%v: %w", s, err)
		}
	}
	config, err := from.ConfigFile()
	if err != nil {
		return nil, fmt.Errorf("%v: the config is not valid: %w", s, err)
	}
	if err := checkPlatform(config, platform); err != nil {
		return nil, fmt.Errorf("%v: %w", s, err)
	}
	layers, err := from.Layers()
	if err != nil {
		return nil, fmt.Errorf("%v: %w", s, err)
	}
	if len(config.RootFS.DiffIDs) != len(layers) {
		return nil, fmt.Errorf("%v: there are %d layers, but the config has %d diffIDs", s, len(layers), len(config.RootFS.DiffIDs))
	}
	img := &image{created: createdTime(config), close: func() error { return nil }}
	for i, layer := range layers {
		diffID := config.RootFS.DiffIDs[i]
		img.layers = append(img.layers, blob{
			layer:  &canon.Layer{Index: i + 1, DiffID: diffID.String()},
			size:   -1,
			diffID: diffID,
			open:   layer.Uncompressed,
		})
	}
	return img, nil
}

// chooseTag finds the archive's image of a name; the only image needs none.
func chooseTag(s Source, manifest tarball.Manifest) (tarball.Descriptor, *name.Tag, error) {
	var tags []string
	for _, desc := range manifest {
		tags = append(tags, desc.RepoTags...)
	}
	if s.Ref == "" {
		if len(manifest) == 0 {
			return tarball.Descriptor{}, nil, fmt.Errorf("%v holds no image", s)
		}
		if len(manifest) != 1 {
			return tarball.Descriptor{}, nil, fmt.Errorf("%v has %d images: name one of %s", s, len(manifest), listOrNone(tags))
		}
		return manifest[0], nil, nil
	}
	want, err := name.NewTag(s.Ref)
	if err != nil {
		return tarball.Descriptor{}, nil, fmt.Errorf("%v: %w", s, err)
	}
	for _, desc := range manifest {
		for _, t := range desc.RepoTags {
			if have, err := name.NewTag(t); err == nil && have.Name() == want.Name() {
				return desc, &want, nil
			}
		}
	}
	return tarball.Descriptor{}, nil, fmt.Errorf("%v: there is no image %q: there are %s", s, s.Ref, listOrNone(tags))
}
