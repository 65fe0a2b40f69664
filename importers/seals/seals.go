package seals

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"slices"

	"cfsverify/canon"
	"cfsverify/canon/seal"
	"cfsverify/importers/image"
)

// SealsMax is how many seals an image may have: each is compared, and a wrong one
// with what each of the layers would give.
const SealsMax = 10_000

// Find finds what seals an image: in the unified kernel images of its tree, whose files
// were read with it, in its config, its manifest and the artifacts that are about it. other
// is the tree that the layer rules make which were not chosen, nil if it is the same or there
// is none: kernel images that differ in it have no seals that can be read.
func Find(ctx context.Context, img *image.Image, t, other *canon.Tree, files *Reading) ([]seal.Seal, error) {
	found, err := findMetadataSeals(ctx, img)
	if err != nil {
		return nil, err
	}
	ukis, err := findUKIs(t, files)
	if err != nil {
		return nil, err
	}
	ukis = withLoaderEntries(withoutDisputed(ukis, t, other), t, other)
	if err := checkSealCount(len(ukis) + len(found)); err != nil {
		return nil, err
	}
	return append(ukis, found...), nil
}

func findMetadataSeals(ctx context.Context, img *image.Image) ([]seal.Seal, error) {
	config, err := img.ParsedConfig()
	if err != nil {
		return nil, err
	}
	manifest, err := img.ParsedManifest()
	if err != nil {
		return nil, err
	}
	merged := []seal.Role{seal.Merged, seal.Bootable}
	found := sealsOf(config.Config.Labels, seal.Seal{Place: seal.Label}, merged)
	found = append(found, sealsOf(manifest.Annotations, seal.Seal{Place: seal.ManifestAnnotation}, merged)...)
	found = append(found, sealsOf(manifest.Config.Annotations, seal.Seal{Place: seal.ConfigAnnotation}, []seal.Role{seal.Config})...)
	for i, layer := range manifest.Layers {
		found = append(found, sealsOf(layer.Annotations, seal.Seal{Place: seal.LayerAnnotation, Layer: i + 1}, []seal.Role{seal.Layer})...)
	}
	if err := checkSealCount(len(found)); err != nil || img.Manifest == nil || img.Artifacts == nil {
		return found, err
	}
	artifacts, err := img.Artifacts(ctx)
	if err != nil {
		return nil, err
	}
	for _, a := range artifacts {
		if err := checkSealCount(len(found) + len(a.Layers)); err != nil {
			return nil, err
		}
		more, err := sealsOfArtifact(&a)
		if err != nil {
			return nil, fmt.Errorf("the artifact %v: %w", a.Digest, err)
		}
		found = append(found, more...)
		if err := checkSealCount(len(found)); err != nil {
			return nil, err
		}
	}
	return found, nil
}

func checkSealCount(n int) error {
	if n > SealsMax {
		return fmt.Errorf("the image has more than %d seals, with those of its artifacts: that is too many to check", SealsMax)
	}
	return nil
}

// sealsOf reads labels or annotations of one place, which may have digests of these
// roles. Signatures go to the digests that they are of.
func sealsOf(values map[string]string, at seal.Seal, roles []seal.Role) []seal.Seal {
	var found []seal.Seal
	for _, name := range slices.Sorted(maps.Keys(values)) {
		key, is, err := seal.ParseKey(name)
		if !is {
			continue
		}
		f := at
		f.Key, f.Value, f.Err = name, values[name], err
		switch {
		case f.Err == nil && !slices.Contains(roles, key.Role):
			f.Err = fmt.Errorf("a digest of the role %q has no place here", key.Role)
		case key.Signature:
			// In the order of keys a signature comes behind its digest.
			if last := len(found) - 1; last >= 0 && found[last].Key+".sig" == name {
				found[last] = signed(found[last], f)
				continue
			}
			if f.Err == nil {
				f.Err = errors.New("a signature without the digest that it is of")
			}
		case f.Err == nil:
			f.Claim, f.Err = key.Claim(f.Value)
		}
		found = append(found, f)
	}
	return found
}

// signed gives a seal the signature that is in another place.
func signed(f, signature seal.Seal) seal.Seal {
	err := signature.Err
	var der []byte
	if err == nil {
		if der, err = base64.StdEncoding.DecodeString(signature.Value); err != nil {
			err = errors.New("its signature is not base64")
		} else {
			err = checkSignatureSize(int64(len(der)))
		}
	}
	switch {
	case err == nil:
		f.Signature = der
	case f.Err == nil:
		f.Err = err
	}
	return f
}

// SignatureMax is the size in bytes up to which signatures are read: the kernel
// takes 16128 (FS_VERITY_MAX_SIGNATURE_SIZE of fs/verity/fsverity_private.h).
const SignatureMax = 16128

// checkSignatureSize says what is wrong with a seal whose signature is so long.
func checkSignatureSize(size int64) error {
	switch {
	case size == 0:
		return errors.New("its signature is empty")
	case size < 0 || size > SignatureMax:
		return fmt.Errorf("its signature has %d bytes, the kernel takes %d", size, SignatureMax)
	}
	return nil
}
