package image

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"cfsverify/canon/printable"
)

// VerifyBytes checks a manifest or config against the descriptor that led to
// it.
func VerifyBytes(what string, raw []byte, want v1.Hash, size int64) error {
	if want.Algorithm != "sha256" {
		return fmt.Errorf("the %s has a %s digest: only sha256 can be verified", what, printable.Text(want.Algorithm))
	}
	if int64(len(raw)) != size {
		return fmt.Errorf("the %s %v has %d bytes, its descriptor says %d", what, want, len(raw), size)
	}
	if sum := sha256.Sum256(raw); hex.EncodeToString(sum[:]) != want.Hex {
		return fmt.Errorf("the %s %v is not what its digest says: it has sha256:%x", what, want, sum)
	}
	return nil
}
