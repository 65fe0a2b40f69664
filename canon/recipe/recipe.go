// Package recipe turns a tree into a composefs digest, and is the only place that
// does: a policy, the version and writer of the image, and the hash are all that a
// digest depends on besides the tree. What a policy does is in canon/policy, how an image
// is written in canon/erofs.
package recipe

import (
	"io"

	"cfsverify/canon"
	"cfsverify/canon/erofs"
	"cfsverify/canon/fsverity"
	"cfsverify/canon/policy"
)

// Recipe is all that a digest depends on besides the tree.
type Recipe struct {
	Version erofs.Version
	// Writer is the program whose digest it is. The zero value is the one with which
	// images boot; only trees with a corner have another digest by another one.
	Writer erofs.Writer
	// Hash is that of the digest. It must be that of the tree's content digests.
	Hash   fsverity.Algorithm
	Policy policy.Policy
}

// Apply does what Prepare does, and gives the digest of the tree's image. Trees that
// Apply changed are the same exactly if their digests are. Errors are those of the
// policy, and of trees that no image can hold.
func (r Recipe) Apply(t *canon.Tree) (fsverity.Digest, error) {
	digest, _, err := r.ApplyFindingCorners(t)
	return digest, err
}

// ApplyFindingCorners does what Apply does, and gives the corners that the tree had when
// the policy was applied: over which its digests by different writers differ.
func (r Recipe) ApplyFindingCorners(t *canon.Tree) (fsverity.Digest, []erofs.Corner, error) {
	if err := r.Policy.Apply(t); err != nil {
		return fsverity.Digest{}, nil, err
	}
	corners := erofs.Corners(t, r.Version)
	// The digest comes first: what Write refuses, Fit may mend.
	digest, err := r.Sum(t)
	erofs.Fit(t, r.options())
	return digest, corners, err
}

// Digest gives the digest that Apply gives, but does not change the tree.
func (r Recipe) Digest(t *canon.Tree) (fsverity.Digest, error) {
	t = t.Clone()
	if err := r.Policy.Apply(t); err != nil {
		return fsverity.Digest{}, err
	}
	// What fitting takes from the tree is not in the image.
	return r.Sum(t)
}

// Prepare applies the policy to a tree, and takes from it what the image cannot tell.
func (r Recipe) Prepare(t *canon.Tree) error {
	if err := r.Policy.Apply(t); err != nil {
		return err
	}
	erofs.Fit(t, r.options())
	return nil
}

func (r Recipe) options() erofs.Options { return erofs.Options{Version: r.Version, Writer: r.Writer} }

// Sum gives the digest of the image of a tree to which the policy was applied.
func (r Recipe) Sum(t *canon.Tree) (fsverity.Digest, error) { return r.Write(io.Discard, t) }

// Write writes the image of a tree to which the policy was applied, and gives its
// digest.
func (r Recipe) Write(w io.Writer, t *canon.Tree) (fsverity.Digest, error) {
	hasher := fsverity.New(r.Hash)
	if err := erofs.Write(io.MultiWriter(w, hasher), t, r.options()); err != nil {
		return fsverity.Digest{}, err
	}
	return hasher.Digest(), nil
}
