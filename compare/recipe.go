package compare

import (
	"cfsverify/canon"
	"cfsverify/canon/erofs"
	"cfsverify/canon/fsverity"
	"cfsverify/canon/policy"
)

// Recipe is all that a digest depends on besides the tree and the hash.
type Recipe struct {
	Version erofs.Version
	Policy  policy.Policy
}

// Digest applies the recipe to a copy of the tree.
func (r Recipe) Digest(t *canon.Tree, alg fsverity.Algorithm) (fsverity.Digest, error) {
	return r.apply(t.Clone(), alg)
}

// apply applies the recipe to a tree, and fits the tree to the image's version.
func (r Recipe) apply(t *canon.Tree, alg fsverity.Algorithm) (fsverity.Digest, error) {
	if err := r.Policy.Apply(t); err != nil {
		return fsverity.Digest{}, err
	}
	erofs.Fit(t, r.Version)
	return erofs.Digest(t, erofs.Options{Version: r.Version}, alg)
}
