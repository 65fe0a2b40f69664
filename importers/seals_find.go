package importers

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"cfsverify/canon/seal"
)

// emptyType is the media type of a config that says nothing: OCI image-spec,
// manifest.md, "Guidance for an Empty Descriptor".
const emptyType = "application/vnd.oci.empty.v1+json"

const (
	// artifactsMax is how many artifacts with seals an image may have, and
	// artifactBytesMax the size of their manifests, all together.
	artifactsMax     = 1000
	artifactBytesMax = 4 * metadataMax
	// unstatedMax is the size in bytes up to which a manifest is read of which
	// nobody says that it is an artifact: that up to which OCI distribution-spec,
	// "Pushing Manifests", has registries take them.
	unstatedMax = 4 << 20
)

// candidate is a manifest that may be an artifact with seals of an image.
type candidate struct {
	v1.Descriptor
	// stated: it is said to be one, or to be about the image, so that it is an
	// error if it cannot be read.
	stated bool
	// tagged is that of artifact.
	tagged bool
}

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

// referrersTag is that of the index with an image's referrers.
func referrersTag(image v1.Hash) string { return strings.Replace(image.String(), ":", "-", 1) }

// mayBeArtifact: whoever lists an artifact may leave its type out, or take its
// config's for it.
func mayBeArtifact(d v1.Descriptor) bool {
	return d.MediaType.IsImage() && slices.Contains([]string{"", emptyType, seal.ArtifactType}, d.ArtifactType)
}

// readVerified reads a document that a descriptor is of.
func (l *ociLayout) readVerified(what string, d v1.Descriptor) ([]byte, error) {
	raw, err := l.read(d.Digest)
	if err != nil {
		return nil, fmt.Errorf("the %s %v is listed, and cannot be read: %w", what, d.Digest, err)
	}
	return raw, verifyBytes(what, raw, d.Digest, d.Size)
}

// collectArtifacts reads the manifests that may be artifacts with seals, each once.
func collectArtifacts(ctx context.Context, listed []candidate, image v1.Hash, open openBlob, read func(v1.Descriptor) ([]byte, error)) ([]artifact, error) {
	var found []artifact
	size := 0
	for _, c := range distinct(listed) {
		if c.Digest == image {
			continue
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		raw, err := read(c.Descriptor)
		var a *artifact
		if err == nil {
			if a, err = readArtifact(raw, image, open); err != nil {
				err = fmt.Errorf("the artifact %v: %w", c.Digest, err)
			}
		}
		switch {
		case err != nil && c.stated:
			return nil, err
		case err != nil || a == nil:
			continue
		}
		a.tagged = c.tagged
		found = append(found, *a)
		if size += len(raw); len(found) > artifactsMax || size > artifactBytesMax {
			return nil, fmt.Errorf("the image has more than %d artifacts with seals, or more than %d bytes of them", artifactsMax, artifactBytesMax)
		}
	}
	slices.SortFunc(found, func(a, b artifact) int { return strings.Compare(a.digest.Hex, b.digest.Hex) })
	return found, nil
}

// distinct are the candidates that may be artifacts, those of one digest as one.
func distinct(listed []candidate) []candidate {
	var all []candidate
	at := map[v1.Hash]int{}
	for _, c := range listed {
		if !mayBeArtifact(c.Descriptor) {
			continue
		}
		if i, again := at[c.Digest]; again {
			all[i].stated, all[i].tagged = all[i].stated || c.stated, all[i].tagged || c.tagged
			continue
		}
		at[c.Digest] = len(all)
		all = append(all, c)
	}
	return all
}
