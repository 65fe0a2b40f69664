package verify

import (
	"cfsverify/canon"
	"cfsverify/canon/fsverity"
	"cfsverify/canon/recipe"
	"cfsverify/compare"
	"cfsverify/importers/layer"
)

// OtherRules tells what layer rules that were not used make of an image. Err says why
// they, or the recipe, refuse it.
type OtherRules struct {
	layer.OtherRules
	// Digest and Differences compare the result with that of the rules used, if there
	// is no Err.
	Digest      fsverity.Digest
	Differences []compare.Difference
}

// CompareRules compares what other layer rules make of an image with its tree, to
// which the policy was applied; for true Differences it must be fitted to the version
// as well, as recipe.Apply does. Of the other tree a clone is changed.
func CompareRules(tree *canon.Tree, other *layer.OtherRules, r recipe.Recipe) *OtherRules {
	o := &OtherRules{OtherRules: *other}
	if o.Err == nil {
		o.Tree = other.Tree.Clone()
		o.Digest, o.Err = r.Apply(o.Tree)
	}
	if o.Err == nil {
		o.Differences = compare.Trees(tree, o.Tree)
	}
	return o
}

// disagrees says that the rules make another digest of a side than own, or none.
func (o *OtherRules) disagrees(own fsverity.Digest) bool {
	return o != nil && (o.Err != nil || o.Digest != own)
}

// Disagreement says that the layer rules that were not used make another digest of a side,
// or none: programs that read layers by them will not find the digests that are compared.
type Disagreement struct {
	Rules layer.Rules
	// Sides are those that it is about, in their order. They have OtherRules.
	Sides []*Side
	// Equal says that by these rules the digests of both sides are the same.
	Equal bool
	// Fails says that the comparison is no success because of it alone: by the layer rules
	// that were used it would be, nobody chose these, and it is not Equal. No allowance
	// accepts that, as an allowance is for what differs between the sides.
	Fails bool
}

func (r *Result) disagreement(chosen bool) *Disagreement {
	d := &Disagreement{Equal: true}
	var digests [2]fsverity.Digest
	for i, side := range [2]*Side{&r.A, &r.B} {
		digests[i] = side.Digest
		if o := side.OtherRules; o.disagrees(side.Digest) {
			d.Rules, d.Sides = o.Rules, append(d.Sides, side)
			d.Equal = d.Equal && o.Err == nil
			digests[i] = o.Digest
		}
	}
	if d.Sides == nil {
		return nil
	}
	d.Equal = d.Equal && digests[0] == digests[1]
	d.Fails = !d.Equal && !chosen && r.passedByRules()
	return d
}

// FailsByOtherRules says that layer rules which nobody chose fail the comparison, and nothing
// else does.
func (r *Result) FailsByOtherRules() bool { return r.Disagreement != nil && r.Disagreement.Fails }
