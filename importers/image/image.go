package image

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"cfsverify/canon"
	"cfsverify/canon/printable"
	"cfsverify/importers/blob"
	"cfsverify/importers/document"
	"cfsverify/importers/source"
)

// Image is a container image whose manifest and config are verified, and whose
// layers are still to be read.
type Image struct {
	// Blobs are those of the layers, lowest first.
	Blobs []blob.Blob
	// Created is when it was made, nil if the config does not say.
	Created *canon.Time
	// Close closes what the image was opened from.
	Close func() error
	// Manifest and Config are as they are written, nil if there is none.
	Manifest, Config []byte
	// Artifacts lists those whose subject is the image; nil where there can be none.
	Artifacts func(context.Context) ([]Artifact, error)
}

// Digest is that of the manifest.
func (img *Image) Digest() v1.Hash {
	return v1.Hash{Algorithm: "sha256", Hex: fmt.Sprintf("%x", sha256.Sum256(img.Manifest))}
}

// Reopens says that the layers can be read again.
func (img *Image) Reopens() bool {
	return !slices.ContainsFunc(img.Blobs, func(b blob.Blob) bool { return !b.Reopens() })
}

// LayerList lists the layers, lowest first.
func (img *Image) LayerList() []*canon.Layer {
	var list []*canon.Layer
	for _, b := range img.Blobs {
		list = append(list, b.Layer)
	}
	return list
}

// Locate says where the blobs of the layers lie.
func (img *Image) Locate(place func(v1.Hash) (blob.Place, bool)) {
	for i := range img.Blobs {
		b := &img.Blobs[i]
		b.Place = func() (blob.Place, bool) { return place(b.Digest) }
	}
}

// OpenBlob opens what a manifest's descriptor is of.
type OpenBlob func(v1.Descriptor) (io.ReadCloser, error)

// ParsedManifest is what the manifest says, nothing if there is none.
func (img *Image) ParsedManifest() (*v1.Manifest, error) {
	if img.Manifest == nil {
		return &v1.Manifest{}, nil
	}
	manifest, err := ParseManifest(img.Manifest, "")
	if err != nil {
		return nil, fmt.Errorf("the manifest is not valid: %w", err)
	}
	return manifest, nil
}

// ParsedConfig is what the config says, nothing if there is none.
func (img *Image) ParsedConfig() (*v1.ConfigFile, error) {
	if img.Config == nil {
		return &v1.ConfigFile{}, nil
	}
	config, err := ParseConfig(img.Config)
	if err != nil {
		return nil, fmt.Errorf("the config is not valid: %w", err)
	}
	return config, nil
}

// FromIndex opens the image of an index that a tag or digest (either may be empty) and
// a platform (nil for any, if that leaves no doubt) choose.
func FromIndex(s source.Source, index *v1.IndexManifest, from Parts, ref string, platform *v1.Platform) (*Image, error) {
	stated, manifest, err := descend(index, from, ref, platform, 0)
	if err != nil {
		return nil, fmt.Errorf("%v: %w", s, err)
	}
	return Verified(s, manifest, stated, from, platform)
}

// Verified checks the image of a manifest, which is what its descriptor says, and makes it
// one whose layers can be read.
func Verified(s source.Source, manifest []byte, stated v1.Descriptor, from Parts, platform *v1.Platform) (*Image, error) {
	img, err := pairLayers(manifest, stated, from, platform)
	if err != nil {
		return nil, fmt.Errorf("%v: %w", s, err)
	}
	return img, nil
}

// pairLayers checks the config against the manifest, and pairs the layers with
// their diffIDs.
func pairLayers(rawManifest []byte, stated v1.Descriptor, from Parts, platform *v1.Platform) (*Image, error) {
	manifest, err := ParseManifest(rawManifest, stated.MediaType)
	if err != nil {
		return nil, fmt.Errorf("the manifest %v is not valid: %w", stated.Digest, err)
	}
	if !manifest.Config.MediaType.IsConfig() {
		return nil, fmt.Errorf("the config is of type %q: this is an artifact, not a container image", manifest.Config.MediaType)
	}
	if manifest.Config.Size > document.SizeMax {
		return nil, fmt.Errorf("the manifest states a config of %d bytes, which is too large", manifest.Config.Size)
	}
	raw, err := from.Document(manifest.Config)
	if err != nil {
		return nil, err
	}
	if err := VerifyBytes("config", raw, manifest.Config.Digest, manifest.Config.Size); err != nil {
		return nil, err
	}
	config, err := ParseConfig(raw)
	if err != nil {
		return nil, fmt.Errorf("the config %v is not valid: %w", manifest.Config.Digest, err)
	}
	if err := CheckPlatform(config, platform); err != nil {
		return nil, err
	}
	if len(config.RootFS.DiffIDs) != len(manifest.Layers) {
		return nil, fmt.Errorf("the manifest has %d layers, the config %d diffIDs", len(manifest.Layers), len(config.RootFS.DiffIDs))
	}
	img := &Image{Created: CreatedTime(config), Close: func() error { return nil }, Manifest: rawManifest, Config: raw}
	for i, desc := range manifest.Layers {
		if !desc.MediaType.IsLayer() {
			return nil, fmt.Errorf("layer %d is of type %q, which is no file system layer", i+1, desc.MediaType)
		}
		if desc.Digest == (v1.Hash{}) || desc.Size < 0 || config.RootFS.DiffIDs[i] == (v1.Hash{}) {
			return nil, fmt.Errorf("layer %d lacks a digest, size or diffID: the image cannot be verified", i+1)
		}
		img.Blobs = append(img.Blobs, blob.Blob{
			Layer:  &canon.Layer{Index: i + 1, DiffID: config.RootFS.DiffIDs[i].String(), Digest: desc.Digest.String()},
			Digest: desc.Digest,
			Size:   desc.Size,
			DiffID: config.RootFS.DiffIDs[i],
			Open:   func() (io.ReadCloser, error) { return from.Open(desc) },
		})
	}
	return img, nil
}

// WithoutManifest is an image of which there is only the config, and the layers in their
// order, as each opens. What they must be, the config's diffIDs say.
func WithoutManifest(raw []byte, config *v1.ConfigFile, platform *v1.Platform, layers []func() (io.ReadCloser, error)) (*Image, error) {
	if err := CheckPlatform(config, platform); err != nil {
		return nil, err
	}
	if len(config.RootFS.DiffIDs) != len(layers) {
		return nil, fmt.Errorf("there are %d layers, but the config has %d diffIDs", len(layers), len(config.RootFS.DiffIDs))
	}
	img := &Image{Created: CreatedTime(config), Close: func() error { return nil }, Config: raw}
	for i, open := range layers {
		diffID := config.RootFS.DiffIDs[i]
		img.Blobs = append(img.Blobs, blob.Blob{Layer: &canon.Layer{Index: i + 1, DiffID: diffID.String()}, Size: -1, DiffID: diffID, Open: open})
	}
	return img, nil
}

// CheckPlatform says whether an image is for the platform that was asked for.
func CheckPlatform(config *v1.ConfigFile, platform *v1.Platform) error {
	have := config.Platform()
	if platform == nil || have == nil || have.Satisfies(*platform) {
		return nil
	}
	return fmt.Errorf("the image is for %s, not for %s", printable.Text(have.String()), printable.Text(platform.String()))
}

// CreatedTime is when an image was made, nil if the config does not say.
func CreatedTime(config *v1.ConfigFile) *canon.Time {
	if config.Created.IsZero() {
		return nil
	}
	return &canon.Time{Sec: config.Created.Unix(), Nsec: uint32(config.Created.Nanosecond())}
}

// Bare are files whose digests nobody states.
func Bare(files []string) *Image {
	img := &Image{Close: func() error { return nil }}
	for i, file := range files {
		open := func() (io.ReadCloser, error) { return os.Open(file) }
		place := func() (blob.Place, bool) { return blob.FilePlace(file) }
		if file == "-" {
			open, place = func() (io.ReadCloser, error) { return io.NopCloser(os.Stdin), nil }, nil
		}
		img.Blobs = append(img.Blobs, blob.Blob{
			Layer: &canon.Layer{Index: i + 1, Name: file},
			Size:  -1,
			Open:  open,
			Place: place,
		})
	}
	return img
}
