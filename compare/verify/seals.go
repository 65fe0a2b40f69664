package verify

import (
	"context"

	"cfsverify/canon"
	"cfsverify/canon/fsverity"
	"cfsverify/canon/recipe"
	"cfsverify/canon/selinux"
	"cfsverify/compare/seals"
)

// Inside is a tree that may be the one that was sealed.
type Inside struct {
	// Source names it as the user may write it, or its path in the image.
	Source string
	// UKI is the path of the unified kernel image that it is beside, empty for a tree that
	// may be of any seal.
	UKI string
	// Tree is nil if it cannot be read; Err then says why.
	Tree *canon.Tree
	Err  error
	// Final is as in Input.
	Final bool
}

// SealExplanation is what an Inside tells of wrong seals with one digest.
type SealExplanation struct {
	Digest fsverity.Digest
	Inside string
	// Err says why it explains nothing, nil if it does.
	Err error
	// Sealed: the inside has the digest. Result then compares it with the image.
	Sealed bool
	Result *Result
}

// ExplainSeals compares trees that may have been sealed with the image, where that has wrong
// seals on kernel command lines. An inside that does not have the digest of a wrong seal was
// not sealed, and explains nothing. Errors are those of Run.
func ExplainSeals(ctx context.Context, checked []seals.Checked, image Input, insides []Inside, o Options) ([]SealExplanation, error) {
	var list []SealExplanation
	explained := map[fsverity.Digest]bool{}
	for i := range checked {
		c := &checked[i]
		if !c.Misses() || len(c.Audiences) == 0 || explained[c.Claim.Digest] || image.Tree.HashAlgorithm() != 0 && image.Tree.HashAlgorithm() != c.Claim.Digest.Algorithm() {
			continue
		}
		explained[c.Claim.Digest] = true
		for _, inside := range insides {
			if inside.UKI != "" && inside.UKI != c.Name {
				continue
			}
			e := SealExplanation{Digest: c.Claim.Digest, Inside: inside.Source, Err: inside.Err}
			if e.Err == nil {
				selinux.Share(image.Tree, inside.Tree)
				r, found := sealedBy(c, inside)
				if e.Sealed = found; found {
					var err error
					if e.Result, err = runClones(ctx, inside, image, r, o); err != nil {
						return nil, err
					}
				}
			}
			list = append(list, e)
			if e.Sealed {
				break
			}
		}
	}
	return list, nil
}

// sealedBy finds the recipe of a consumer by which an inside has the digest of a seal.
func sealedBy(c *seals.Checked, inside Inside) (recipe.Recipe, bool) {
	for _, a := range c.Audiences {
		if a.Layers.Hash != 0 && a.Layers.Hash != c.Claim.Digest.Algorithm() {
			continue
		}
		for _, r := range []recipe.Recipe{a.Directory, a.Layers} {
			r.Hash, r.Policy.Labelled = c.Claim.Digest.Algorithm(), inside.Final
			if digest, err := r.Digest(inside.Tree); err == nil && digest == c.Claim.Digest {
				r.Policy.Labelled = false
				return r, true
			}
		}
	}
	return recipe.Recipe{}, false
}

// runClones is Run for trees that are needed afterwards.
func runClones(ctx context.Context, inside Inside, image Input, r recipe.Recipe, o Options) (*Result, error) {
	image.Tree = image.Tree.Clone()
	image.Other = nil
	a := Input{Name: "sealed", Source: inside.Source, Tree: inside.Tree.Clone(), Final: inside.Final}
	return Run(ctx, [2]Input{a, image}, r, o)
}
