package seals

import (
	"cfsverify/canon"
	"cfsverify/canon/recipe"
	"cfsverify/compare"
	"cfsverify/importers/layer"
)

// Change is what upper layers changed at a path: A is what it was, B what it is.
type Change struct {
	compare.Difference
	// By is the entry of an upper layer that added or changed the path, nil if none did:
	// the mtime of a directory may follow from what is in it.
	By *canon.Origin
	// Removal says which entry removed the path; nil if it was not removed.
	Removal *layer.Removal
}

// since compares the tree of the lowest layers with the image's, in what a recipe makes
// of them.
func (s *sealCheck) since(older *canon.Tree, r recipe.Recipe, layers int) ([]Change, error) {
	trees := [2]*canon.Tree{older.Clone(), s.Tree.Clone()}
	for _, t := range trees {
		if err := r.Prepare(t); err != nil {
			return nil, err
		}
	}
	removals, err := s.Stack.Removals(layers)
	if err != nil {
		return nil, err
	}
	var changes []Change
	for _, d := range compare.Trees(trees[0], trees[1]) {
		c := Change{Difference: d}
		if d.B != nil && d.B.Origin != nil && d.B.Origin.Layer.Index > layers {
			c.By = d.B.Origin
		}
		if r, removed := removals[d.Path]; removed && d.B == nil {
			c.Removal = &r
		}
		changes = append(changes, c)
	}
	return changes, nil
}
