package erofs

import (
	"cfsverify/canon"
	"cfsverify/canon/fsverity"
)

// digestOf is the fs-verity digest of the image that Write writes.
func digestOf(t *canon.Tree, o Options, alg fsverity.Algorithm) (fsverity.Digest, error) {
	h := fsverity.New(alg)
	if err := Write(h, t, o); err != nil {
		return fsverity.Digest{}, err
	}
	return h.Digest(), nil
}
