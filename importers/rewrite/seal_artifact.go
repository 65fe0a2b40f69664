package rewrite

import (
	"context"
	"fmt"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"cfsverify/canon/fsverity"
	"cfsverify/canon/seal"
	"cfsverify/importers/document"
	"cfsverify/importers/image"
	"cfsverify/importers/layout"
	"cfsverify/importers/seals"
)

// entry is what an artifact says of one thing.
type entry struct {
	role   seal.Role
	layer  int
	digest fsverity.Digest
}

// entries are those that the artifact gets, in the order of the draft. It lists
// none for layers, and says nothing of what it does not list.
func (s *Sealer) entries(manifest, config fsverity.Digest) []entry {
	entries := []entry{{seal.Manifest, 0, manifest}, {seal.Config, 0, config}}
	for i, digest := range s.alone {
		entries = append(entries, entry{seal.Layer, i + 1, digest})
	}
	entries = append(entries, entry{seal.Merged, 0, s.digests.Merged}, entry{seal.Bootable, 0, s.digests.Bootable})
	return slices.DeleteFunc(entries, func(e entry) bool { return e.digest.IsZero() })
}

// attach writes the artifact.
func (s *Sealer) attach(ctx context.Context, entries []entry) error {
	empty, err := s.out.WriteBytes(types.OCIEmptyJSON, []byte("{}"))
	if err != nil {
		return err
	}
	m := v1.Manifest{SchemaVersion: 2, MediaType: types.OCIManifestSchema1, ArtifactType: seal.ArtifactType, Config: empty, Subject: &s.sealed.Manifest}
	for _, e := range entries {
		layer := empty
		layer.Annotations = map[string]string{seal.AnnotationKey(e.role, s.options.Hash): e.digest.String()}
		m.Layers = append(m.Layers, layer)
	}
	data, err := document.Marshal(m)
	if err != nil {
		return err
	}
	written, err := s.out.WriteBytes(types.OCIManifestSchema1, data)
	if err != nil {
		return err
	}
	written.ArtifactType, s.sealed.Artifact = seal.ArtifactType, &written
	first := len(s.sealed.Seals)
	for _, e := range entries {
		s.add(seal.Artifact, written.Digest.String(), e.layer, seal.AnnotationKey(e.role, s.options.Hash), e.digest)
	}
	replaced := func(ctx context.Context) (_ []v1.Hash, err error) {
		s.sealed.Replaced, err = contradicting(ctx, s.out, s.sealed.Manifest.Digest, s.sealed.Seals[first:], len(s.image.Blobs))
		return s.sealed.Replaced, err
	}
	s.out.Attach(written, replaced)
	// What cannot be replaced is told before the rest is done.
	_, err = replaced(ctx)
	return err
}

// contradicting finds artifacts in the layout that are about the same image, and
// have another digest for one of the keys, or one of a layer that is not there.
// Only what index.json itself lists can be taken off the list.
func contradicting(ctx context.Context, w *layout.Writer, subject v1.Hash, written []seal.Seal, layers int) ([]v1.Hash, error) {
	artifacts, err := w.Artifacts(ctx, subject)
	if err != nil {
		return nil, fmt.Errorf("%v may have artifacts about the same image: %w: repair that, or write to another layout", w.Target, err)
	}
	var found []v1.Hash
	for _, a := range artifacts {
		if !contradicts(slices.Concat(seals.EntriesOf(&a)...), written, layers) {
			continue
		}
		if a.Tagged {
			return nil, fmt.Errorf("%v: the artifact %v has other digests of the same image, and is listed in the index that is tagged %s: take that tag away, or write to another layout",
				w.Target, a.Digest, image.ReferrersTag(subject))
		}
		found = append(found, a.Digest)
	}
	return found, nil
}

func contradicts(old, seals []seal.Seal, layers int) bool {
	return slices.ContainsFunc(old, func(o seal.Seal) bool {
		return o.Layer > layers || slices.ContainsFunc(seals, func(s seal.Seal) bool {
			return s.Key == o.Key && s.Layer == o.Layer && s.Value != o.Value
		})
	})
}
