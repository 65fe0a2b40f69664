package proof

import (
	"context"
	"runtime"

	"golang.org/x/sync/errgroup"

	"cfsverify/canon"
	"cfsverify/canon/fsverity"
	"cfsverify/canon/recipe"
	"cfsverify/compare"
	"cfsverify/compare/blame"
)

// Proof is what was computed about findings.
type Proof struct {
	// Complete says that repairing side A by all findings gives the digest of
	// side B.
	Complete bool
	// Digest is the one that all repairs give.
	Digest fsverity.Digest
	// Smallest are the least findings whose repair gives side B's digest, if
	// Complete. They are proven to be the least where each of them is Needed;
	// else no one of them can be left out.
	Smallest []blame.Cause
	// Needed are the findings without whose repair, all others repaired, the
	// digests differ.
	Needed []blame.Cause
	// Effects are the policies one word away that leave out whole findings.
	Effects []Effect
}

// Part is a part of a policy.
type Part string

const (
	Root      Part = "root"
	DirMtime  Part = "dir-mtime"
	Run       Part = "run"
	Xattrs    Part = "xattrs"
	Mtime     Part = "mtime"
	Hardlinks Part = "hardlinks"
	Boot      Part = "boot"
)

// Parts lists all of them.
func Parts() []Part { return []Part{Root, DirMtime, Run, Xattrs, Mtime, Hardlinks, Boot} }

// Effect is what another word in one part of the policy makes of the findings.
type Effect struct {
	Part Part
	// Word is what the policy then says there: a rule of canon/policy, or "break" for
	// Hardlinks.
	Word string
	// Removes are the findings of which nothing is left.
	Removes          []blame.Cause
	DigestA, DigestB fsverity.Digest
}

// Proving is what Prove needs: the trees as they were read, and the recipes, one
// for each side as they may differ in the image's creation time.
type Proving struct {
	A, B             *canon.Tree
	RecipeA, RecipeB recipe.Recipe
	// Digest is that of side B.
	Digest      fsverity.Digest
	Differences []compare.Difference
	Findings    []blame.Finding
}

// Prove repairs side A by findings and computes digests.
func Prove(ctx context.Context, p Proving) (Proof, error) {
	var proof Proof
	var err error
	if proof.Digest, err = p.repaired(p.Findings); err != nil {
		return proof, err
	}
	proof.Complete = proof.Digest == p.Digest
	if proof.Complete {
		if err := p.smallest(ctx, &proof); err != nil {
			return proof, err
		}
	}
	proof.Effects, err = p.effects(ctx)
	return proof, err
}

func (p *Proving) repaired(findings []blame.Finding) (fsverity.Digest, error) {
	return p.RecipeA.Apply(Patch(p.A, p.B, findings))
}

func (p *Proving) without(findings []blame.Finding, cause blame.Cause) []blame.Finding {
	var rest []blame.Finding
	for _, f := range findings {
		if f.Cause != cause {
			rest = append(rest, f)
		}
	}
	return rest
}

// smallest finds what cannot be left out. Every set of findings that makes the
// digests equal holds those; if they alone do it, there is no smaller one.
func (p *Proving) smallest(ctx context.Context, proof *Proof) error {
	if len(p.Findings) == 1 {
		// Without its repair side A is as it was.
		proof.Needed = []blame.Cause{p.Findings[0].Cause}
		proof.Smallest = proof.Needed
		return nil
	}
	needed := make([]bool, len(p.Findings))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, f := range p.Findings {
		group.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			digest, err := p.repaired(p.without(p.Findings, f.Cause))
			// Without a repair the policy may not even apply.
			needed[i] = err != nil || digest != p.Digest
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	var least []blame.Finding
	for i, f := range p.Findings {
		if needed[i] {
			proof.Needed = append(proof.Needed, f.Cause)
			least = append(least, f)
		}
	}
	if len(least) < len(p.Findings) {
		if digest, err := p.repaired(least); err != nil || digest != p.Digest {
			least = p.greedy()
		}
	}
	for _, f := range least {
		proof.Smallest = append(proof.Smallest, f.Cause)
	}
	return nil
}

// greedy leaves out one finding after the other, from the last on, as long as the
// digests stay equal.
func (p *Proving) greedy() []blame.Finding {
	least := p.Findings
	for i := len(p.Findings) - 1; i >= 0; i-- {
		fewer := p.without(least, p.Findings[i].Cause)
		if digest, err := p.repaired(fewer); err == nil && digest == p.Digest {
			least = fewer
		}
	}
	return least
}
