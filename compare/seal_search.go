package compare

import (
	"context"

	"cfsverify/canon"
	"cfsverify/canon/erofs"
	"cfsverify/canon/fsverity"
	"cfsverify/canon/policy"
	"cfsverify/canon/seal"
)

// search looks for what gives the digests of wrong seals: first what the image was
// before its upper layers, by the usual recipes, then any recipe. All seals are
// looked for at once, as many have the same cause.
func (s *sealCheck) search(ctx context.Context, seals []*CheckedSeal) error {
	images, alone := map[fsverity.Digest]*SealMatch{}, map[int]map[fsverity.Digest]*SealMatch{}
	for _, c := range seals {
		if c.State != SealWrong || c.hasExpected() {
			continue
		}
		switch c.Claim.Role {
		case seal.Config, seal.Manifest:
		case seal.Layer:
			if alone[c.Layer] == nil {
				alone[c.Layer] = map[fsverity.Digest]*SealMatch{}
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
		tree, err := s.Alone(layer)
		if err != nil {
			return err
		}
		if err := s.searchTree(ctx, tree, Recipes(tree, s.Policy.Created), 0, digests); err != nil {
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

// hasExpected says that the digest is right, whatever else is wrong with the seal.
func (c *CheckedSeal) hasExpected() bool {
	for _, e := range c.Expected {
		if e.Digest == c.Claim.Digest {
			return true
		}
	}
	return false
}

func (s *sealCheck) searchImage(ctx context.Context, digests map[fsverity.Digest]*SealMatch) error {
	for n := s.Layers - 1; n > 0 && missing(digests); n-- {
		tree, err := s.Lowest(n)
		if err != nil {
			return err
		}
		if err := s.searchTree(ctx, tree, s.usual(), n, digests); err != nil {
			return err
		}
	}
	if !missing(digests) {
		return nil
	}
	return s.searchTree(ctx, s.Tree, Recipes(s.Tree, s.Policy.Created), s.Layers, digests)
}

func missing(digests map[fsverity.Digest]*SealMatch) bool {
	for _, match := range digests {
		if match == nil {
			return true
		}
	}
	return false
}

// searchTree notes which digests recipes give the tree of the lowest layers.
func (s *sealCheck) searchTree(ctx context.Context, tree *canon.Tree, recipes []Recipe, layers int, digests map[fsverity.Digest]*SealMatch) error {
	if !missing(digests) {
		return nil
	}
	made, err := Digests(ctx, tree, recipes, s.Hash)
	if err != nil {
		return err
	}
	for i, digest := range made {
		match, wanted := digests[digest]
		if !wanted || match != nil {
			continue
		}
		match = &SealMatch{Layers: layers, Recipe: recipes[i]}
		if layers > 0 && layers < s.Layers {
			if match.Since, err = s.since(tree, recipes[i]); err != nil {
				return err
			}
		}
		digests[digest] = match
	}
	return nil
}

// usual are the recipes that the image's own may have been, ready for booting or
// not.
func (s *sealCheck) usual() []Recipe {
	var list []Recipe
	for _, boot := range []policy.BootRule{policy.BootSeconds, policy.BootNanoseconds, policy.BootNo} {
		for _, version := range []erofs.Version{erofs.V1, erofs.V0, erofs.V2} {
			policy := s.Policy
			policy.Boot = boot
			list = append(list, Recipe{version, policy})
		}
	}
	return list
}

// since compares an older tree with the image's, in what a recipe makes of them.
func (s *sealCheck) since(older *canon.Tree, r Recipe) ([]Difference, error) {
	trees := [2]*canon.Tree{older.Clone(), s.Tree.Clone()}
	for _, t := range trees {
		if _, err := r.apply(t, s.Hash); err != nil {
			return nil, err
		}
	}
	return Trees(trees[0], trees[1]), nil
}
