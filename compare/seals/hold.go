package seals

import (
	"errors"
	"fmt"

	"cfsverify/canon/fsverity"
	"cfsverify/canon/policy"
	"cfsverify/canon/recipe"
	"cfsverify/canon/seal"
	"cfsverify/importers/layer"
)

// RulesError says that a digest is not what the image has by the layer rules that were not
// chosen: tools disagree about the image, and so about its seal.
type RulesError struct {
	// Rules refuse the image, as Err says, or make an image of the digest.
	Rules  layer.Rules
	Digest fsverity.Digest
	Err    error
	// Right: the seal is right by these rules, and wrong by the chosen ones.
	Right bool
}

func (e *RulesError) Error() string {
	switch {
	case e.Right:
		return fmt.Sprintf("the layer rules %s give the image this digest: tools disagree about the image", e.Rules)
	case e.Err != nil:
		return fmt.Sprintf("the layer rules %s refuse the image: %v", e.Rules, e.Err)
	}
	return fmt.Sprintf("the layer rules %s give the image another digest, %v: tools disagree about the image", e.Rules, e.Digest)
}

func (e *RulesError) Unwrap() error { return e.Err }

// ErrInsecure says that a seal lets the image be mounted without verifying it.
var ErrInsecure = errors.New("it is insecure")

// holdByOtherRules makes a good seal wrong that is not good by the layer rules that were
// not chosen as well, and says of a wrong one if it is good by them.
func (s *sealCheck) holdByOtherRules(c *Checked) {
	if s.Other == nil || !c.isOfLayers() {
		return
	}
	wrong := &RulesError{Rules: s.Other.Rules, Err: s.Other.Err}
	for i, r := range s.recipesOf(c) {
		var digest fsverity.Digest
		if s.Other.Tree != nil {
			e, known := s.otherMade[r]
			if !known {
				e.digest, e.err = r.Digest(s.Other.Tree)
				s.otherMade[r] = e
			}
			if digest = e.digest; e.err == nil && digest == c.Claim.Digest {
				wrong.Right = true
				break
			}
			if i == 0 {
				wrong.Digest, wrong.Err = digest, e.err
			}
		}
	}
	switch {
	case c.State == Good && !wrong.Right:
		c.State, c.Why = Wrong, wrong
	case c.State == Wrong && c.Why == nil && wrong.Right:
		c.Why = wrong
	}
}

// isOfLayers says that the digest is that of all layers together.
func (c *Checked) isOfLayers() bool {
	return c.Err == nil && c.Claim.Role != seal.Layer && (c.Claim.Role == "" || c.Claim.Role.IsImage())
}

// recipesOf are those by which a digest may have been made: of one that is good, that by
// which it is; else all that would do, the likeliest first.
func (s *sealCheck) recipesOf(c *Checked) []recipe.Recipe {
	var list []recipe.Recipe
	add := func(r recipe.Recipe, digest fsverity.Digest) {
		r.Hash, r.Policy.Created = s.Hash, s.Policy.Created
		if c.State != Good || digest == c.Claim.Digest {
			list = append(list, r)
		}
	}
	for _, a := range c.Audiences {
		if a.Err == nil {
			add(a.Layers, a.Digest)
		}
	}
	if c.Audiences != nil {
		return list
	}
	for _, e := range c.Expected {
		r := recipe.Recipe{Version: e.Version, Policy: s.Policy}
		r.Policy.Boot = policy.BootNo
		if e.Role == seal.Bootable {
			r.Policy.Boot = s.Boot
		}
		add(r, e.Digest)
	}
	return list
}
