package importers

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"cfsverify/canon/seal"
)

// emptyType is the media type of a config that says nothing: OCI image-spec,
// manifest.md, "Guidance for an Empty Descriptor".
const emptyType = "application/vnd.oci.empty.v1+json"

// artifactsMax is how many manifests beside an image are looked at.
const artifactsMax = 1000

// artifacts finds those of a layout whose subject is the image: what its index
// lists, and what an index lists that is tagged as the referrers of the image
// (OCI distribution-spec, "Referrers Tag Schema").
func (l *ociLayout) artifacts(manifest []byte) ([]artifact, error) {
	image, _, err := v1.SHA256(bytes.NewReader(manifest))
	if err != nil {
		return nil, err
	}
	raw, err := readMetadata(l.open, "index.json")
	if err != nil {
		return nil, err
	}
	index, err := v1.ParseIndexManifest(bytes.NewReader(raw))
	if err != nil {
		return nil, fmt.Errorf("the index is no valid JSON: %w", err)
	}
	listed := index.Manifests
	tag := strings.Replace(image.String(), ":", "-", 1)
	for _, d := range index.Manifests {
		if !d.MediaType.IsIndex() || !hasName(d, tag) {
			continue
		}
		raw, err := l.readVerified("index", d)
		if err != nil {
			return nil, err
		}
		referrers, err := v1.ParseIndexManifest(bytes.NewReader(raw))
		if err != nil {
			return nil, fmt.Errorf("the index %v is no valid JSON: %w", d.Digest, err)
		}
		listed = append(listed, referrers.Manifests...)
	}
	return collectArtifacts(listed, image, l.openBlob, func(d v1.Descriptor) ([]byte, error) { return l.readVerified("manifest", d) })
}

// readVerified reads a document that a descriptor is of.
func (l *ociLayout) readVerified(what string, d v1.Descriptor) ([]byte, error) {
	raw, err := l.read(d.Digest)
	if err != nil {
		return nil, err
	}
	return raw, verifyBytes(what, raw, d.Digest, d.Size)
}

// collectArtifacts reads the manifests that may be artifacts with seals.
func collectArtifacts(listed []v1.Descriptor, image v1.Hash, open openBlob, read func(v1.Descriptor) ([]byte, error)) ([]artifact, error) {
	var found []artifact
	seen := map[v1.Hash]bool{image: true}
	for _, d := range listed {
		// Whoever lists an artifact may leave its type out, or take its config's for it.
		mayBe := slices.Contains([]string{"", emptyType, seal.ArtifactType}, d.ArtifactType)
		if !d.MediaType.IsImage() || !mayBe || seen[d.Digest] {
			continue
		}
		seen[d.Digest] = true
		if len(seen) > artifactsMax {
			return nil, fmt.Errorf("there are more than %d manifests beside the image", artifactsMax)
		}
		raw, err := read(d)
		if err != nil {
			return nil, err
		}
		a, err := readArtifact(raw, image, open)
		if err != nil {
			return nil, err
		}
		if a != nil {
			found = append(found, *a)
		}
	}
	slices.SortFunc(found, func(a, b artifact) int { return strings.Compare(a.digest.Hex, b.digest.Hex) })
	return found, nil
}

// artifacts finds those of a registry whose subject is the image.
func (r *repository) artifacts(ctx context.Context, manifest []byte) ([]artifact, error) {
	image, _, err := v1.SHA256(bytes.NewReader(manifest))
	if err != nil {
		return nil, err
	}
	options := append(slices.Clone(r.options), remote.WithContext(ctx))
	index, err := remote.Referrers(r.repo.Digest(image.String()), options...)
	if err != nil {
		return nil, r.explain(ctx, "", err, "list of artifacts")
	}
	listed, err := index.IndexManifest()
	if err != nil {
		return nil, fmt.Errorf("the registry's list of artifacts is no valid JSON: %w", err)
	}
	open := func(d v1.Descriptor) (io.ReadCloser, error) { return r.openBlob(ctx, d) }
	return collectArtifacts(listed.Manifests, image, open, func(d v1.Descriptor) ([]byte, error) {
		found, err := r.puller.Get(ctx, r.repo.Digest(d.Digest.String()))
		if err != nil {
			return nil, r.explain(ctx, "", err, "manifest")
		}
		return found.Manifest, verifyBytes("manifest", found.Manifest, d.Digest, d.Size)
	})
}
