package rewrite

import (
	"context"
	"fmt"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"cfsverify/canon/erofs"
	"cfsverify/canon/fsverity"
	"cfsverify/canon/policy"
	"cfsverify/canon/recipe"
	"cfsverify/canon/seal"
	"cfsverify/importers/image"
	"cfsverify/importers/layer"
	"cfsverify/importers/layout"
)

// SealPlaces says where the digests of an image are put. More than one place can
// be chosen.
type SealPlaces struct {
	// Label is the config's label seal.LabelKey.
	Label bool
	// Annotations are those of manifest, config descriptor and layer descriptors.
	Annotations bool
	// Artifact is a manifest whose subject is the image.
	Artifact bool
}

// SealDigests are digests of the composefs images of all layers.
type SealDigests struct {
	Merged fsverity.Digest
	// Bootable is zero if the image is not bootable.
	Bootable fsverity.Digest
}

// Sealed is an image to which seals were written.
type Sealed struct {
	// Manifest is that of the new image.
	Manifest v1.Descriptor
	// Artifact is nil if there is none.
	Artifact *v1.Descriptor
	// Seals are those that were written, in the order label, annotations, artifact.
	Seals []seal.Seal
	// Stale are the keys of annotations that are left out, as they are of the
	// config as it was, and Replaced the artifacts that the layout lists no longer,
	// as they have other digests for the same image and the same keys.
	Stale    []string
	Replaced []v1.Hash
	// NotAlone says why the artifact has no digests of the layers; nil if it has.
	NotAlone error
}

// Sealer puts digests on an image, of which it is given those of the merged tree.
type Sealer struct {
	// Layers are those of the image, as they were read.
	Layers []*layer.Entries

	image    *image.Image
	out      *layout.Writer
	options  SealOptions
	manifest []byte // as OCI has it
	// stored are the layers as they were staged.
	stored []v1.Descriptor
	// alone are the digests of the layers.
	alone   []fsverity.Digest
	digests SealDigests
	sealed  Sealed
}

// SealOptions says which seals are written.
type SealOptions struct {
	image.ReadOptions
	Places SealPlaces
	// Rules apply a layer that stands alone.
	Rules layer.Rules
}

// StageSeals reads the layers of an image, and stages their blobs in w. If digests of
// the layers alone are to be written, it computes them.
func StageSeals(ctx context.Context, img *image.Image, w *layout.Writer, o SealOptions) (*Sealer, error) {
	s := &Sealer{image: img, out: w, options: o, stored: make([]v1.Descriptor, len(img.Blobs))}
	var err error
	if s.Layers, err = img.LayersBy(ctx, o.ReadOptions, s.stage); err != nil {
		return nil, err
	}
	if s.manifest, err = s.plainManifest(); err != nil {
		return nil, err
	}
	if o.Places.Annotations || o.Places.Artifact {
		err = s.sumLayers()
	}
	return s, err
}

// Write puts digests on the image: first in the label, which is in the config, then
// in annotations, one of which is of the config, then in an artifact, which is of
// config and manifest. What was there for the same keys is replaced, with its
// signatures if the digest is another one. The layers stay as they are, and so does
// all of config and manifest that need not change; what is of Docker's media types
// gets those of OCI. Artifacts of the old image stay behind.
//
// Where each digest is put, and what it is of, is the draft "OCI Sealing
// Specification" of composefs-rs 0.9 (crate composefs-oci, sealing_spec.rs). Three
// things are not in it: The composefs image of one layer alone is the layer's tree
// by SealOptions.Rules, to which no policy is applied, and in which whiteouts leave
// nothing. The artifact has digests of these too, from the lowest up, between config
// and merged image, unless a layer cannot stand alone. And as the artifact has no
// signatures, which its layers would be, these are the empty JSON object of OCI
// image-spec, manifest.md, "Guidance for an Empty Descriptor".
//
// The new image is staged; the caller commits it.
func (s *Sealer) Write(ctx context.Context, digests SealDigests) (*Sealed, error) {
	s.digests = digests
	config := s.image.Config
	var err error
	if s.options.Places.Label {
		if config, err = s.label(config); err != nil {
			return nil, err
		}
	}
	written, err := s.out.WriteBytes(types.OCIConfigJSON, config)
	if err != nil {
		return nil, err
	}
	manifest, err := s.annotate(s.manifest, written, fsverity.SumBytes(s.options.Hash, config))
	if err != nil {
		return nil, fmt.Errorf("the manifest is not valid: %w", err)
	}
	if s.sealed.Manifest, err = s.out.WriteBytes(types.OCIManifestSchema1, manifest); err != nil {
		return nil, err
	}
	if s.options.Places.Artifact {
		err = s.attach(ctx, s.entries(fsverity.SumBytes(s.options.Hash, manifest), fsverity.SumBytes(s.options.Hash, config)))
	}
	return &s.sealed, err
}

// sumLayers computes the digest of each layer alone. An artifact can do without.
func (s *Sealer) sumLayers() error {
	for i, read := range s.Layers {
		tree, err := layer.Apply([]*layer.Entries{read}, s.options.Rules)
		if err != nil {
			// The image as a whole may be wrong.
			if _, whole := layer.Apply(s.Layers, s.options.Rules); whole != nil {
				return whole
			}
			if !s.options.Places.Annotations {
				s.alone, s.sealed.NotAlone = nil, err
				return nil
			}
			return fmt.Errorf("%w: the layer cannot stand alone, so there is no digest for its annotation: repair the image first, or write no annotations", err)
		}
		digest, err := recipe.Recipe{Version: erofs.V1, Hash: s.options.Hash, Policy: policy.Raw()}.Sum(tree)
		if err != nil {
			return s.image.Blobs[i].Fail(err)
		}
		s.alone = append(s.alone, digest)
	}
	return nil
}

// add notes a seal as it is found.
func (s *Sealer) add(place seal.Place, name string, layer int, key string, digest fsverity.Digest) {
	found := seal.Seal{Place: place, Name: name, Layer: layer, Key: key, Value: digest.String()}
	var parsed seal.Key
	if parsed, _, found.Err = seal.ParseKey(key); found.Err == nil {
		found.Claim, found.Err = parsed.Claim(found.Value)
	}
	s.sealed.Seals = append(s.sealed.Seals, found)
}
