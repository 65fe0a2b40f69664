package importers

import (
	"bytes"
	"context"
	"fmt"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"cfsverify/canon/seal"
)

// artifacts finds those of a layout whose subject is the image: what its index
// lists, and what an index lists that is tagged as the referrers of the image
// (OCI distribution-spec, "Referrers Tag Schema").
func (l *ociLayout) artifacts(ctx context.Context, image v1.Hash) ([]artifact, error) {
	raw, err := readMetadata(l.open, "index.json")
	if err != nil {
		return nil, err
	}
	index, err := v1.ParseIndexManifest(bytes.NewReader(raw))
	if err != nil {
		return nil, fmt.Errorf("the index is no valid JSON: %w", err)
	}
	var listed []candidate
	read := map[v1.Hash]bool{}
	for _, d := range index.Manifests {
		// What has a platform is an image; the other is what BuildKit attaches to one.
		other := d.Platform != nil || d.Annotations["vnd.docker.reference.type"] != ""
		switch {
		case d.ArtifactType == seal.ArtifactType:
			listed = append(listed, candidate{Descriptor: d, stated: true})
		case !other && d.Size <= unstatedMax:
			listed = append(listed, candidate{Descriptor: d})
		}
		if !d.MediaType.IsIndex() || !hasName(d, referrersTag(image)) || read[d.Digest] {
			continue
		}
		read[d.Digest] = true
		raw, err := l.readVerified("index", d)
		if err != nil {
			return nil, err
		}
		referrers, err := v1.ParseIndexManifest(bytes.NewReader(raw))
		if err != nil {
			return nil, fmt.Errorf("the index %v is no valid JSON: %w", d.Digest, err)
		}
		for _, d := range referrers.Manifests {
			listed = append(listed, candidate{d, true, true})
		}
	}
	return collectArtifacts(ctx, listed, image, l.openBlob, func(d v1.Descriptor) ([]byte, error) { return l.readVerified("artifact", d) })
}

// readVerified reads a document that a descriptor is of.
func (l *ociLayout) readVerified(what string, d v1.Descriptor) ([]byte, error) {
	raw, err := l.read(d.Digest)
	if err != nil {
		return nil, fmt.Errorf("the %s %v is listed, and cannot be read: %w", what, d.Digest, err)
	}
	return raw, verifyBytes(what, raw, d.Digest, d.Size)
}
