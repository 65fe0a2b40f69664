package rewrite

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"cfsverify/canon"
	"cfsverify/canon/tarfile"
	"cfsverify/importers/blob"
	"cfsverify/importers/document"
	"cfsverify/importers/image"
	"cfsverify/importers/layer"
	"cfsverify/importers/layout"
	"cfsverify/importers/limits"
)

// Repaired is an image whose layers were rewritten.
type Repaired struct {
	// Tree is that of the image as it was.
	Tree *canon.Tree
	// Manifest is that of the new image.
	Manifest v1.Descriptor
	Layers   []RepairedLayer
	// Changes are what the new image shows otherwise than the old one.
	Changes []RepairStep
}

// RepairedLayer is one layer of it, lowest first.
type RepairedLayer struct {
	// Kept: the layer was as it should be.
	Kept bool
	// Steps are what was done to it.
	Steps []RepairStep
}

// RepairOptions says how Repair reads an image.
type RepairOptions struct {
	image.ReadOptions
	// Platform is for the config of an image that has none; nil is linux on this
	// machine's architecture.
	Platform *v1.Platform
}

// Repair rewrites the layers of an image so that what engines unpack is what the
// layers say: each is the canonical tar (without global header) of what it puts
// on those below, with entries for the root and all parent directories, and with
// whiteouts of names instead of other markers. What no engine can unpack is
// changed; see RepairKind. The config keeps all but its diffIDs, the manifest its
// annotations, and a layer that needs no change its blob.
//
// The new image is staged in w, which the caller commits. The options must have a
// store, which takes the content of files.
func Repair(ctx context.Context, img *image.Image, w *layout.Writer, o RepairOptions) (*Repaired, error) {
	r := repairer{ctx: ctx, image: img, out: w, options: o, layers: []v1.Descriptor{}, diffIDs: []string{}}
	return r.repair()
}

type repairer struct {
	ctx     context.Context
	image   *image.Image
	out     *layout.Writer
	options RepairOptions
	// layers are descriptors of what is written, with their diffIDs.
	layers  []v1.Descriptor
	diffIDs []string
}

func (r *repairer) repair() (*Repaired, error) {
	layers, err := r.image.Layers(r.ctx, r.options.ReadOptions)
	if err != nil {
		return nil, err
	}
	manifest, err := r.image.ParsedManifest()
	if err != nil {
		return nil, err
	}
	repaired := &Repaired{}
	trees := newLayerRepairer()
	for i, layer := range layers {
		var stated v1.Descriptor
		if i < len(manifest.Layers) {
			stated = manifest.Layers[i]
		}
		done, err := r.layer(trees, i, layer, stated)
		if err != nil {
			return nil, err
		}
		repaired.Layers = append(repaired.Layers, done)
	}
	repaired.Tree, repaired.Changes = trees.below.Tree, trees.changes
	repaired.Manifest, err = r.manifest(*manifest)
	return repaired, err
}

// layer writes the next layer.
func (r *repairer) layer(trees *layerRepairer, i int, layer *layer.Entries, stated v1.Descriptor) (RepairedLayer, error) {
	tree, steps, err := trees.next(layer)
	if err != nil {
		return RepairedLayer{}, err
	}
	fail := func(err error) (RepairedLayer, error) { return RepairedLayer{}, r.image.Blobs[i].Fail(err) }
	sum := sha256.New()
	archive := func(to io.Writer) error {
		sum.Reset()
		return tarfile.Write(limits.Writer(r.ctx, io.MultiWriter(sum, to)), tree, tarfile.Options{Layer: true, NoGlobalHeader: true, Open: r.options.Objects.OpenContent})
	}
	if len(steps) == 0 {
		// Nothing but the form of headers can be another one.
		if err := archive(io.Discard); err != nil {
			return fail(err)
		}
		if blob.SumDigest(sum).String() == layer.Layer.DiffID && stated.Digest != (v1.Hash{}) && stated.Digest == r.image.Blobs[i].Digest {
			kept, err := r.keep(r.image.Blobs[i], stated, layer.Compression)
			if err != nil {
				return fail(err)
			}
			r.add(kept, layer.Layer.DiffID)
			return RepairedLayer{Kept: true}, nil
		}
	}
	written, err := r.out.WriteBlob(layerType(layer.Compression), func(to io.Writer) error {
		compressed, err := blob.NewWriter(layer.Compression, to)
		if err != nil {
			return err
		}
		return errors.Join(archive(compressed), compressed.Close())
	})
	if err != nil {
		return fail(err)
	}
	diffID := blob.SumDigest(sum).String()
	if diffID == layer.Layer.DiffID && r.image.Blobs[i].Digest == (v1.Hash{}) {
		written.Annotations = ofArchive(stated.Annotations)
	}
	r.add(written, diffID)
	if diffID == layer.Layer.DiffID {
		return RepairedLayer{Kept: true}, nil
	}
	if len(steps) == 0 {
		steps = []RepairStep{{Kind: Headers, Count: 1}}
	}
	return RepairedLayer{Steps: steps}, nil
}

func (r *repairer) add(layer v1.Descriptor, diffID string) {
	r.layers, r.diffIDs = append(r.layers, layer), append(r.diffIDs, diffID)
}

// keep copies a blob, and gives it the media type that OCI has for it.
func (r *repairer) keep(b blob.Blob, stated v1.Descriptor, c tarfile.Compression) (v1.Descriptor, error) {
	from, err := b.Open()
	if err != nil {
		return v1.Descriptor{}, err
	}
	defer from.Close()
	written, err := r.out.WriteBlob(stated.MediaType, func(to io.Writer) error {
		_, err := io.Copy(to, io.LimitReader(limits.Reader(r.ctx, from), b.Size+1))
		return err
	})
	if err != nil {
		return v1.Descriptor{}, err
	}
	if written.Digest != b.Digest {
		return v1.Descriptor{}, fmt.Errorf("the blob %v changed while it was read", b.Digest)
	}
	return ociLayer(stated, c), nil
}

// manifest writes config and manifest. One that would say nothing new stays.
func (r *repairer) manifest(old v1.Manifest) (v1.Descriptor, error) {
	config := r.image.Config
	if config == nil {
		var err error
		if config, err = newConfig(r.options.Platform); err != nil {
			return v1.Descriptor{}, err
		}
	}
	config, err := withDiffIDs(config, r.diffIDs)
	if err != nil {
		return v1.Descriptor{}, err
	}
	m := v1.Manifest{SchemaVersion: 2, MediaType: types.OCIManifestSchema1, Layers: r.layers, Annotations: old.Annotations}
	if m.Config, err = r.out.WriteBytes(types.OCIConfigJSON, config); err != nil {
		return v1.Descriptor{}, err
	}
	sameLayers := slices.EqualFunc(old.Layers, r.layers, func(a, b v1.Descriptor) bool { return a.Digest == b.Digest && a.MediaType == b.MediaType })
	if isOCI(old) && sameLayers && old.Config.Digest == m.Config.Digest {
		return r.out.WriteBytes(types.OCIManifestSchema1, r.image.Manifest)
	}
	data, err := document.Marshal(m)
	if err != nil {
		return v1.Descriptor{}, err
	}
	return r.out.WriteBytes(types.OCIManifestSchema1, data)
}

// newConfig is for layers that have none.
func newConfig(platform *v1.Platform) ([]byte, error) {
	if platform == nil {
		platform = &v1.Platform{OS: "linux", Architecture: runtime.GOARCH}
	}
	fields := map[string]any{"os": platform.OS, "architecture": platform.Architecture, "rootfs": map[string]string{"type": "layers"}}
	if platform.Variant != "" {
		fields["variant"] = platform.Variant
	}
	return document.Marshal(fields)
}

// withDiffIDs changes a config's diffIDs and nothing else of it.
func withDiffIDs(config []byte, diffIDs []string) ([]byte, error) {
	config, err := document.Edit(config, func(old json.RawMessage) (json.RawMessage, error) {
		var have []string
		if old != nil {
			if err := document.Decode(old, &have); err != nil {
				return nil, err
			}
		}
		if slices.Equal(have, diffIDs) {
			return old, nil
		}
		return document.Marshal(diffIDs)
	}, "rootfs", "diff_ids")
	if err != nil {
		return nil, fmt.Errorf("the config is not valid: %w", err)
	}
	return config, nil
}
