package erofs

import (
	"cfsverify/canon"
	"cfsverify/canon/fsverity"
)

// formats are all that images can be written in.
func formats() []Options {
	return []Options{{V0, ComposefsRS}, {V1, ComposefsRS}, {V2, ComposefsRS}, {V0, Mkcomposefs}, {V1, Mkcomposefs}}
}

// digestOf is the fs-verity digest of the image that Write writes.
func digestOf(t *canon.Tree, o Options, alg fsverity.Algorithm) (fsverity.Digest, error) {
	h := fsverity.New(alg)
	if err := Write(h, t, o); err != nil {
		return fsverity.Digest{}, err
	}
	return h.Digest(), nil
}
