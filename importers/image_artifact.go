package importers

import (
	"bytes"
	"context"
	"encoding/json"
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

// artifact is a manifest whose subject is an image, with what opens its layers.
type artifact struct {
	digest v1.Hash
	// layers are the entries as they are written, descriptors as they are read.
	layers      []json.RawMessage
	descriptors []v1.Descriptor
	open        openBlob
	// tagged: it is listed in an index that is tagged as the image's referrers.
	tagged bool
}

// candidate is a manifest that may be an artifact with seals of an image.
type candidate struct {
	v1.Descriptor
	// stated: it is said to be one, or to be about the image, so that it is an
	// error if it cannot be read.
	stated bool
	// tagged is that of artifact.
	tagged bool
}

// referrersTag is that of the index with an image's referrers.
func referrersTag(image v1.Hash) string { return strings.Replace(image.String(), ":", "-", 1) }

// mayBeArtifact: whoever lists an artifact may leave its type out, or take its
// config's for it.
func mayBeArtifact(d v1.Descriptor) bool {
	return d.MediaType.IsImage() && slices.Contains([]string{"", emptyType, seal.ArtifactType}, d.ArtifactType)
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

// readArtifact gives none if a manifest is no artifact with seals of the image.
func readArtifact(raw []byte, image v1.Hash, open openBlob) (*artifact, error) {
	manifest, err := v1.ParseManifest(bytes.NewReader(raw))
	if err != nil {
		return nil, fmt.Errorf("it is not valid: %w", err)
	}
	if manifest.ArtifactType != seal.ArtifactType || manifest.Subject == nil || manifest.Subject.Digest != image {
		return nil, nil
	}
	layers, err := layerDescriptors(raw)
	if err != nil {
		return nil, err
	}
	digest, _, err := v1.SHA256(bytes.NewReader(raw))
	return &artifact{digest: digest, layers: layers, descriptors: manifest.Layers, open: open}, err
}

// layerDescriptors are the layers' descriptors in a manifest.
func layerDescriptors(manifest []byte) (layers []json.RawMessage, err error) {
	list, err := memberAt(manifest, "layers")
	if err == nil && list != nil {
		err = json.Unmarshal(list, &layers)
	}
	if err != nil {
		return nil, fmt.Errorf("the layers cannot be read: %w", err)
	}
	return layers, nil
}
