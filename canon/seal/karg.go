package seal

import (
	"fmt"
	"strings"

	"cfsverify/canon/erofs"
	"cfsverify/canon/fsverity"
)

const (
	// LegacyKey is that of kernel arguments with nothing but a digest.
	LegacyKey = "composefs"

	digestKarg = "composefs.digest="
	legacyKarg = LegacyKey + "="
)

// Karg writes the kernel argument for the digest of a bootable composefs image, as
// composefs-rs does.
func Karg(version erofs.Version, digest fsverity.Digest) string {
	if version == erofs.V2 {
		return LegacyKarg(digest)
	}
	return DigestKarg(version, digest)
}

// LegacyKarg writes the argument that does not say which version the image has.
func LegacyKarg(digest fsverity.Digest) string { return legacyKarg + digest.String() }

// DigestKarg writes the argument that says the version of the image and the hash. That of
// version 0 is the same as of version 1.
func DigestKarg(version erofs.Version, digest fsverity.Digest) string {
	return fmt.Sprintf("%sv%d-%s:%v", digestKarg, max(version, erofs.V1), hashName(digest.Algorithm()), digest)
}

// parseDigestKarg reads VERSION-HASH-BITS:HEX, with a "?" in front if the image
// need not be verified.
func parseDigestKarg(value string) (Claim, error) {
	claim := Claim{Role: Bootable}
	value, claim.Insecure = strings.CutPrefix(value, "?")
	form, hex, found := strings.Cut(value, ":")
	version, hash, dashed := strings.Cut(form, "-")
	if !found || !dashed {
		return Claim{}, fmt.Errorf("write VERSION-HASH-12:HEX, such as v1-sha512-12:…")
	}
	switch version {
	case "v1":
		claim.Versions = []erofs.Version{erofs.V1, erofs.V0}
	case "v2":
		claim.Versions = []erofs.Version{erofs.V2}
	default:
		return Claim{}, fmt.Errorf("the version %q is not v1 or v2", version)
	}
	alg, err := parseHash(hash)
	if err != nil {
		return Claim{}, err
	}
	// composefs-rs reads digits of both cases.
	claim.Digest, err = parseDigest(alg, strings.ToLower(hex))
	return claim, err
}

func parseLegacyKarg(value string) (Claim, error) {
	claim := Claim{Role: Bootable, Versions: []erofs.Version{erofs.V2}}
	value, claim.Insecure = strings.CutPrefix(value, "?")
	var err error
	claim.Digest, err = fsverity.ParseDigest(strings.ToLower(value))
	return claim, err
}
