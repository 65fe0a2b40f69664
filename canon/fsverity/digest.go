// Package fsverity computes fs-verity digests in user space, as the kernel and
// fsverity-utils do for a block size of 4096 bytes and no salt, which is what
// composefs uses. See Documentation/filesystems/fsverity.rst in the kernel.
// What is hashed, and why, is not known here.
package fsverity

import (
	"encoding/hex"
	"fmt"
)

// Algorithm is a hash by its number in the kernel's FS_VERITY_HASH_ALG list
// (include/uapi/linux/fsverity.h).
type Algorithm uint8

const (
	SHA256 Algorithm = 1
	SHA512 Algorithm = 2
)

// Size is the length of the algorithm's digests in bytes.
func (a Algorithm) Size() int {
	if a == SHA512 {
		return 64
	}
	return 32
}

func (a Algorithm) String() string {
	switch a {
	case SHA256:
		return "sha256"
	case SHA512:
		return "sha512"
	}
	return fmt.Sprintf("algorithm %d", uint8(a))
}

// ParseAlgorithm reads "sha256" or "sha512".
func ParseAlgorithm(name string) (Algorithm, error) {
	switch name {
	case "sha256":
		return SHA256, nil
	case "sha512":
		return SHA512, nil
	}
	return 0, fmt.Errorf("unknown hash %q: use sha256 or sha512", name)
}

// Digest is an fs-verity file digest. It is comparable; its zero value stands
// for "none".
type Digest struct {
	sum string // raw, of the algorithm's size
}

// NewDigest makes a digest of sum, which must be as long as the algorithm's
// digests are.
func NewDigest(alg Algorithm, sum []byte) (Digest, error) {
	if alg != SHA256 && alg != SHA512 {
		return Digest{}, fmt.Errorf("unknown fs-verity %v", alg)
	}
	if len(sum) != alg.Size() {
		return Digest{}, fmt.Errorf("a %v digest has %d bytes, not %d", alg, alg.Size(), len(sum))
	}
	return Digest{string(sum)}, nil
}

// ParseDigest reads hexadecimal digits; their number tells the algorithm: 64
// for SHA256, 128 for SHA512.
func ParseDigest(s string) (Digest, error) {
	alg := SHA256
	switch len(s) {
	case 2 * 32:
	case 2 * 64:
		alg = SHA512
	default:
		return Digest{}, fmt.Errorf("a digest has 64 (sha256) or 128 (sha512) hexadecimal digits, not %d", len(s))
	}
	sum, err := hex.DecodeString(s)
	if err != nil {
		return Digest{}, fmt.Errorf("digest %q is not hexadecimal", s)
	}
	return NewDigest(alg, sum)
}

// Algorithm is 0 for the zero digest.
func (d Digest) Algorithm() Algorithm {
	switch len(d.sum) {
	case SHA256.Size():
		return SHA256
	case SHA512.Size():
		return SHA512
	}
	return 0
}

// IsZero says that there is no digest.
func (d Digest) IsZero() bool { return d.sum == "" }

// Bytes returns a copy of the raw digest, or nil if there is none.
func (d Digest) Bytes() []byte {
	if d.IsZero() {
		return nil
	}
	return []byte(d.sum)
}

// String is the digest in lower-case hexadecimal, empty if there is none.
func (d Digest) String() string { return hex.EncodeToString([]byte(d.sum)) }

// ObjectPath is the place of a file of this digest in a composefs content
// store, relative to the store: two hexadecimal digits, a slash, the rest.
func (d Digest) ObjectPath() string {
	var path [2*64 + 1]byte
	return string(d.AppendObjectPath(path[:0]))
}

// AppendObjectPath appends what ObjectPath returns.
func (d Digest) AppendObjectPath(b []byte) []byte {
	if d.IsZero() {
		return b
	}
	var sum [64]byte
	n := copy(sum[:], d.sum)
	b = append(hex.AppendEncode(b, sum[:1]), '/')
	return hex.AppendEncode(b, sum[1:n])
}

// AppendBytes appends what Bytes returns.
func (d Digest) AppendBytes(b []byte) []byte { return append(b, d.sum...) }
