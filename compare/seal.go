package compare

import (
	"context"
	"fmt"
	"slices"

	"cfsverify/canon"
	"cfsverify/canon/erofs"
	"cfsverify/canon/fsverity"
	"cfsverify/canon/seal"
)

// SealState is what a seal is found to be.
type SealState string

const (
	// SealGood: the digest is what it should be.
	SealGood SealState = "good"
	// SealWrong: the digest is another one, or the signature is not valid.
	SealWrong SealState = "wrong"
	// SealUnknown: the seal is of no known form, or nothing tells what it should be.
	SealUnknown SealState = "unknown"
)

// Sealed is an image as seals are about it. File content is hashed with Hash.
type Sealed struct {
	Hash fsverity.Algorithm
	// Policy is what a composefs image is made by, and Boot how one is made ready for
	// booting.
	Policy canon.Policy
	Boot   canon.BootRule
	// Tree is the image's, to which no policy was applied.
	Tree *canon.Tree
	// Layers is how many there are; Lowest gives the tree of the n lowest, and Alone
	// that of layer n on nothing.
	Layers        int
	Lowest, Alone func(n int) (*canon.Tree, error)
	// Manifest and Config are as they are written, nil without one.
	Manifest, Config []byte
}

// CheckedSeal is a seal with what is found of it.
type CheckedSeal struct {
	seal.Found
	State SealState
	// Why says why a seal is unknown, or that its signature is not valid.
	Why string
	// Expected are the digests that the seal may have, the likeliest first.
	Expected []ExpectedDigest
	// Match is what gives the digest of a wrong seal, nil if nothing does that is
	// known.
	Match *SealMatch
	// Signer is whose valid signature it has, empty if none was checked.
	Signer string
}

// ExpectedDigest is one that a seal may have.
type ExpectedDigest struct {
	Role seal.Role
	// Version is that of the composefs image, if it is of one.
	Version erofs.Version
	Digest  fsverity.Digest
}

// SealMatch is an older state of an image, or another recipe, that gives a
// digest.
type SealMatch struct {
	// Layers is how many of the lowest layers it takes: all, if the recipe is what
	// differs.
	Layers int
	Recipe Recipe
	// Since is what the layers above have changed, in what the recipe makes of it.
	Since []Difference
}

// CheckSeal computes what a seal should say. Errors are those of ctx, and of
// trees that cannot be made.
func CheckSeal(ctx context.Context, f seal.Found, image Sealed) (CheckedSeal, error) {
	c := CheckedSeal{Found: f, State: SealUnknown}
	if f.Err != nil {
		c.Why = f.Err.Error()
		return c, nil
	}
	var err error
	if c.Expected, err = image.expected(f); err != nil {
		c.Why = err.Error()
		return c, nil
	}
	c.State = SealWrong
	if slices.ContainsFunc(c.Expected, func(e ExpectedDigest) bool { return e.Digest == f.Claim.Digest }) {
		c.State = SealGood
		return c, nil
	}
	if f.Claim.Role == seal.Config || f.Claim.Role == seal.Manifest || f.Claim.Role == seal.Layer {
		return c, nil
	}
	c.Match, err = image.match(ctx, f.Claim)
	return c, err
}

// expected are the digests for a seal.
func (s Sealed) expected(f seal.Found) ([]ExpectedDigest, error) {
	switch f.Claim.Role {
	case seal.Config:
		return s.document(seal.Config, s.Config)
	case seal.Manifest:
		return s.document(seal.Manifest, s.Manifest)
	case seal.Layer:
		tree, err := s.Alone(f.Layer)
		if err != nil {
			return nil, err
		}
		return s.images(tree, seal.Layer, canon.Raw(), f.Claim.Versions)
	}
	var list []ExpectedDigest
	var errs []error
	for _, role := range rolesOf(f.Claim) {
		more, err := s.images(s.Tree, role, s.policy(role), f.Claim.Versions)
		if err != nil {
			errs = append(errs, err)
		}
		list = append(list, more...)
	}
	if list == nil {
		return nil, errs[0]
	}
	return list, nil
}

// rolesOf are those that a claim about the whole image may mean.
func rolesOf(c seal.Claim) []seal.Role {
	if c.Role == "" {
		return []seal.Role{seal.Bootable, seal.Merged}
	}
	return []seal.Role{c.Role}
}

func (s Sealed) policy(role seal.Role) canon.Policy {
	policy := s.Policy
	policy.Boot = canon.BootNo
	if role == seal.Bootable {
		policy.Boot = s.Boot
	}
	return policy
}

func (s Sealed) document(role seal.Role, document []byte) ([]ExpectedDigest, error) {
	if document == nil {
		return nil, fmt.Errorf("the image has no %s", role)
	}
	return []ExpectedDigest{{Role: role, Digest: fsverity.SumBytes(s.Hash, document)}}, nil
}

func (s Sealed) images(tree *canon.Tree, role seal.Role, policy canon.Policy, versions []erofs.Version) ([]ExpectedDigest, error) {
	var list []ExpectedDigest
	for _, v := range versions {
		digest, err := Recipe{Version: v, Policy: policy}.Digest(tree, s.Hash)
		if err != nil {
			return nil, err
		}
		list = append(list, ExpectedDigest{role, v, digest})
	}
	return list, nil
}

// match looks for what gives a digest: first what the image was before its upper
// layers, by the usual recipes, then any recipe.
func (s Sealed) match(ctx context.Context, claim seal.Claim) (*SealMatch, error) {
	for n := s.Layers - 1; n > 0; n-- {
		tree, err := s.Lowest(n)
		if err != nil {
			return nil, err
		}
		found, err := Identify(ctx, tree, s.usual(), claim.Digest)
		if err != nil {
			return nil, err
		}
		if len(found) > 0 {
			return s.since(n, tree, found[0])
		}
	}
	found, err := Identify(ctx, s.Tree, Recipes(s.Tree, s.Policy.Created), claim.Digest)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return &SealMatch{Layers: s.Layers, Recipe: found[0]}, nil
}

// usual are the recipes that the image's own may have been, ready for booting or
// not.
func (s Sealed) usual() []Recipe {
	var list []Recipe
	for _, boot := range []canon.BootRule{canon.BootSeconds, canon.BootNanoseconds, canon.BootNo} {
		for _, version := range []erofs.Version{erofs.V1, erofs.V0, erofs.V2} {
			policy := s.Policy
			policy.Boot = boot
			list = append(list, Recipe{version, policy})
		}
	}
	return list
}

// since compares an older tree with the image's.
func (s Sealed) since(n int, older *canon.Tree, r Recipe) (*SealMatch, error) {
	now := s.Tree.Clone()
	for _, t := range []*canon.Tree{older, now} {
		if _, err := r.apply(t, s.Hash); err != nil {
			return nil, err
		}
	}
	return &SealMatch{Layers: n, Recipe: r, Since: Trees(older, now)}, nil
}
