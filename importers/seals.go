package importers

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"cfsverify/canon/seal"
)

// findSeals finds what seals an image in its config, its manifest and the
// artifacts that are about it.
func findSeals(ctx context.Context, img *image) ([]seal.Found, error) {
	var found []seal.Found
	if img.config != nil {
		config, err := v1.ParseConfigFile(bytes.NewReader(img.config))
		if err != nil {
			return nil, fmt.Errorf("the config is not valid: %w", err)
		}
		found = append(found, sealsOf(config.Config.Labels, seal.Found{Place: seal.Label}, seal.Merged, seal.Bootable)...)
	}
	if img.manifest == nil {
		return found, nil
	}
	manifest, err := v1.ParseManifest(bytes.NewReader(img.manifest))
	if err != nil {
		return nil, fmt.Errorf("the manifest is not valid: %w", err)
	}
	found = append(found, sealsOf(manifest.Annotations, seal.Found{Place: seal.ManifestAnnotation}, seal.Merged, seal.Bootable)...)
	found = append(found, sealsOf(manifest.Config.Annotations, seal.Found{Place: seal.ConfigAnnotation}, seal.Config)...)
	for i, layer := range manifest.Layers {
		found = append(found, sealsOf(layer.Annotations, seal.Found{Place: seal.LayerAnnotation, Layer: i + 1}, seal.Layer)...)
	}
	if img.artifacts == nil {
		return found, nil
	}
	artifacts, err := img.artifacts(ctx)
	if err != nil {
		return nil, err
	}
	for _, a := range artifacts {
		more, err := a.seals()
		if err != nil {
			return nil, fmt.Errorf("the artifact %v: %w", a.digest, err)
		}
		found = append(found, more...)
	}
	return found, nil
}

// sealsOf reads labels or annotations of one place, which may have digests of
// these roles. Signatures go to the digests that they are of.
func sealsOf(values map[string]string, at seal.Found, roles ...seal.Role) []seal.Found {
	var found []seal.Found
	for _, name := range slices.Sorted(maps.Keys(values)) {
		key, is, err := seal.ParseKey(name)
		if !is {
			continue
		}
		f := at
		f.Key, f.Value, f.Err = name, values[name], err
		switch {
		case err != nil:
		case !slices.Contains(roles, key.Role):
			f.Err = fmt.Errorf("a digest of the role %q has no place here", key.Role)
		case key.Signature:
			// In the order of keys a signature comes behind its digest.
			if last := len(found) - 1; last >= 0 && found[last].Key+".sig" == name {
				found[last].Signature, found[last].Err = decodeSignature(f.Value, found[last].Err)
				continue
			}
			f.Err = errors.New("a signature without the digest that it is of")
		default:
			f.Claim, f.Err = key.Claim(f.Value)
		}
		found = append(found, f)
	}
	return found
}

// decodeSignature gives the signature, and what is wrong with the seal.
func decodeSignature(text string, before error) ([]byte, error) {
	der, err := base64.StdEncoding.DecodeString(text)
	if err != nil && before == nil {
		before = errors.New("its signature is not base64")
	}
	return der, before
}

// artifact is a manifest whose subject is an image, with what opens its layers.
type artifact struct {
	digest   v1.Hash
	manifest *v1.Manifest
	open     openBlob
}

// readArtifact gives none if a manifest is no artifact with seals of the image.
func readArtifact(raw []byte, image v1.Hash, open openBlob) (*artifact, error) {
	manifest, err := v1.ParseManifest(bytes.NewReader(raw))
	if err != nil {
		return nil, fmt.Errorf("a manifest beside the image is not valid: %w", err)
	}
	if manifest.ArtifactType != seal.ArtifactType || manifest.Subject == nil || manifest.Subject.Digest != image {
		return nil, nil
	}
	digest, _, err := v1.SHA256(bytes.NewReader(raw))
	return &artifact{digest, manifest, open}, err
}

// artifactRoles are those of an artifact's entries.
func artifactRoles() []seal.Role {
	return []seal.Role{seal.Manifest, seal.Config, seal.Merged, seal.Bootable}
}

func (a *artifact) seals() ([]seal.Found, error) {
	var found []seal.Found
	for i, layer := range a.manifest.Layers {
		entries := sealsOf(layer.Annotations, seal.Found{Place: seal.Artifact, Name: a.digest.String()}, artifactRoles()...)
		if string(layer.MediaType) != seal.SignatureType {
			found = append(found, entries...)
			continue
		}
		signature, err := a.signature(layer)
		if err != nil {
			return nil, fmt.Errorf("signature %d: %w", i+1, err)
		}
		for _, f := range entries {
			f.Signature = signature
			found = append(found, f)
		}
	}
	return found, nil
}

// signatureMax is the size in bytes up to which signatures are read: the kernel
// takes 16128 (FS_VERITY_MAX_SIGNATURE_SIZE of fs/verity/fsverity_private.h).
const signatureMax = 16128

func (a *artifact) signature(layer v1.Descriptor) ([]byte, error) {
	if layer.Size < 0 || layer.Size > signatureMax {
		return nil, fmt.Errorf("it has %d bytes, the kernel takes %d", layer.Size, signatureMax)
	}
	blob, err := a.open(layer)
	if err != nil {
		return nil, err
	}
	defer blob.Close()
	raw, err := io.ReadAll(io.LimitReader(blob, signatureMax+1))
	if err != nil {
		return nil, err
	}
	return raw, verifyBytes("signature", raw, layer.Digest, layer.Size)
}
