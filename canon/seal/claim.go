package seal

import (
	"fmt"
	"strings"

	"cfsverify/canon/erofs"
	"cfsverify/canon/fsverity"
)

// Role is what a digest is of.
type Role string

const (
	// Merged is the composefs image of all layers.
	Merged Role = "merged"
	// Bootable is the composefs image that is booted: all layers, with /boot and
	// /sysroot empty.
	Bootable Role = "merged.bootable"
	// Layer is the composefs image of one layer alone.
	Layer Role = "layer"
	// Config and Manifest are these documents, byte for byte.
	Config   Role = "config"
	Manifest Role = "manifest"
)

// IsImage says that the digest is of a composefs image.
func (r Role) IsImage() bool { return r == Merged || r == Bootable || r == Layer }

// Claim is what a seal says: the digest, and of what it is.
type Claim struct {
	Role Role
	// Versions are the EROFS versions that the composefs image may have, the
	// likeliest first.
	Versions []erofs.Version
	Digest   fsverity.Digest
	// Insecure says that the image may be mounted without verifying it.
	Insecure bool
}

// blockBits is the binary logarithm of fs-verity's block size, 4096 bytes. No other
// is supported.
const blockBits = "12"

// parseHash reads HASH-BITS, such as sha512-12.
func parseHash(s string) (fsverity.Algorithm, error) {
	name, bits, _ := strings.Cut(s, "-")
	alg, err := fsverity.ParseAlgorithm(name)
	if err != nil || bits != blockBits {
		return 0, fmt.Errorf("%q is not known: use sha256-12 or sha512-12", s)
	}
	return alg, nil
}

// parseDigest reads a digest of a hash.
func parseDigest(alg fsverity.Algorithm, hex string) (fsverity.Digest, error) {
	if hex != strings.ToLower(hex) {
		return fsverity.Digest{}, fmt.Errorf("the digest %q is not in lower case", hex)
	}
	digest, err := fsverity.ParseDigest(hex)
	if err == nil && digest.Algorithm() != alg {
		err = fmt.Errorf("the digest has %d digits, a %v digest has %d", len(hex), alg, 2*alg.Size())
	}
	return digest, err
}

func hashName(alg fsverity.Algorithm) string { return alg.String() + "-" + blockBits }
