package seal

import (
	"fmt"
	"slices"
	"strings"

	"cfsverify/canon/erofs"
	"cfsverify/canon/fsverity"
)

const (
	// LabelKey is the label of the config that composefs-rs wrote and read until
	// March 2026 (its commit c3ac26627ff3), with the digest of the merged image of
	// the version that it then had.
	LabelKey = "containers.composefs.fsverity"

	// ArtifactType is the type of an artifact that carries digests of the image which
	// is its subject, SignatureType the media type of the artifact's layers.
	ArtifactType  = "application/vnd.composefs.metadata.v1"
	SignatureType = "application/vnd.composefs.signature.v1+pkcs7"

	keyPrefix       = "composefs."
	signatureSuffix = ".sig"
)

// Key is the key of an annotation that has a digest, or the signature of one.
type Key struct {
	Role Role
	// Versions are as in Claim; none if Role is no composefs image.
	Versions  []erofs.Version
	Algorithm fsverity.Algorithm
	// Signature: the value is the base64 of a PKCS#7 signature.
	Signature bool
}

// AnnotationKey is the key of the annotation with the digest for a role. For
// composefs images it is that of version 1, the only one that has keys.
func AnnotationKey(role Role, alg fsverity.Algorithm) string {
	key := keyPrefix + string(role) + "."
	if role.IsImage() {
		key += "erofs.v1."
	}
	return key + "fsverity-" + hashName(alg)
}

// ParseKey reads the key of a label or annotation. found is false for keys that
// have nothing to do with seals; err says what is wrong with a key that has.
func ParseKey(key string) (k Key, found bool, err error) {
	if key == LabelKey {
		return Key{Role: Merged, Versions: []erofs.Version{erofs.V1, erofs.V0, erofs.V2}}, true, nil
	}
	rest, found := strings.CutPrefix(key, keyPrefix)
	if !found {
		return Key{}, false, nil
	}
	rest, k.Signature = strings.CutSuffix(rest, signatureSuffix)
	before, hash, hashed := strings.Cut(rest, ".fsverity-")
	role, version, versioned := strings.Cut(before, ".erofs.")
	k.Role = Role(role)
	switch {
	case !hashed || !slices.Contains([]Role{Merged, Bootable, Layer, Config, Manifest}, k.Role) || versioned != k.Role.IsImage():
		return Key{}, true, fmt.Errorf("the key %q is of no known form", key)
	case versioned && version != "v1":
		return Key{}, true, fmt.Errorf("the key %q is of a version that is not known: only erofs.v1 is", key)
	case versioned:
		k.Versions = []erofs.Version{erofs.V1}
	}
	if k.Algorithm, err = parseHash(hash); err != nil {
		return Key{}, true, fmt.Errorf("the key %q is of no known form: %w", key, err)
	}
	return k, true, nil
}

// Claim reads the value of the key.
func (k Key) Claim(value string) (Claim, error) {
	c := Claim{Role: k.Role, Versions: k.Versions}
	alg := k.Algorithm
	if alg == 0 {
		// A label does not say which hash it is of.
		digest, err := fsverity.ParseDigest(value)
		if err != nil {
			return c, err
		}
		alg = digest.Algorithm()
	}
	var err error
	c.Digest, err = parseDigest(alg, value)
	return c, err
}
