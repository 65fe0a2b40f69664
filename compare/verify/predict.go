package verify

import (
	"context"

	"cfsverify/canon"
	"cfsverify/canon/recipe"
	"cfsverify/compare/notes"
	"cfsverify/compare/proof"
	"cfsverify/importers/layer"
)

// Unpacked is what an engine shows of an image.
type Unpacked struct {
	// Engine is its name.
	Engine string
	// Tree is nil if the engine refuses the image; Err then says why. It is changed.
	Tree *canon.Tree
	Err  error
}

// Prediction is what engines will show of an image when they have unpacked it.
type Prediction struct {
	Recipe recipe.Recipe
	Rules  layer.Rules
	Image  Side
	// UnpackTime stands for the time of unpacking, which nobody knows before: an mtime
	// in its second is one.
	UnpackTime canon.Time
	Engines    []EnginePrediction
	// Notes are about an image that the recipe prepares for booting.
	Notes []notes.Note
}

// EnginePrediction is for one engine.
type EnginePrediction struct {
	Engine string
	// Err is why the engine does not unpack the image, nil if it does.
	Err error
	// Outcome is between what the engine shows (a) and the layers (b).
	Outcome
}

// Remedies are the words of a policy that make both sides the same.
func (e *EnginePrediction) Remedies() []proof.Effect {
	if e.Proof == nil {
		return nil
	}
	var list []proof.Effect
	for _, f := range e.Proof.Effects {
		if f.DigestA == f.DigestB {
			list = append(list, f)
		}
	}
	return list
}

// Same says that all engines unpack the image as its layers say.
func (p *Prediction) Same() bool {
	for _, e := range p.Engines {
		if e.Err != nil || len(e.Differences) > 0 {
			return false
		}
	}
	return true
}

// Predict compares what engines show of an image, unpacked at unpackTime, with its
// layers. Of the options the gate has no part in it. Errors are those of Run.
func Predict(ctx context.Context, image Input, unpacked []Unpacked, unpackTime canon.Time, r recipe.Recipe, o Options) (*Prediction, error) {
	raw := image.Tree.Clone()
	side, err := newSide(image, r)
	if err != nil {
		return nil, err
	}
	p := &Prediction{Recipe: r, Rules: o.Rules, Image: side, UnpackTime: unpackTime}
	if r.Policy.Boot.Prepares() {
		p.Notes = notes.OfBootable(raw, side.Tree)
	}
	for _, u := range unpacked {
		e := EnginePrediction{Engine: u.Engine, Err: u.Err}
		if u.Err == nil {
			c := comparison{
				recipe: r, raw: [2]*canon.Tree{u.Tree.Clone(), raw}, created: [2]*canon.Time{image.Created, image.Created}, masked: o.Masked,
			}
			inside, err := newSide(Input{Name: "inside", Source: u.Engine, Tree: u.Tree, Created: image.Created}, r)
			if err != nil {
				return nil, err
			}
			c.sides = [2]*Side{&inside, &p.Image}
			if e.Outcome, err = c.outcome(ctx); err != nil {
				return nil, err
			}
		}
		p.Engines = append(p.Engines, e)
	}
	return p, nil
}
