package proof

import (
	"context"
	"errors"
	"runtime"

	"golang.org/x/sync/errgroup"

	"cfsverify/canon"
	"cfsverify/canon/fsverity"
	"cfsverify/canon/policy"
	"cfsverify/canon/recipe"
	"cfsverify/canon/selinux"
	"cfsverify/compare"
	"cfsverify/compare/blame"
)

// Proof is what was computed about findings.
type Proof struct {
	// Complete says that side A, patched by all findings, has the digest of side B.
	Complete bool
	// Digest is that of side A patched by all findings.
	Digest fsverity.Digest
	// Smallest are, if Complete, as few findings as give side B's digest. If each of
	// them is Needed, there is no smaller set; else none of them can be left out, but
	// another set may be smaller.
	Smallest []blame.Cause
	// Needed are the findings that cannot be left out while all others are patched.
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

// Proving is what Prove needs: the trees as they were read, and a recipe for each
// side, as images may have different creation times.
type Proving struct {
	A, B             *canon.Tree
	RecipeA, RecipeB recipe.Recipe
	// Digest is that of side B.
	Digest      fsverity.Digest
	Differences []compare.Difference
	Findings    []blame.Finding

	// labelledA and labelledB are the trees after the recipes, nil unless a side keeps
	// the labels that it was written with.
	labelledA, labelledB *canon.Tree
}

// Prove patches side A by findings and computes digests.
func Prove(ctx context.Context, p Proving) (Proof, error) {
	var proof Proof
	if err := p.prepare(); err != nil {
		return proof, err
	}
	var err error
	if proof.Digest, err = p.patched(p.Findings); err != nil {
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

// prepare applies the recipes where a side keeps the labels that it was written with: the
// other side has labels only then, which a patch of the trees as they were read would lack.
func (p *Proving) prepare() error {
	if !p.RecipeA.Policy.KeepsLabels(p.A) && !p.RecipeB.Policy.KeepsLabels(p.B) {
		return nil
	}
	p.labelledA, p.labelledB = p.A.Clone(), p.B.Clone()
	return errors.Join(p.RecipeA.Prepare(p.labelledA), p.RecipeB.Prepare(p.labelledB))
}

// patched patches side A before the policy is applied, or after it if a side keeps its
// labels. Where the patch changes policy files the labels follow from these, but those of a
// dump, whose content nobody has.
func (p *Proving) patched(findings []blame.Finding) (fsverity.Digest, error) {
	if p.labelledA == nil {
		return p.RecipeA.Apply(Patch(p.A, p.B, findings))
	}
	if p.changesPolicy(findings) {
		r := p.RecipeA
		r.Policy.Labelled = false
		digest, err := r.Apply(Patch(p.A, p.B, findings))
		var labels *policy.LabelsError
		if !errors.As(err, &labels) {
			return digest, err
		}
	}
	return p.RecipeA.Sum(Patch(p.labelledA, p.labelledB, findings))
}

// changesPolicy says that findings are about policy files of either side.
func (p *Proving) changesPolicy(findings []blame.Finding) bool {
	paths := map[string]bool{}
	for _, t := range []*canon.Tree{p.A, p.B} {
		// A policy that cannot be read was an error when the tree was labelled.
		files, _ := selinux.Files(t)
		for _, f := range files {
			paths[f.Path] = true
		}
	}
	for _, f := range findings {
		for _, e := range f.Entries {
			if paths[e.Path] {
				return true
			}
		}
	}
	return false
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

// smallest finds the findings that cannot be left out. Every set of findings that
// makes the digests equal has these; if they alone do, it is the smallest.
func (p *Proving) smallest(ctx context.Context, proof *Proof) error {
	if len(p.Findings) == 1 {
		// Without its patch side A is as it was.
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
			digest, err := p.patched(p.without(p.Findings, f.Cause))
			// Without a patch the policy may not even apply.
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
		if digest, err := p.patched(least); err != nil || digest != p.Digest {
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
		if digest, err := p.patched(fewer); err == nil && digest == p.Digest {
			least = fewer
		}
	}
	return least
}
