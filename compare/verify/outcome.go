package verify

import (
	"context"
	"fmt"

	"cfsverify/canon"
	"cfsverify/canon/policy"
	"cfsverify/canon/recipe"
	"cfsverify/compare"
	"cfsverify/compare/blame"
	"cfsverify/compare/proof"
)

// Outcome is what differs between two sides, and why.
type Outcome struct {
	Differences []compare.Difference
	// Findings give every difference a cause.
	Findings []blame.Finding
	// Proof is what was computed about the findings, nil if nothing differs.
	Proof *proof.Proof
	// Masked is what the policy hides, nil if nobody asked.
	Masked *Masked
}

// Masked are differences that the trees had before the policy was applied.
type Masked struct {
	Differences []compare.Difference
	Findings    []blame.Finding
}

// comparison is of two sides whose digests are known.
type comparison struct {
	recipe recipe.Recipe
	sides  [2]*Side
	// raw are the trees as they were read, and created the sides' creation times.
	raw     [2]*canon.Tree
	created [2]*canon.Time
	// final are Input.Final.
	final [2]bool
	// written are the words of policies that were applied before.
	written [2]policy.Policy
	masked  bool
}

func (c *comparison) outcome(ctx context.Context) (Outcome, error) {
	a, b := c.sides[0], c.sides[1]
	out := Outcome{Differences: compare.Trees(a.Tree, b.Tree)}
	equal := a.Digest == b.Digest
	if (len(out.Differences) == 0) != equal {
		return out, fmt.Errorf("internal error: the digests are %s and %s, but %d entries differ: please report this",
			a.Digest, b.Digest, len(out.Differences))
	}
	out.Findings = c.findings([2]*canon.Tree{a.Tree, b.Tree}, out.Differences, c.recipe.Policy)
	if c.masked {
		var err error
		if out.Masked, err = c.mask(out.Differences); err != nil {
			return out, err
		}
	}
	if equal {
		return out, nil
	}
	proof, err := proof.Prove(ctx, proof.Proving{
		A: c.raw[0], B: c.raw[1], RecipeA: c.recipeOf(0), RecipeB: c.recipeOf(1),
		Digest: b.Digest, Differences: out.Differences, Findings: out.Findings,
	})
	out.Proof = &proof
	return out, err
}

func (c *comparison) findings(trees [2]*canon.Tree, differences []compare.Difference, policy policy.Policy) []blame.Finding {
	return blame.Explain(blame.Comparison{
		A: trees[0], B: trees[1], NameA: c.sides[0].Name, NameB: c.sides[1].Name, Differences: differences, Policy: policy,
		WrittenA: c.written[0], WrittenB: c.written[1],
	})
}

func (c *comparison) recipeOf(side int) recipe.Recipe {
	r := c.recipe
	r.Policy.Created, r.Policy.Labelled = c.created[side], c.final[side]
	return r
}

// mask finds what differs without the policy, and not with it.
func (c *comparison) mask(differences []compare.Difference) (*Masked, error) {
	unchanged := c.recipe
	unchanged.Policy = policy.Raw()
	var trees [2]*canon.Tree
	for i, t := range c.raw {
		trees[i] = t.Clone()
		if err := unchanged.Prepare(trees[i]); err != nil {
			return nil, err
		}
	}
	seen := map[string]compare.Difference{}
	for _, d := range differences {
		seen[d.Path] = d
	}
	m := &Masked{}
	for _, d := range compare.Trees(trees[0], trees[1]) {
		was, found := seen[d.Path]
		if found && was.Status == d.Status {
			d.Changes = compare.Without(d.Changes, was.Changes)
			if len(d.Changes) == 0 {
				continue
			}
		}
		m.Differences = append(m.Differences, d)
	}
	m.Findings = c.findings(trees, m.Differences, unchanged.Policy)
	return m, nil
}
