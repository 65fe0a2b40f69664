// Package recipe turns a tree into a composefs digest, and is the only place that
// does: a policy, the version of the image and the hash are all that a digest
// depends on besides the tree. What a policy does is in canon/policy, how an image
// is written in canon/erofs.
package recipe

import (
	"cfsverify/canon"
	"cfsverify/canon/erofs"
	"cfsverify/canon/fsverity"
	"cfsverify/canon/policy"
)

// Recipe is all that a digest depends on besides the tree.
type Recipe struct {
	Version erofs.Version
	// Hash is that of the digest. It must be that of the tree's content digests.
	Hash   fsverity.Algorithm
	Policy policy.Policy
}

// Apply applies the policy to a tree, takes from it what an image of the version
// cannot tell, and gives the digest of its image. Trees that Apply changed are the
// same exactly if their digests are. Errors are those of the policy, and of trees
// that no image can hold.
func (r Recipe) Apply(t *canon.Tree) (fsverity.Digest, error) {
	if err := r.Policy.Apply(t); err != nil {
		return fsverity.Digest{}, err
	}
	erofs.Fit(t, r.Version)
	return erofs.Digest(t, erofs.Options{Version: r.Version}, r.Hash)
}

// Digest gives the digest that Apply gives, but does not change the tree.
func (r Recipe) Digest(t *canon.Tree) (fsverity.Digest, error) { return r.Apply(t.Clone()) }
