package recipe

import (
	"context"
	"errors"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"cfsverify/canon"
	"cfsverify/canon/erofs"
	"cfsverify/canon/fsverity"
	"cfsverify/canon/policy"
	"cfsverify/testdata/trees"
)

// allRecipes has every word of a policy with every other.
func allRecipes() []Recipe {
	list := []Recipe{{Hash: fsverity.SHA256, Policy: policy.Policy{Created: &canon.Time{Sec: 7, Nsec: 5}}}}
	list = with(list, policy.BootRules(), func(r *Recipe, w policy.BootRule) { r.Policy.Boot = w })
	list = with(list, policy.RunRules(), func(r *Recipe, w policy.RunRule) { r.Policy.Run = w })
	list = with(list, policy.RootRules(), func(r *Recipe, w policy.RootRule) { r.Policy.Root = w })
	list = with(list, policy.DirMtimeRules(), func(r *Recipe, w policy.DirMtimeRule) { r.Policy.DirMtime = w })
	list = with(list, policy.XattrRules(), func(r *Recipe, w policy.XattrRule) { r.Policy.Xattrs = w })
	list = with(list, policy.MtimeRules(), func(r *Recipe, w policy.MtimeRule) { r.Policy.Mtime = w })
	list = with(list, policy.LinkRules(), func(r *Recipe, w policy.LinkRule) { r.Policy.Links = w })
	list = with(list, []erofs.Version{erofs.V1, erofs.V0, erofs.V2}, func(r *Recipe, w erofs.Version) { r.Version = w })
	return with(list, erofs.Writers(), func(r *Recipe, w erofs.Writer) { r.Writer = w })
}

func with[T any](recipes []Recipe, words []T, set func(*Recipe, T)) []Recipe {
	var list []Recipe
	for _, r := range recipes {
		for _, word := range words {
			set(&r, word)
			list = append(list, r)
		}
	}
	return list
}

// someRecipes are n of allRecipes: two neighbours of each other, then two others.
func someRecipes(seed uint64, n int) []Recipe {
	random := rand.New(rand.NewPCG(seed, 4))
	all := allRecipes()
	var list []Recipe
	for len(list) < n {
		i := random.IntN(len(all) - 1)
		list = append(list, all[i], all[i+1])
	}
	return list
}

// bootableOf gives a tree the directories on which policies act.
func bootableOf(tree *canon.Tree) *canon.Tree {
	for _, e := range trees.Bootable().Root.Children() {
		if e.Node.Kind == canon.Directory {
			tree.Root.Put(e)
		}
	}
	tree.CountLinks()
	return tree
}

// wholeSeconds is a bootable tree without nanoseconds.
func wholeSeconds() *canon.Tree {
	tree := trees.Bootable()
	for e := range tree.Dirents() {
		e.Node.Mtime.Nsec = 0
	}
	return tree
}

// usualRecipes are those of composefs-rs, of all versions, ready for booting or not.
func usualRecipes() []Recipe {
	list := with([]Recipe{{Policy: policy.ComposefsRS()}}, []policy.BootRule{policy.BootSeconds, policy.BootNanoseconds, policy.BootNo}, func(r *Recipe, w policy.BootRule) { r.Policy.Boot = w })
	return with(list, []erofs.Version{erofs.V1, erofs.V0, erofs.V2}, func(r *Recipe, w erofs.Version) { r.Version = w })
}

// TestTry: what is shared gives the digests that each recipe gives by itself.
func TestTry(t *testing.T) {
	holding := trees.Bootable()
	holding.Root.Child("usr").Node.Put(canon.Dirent{Name: "w", Node: &canon.Node{Kind: canon.CharDevice, Nlink: 1}})
	withRun := trees.Bootable()
	withRun.Root.Put(canon.Dirent{Name: "run", Node: &canon.Node{Kind: canon.Symlink, Target: "x", Nlink: 1}})
	for name, tree := range map[string]*canon.Tree{
		"bootable": trees.Bootable(), "whole seconds": wholeSeconds(), "a whiteout": holding, "/run is a symlink": withRun, "nothing to act on": trees.Sample(),
	} {
		checkTry(t, name, tree, someRecipes(0, 400))
	}
	early := someRecipes(1, 100)
	for i := range early {
		early[i].Policy.Root, early[i].Policy.Created = policy.RootCreated, &canon.Time{Sec: -7}
	}
	checkTry(t, "a root before 1970", trees.Bootable(), early)
	for seed := range uint64(20) {
		tree := bootableOf(trees.Generator{Rand: rand.New(rand.NewPCG(seed, 3)), Algorithm: fsverity.SHA256}.Tree())
		checkTry(t, "random", tree, someRecipes(seed, 60))
	}
}

func checkTry(t *testing.T, name string, tree *canon.Tree, recipes []Recipe) {
	t.Helper()
	before := trees.Text(tree)
	got, err := Try(t.Context(), tree, recipes)
	if err != nil {
		t.Fatal(err)
	}
	var want []Made
	for _, r := range recipes {
		copied := tree.Clone()
		one := Made{Recipe: r}
		if err := r.Policy.Apply(copied); err == nil {
			one.Corners = erofs.Corners(copied, r.Version)
		}
		one.Digest, _ = r.Digest(tree)
		want = append(want, one)
		if len(one.Corners) > 0 {
			one.Recipe.Writer = 1 - r.Writer
			one.Digest, _ = one.Recipe.Digest(tree)
			want = append(want, one)
		}
	}
	for i := range want {
		if i >= len(got) || !reflect.DeepEqual(got[i], want[i]) {
			t.Fatalf("%s, %d of %d: %+v, want %+v of %d", name, i, len(got), got[min(i, len(got)-1)], want[i], len(want))
		}
	}
	if len(got) > len(want) || trees.Text(tree) != before {
		t.Errorf("%s: %d digests, want %d, or the tree was changed", name, len(got), len(want))
	}
}

// counting counts how often it is asked whether it has ended, and ends after that.
type counting struct {
	context.Context
	asked *int
	end   int
}

func (c counting) Err() error {
	if *c.asked++; *c.asked > c.end {
		return context.Canceled
	}
	return nil
}

func unmade(recipes []Recipe) [][]Made {
	var made [][]Made
	for _, r := range recipes {
		made = append(made, []Made{{Recipe: r}})
	}
	return made
}

// TestTryShares: of the 9,216 recipes that there are for a tree, few need a copy or a
// whole image of their own.
func TestTryShares(t *testing.T) {
	for _, c := range []struct {
		tree    *canon.Tree
		recipes []Recipe
		// copies and images are how many there are at most.
		copies, images int
	}{
		// Each word but those for the root makes another tree; but for the one that has
		// nanoseconds in /boot, where mtimes are in seconds.
		{trees.Bootable(), slices.DeleteFunc(allRecipes(), func(r Recipe) bool { return r.Writer != erofs.ComposefsRS }), (4 + 3) * 2 * 2 * 4 * 3, 1200},
		// Version 0 differs from 1 in the header, and 2 has no nanoseconds.
		{trees.Bootable(), usualRecipes(), 3, 5},
		{wholeSeconds(), usualRecipes(), 2, 4},
		{bootableOf(canon.NewTree()), []Recipe{{Version: erofs.V1, Policy: policy.Raw()}, {Version: erofs.V0, Policy: policy.Raw()}, {Version: erofs.V2, Policy: policy.Raw()}}, 1, 2},
	} {
		asked := 0
		copies := copiesFor(c.tree, c.recipes)
		for _, copied := range copies {
			if err := copied.try(counting{t.Context(), &asked, 1 << 30}, policy.NewMany(c.tree), unmade(c.recipes)); err != nil {
				t.Fatal(err)
			}
		}
		images := asked - len(copies)
		t.Logf("%d recipes: %d copies, %d images", len(c.recipes), len(copies), images)
		if len(copies) > c.copies || images > c.images {
			t.Errorf("%d recipes: %d copies and %d images, want %d and %d at most", len(c.recipes), len(copies), images, c.copies, c.images)
		}
	}
}

// TestTryEnds: the end of ctx ends the work, whatever it is at.
func TestTryEnds(t *testing.T) {
	tree := trees.Bootable()
	one := []Recipe{{Version: erofs.V1, Hash: fsverity.SHA256, Policy: policy.Raw()}}
	for end := range 2 {
		asked := 0
		err := copiesFor(tree, one)[0].try(counting{t.Context(), &asked, end}, policy.NewMany(tree), unmade(one))
		if !errors.Is(err, context.Canceled) || asked != end+1 {
			t.Errorf("ended at %d: %v after %d", end, err, asked)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if made, err := Try(ctx, tree, one); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, %v", made, err)
	}
}
