package cmd

import (
	"context"
	"fmt"
	"slices"

	"cfsverify/canon"
	"cfsverify/canon/erofs"
	"cfsverify/canon/policy"
	"cfsverify/canon/recipe"
	"cfsverify/compare"
	"cfsverify/compare/blame"
	"cfsverify/compare/proof"
	"cfsverify/reports"
)

// explanation is what it takes to say why two sides differ: their trees before
// and after the policy, and the creation time of each.
type explanation struct {
	rec        setting
	raw, final [2]*canon.Tree
	created    [2]*canon.Time
	// masked asks for what the policy hides.
	masked bool
}

// compare fills in the report's differences, findings and what is proven of
// them.
func (e *explanation) compare(ctx context.Context, r *reports.Report) error {
	r.Differences = compare.Trees(e.final[0], e.final[1])
	if (len(r.Differences) == 0) != r.Equal() {
		return fmt.Errorf("internal error: the digests are %s and %s, but %d entries differ: please report this",
			r.A.Digest, r.B.Digest, len(r.Differences))
	}
	r.Findings = e.findings(r, e.final, r.Differences, e.rec.policy)
	if e.masked {
		r.Masked = e.mask(r)
	}
	if r.Equal() {
		return nil
	}
	proof, err := proof.Prove(ctx, proof.Proving{
		A: e.raw[0], B: e.raw[1], RecipeA: e.recipe(0), RecipeB: e.recipe(1),
		Digest: r.B.Digest, Differences: r.Differences, Findings: r.Findings,
	})
	if err != nil {
		return err
	}
	r.Proof = &proof
	return nil
}

func (e *explanation) findings(r *reports.Report, trees [2]*canon.Tree, differences []compare.Difference, policy policy.Policy) []blame.Finding {
	return blame.Explain(blame.Comparison{
		A: trees[0], B: trees[1], NameA: r.A.Name, NameB: r.B.Name, Differences: differences, Policy: policy,
	})
}

func (e *explanation) recipe(side int) recipe.Recipe {
	policy := e.rec.policy
	policy.Created = e.created[side]
	return recipe.Recipe{Version: e.rec.version, Hash: e.rec.imports.Hash, Policy: policy}
}

// mask finds what differs without the policy, and not with it.
func (e *explanation) mask(r *reports.Report) *reports.Masked {
	var trees [2]*canon.Tree
	for i, t := range e.raw {
		trees[i] = t.Clone()
		erofs.Fit(trees[i], e.rec.version)
	}
	seen := map[string]compare.Difference{}
	for _, d := range r.Differences {
		seen[d.Path] = d
	}
	m := &reports.Masked{}
	for _, d := range compare.Trees(trees[0], trees[1]) {
		was, found := seen[d.Path]
		if found && was.Status == d.Status {
			d.Changes = slices.DeleteFunc(d.Changes, func(c compare.Change) bool { return slices.Contains(was.Changes, c) })
			if len(d.Changes) == 0 {
				continue
			}
		}
		m.Differences = append(m.Differences, d)
	}
	m.Findings = e.findings(r, trees, m.Differences, policy.Raw())
	return m
}
