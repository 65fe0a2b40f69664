package seals

import (
	"errors"
	"fmt"
	"io"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"cfsverify/canon/fsverity"
	"cfsverify/canon/seal"
	"cfsverify/importers/image"
)

// artifactRoles are those of an artifact's entries. The draft lists no digests of
// layers among them, and says nothing of entries that it does not list. The i-th
// of such a digest, of those of the same hash, is of layer i.
func artifactRoles() []seal.Role {
	return []seal.Role{seal.Manifest, seal.Config, seal.Layer, seal.Merged, seal.Bootable}
}

// EntriesOf are the seals in each entry, without the signatures that are blobs.
func EntriesOf(a *image.Artifact) [][]seal.Seal {
	layers := map[fsverity.Algorithm]int{}
	var entries [][]seal.Seal
	for _, layer := range a.Layers {
		found := sealsOf(layer.Annotations, seal.Seal{Place: seal.Artifact, Name: a.Digest.String()}, artifactRoles())
		for i, f := range found {
			if k, is, err := seal.ParseKey(f.Key); is && err == nil && k.Role == seal.Layer && !k.Signature {
				layers[k.Algorithm]++
				found[i].Layer = layers[k.Algorithm]
			}
		}
		entries = append(entries, found)
	}
	return entries
}

// sealsOfArtifact are those of the entries, after what is wrong with the artifact as a whole.
func sealsOfArtifact(a *image.Artifact) ([]seal.Seal, error) {
	entries := EntriesOf(a)
	var found []seal.Seal
	if err := checkArtifact(slices.Concat(entries...)); err != nil {
		found = append(found, seal.Seal{Place: seal.Artifact, Name: a.Digest.String(), Err: err})
	}
	for i, entry := range entries {
		d := a.Layers[i]
		if string(d.MediaType) != seal.SignatureType || len(entry) == 0 {
			found = append(found, entry...)
			continue
		}
		var signature []byte
		wrong := checkSignatureSize(d.Size)
		if wrong == nil {
			var err error
			if signature, err = readSignature(a, d); err != nil {
				return nil, fmt.Errorf("signature %d: %w", i+1, err)
			}
		}
		for _, f := range entry {
			f.Signature = signature
			if f.Err == nil {
				f.Err = wrong
			}
			found = append(found, f)
		}
	}
	return found, nil
}

// checkArtifact holds an artifact's seals against the draft, "Artifact Manifest"
// and "Layer Ordering": a digest of all layers must be there, and all must be of
// one hash. Their order, which is to be that of the draft too, is not looked at.
func checkArtifact(found []seal.Seal) error {
	merged := false
	var hash fsverity.Algorithm
	for _, f := range found {
		k, is, err := seal.ParseKey(f.Key)
		if !is || err != nil || k.Algorithm == 0 {
			continue
		}
		if hash != 0 && k.Algorithm != hash {
			return fmt.Errorf("the artifact has digests of %v and %v: the draft wants an artifact for each", hash, k.Algorithm)
		}
		hash = k.Algorithm
		merged = merged || k.Role == seal.Merged && !k.Signature
	}
	if !merged {
		return errors.New("the artifact has no digest of all layers, which the draft demands")
	}
	return nil
}

func readSignature(a *image.Artifact, layer v1.Descriptor) ([]byte, error) {
	blob, err := a.Open(layer)
	if err != nil {
		return nil, err
	}
	defer blob.Close()
	raw, err := io.ReadAll(io.LimitReader(blob, SignatureMax+1))
	if err != nil {
		return nil, err
	}
	return raw, image.VerifyBytes("signature", raw, layer.Digest, layer.Size)
}
