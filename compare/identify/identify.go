package identify

import (
	"context"
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"

	"cfsverify/canon"
	"cfsverify/canon/erofs"
	"cfsverify/canon/fsverity"
	"cfsverify/canon/linux"
	"cfsverify/canon/policy"
	"cfsverify/canon/recipe"
)

// Recipes lists every recipe that may give a tree a digest of its own, those of
// composefs-rs first. Rules that have nothing to act on in the tree are left
// out. created is an image's creation time, nil if there is none.
func Recipes(t *canon.Tree, created *canon.Time, hash fsverity.Algorithm) []recipe.Recipe {
	f := featuresOf(t)
	roots := policy.RootRules()
	if created == nil {
		roots = slices.DeleteFunc(roots, func(r policy.RootRule) bool { return r == policy.RootCreated })
	}
	if !f.usr {
		roots = slices.DeleteFunc(roots, func(r policy.RootRule) bool { return r == policy.RootUsr })
	}
	var list []recipe.Recipe
	for _, boot := range only(policy.BootRules(), f.boot) {
		for _, run := range only(policy.RunRules(), f.run) {
			for _, root := range roots {
				for _, dirMtime := range policy.DirMtimeRules() {
					for _, xattrs := range f.xattrRules() {
						for _, mtime := range only(policy.MtimeRules(), f.nanoseconds) {
							for _, broken := range only([]bool{false, true}, f.hardlinks) {
								policy := policy.Policy{Root: root, DirMtime: dirMtime, Run: run, Xattrs: xattrs, Mtime: mtime,
									Boot: boot, BreakHardlinks: broken, Created: created}
								for _, version := range []erofs.Version{erofs.V1, erofs.V0, erofs.V2} {
									list = append(list, recipe.Recipe{Version: version, Hash: hash, Policy: policy})
								}
							}
						}
					}
				}
			}
		}
	}
	return list
}

// only gives all rules if they can make a difference, else the first.
func only[T any](rules []T, all bool) []T {
	if all {
		return rules
	}
	return rules[:1]
}

// features are what the rules of policies act on.
type features struct {
	usr, run, boot, nanoseconds, hardlinks bool
	capability, user, otherXattrs          bool
}

func featuresOf(t *canon.Tree) features {
	isDir := func(name string) bool {
		e := t.Root.Child(name)
		return e != nil && e.Node.Kind == canon.Directory
	}
	f := features{usr: isDir("usr"), run: isDir("run"), boot: isDir("usr") && isDir("boot") && isDir("sysroot")}
	for e := range t.Dirents() {
		f.nanoseconds = f.nanoseconds || e.Node.Mtime.Nsec != 0
		f.hardlinks = f.hardlinks || e.Node.Kind != canon.Directory && e.Node.Nlink > 1
		for _, x := range e.Node.Xattrs {
			switch {
			case x.Name == linux.SecurityCapability:
				f.capability = true
			case len(x.Name) > 5 && x.Name[:5] == "user.":
				f.user = true
			default:
				f.otherXattrs = true
			}
		}
	}
	return f
}

func (f features) xattrRules() []policy.XattrRule {
	rules := []policy.XattrRule{policy.XattrAllowlist}
	if f.user {
		rules = append(rules, policy.XattrUser)
	}
	if f.otherXattrs {
		rules = append(rules, policy.XattrAll)
	}
	if f.capability {
		rules = append(rules, policy.XattrNone)
	}
	return rules
}

// Identify returns those of the recipes that give the tree the digest, in their
// order. Recipes that the tree does not fit give no digest.
func Identify(ctx context.Context, t *canon.Tree, recipes []recipe.Recipe, want fsverity.Digest) ([]recipe.Recipe, error) {
	digests, err := Digests(ctx, t, recipes)
	if err != nil {
		return nil, err
	}
	var found []recipe.Recipe
	for i, r := range recipes {
		if digests[i] == want {
			found = append(found, r)
		}
	}
	return found, nil
}

// Digests gives the digest by each recipe, zero where the tree does not fit it.
func Digests(ctx context.Context, t *canon.Tree, recipes []recipe.Recipe) ([]fsverity.Digest, error) {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	digests := make([]fsverity.Digest, len(recipes))
	for i, r := range recipes {
		group.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			if digest, err := r.Digest(t); err == nil {
				digests[i] = digest
			}
			return nil
		})
	}
	return digests, group.Wait()
}

// Result is what was found of a tree.
type Result struct {
	// Tried is how many recipes were tried, and Found are those that give the digest.
	Tried int
	Found []recipe.Recipe
	// Usual are what the usual recipes give, where none is found and the tree fits
	// them.
	Usual []Made
}

// Made is a digest and how it was made.
type Made struct {
	Recipe recipe.Recipe
	Digest fsverity.Digest
}

// Search tries all recipes by which a digest may have been made of a tree. final says
// that a policy may have been applied to the tree before, as to that of a dump file.
func Search(ctx context.Context, t *canon.Tree, created *canon.Time, want fsverity.Digest, final bool) (Result, error) {
	recipes := Recipes(t, created, want.Algorithm())
	if final {
		for _, v := range []erofs.Version{erofs.V1, erofs.V0, erofs.V2} {
			recipes = append(recipes, recipe.Recipe{Version: v, Hash: want.Algorithm(), Policy: policy.Raw()})
		}
	}
	found, err := Identify(ctx, t, recipes, want)
	if err != nil {
		return Result{}, err
	}
	result := Result{Tried: len(recipes), Found: found}
	if len(found) > 0 {
		return result, nil
	}
	for _, v := range []erofs.Version{erofs.V1, erofs.V2} {
		usual := recipe.Recipe{Version: v, Hash: want.Algorithm(), Policy: policy.ComposefsRS()}
		if digest, err := usual.Digest(t); err == nil {
			result.Usual = append(result.Usual, Made{usual, digest})
		}
	}
	return result, nil
}
