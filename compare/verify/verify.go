// Package verify is what the program is for, as library calls: Run compares two trees
// that were read, explains and proves what differs and applies a gate, and Predict
// does it for what engines unpack. It opens no sources, which is for importers, and
// writes no reports.
package verify

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"

	"cfsverify/canon"
	"cfsverify/canon/erofs"
	"cfsverify/canon/fsverity"
	"cfsverify/canon/policy"
	"cfsverify/canon/printable"
	"cfsverify/canon/recipe"
	"cfsverify/compare/blame"
	"cfsverify/compare/gate"
	"cfsverify/importers/layer"
)

// Input is a source as it was read.
type Input struct {
	// Name is how reports call the side, such as "inside".
	Name string
	// Source is the source as the user may write it.
	Source string
	// Tree is as it was read: no policy was applied. It is changed.
	Tree *canon.Tree
	// Created is an image's creation time, nil if it states none.
	Created *canon.Time
	// Final says that the tree was written by somebody who may have applied a policy: that
	// of a dump file or composefs image.
	Final bool
	// Written is the policy that was applied to a Final tree before it was written, nil if
	// that is not known.
	Written *policy.Policy
	// Layers are those of an image, lowest first.
	Layers []*canon.Layer
	// Other is what other layer rules make of an image, nil if it is the same.
	Other *layer.OtherRules
}

// Options are what a comparison does besides.
type Options struct {
	// Rules are the layer rules by which the trees were made, for reports.
	Rules layer.Rules
	// RulesChosen says that somebody chose the Rules, knowing the others: what these make of
	// an image is told then, and does not decide.
	RulesChosen bool
	// Masked asks for the differences that the policy hides.
	Masked bool
	// Recognise prepares both sides for booting, though the recipe does not, if one of
	// them was before it was written; see Recognised. The inputs should hold the content of
	// their SELinux policies.
	Recognise bool
	// KeepWriter leaves the recipe's writer as it is where Recognise prepares the sides:
	// otherwise it becomes composefs-rs, with whose images machines boot.
	KeepWriter bool
	// Gate, if there is one, decides whether the comparison is a success.
	Gate *gate.Gate
}

// Result is the outcome of comparing two sources.
type Result struct {
	// Recipe is the one that was asked for, or that Recognised led to: each side has its
	// own creation time.
	Recipe recipe.Recipe
	Rules  layer.Rules
	A, B   Side
	// Recognised is set if Options asked for it, and it matters.
	Recognised *Recognised
	Outcome
	// Gate is set if differences may be accepted.
	Gate *gate.Verdict
	// Disagreement is set if other layer rules make another digest of a side, or none.
	Disagreement *Disagreement
}

// Side is what became of an Input.
type Side struct {
	Name, Source string
	// Tree is what was compared: with the policy applied.
	Tree *canon.Tree
	// Entries is the number of names, the root included.
	Entries int
	// Digest is the fs-verity digest of the composefs image, and Corners what makes it
	// another one by another writer than the recipe's.
	Digest  fsverity.Digest
	Corners []erofs.Corner
	// Written is Input.Written.
	Written *policy.Policy
	Layers  []*canon.Layer
	// OtherRules is set if other layer rules treat the image in another way.
	OtherRules *OtherRules
}

// Equal says that both digests are the same, also by the layer rules that were not used
// unless Options.RulesChosen.
func (r *Result) Equal() bool { return r.sameDigests() && !r.FailsByOtherRules() }

// Passed says that the comparison is a success: the digests are Equal, or the gate
// lets the difference pass, and no Disagreement fails it.
func (r *Result) Passed() bool { return r.passedByRules() && !r.FailsByOtherRules() }

// passedByRules is Passed by the layer rules that were used.
func (r *Result) passedByRules() bool {
	if r.Gate == nil {
		return r.sameDigests()
	}
	return r.Gate.Passed
}

func (r *Result) sameDigests() bool { return r.A.Digest == r.B.Digest }

// Conclusion is what a comparison comes to.
type Conclusion string

const (
	Same Conclusion = "same"
	// Accepted: the digests differ, and all that differs was accepted, with a reason.
	Accepted Conclusion = "accepted"
	// Ignored: the digests differ, and something that nobody accepted does not count.
	Ignored   Conclusion = "ignored"
	Different Conclusion = "different"
)

// Conclusion sums the comparison up.
func (r *Result) Conclusion() Conclusion {
	switch {
	case r.Equal():
		return Same
	case !r.Passed():
		return Different
	case len(r.Gate.Ignored) > 0:
		return Ignored
	}
	return Accepted
}

// Failing are the findings because of which the comparison is no success.
func (r *Result) Failing() []blame.Finding {
	if r.Gate == nil {
		return r.Findings
	}
	return r.Gate.Failing
}

// Run compares two sources: their digests by the recipe, and where these differ, the
// trees entry by entry. A side without a creation time has the other one's. Errors
// are those of ctx, a DoubtError where Options.Recognise asks for what cannot be known, and
// those of trees that the policy or the image format cannot take, which begin with the source.
func Run(ctx context.Context, inputs [2]Input, r recipe.Recipe, o Options) (*Result, error) {
	for i := range inputs {
		if inputs[i].Created == nil {
			inputs[i].Created = inputs[1-i].Created
		}
	}
	if r.Policy.Boot.Prepares() || o.Recognise {
		share(inputs)
	}
	words, prepared := written(inputs)
	result := &Result{Rules: o.Rules}
	if o.Recognise {
		var err error
		if r, result.Recognised, err = recognise(inputs, prepared, r, o.KeepWriter); err != nil {
			return nil, err
		}
	}
	result.Recipe = r
	c := comparison{recipe: r, sides: [2]*Side{&result.A, &result.B}, written: words, masked: o.Masked}
	group, _ := errgroup.WithContext(ctx)
	for i, in := range inputs {
		group.Go(func() (err error) {
			c.raw[i], c.created[i], c.final[i] = in.Tree.Clone(), in.Created, in.Final
			*c.sides[i], err = newSide(in, r)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	var err error
	if result.Outcome, err = c.outcome(ctx); err != nil {
		return nil, err
	}
	if o.Gate != nil {
		result.Gate = o.Gate.Judge(result.Findings, result.sameDigests())
	}
	result.Disagreement = result.disagreement(o.RulesChosen)
	return result, nil
}

// newSide applies the recipe to an input.
func newSide(in Input, r recipe.Recipe) (Side, error) {
	r.Policy.Created, r.Policy.Labelled = in.Created, in.Final
	side := Side{Name: in.Name, Source: in.Source, Tree: in.Tree, Written: in.Written, Layers: in.Layers}
	var err error
	if side.Digest, side.Corners, err = r.ApplyFindingCorners(in.Tree); err != nil {
		return Side{}, fmt.Errorf("%s: %w", printable.Text(in.Source), err)
	}
	for range in.Tree.All() {
		side.Entries++
	}
	if in.Other != nil {
		side.OtherRules = CompareRules(in.Tree, in.Other, r)
	}
	return side, nil
}
