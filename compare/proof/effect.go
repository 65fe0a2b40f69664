package proof

import (
	"context"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"cfsverify/canon"
	"cfsverify/canon/linux"
	"cfsverify/canon/policy"
	"cfsverify/compare"
	"cfsverify/compare/blame"
)

// variant is a policy that differs in one word.
type variant struct {
	part   Part
	word   string
	policy func(policy.Policy) policy.Policy
}

// variants are the policies that could leave out some of the differences.
func variants(p policy.Policy, differences []compare.Difference) []variant {
	touched := touchedBy(differences)
	var list []variant
	add := func(part Part, word string, set func(*policy.Policy)) {
		list = append(list, variant{part, word, func(p policy.Policy) policy.Policy {
			set(&p)
			return p
		}})
	}
	if touched.nsec && p.Mtime != policy.MtimeSeconds {
		add(Mtime, string(policy.MtimeSeconds), func(p *policy.Policy) { p.Mtime = policy.MtimeSeconds })
	}
	if touched.xattrs {
		for _, rule := range []policy.XattrRule{policy.XattrUser, policy.XattrAllowlist, policy.XattrNone} {
			if rule != p.Xattrs && (rule != policy.XattrUser || p.Xattrs == policy.XattrAll) {
				add(Xattrs, string(rule), func(p *policy.Policy) { p.Xattrs = rule })
			}
		}
	}
	if touched.run && p.Run != policy.RunEmpty {
		add(Run, string(policy.RunEmpty), func(p *policy.Policy) { p.Run = policy.RunEmpty })
	}
	if touched.links && p.Links != policy.LinksBreak {
		add(Hardlinks, string(policy.LinksBreak), func(p *policy.Policy) { p.Links = policy.LinksBreak })
	}
	if touched.dirMtimes && p.DirMtime != policy.DirMtimeNewestChild {
		add(DirMtime, string(policy.DirMtimeNewestChild), func(p *policy.Policy) { p.DirMtime = policy.DirMtimeNewestChild })
	}
	if touched.root {
		for _, rule := range policy.RootRules() {
			if rule != p.Root && rule != policy.RootKeep {
				add(Root, string(rule), func(p *policy.Policy) { p.Root = rule })
			}
		}
	}
	if p.Boot == policy.BootNo && touched.boot {
		add(Boot, string(policy.BootSeconds), func(p *policy.Policy) { p.Boot = policy.BootSeconds })
	}
	return list
}

// touched tells what kinds of attributes and paths differ.
type touched struct{ nsec, xattrs, run, links, dirMtimes, root, boot bool }

func touchedBy(differences []compare.Difference) touched {
	var t touched
	for _, d := range differences {
		t.run = t.run || isInDir(d.Path, "/run")
		t.boot = t.boot || isInDir(d.Path, "/boot") || isInDir(d.Path, "/sysroot")
		t.root = t.root || d.Path == "/"
		for _, c := range d.Changes {
			t.nsec = t.nsec || c.Field == compare.MtimeNsec
			t.xattrs = t.xattrs || c.Field == compare.Xattr
			t.links = t.links || c.Field == compare.Links || c.Field == compare.Nlink
			t.boot = t.boot || c.Field == compare.Xattr && c.Xattr == linux.SecuritySELinux
			isTime := c.Field == compare.Mtime || c.Field == compare.MtimeNsec
			t.dirMtimes = t.dirMtimes || isTime && d.A.Node.Kind == canon.Directory
		}
	}
	return t
}

func isInDir(p, dir string) bool {
	return p == dir || strings.HasPrefix(p, dir+"/")
}

// effects tries every variant, and keeps those that leave out whole findings and
// bring no differences of their own.
func (p *Proving) effects(ctx context.Context) ([]Effect, error) {
	list := variants(p.RecipeA.Policy, p.Differences)
	tried := make([]*Effect, len(list))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, v := range list {
		group.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			tried[i] = p.effect(v)
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	var found []Effect
	for _, e := range tried {
		if e != nil {
			found = append(found, *e)
		}
	}
	return found, nil
}

// effect is nil for a policy that does not fit the trees, or that does not help.
func (p *Proving) effect(v variant) *Effect {
	a, b := p.A.Clone(), p.B.Clone()
	e := &Effect{Part: v.part, Word: v.word}
	recipeA, recipeB := p.RecipeA, p.RecipeB
	recipeA.Policy, recipeB.Policy = v.policy(recipeA.Policy), v.policy(recipeB.Policy)
	var err error
	if e.DigestA, err = recipeA.Apply(a); err != nil {
		return nil
	}
	if e.DigestB, err = recipeB.Apply(b); err != nil {
		return nil
	}
	left, added := map[string]*compare.Difference{}, map[string]bool{}
	for _, d := range compare.Trees(a, b) {
		left[d.Path], added[d.Path] = &d, true
	}
	for _, f := range p.Findings {
		if !slices.ContainsFunc(f.Entries, func(entry blame.Entry) bool { return remains(entry, left[entry.Path]) }) {
			e.Removes = append(e.Removes, f.Cause)
		}
		for _, entry := range f.Entries {
			delete(added, entry.Path)
		}
	}
	// What only follows from other findings is no reason to change a word.
	own := slices.ContainsFunc(e.Removes, func(c blame.Cause) bool { return c != blame.Derived })
	if !own || len(added) > 0 {
		return nil
	}
	return e
}

// remains says that something of an entry is still different.
func remains(e blame.Entry, left *compare.Difference) bool {
	switch {
	case left == nil:
		return false
	case e.Status != compare.Changed:
		return true
	}
	return len(compare.Without(e.Explained, left.Changes)) < len(e.Explained)
}
