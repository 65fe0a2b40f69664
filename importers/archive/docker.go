package archive

import (
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"cfsverify/canon/printable"
	"cfsverify/importers/document"
	"cfsverify/importers/image"
	"cfsverify/importers/source"
)

// Docker opens what docker save wrote. Its layers are named by nothing
// but the config's diffIDs.
func Docker(s source.Source, platform *v1.Platform) (*image.Image, error) {
	a, err := Open(s.Path)
	if err != nil {
		return nil, fmt.Errorf("%s is no docker archive: %w", printable.Text(s.Path), err)
	}
	if !a.Has("manifest.json") {
		a.Close()
		return nil, fmt.Errorf("%s is no docker archive, as it has no manifest.json", printable.Text(s.Path))
	}
	img, err := dockerImage(s, a, platform)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%v: %w", s, err), a.Close())
	}
	img.Close = a.Close
	return img, nil
}

func dockerImage(s source.Source, a *Archive, platform *v1.Platform) (*image.Image, error) {
	raw, err := document.Read(a.Open, "manifest.json")
	if err != nil {
		return nil, err
	}
	var manifest tarball.Manifest
	if err := document.Decode(raw, &manifest); err != nil {
		return nil, fmt.Errorf("manifest.json is not valid: %w", err)
	}
	desc, err := chooseTag(s.Ref, manifest)
	if err != nil {
		return nil, err
	}
	if raw, err = document.Read(a.Open, desc.Config); err != nil {
		return nil, err
	}
	// go-containerregistry names it sha256:HEX, docker HEX.json or blobs/sha256/HEX.
	base := strings.TrimPrefix(strings.TrimSuffix(path.Base(desc.Config), ".json"), "sha256:")
	if digest, err := v1.NewHash("sha256:" + base); err == nil {
		if err := image.VerifyBytes("config", raw, digest, int64(len(raw))); err != nil {
			return nil, err
		}
	}
	config, err := image.ParseConfig(raw)
	if err != nil {
		return nil, fmt.Errorf("the config %q is not valid: %w", desc.Config, err)
	}
	var layers []func() (io.ReadCloser, error)
	for _, name := range desc.Layers {
		layers = append(layers, func() (io.ReadCloser, error) {
			content, _, err := a.Open(name)
			return content, err
		})
	}
	return image.WithoutManifest(raw, config, platform, layers)
}

// chooseTag finds the archive's image of a name; the only image needs none.
func chooseTag(ref string, manifest tarball.Manifest) (tarball.Descriptor, error) {
	var tags []string
	for _, desc := range manifest {
		tags = append(tags, desc.RepoTags...)
	}
	if ref == "" {
		if len(manifest) == 0 {
			return tarball.Descriptor{}, errors.New("it holds no image")
		}
		if len(manifest) != 1 {
			return tarball.Descriptor{}, fmt.Errorf("there are %d images: name one of %s", len(manifest), image.ListOrNone(tags))
		}
		return manifest[0], nil
	}
	want, err := name.NewTag(ref)
	if err != nil {
		return tarball.Descriptor{}, err
	}
	var found []tarball.Descriptor
	for _, desc := range manifest {
		has := slices.ContainsFunc(desc.RepoTags, func(t string) bool {
			have, err := name.NewTag(t)
			return err == nil && have.Name() == want.Name()
		})
		if has {
			found = append(found, desc)
		}
	}
	if len(found) == 0 {
		return tarball.Descriptor{}, fmt.Errorf("there is no image %q: there are %s", ref, image.ListOrNone(tags))
	}
	for _, other := range found[1:] {
		if other.Config != found[0].Config || !slices.Equal(other.Layers, found[0].Layers) {
			return tarball.Descriptor{}, fmt.Errorf("manifest.json has two images %q, and readers differ about which counts", ref)
		}
	}
	return found[0], nil
}
