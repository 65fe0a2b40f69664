package seals

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"cfsverify/canon"
	"cfsverify/canon/erofs"
	"cfsverify/canon/fsverity"
	"cfsverify/canon/policy"
	"cfsverify/canon/recipe"
	"cfsverify/canon/seal"
	"cfsverify/canon/selinux"
	"cfsverify/compare/identify"
)

// TimeoutError says that it was not found in time what gives the digest of a wrong seal.
type TimeoutError struct{ Timeout time.Duration }

func (e *TimeoutError) Error() string {
	return fmt.Sprintf("what gives that digest was not found in %v, and there is more to try", e.Timeout)
}

// UnreadError says that an older state of an image could not be labelled for booting, so that
// its digests are not known.
type UnreadError struct {
	// Layers is how many of the lowest layers it has, Path the policy file that lacks its
	// content.
	Layers int
	Path   string
}

func (e *UnreadError) Error() string {
	return fmt.Sprintf("what the image was before its upper layers is not known as a bootable image: of the %d lowest layers the content of the policy file %q was not kept", e.Layers, e.Path)
}

// olderMax is how much the older states of an image may have in all, as a multiple of its
// layers' entries: so what they cost grows as the image does, not as its square. It is
// enough for all states of 128 layers that add the same each.
const olderMax = 64

// UntriedError says that older states of an image were not tried, as together they have too
// much for that.
type UntriedError struct {
	// Layers is how many of the lowest layers the newest of them has.
	Layers int
}

func (e *UntriedError) Error() string {
	return fmt.Sprintf("the digest is not that of the image, or of an older state that was tried; those with %d of its layers or fewer were not, as that would take too long", e.Layers)
}

// search looks for what gives the digests of wrong seals, for as long as a timeout says
// that is not 0. What was found until then is kept.
func search(ctx context.Context, checks []*sealCheck, timeout time.Duration) error {
	var late *TimeoutError
	if timeout > 0 {
		late = &TimeoutError{timeout}
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, timeout, late)
		defer cancel()
	}
	for _, check := range checks {
		err := check.search(ctx)
		isLate := err != nil && errors.Is(err, ctx.Err()) && context.Cause(ctx) == error(late)
		if isLate {
			err = late
		}
		check.setMatches(err)
		if err != nil && !isLate {
			return err
		}
	}
	return nil
}

// wanted are digests that are looked for, with what gives them once that is found.
type wanted map[fsverity.Digest]*Match

// missing says that not all were found.
func (w wanted) missing() bool {
	for _, match := range w {
		if match == nil {
			return true
		}
	}
	return false
}

// wantedOf gives the digests among which that of a wrong seal is looked for: nil if it is
// not.
func (s *sealCheck) wantedOf(c *Checked) wanted {
	switch {
	case !c.Misses() || c.Claim.Role == seal.Config || c.Claim.Role == seal.Manifest:
		return nil
	case c.Claim.Role == seal.Layer:
		if s.alone[c.Layer] == nil {
			s.alone[c.Layer] = wanted{}
		}
		return s.alone[c.Layer]
	}
	return s.images
}

// search looks for the digests of all seals at once, as many have the same cause: first
// the image and what it was before its upper layers, by the usual recipes, then any
// recipe.
func (s *sealCheck) search(ctx context.Context) error {
	for _, c := range s.seals {
		if w := s.wantedOf(c); w != nil {
			w[c.Claim.Digest] = nil
		}
	}
	if err := s.searchImage(ctx); err != nil {
		return err
	}
	for _, layer := range slices.Sorted(maps.Keys(s.alone)) {
		tree, err := s.Stack.Alone(layer)
		if err != nil {
			return err
		}
		if err := s.searchTree(ctx, tree, identify.Recipes(tree, s.Policy.Created, s.Hash), 0, s.alone[layer]); err != nil {
			return err
		}
	}
	return nil
}

// setMatches tells the seals what was found until the search ended, with an error or
// without.
func (s *sealCheck) setMatches(ended error) {
	for _, c := range s.seals {
		w := s.wantedOf(c)
		if w == nil {
			continue
		}
		c.Match = w[c.Claim.Digest]
		switch {
		case c.Match != nil:
			c.Searched = true
		case ended != nil:
			c.SearchErr = ended
		case s.incomplete != nil && c.Claim.Role != seal.Layer:
			c.SearchErr = s.incomplete
		default:
			c.Searched = true
		}
	}
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

func (s *sealCheck) searchImage(ctx context.Context) error {
	if !s.images.missing() {
		return nil
	}
	usual := s.usual()
	if err := s.searchTree(ctx, s.Tree, usual, s.Stack.Len(), s.images); err != nil {
		return err
	}
	left := olderMax * s.Stack.Entries()
	err := s.Stack.Older(ctx, func(n int, tree *canon.Tree) (bool, error) {
		for range tree.Dirents() {
			left--
		}
		if left < 0 {
			if s.incomplete == nil {
				s.incomplete = &UntriedError{n}
			}
			return false, nil
		}
		selinux.Share(s.Tree, tree)
		if lacking, err := selinux.Missing(tree); err == nil && len(lacking) > 0 && s.incomplete == nil {
			s.incomplete = &UnreadError{n, lacking[0].Path}
		}
		err := s.searchTree(ctx, tree, usual, n, s.images)
		return s.images.missing(), err
	})
	if err != nil {
		return err
	}
	return s.searchTree(ctx, s.Tree, identify.Recipes(s.Tree, s.Policy.Created, s.Hash), s.Stack.Len(), s.images)
}

// searchTree notes which digests recipes give the tree of the lowest layers.
func (s *sealCheck) searchTree(ctx context.Context, tree *canon.Tree, recipes []recipe.Recipe, layers int, digests wanted) error {
	if !digests.missing() {
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
			if match.Since, err = s.since(tree, m.Recipe, layers); err != nil {
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
