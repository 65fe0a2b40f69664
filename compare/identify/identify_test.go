package identify

import (
	"errors"
	"slices"
	"testing"
	"time"

	"cfsverify/canon"
	"cfsverify/canon/erofs"
	"cfsverify/canon/fsverity"
	"cfsverify/canon/policy"
	"cfsverify/canon/recipe"
	"cfsverify/compare"
	"cfsverify/testdata/trees"
)

// Whatever recipe a digest was made by, it is among those that are found, and
// the tree is not changed by the search.
func TestIdentifyFindsRecipe(t *testing.T) {
	tree, created := trees.Bootable(), &canon.Time{Sec: 7}
	recipes := Recipes(tree, created, fsverity.SHA512)
	if want := 4 * 2 * 8 * 2 * 4 * 2 * 2 * 3; len(recipes) != want {
		t.Fatalf("%d recipes, want %d", len(recipes), want)
	}
	// All of them would take long; the steps of 11 and 37 meet every rule.
	var some []recipe.Recipe
	for i := 0; i < len(recipes); i += 11 {
		some = append(some, recipes[i])
	}
	for i := 0; i < len(some); i += 37 {
		r := some[i]
		digest, err := r.Digest(tree)
		if err != nil {
			t.Fatal(err)
		}
		found := identified(t, tree, some, digest)
		if !slices.Contains(found, r) {
			t.Errorf("%+v is not among %d that were found", r, len(found))
		}
		for _, other := range found {
			if d, err := other.Digest(tree); err != nil || d != digest {
				t.Errorf("%+v gives %v, %v", other, d, err)
			}
		}
	}
	if d := compare.Trees(tree, trees.Bootable()); len(d) > 0 {
		t.Errorf("the search changed the tree: %v", d)
	}
}

func TestIdentifyFindsNothing(t *testing.T) {
	tree := trees.Bootable()
	if found := identified(t, tree, Recipes(tree, nil, fsverity.SHA512), fsverity.SumBytes(fsverity.SHA256, nil)); found != nil {
		t.Errorf("%v", found)
	}
}

// TestTryWriters: a recipe by which the tree has a corner is tried with both writers,
// another one with its own.
func TestTryWriters(t *testing.T) {
	tree := trees.Rootfs()
	old := tree.Lookup("/usr").Node
	plain := recipe.Recipe{Version: erofs.V1, Hash: fsverity.SHA256, Policy: policy.ComposefsRS()}
	legacy, raw := plain, plain
	legacy.Version, raw.Policy, raw.Writer = erofs.V2, policy.Raw(), erofs.Mkcomposefs
	writers := func(recipes ...recipe.Recipe) (list []erofs.Writer) {
		made, err := recipe.Try(t.Context(), tree, recipes)
		if err != nil {
			t.Fatal(err)
		}
		seen := map[fsverity.Digest]bool{}
		for _, m := range made {
			list = append(list, m.Recipe.Writer)
			if digest, err := m.Recipe.Digest(tree); err != nil || digest != m.Digest || seen[digest] {
				t.Errorf("%+v: %v, %v", m, digest, err)
			}
			seen[m.Digest] = true
		}
		return list
	}
	if got := writers(plain, legacy, raw); !slices.Equal(got, []erofs.Writer{erofs.ComposefsRS, erofs.ComposefsRS, erofs.Mkcomposefs}) {
		t.Errorf("without a corner: %v", got)
	}
	old.Mtime.Sec = -1
	want := []erofs.Writer{erofs.ComposefsRS, erofs.Mkcomposefs, erofs.ComposefsRS, erofs.Mkcomposefs, erofs.ComposefsRS}
	if got := writers(plain, legacy, raw); !slices.Equal(got, want) {
		t.Errorf("with a time before 1970: %v", got)
	}
}

// identified are the recipes that give the digest.
func identified(t *testing.T, tree *canon.Tree, recipes []recipe.Recipe, want fsverity.Digest) (found []recipe.Recipe) {
	t.Helper()
	made, err := recipe.Try(t.Context(), tree, recipes)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range made {
		if m.Digest == want {
			found = append(found, m.Recipe)
		}
	}
	return found
}

// Rules that have nothing to act on give no recipes of their own.
func TestRecipesOfPlainTree(t *testing.T) {
	tree := canon.NewTree()
	recipes := Recipes(tree, nil, fsverity.SHA512)
	if want := 6 * 2 * 3; len(recipes) != want {
		t.Errorf("%d recipes, want %d: six rules for the root, two for directory mtimes, three versions", len(recipes), want)
	}
	if want := (recipe.Recipe{Version: erofs.V1, Hash: fsverity.SHA512, Policy: policy.Policy{Root: policy.RootTarOrNewest, DirMtime: policy.DirMtimeKeep, Run: policy.RunEmpty,
		Xattrs: policy.XattrAllowlist, Mtime: policy.MtimeNanoseconds, Boot: policy.BootNo, Links: policy.LinksKeep}}); recipes[0] != want {
		t.Errorf("the first recipe is %+v, want %+v", recipes[0], want)
	}
}

// The first recipe is the one that composefs-rs uses.
func TestRecipesBeginWithComposefsRS(t *testing.T) {
	policy := policy.ComposefsRS()
	if first := Recipes(trees.Bootable(), nil, fsverity.SHA512)[0]; first != (recipe.Recipe{Version: erofs.V1, Hash: fsverity.SHA512, Policy: policy}) {
		t.Errorf("%+v", first)
	}
}

// TestSearch: a tree that may be final is tried without a policy as well, and where
// nothing is found there is what the usual recipes give.
func TestSearch(t *testing.T) {
	tree := canon.NewTree()
	raw := recipe.Recipe{Version: erofs.V2, Hash: fsverity.SHA256, Policy: policy.Raw()}
	tree.Root.Perm, tree.Root.Mtime = 0o700, canon.Time{Sec: 1}
	tree.Root.Put(canon.Dirent{Name: "run", Node: &canon.Node{Kind: canon.Directory}})
	tree.Root.Child("run").Node.Put(canon.Dirent{Name: "x", Node: &canon.Node{Kind: canon.FIFO, Nlink: 1, Xattrs: canon.Xattrs{{Name: "user.x"}}}})
	want, err := raw.Digest(tree)
	if err != nil {
		t.Fatal(err)
	}
	final, err := Search(t.Context(), tree, nil, want, Origin{Final: true}, 0)
	isRaw := func(m recipe.Made) bool { return m.Recipe == raw && m.Digest == want }
	if err != nil || !slices.ContainsFunc(final.Found, isRaw) || final.Usual != nil {
		t.Errorf("%+v, %v", final, err)
	}
	other, err := Search(t.Context(), trees.Rootfs(), nil, want, Origin{}, 0)
	if err != nil || other.Found != nil || len(other.Usual) != 2 || other.Tried == 0 {
		t.Fatalf("%+v, %v", other, err)
	}
	for _, made := range other.Usual {
		if digest, err := made.Recipe.Digest(trees.Rootfs()); err != nil || digest != made.Digest || made.Recipe.Policy != policy.ComposefsRS() {
			t.Errorf("%+v, %v", made, err)
		}
	}
	if rootless, err := Search(t.Context(), tree, nil, other.Usual[0].Digest, Origin{}, 0); err != nil || rootless.Usual != nil {
		t.Errorf("%+v, %v", rootless, err)
	}
}

// TestTimeout: a search that has no time says so.
func TestTimeout(t *testing.T) {
	var late *TimeoutError
	_, err := Search(t.Context(), trees.Rootfs(), nil, fsverity.SumBytes(fsverity.SHA512, nil), Origin{}, time.Nanosecond)
	if !errors.As(err, &late) || late.Timeout != time.Nanosecond {
		t.Errorf("error %v", err)
	}
}
