package importers

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"cfsverify/canon"
)

// image is a container image whose manifest and config are verified, and whose
// layers are still to be read.
type image struct {
	layers  []blob
	created *canon.Time
	close   func() error
	// manifest and config are as they are written, nil if there is none.
	manifest, config []byte
	// artifacts lists those whose subject is the image; nil where there can be none.
	artifacts func(context.Context) ([]artifact, error)
}

// digest is that of the manifest.
func (img *image) digest() v1.Hash {
	return v1.Hash{Algorithm: "sha256", Hex: fmt.Sprintf("%x", sha256.Sum256(img.manifest))}
}

// layerList lists the layers, lowest first.
func (img *image) layerList() []*canon.Layer {
	var list []*canon.Layer
	for _, b := range img.layers {
		list = append(list, b.layer)
	}
	return list
}

// locate says where the blobs of the layers lie.
func (img *image) locate(place func(v1.Hash) (blobPlace, bool)) {
	for i := range img.layers {
		b := &img.layers[i]
		b.place = func() (blobPlace, bool) { return place(b.digest) }
	}
}

// openBlob opens what a manifest's descriptor is of.
type openBlob func(v1.Descriptor) (io.ReadCloser, error)

func imageFromIndex(s Source, index v1.ImageIndex, open openBlob, ref string, platform *v1.Platform) (*image, error) {
	found, err := imageOfIndex(index, ref, platform)
	if err != nil {
		return nil, fmt.Errorf("%v: %w", s, err)
	}
	return verifiedImage(s, found, open, platform)
}

// verifiedImage checks an image and makes it one whose layers can be read.
func verifiedImage(s Source, from v1.Image, open openBlob, platform *v1.Platform) (*image, error) {
	img, err := pairLayers(from, open, platform)
	if err != nil {
		return nil, fmt.Errorf("%v: %w", s, err)
	}
	return img, nil
}

// pairLayers checks the config against the manifest, and pairs the layers with
// their diffIDs. It does not ask for v1.Image.Layers: they read the whole
// manifest for each layer, and go wherever the urls of foreign layers lead.
func pairLayers(from v1.Image, open openBlob, platform *v1.Platform) (*image, error) {
	manifest, err := from.Manifest()
	if err != nil {
		return nil, fmt.Errorf("the manifest is not valid: %w", err)
	}
	if !manifest.Config.MediaType.IsConfig() {
		return nil, fmt.Errorf("the config is of type %q: this is an artifact, not a container image", manifest.Config.MediaType)
	}
	if manifest.Config.Size > metadataMax {
		return nil, fmt.Errorf("the manifest states a config of %d bytes, which is too large", manifest.Config.Size)
	}
	raw, err := from.RawConfigFile()
	if err != nil {
		return nil, err
	}
	if err := verifyBytes("config", raw, manifest.Config.Digest, manifest.Config.Size); err != nil {
		return nil, err
	}
	config, err := from.ConfigFile()
	if err != nil {
		return nil, fmt.Errorf("the config is not valid: %w", err)
	}
	if err := checkPlatform(config, platform); err != nil {
		return nil, err
	}
	if len(config.RootFS.DiffIDs) != len(manifest.Layers) {
		return nil, fmt.Errorf("the manifest has %d layers, the config %d diffIDs", len(manifest.Layers), len(config.RootFS.DiffIDs))
	}
	img := &image{created: createdTime(config), close: func() error { return nil }, config: raw}
	if img.manifest, err = from.RawManifest(); err != nil {
		return nil, err
	}
	for i, desc := range manifest.Layers {
		if !desc.MediaType.IsLayer() {
			return nil, fmt.Errorf("layer %d is of type %q, which is no file system layer", i+1, desc.MediaType)
		}
		if desc.Digest == (v1.Hash{}) || desc.Size < 0 || config.RootFS.DiffIDs[i] == (v1.Hash{}) {
			return nil, fmt.Errorf("layer %d lacks a digest, size or diffID: the image cannot be verified", i+1)
		}
		img.layers = append(img.layers, blob{
			layer:  &canon.Layer{Index: i + 1, DiffID: config.RootFS.DiffIDs[i].String(), Digest: desc.Digest.String()},
			digest: desc.Digest,
			size:   desc.Size,
			diffID: config.RootFS.DiffIDs[i],
			open:   func() (io.ReadCloser, error) { return open(desc) },
		})
	}
	return img, nil
}

// checkPlatform says whether an image is for the platform that was asked for.
func checkPlatform(config *v1.ConfigFile, platform *v1.Platform) error {
	have := config.Platform()
	if platform == nil || have == nil || have.Satisfies(*platform) {
		return nil
	}
	return fmt.Errorf("the image is for %v, not for %v", have, platform)
}

func createdTime(config *v1.ConfigFile) *canon.Time {
	if config.Created.IsZero() {
		return nil
	}
	return &canon.Time{Sec: config.Created.Unix(), Nsec: uint32(config.Created.Nanosecond())}
}

// bareLayers are files whose digests nobody states.
func bareLayers(files []string) *image {
	img := &image{close: func() error { return nil }}
	for i, file := range files {
		open := func() (io.ReadCloser, error) { return os.Open(file) }
		place := func() (blobPlace, bool) { return filePlace(file) }
		if file == "-" {
			open, place = func() (io.ReadCloser, error) { return io.NopCloser(os.Stdin), nil }, nil
		}
		img.layers = append(img.layers, blob{
			layer: &canon.Layer{Index: i + 1, Name: file},
			size:  -1,
			open:  open,
			place: place,
		})
	}
	return img
}
