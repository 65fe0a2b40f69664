package layout

import (
	"context"
	"fmt"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"cfsverify/canon/seal"
	"cfsverify/importers/image"
)

// Artifacts finds those of a layout whose subject is the image: what its index
// lists, and what an index lists that is tagged as the referrers of the image
// (OCI distribution-spec, "Referrers Tag Schema").
func (l *Layout) Artifacts(ctx context.Context, subject v1.Hash) ([]image.Artifact, error) {
	index, err := l.index()
	if err != nil {
		return nil, err
	}
	var listed []image.Candidate
	read := map[v1.Hash]bool{}
	for _, d := range index.Manifests {
		// What has a platform is an image; the other is what BuildKit attaches to one.
		other := d.Platform != nil || d.Annotations["vnd.docker.reference.type"] != ""
		switch {
		case d.ArtifactType == seal.ArtifactType:
			listed = append(listed, image.Candidate{Descriptor: d, Stated: true})
		case !other && d.Size <= image.UnstatedMax:
			listed = append(listed, image.Candidate{Descriptor: d})
		}
		if !d.MediaType.IsIndex() || !image.HasName(d, image.ReferrersTag(subject)) || read[d.Digest] {
			continue
		}
		read[d.Digest] = true
		raw, err := l.readVerified("index", d)
		if err != nil {
			return nil, err
		}
		referrers, err := image.ParseIndex(raw, d.MediaType)
		if err != nil {
			return nil, fmt.Errorf("the index %v is not valid: %w", d.Digest, err)
		}
		for _, d := range referrers.Manifests {
			listed = append(listed, image.Candidate{Descriptor: d, Stated: true, Tagged: true})
		}
	}
	artifacts := image.Parts{Document: func(d v1.Descriptor) ([]byte, error) { return l.readVerified("artifact", d) }, Open: l.openBlob}
	return image.CollectArtifacts(ctx, listed, subject, artifacts)
}

// readVerified reads a document that a descriptor is of.
func (l *Layout) readVerified(what string, d v1.Descriptor) ([]byte, error) {
	raw, err := l.read(d.Digest)
	if err != nil {
		return nil, fmt.Errorf("the %s %v is listed, and cannot be read: %w", what, d.Digest, err)
	}
	return raw, image.VerifyBytes(what, raw, d.Digest, d.Size)
}
