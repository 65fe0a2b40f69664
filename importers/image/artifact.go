package image

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"cfsverify/canon/seal"
	"cfsverify/importers/document"
)

// emptyType is the media type of a config that says nothing: OCI image-spec,
// manifest.md, "Guidance for an Empty Descriptor".
const emptyType = "application/vnd.oci.empty.v1+json"

const (
	// ArtifactsMax is how many artifacts with seals an image may have, and
	// artifactBytesMax the size of their manifests, all together.
	ArtifactsMax     = 1000
	artifactBytesMax = 4 * document.SizeMax
	// UnstatedMax is the size in bytes up to which a manifest is read of which
	// nobody says that it is an artifact: that up to which OCI distribution-spec,
	// "Pushing Manifests", has registries take them.
	UnstatedMax = 4 << 20
)

// Artifact is a manifest whose subject is an image, with what opens its layers.
type Artifact struct {
	Digest v1.Hash
	Layers []v1.Descriptor
	Open   OpenBlob
	// Tagged: it is listed in an index that is tagged as the image's referrers.
	Tagged bool
}

// Candidate is a manifest that may be an artifact with seals of an image.
type Candidate struct {
	v1.Descriptor
	// Stated: it is said to be one, or to be about the image, so that it is an
	// error if it cannot be read. If it is not, that is an error where readers differ
	// about it and it mentions the image.
	Stated bool
	// Tagged is that of artifact.
	Tagged bool
}

// ReferrersTag is that of the index with an image's referrers.
func ReferrersTag(image v1.Hash) string { return strings.Replace(image.String(), ":", "-", 1) }

// mayBeArtifact: whoever lists an artifact may leave its type out, or take its
// config's for it.
func mayBeArtifact(d v1.Descriptor) bool {
	return d.MediaType.IsImage() && slices.Contains([]string{"", emptyType, seal.ArtifactType}, d.ArtifactType)
}

// CollectArtifacts reads the manifests that may be artifacts with seals, each once. The
// documents are verified.
func CollectArtifacts(ctx context.Context, listed []Candidate, image v1.Hash, from Parts) ([]Artifact, error) {
	var found []Artifact
	size := 0
	for _, c := range Distinct(listed) {
		if c.Digest == image {
			continue
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		raw, err := from.Document(c.Descriptor)
		var a *Artifact
		if err == nil {
			a, err = readArtifact(raw, c.Descriptor, image)
		}
		var ambiguous *document.AmbiguityError
		switch {
		case err != nil && (c.Stated || errors.As(err, &ambiguous) && document.Mentions(raw, image.String())):
			return nil, err
		case err != nil || a == nil:
			continue
		}
		a.Open, a.Tagged = from.Open, c.Tagged
		found = append(found, *a)
		if size += len(raw); len(found) > ArtifactsMax || size > artifactBytesMax {
			return nil, fmt.Errorf("the image has more than %d artifacts with seals, or more than %d bytes of them", ArtifactsMax, artifactBytesMax)
		}
	}
	slices.SortFunc(found, func(a, b Artifact) int { return strings.Compare(a.Digest.Hex, b.Digest.Hex) })
	return found, nil
}

// Distinct are the candidates that may be artifacts, those of one digest as one.
func Distinct(listed []Candidate) []Candidate {
	var all []Candidate
	at := map[v1.Hash]int{}
	for _, c := range listed {
		if !mayBeArtifact(c.Descriptor) {
			continue
		}
		if i, again := at[c.Digest]; again {
			all[i].Stated, all[i].Tagged = all[i].Stated || c.Stated, all[i].Tagged || c.Tagged
			continue
		}
		at[c.Digest] = len(all)
		all = append(all, c)
	}
	return all
}

// readArtifact gives none if a manifest is no artifact with seals of the image.
func readArtifact(raw []byte, stated v1.Descriptor, image v1.Hash) (*Artifact, error) {
	manifest, err := ParseManifest(raw, stated.MediaType)
	if err != nil {
		return nil, fmt.Errorf("the artifact %v is not valid: %w", stated.Digest, err)
	}
	if manifest.ArtifactType != seal.ArtifactType || manifest.Subject == nil || manifest.Subject.Digest != image {
		return nil, nil
	}
	digest, _, err := v1.SHA256(bytes.NewReader(raw))
	return &Artifact{Digest: digest, Layers: manifest.Layers}, err
}
