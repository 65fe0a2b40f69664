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
	// Bootable is the one that is booted: without /boot and /sysroot.
	Bootable Role = "merged.bootable"
	// Layer is the composefs image of one layer alone.
	Layer Role = "layer"
	// Config and Manifest are these documents, byte for byte.
	Config   Role = "config"
	Manifest Role = "manifest"
)

// IsImage says that the digest is of a composefs image.
func (r Role) IsImage() bool { return r == Merged || r == Bootable || r == Layer }

// Claim is what a seal says.
type Claim struct {
	Role Role
	// Versions are those that the composefs image may be of, the likeliest first.
	Versions []erofs.Version
	Digest   fsverity.Digest
	// Insecure: whoever mounts the image need not verify it.
	Insecure bool
}

// blockBits is the binary logarithm of fs-verity's block size: all that is known
// here.
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
