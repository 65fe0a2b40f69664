package identify

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"cfsverify/canon"
	"cfsverify/canon/erofs"
	"cfsverify/canon/fsverity"
	"cfsverify/canon/linux"
	"cfsverify/canon/policy"
	"cfsverify/canon/recipe"
	"cfsverify/canon/releases"
	"cfsverify/canon/selinux"
)

// Recipes lists every recipe that may give a tree a digest of its own, those of
// composefs-rs first. It leaves out rules that have nothing to act on in the tree.
// created is the image's creation time, nil if there is none.
func Recipes(t *canon.Tree, created *canon.Time, hash fsverity.Algorithm) []recipe.Recipe {
	f := featuresOf(t)
	roots := policy.RootRules()
	if created == nil {
		roots = slices.DeleteFunc(roots, func(r policy.RootRule) bool { return r == policy.RootCreated })
	}
	if !f.usr {
		roots = slices.DeleteFunc(roots, func(r policy.RootRule) bool { return r == policy.RootUsr })
	}
	list := []recipe.Recipe{{Hash: hash, Policy: policy.Policy{Created: created}}}
	list = times(list, only(policy.BootRules(), f.boot), func(r *recipe.Recipe, boot policy.BootRule) { r.Policy.Boot = boot })
	list = times(list, only(policy.RunRules(), f.run), func(r *recipe.Recipe, run policy.RunRule) { r.Policy.Run = run })
	list = times(list, roots, func(r *recipe.Recipe, root policy.RootRule) { r.Policy.Root = root })
	list = times(list, policy.DirMtimeRules(), func(r *recipe.Recipe, dirMtime policy.DirMtimeRule) { r.Policy.DirMtime = dirMtime })
	list = times(list, f.xattrRules(), func(r *recipe.Recipe, xattrs policy.XattrRule) { r.Policy.Xattrs = xattrs })
	list = times(list, only(policy.MtimeRules(), f.nanoseconds), func(r *recipe.Recipe, mtime policy.MtimeRule) { r.Policy.Mtime = mtime })
	list = times(list, only(policy.LinkRules(), f.hardlinks), func(r *recipe.Recipe, links policy.LinkRule) { r.Policy.Links = links })
	list = slices.DeleteFunc(list, func(r recipe.Recipe) bool {
		return r.Policy.Links == policy.LinksLastLabel && !(f.labels && r.Policy.Boot.Prepares())
	})
	return times(list, []erofs.Version{erofs.V1, erofs.V0, erofs.V2}, func(r *recipe.Recipe, version erofs.Version) { r.Version = version })
}

// times returns, for each recipe, copies of it with each of the rules in turn, which
// set puts into them.
func times[T any](recipes []recipe.Recipe, rules []T, set func(*recipe.Recipe, T)) []recipe.Recipe {
	list := make([]recipe.Recipe, 0, len(recipes)*len(rules))
	for _, r := range recipes {
		for _, rule := range rules {
			set(&r, rule)
			list = append(list, r)
		}
	}
	return list
}

// only returns all rules if all is set, else the first: the others would make no
// difference.
func only[T any](rules []T, all bool) []T {
	if all {
		return rules
	}
	return rules[:1]
}

// features are what the rules of policies act on.
type features struct {
	usr, run, boot, labels, nanoseconds, hardlinks bool
	capability, user, otherXattrs                  bool
}

func featuresOf(t *canon.Tree) features {
	isDir := func(name string) bool {
		e := t.Root.Child(name)
		return e != nil && e.Node.Kind == canon.Directory
	}
	f := features{usr: isDir("usr"), run: isDir("run"), boot: isDir("usr") && isDir("boot") && isDir("sysroot")}
	// What is wrong with a policy is found by the recipes that label.
	files, _ := selinux.Files(t)
	f.labels = len(files) > 0
	for e := range t.Dirents() {
		f.nanoseconds = f.nanoseconds || e.Node.Mtime.Nsec != 0
		// Breaking hardlinks also corrects link counts that are not true.
		f.hardlinks = f.hardlinks || e.Node.Kind != canon.Directory && e.Node.Nlink > 1
		for _, x := range e.Node.Xattrs {
			switch {
			case x.Name == linux.SecurityCapability:
				f.capability = true
			case strings.HasPrefix(x.Name, linux.UserPrefix):
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

// Result is what was found of a tree.
type Result struct {
	// Tried is how many recipes were tried, and Found are those that give the digest.
	Tried int
	Found []recipe.Made
	// Makers are the releases that make the digest of such a source.
	Makers []releases.Release
	// Usual are what the usual recipes give, where none is found and the tree fits
	// them.
	Usual []recipe.Made
}

// Origin says what a tree was read from.
type Origin struct {
	// Layers: those of an image.
	Layers bool
	// Final: a policy may have been applied to the tree before, as to that of a dump file.
	Final bool
}

// TimeoutError says that a search ended before all recipes were tried, and that none of
// those that were gives the digest.
type TimeoutError struct{ Timeout time.Duration }

func (e *TimeoutError) Error() string {
	return fmt.Sprintf("what gives the digest was not found in %v, and there is more to try", e.Timeout)
}

// Search tries all recipes by which a digest may have been made of a tree, for as long as
// a timeout says that is not 0. What was found until then is enough.
func Search(ctx context.Context, t *canon.Tree, created *canon.Time, want fsverity.Digest, from Origin, timeout time.Duration) (Result, error) {
	if timeout == 0 {
		return search(ctx, t, created, want, from)
	}
	late := &TimeoutError{timeout}
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, late)
	defer cancel()
	result, err := search(ctx, t, created, want, from)
	if err == nil || !errors.Is(err, ctx.Err()) || context.Cause(ctx) != error(late) {
		return result, err
	}
	if len(result.Found) > 0 {
		return result, nil
	}
	return Result{}, late
}

// search gives what it found with an error of ctx as well.
func search(ctx context.Context, t *canon.Tree, created *canon.Time, want fsverity.Digest, from Origin) (Result, error) {
	recipes := Recipes(t, created, want.Algorithm())
	if from.Final {
		for _, v := range []erofs.Version{erofs.V1, erofs.V0, erofs.V2} {
			raw := recipe.Recipe{Version: v, Hash: want.Algorithm(), Policy: policy.Raw()}
			if v != erofs.V2 {
				raw.Writer = erofs.Mkcomposefs
			}
			recipes = append(recipes, raw)
		}
	}
	made, err := recipe.Try(ctx, t, recipes)
	result := Result{Tried: len(made)}
	for _, m := range made {
		if m.Digest == want {
			result.Found = append(result.Found, m)
		}
	}
	if err != nil {
		return result, err
	}
	if len(result.Found) > 0 {
		result.Makers = releases.Makers(t, created, from.Layers, want)
		return result, nil
	}
	var usual []recipe.Recipe
	for _, v := range []erofs.Version{erofs.V1, erofs.V2} {
		usual = append(usual, recipe.Recipe{Version: v, Hash: want.Algorithm(), Policy: policy.ComposefsRS()})
	}
	if made, err = recipe.Try(ctx, t, usual); err != nil {
		return Result{}, err
	}
	for _, m := range made {
		if m.Recipe.Writer == erofs.ComposefsRS && !m.Digest.IsZero() {
			result.Usual = append(result.Usual, m)
		}
	}
	return result, nil
}
