package seals

import (
	"context"

	"cfsverify/canon"
	"cfsverify/canon/erofs"
	"cfsverify/canon/fsverity"
	"cfsverify/canon/policy"
	"cfsverify/canon/recipe"
	"cfsverify/canon/seal"
	"cfsverify/canon/selinux"
	"cfsverify/compare"
	"cfsverify/compare/identify"
)

// search looks for what gives the digests of wrong seals: first what the image was
// before its upper layers, by the usual recipes, then any recipe. All seals are
// looked for at once, as many have the same cause.
func (s *sealCheck) search(ctx context.Context, seals []*Checked) error {
	images, alone := map[fsverity.Digest]*Match{}, map[int]map[fsverity.Digest]*Match{}
	for _, c := range seals {
		if c.State != Wrong || c.hasExpected() {
			continue
		}
		switch c.Claim.Role {
		case seal.Config, seal.Manifest:
		case seal.Layer:
			if alone[c.Layer] == nil {
				alone[c.Layer] = map[fsverity.Digest]*Match{}
			}
			alone[c.Layer][c.Claim.Digest] = nil
		default:
			images[c.Claim.Digest] = nil
		}
	}
	if err := s.searchImage(ctx, images); err != nil {
		return err
	}
	for layer, digests := range alone {
		tree, err := s.Stack.Alone(layer)
		if err != nil {
			return err
		}
		if err := s.searchTree(ctx, tree, identify.Recipes(tree, s.Policy.Created, s.Hash), 0, digests); err != nil {
			return err
		}
	}
	for _, c := range seals {
		found := images
		if c.Claim.Role == seal.Layer {
			found = alone[c.Layer]
		}
		if match, searched := found[c.Claim.Digest]; searched {
			c.Match, c.Searched = match, true
		}
	}
	return nil
}

// Misses says that a seal is wrong, and its digest right for nobody.
func (c *Checked) Misses() bool { return c.State == Wrong && !c.hasExpected() }

// hasExpected says that the digest is right, whatever else is wrong with the seal.
func (c *Checked) hasExpected() bool {
	for _, e := range c.Expected {
		if e.Digest == c.Claim.Digest {
			return true
		}
	}
	return false
}

func (s *sealCheck) searchImage(ctx context.Context, digests map[fsverity.Digest]*Match) error {
	for n := s.Stack.Len() - 1; n > 0 && missing(digests); n-- {
		tree, err := s.Stack.Lowest(n)
		if err != nil {
			return err
		}
		selinux.Share(s.Tree, tree)
		if err := s.searchTree(ctx, tree, s.usual(), n, digests); err != nil {
			return err
		}
	}
	if !missing(digests) {
		return nil
	}
	return s.searchTree(ctx, s.Tree, identify.Recipes(s.Tree, s.Policy.Created, s.Hash), s.Stack.Len(), digests)
}

func missing(digests map[fsverity.Digest]*Match) bool {
	for _, match := range digests {
		if match == nil {
			return true
		}
	}
	return false
}

// searchTree notes which digests recipes give the tree of the lowest layers.
func (s *sealCheck) searchTree(ctx context.Context, tree *canon.Tree, recipes []recipe.Recipe, layers int, digests map[fsverity.Digest]*Match) error {
	if !missing(digests) {
		return nil
	}
	made, err := recipe.Try(ctx, tree, recipes)
	if err != nil {
		return err
	}
	for _, m := range made {
		match, wanted := digests[m.Digest]
		if !wanted || match != nil {
			continue
		}
		match = &Match{Layers: layers, Recipe: m.Recipe}
		if layers > 0 && layers < s.Stack.Len() {
			if match.Since, err = s.since(tree, m.Recipe); err != nil {
				return err
			}
		}
		digests[m.Digest] = match
	}
	return nil
}

// usual are the recipes that the image's own may have been, ready for booting or
// not.
func (s *sealCheck) usual() []recipe.Recipe {
	var list []recipe.Recipe
	for _, boot := range []policy.BootRule{policy.BootSeconds, policy.BootNanoseconds, policy.BootNo} {
		for _, version := range []erofs.Version{erofs.V1, erofs.V0, erofs.V2} {
			policy := s.Policy
			policy.Boot = boot
			list = append(list, recipe.Recipe{Version: version, Hash: s.Hash, Policy: policy})
		}
	}
	return list
}

// since compares an older tree with the image's, in what a recipe makes of them.
func (s *sealCheck) since(older *canon.Tree, r recipe.Recipe) ([]compare.Difference, error) {
	trees := [2]*canon.Tree{older.Clone(), s.Tree.Clone()}
	for _, t := range trees {
		if err := r.Prepare(t); err != nil {
			return nil, err
		}
	}
	return compare.Trees(trees[0], trees[1]), nil
}
