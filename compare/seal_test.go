package compare

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"cfsverify/canon"
	"cfsverify/canon/erofs"
	"cfsverify/canon/fsverity"
	"cfsverify/canon/seal"
)

// changedBootable is bootable with a change that is in every digest.
func changedBootable() *canon.Tree {
	t := bootable()
	t.Root.Child("usr").Node.Child("file").Node.Perm = 0o640
	return t
}

// sealedImage has three layers, of which the topmost changes /usr/file.
func sealedImage() Sealed {
	return Sealed{
		Hash: fsverity.SHA256, Policy: canon.ComposefsRS(), Boot: canon.BootSeconds, Tree: changedBootable(), Layers: 3,
		Lowest: func(n int) (*canon.Tree, error) { return bootable(), nil },
		Alone: func(n int) (*canon.Tree, error) {
			if n > 3 {
				return nil, fmt.Errorf("there is no layer %d", n)
			}
			return sample(), nil
		},
		Manifest: []byte("manifest"), Config: []byte("config"),
	}
}

func digestOf(t *testing.T, tree *canon.Tree, version erofs.Version, change func(*canon.Policy)) fsverity.Digest {
	t.Helper()
	policy := canon.ComposefsRS()
	if change != nil {
		change(&policy)
	}
	digest, err := Recipe{version, policy}.Digest(tree, fsverity.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	return digest
}

func booting(rule canon.BootRule) func(*canon.Policy) {
	return func(p *canon.Policy) { p.Boot = rule }
}

func TestCheckSeal(t *testing.T) {
	all := []erofs.Version{erofs.V1, erofs.V0, erofs.V2}
	raw := func(p *canon.Policy) { *p = canon.Raw() }
	now, then := changedBootable(), bootable()
	for name, c := range map[string]struct {
		role     seal.Role
		versions []erofs.Version
		digest   fsverity.Digest
		layer    int
		state    SealState
		// layers is that of the match, 0 for none.
		layers int
		why    string
	}{
		"bootable":                  {seal.Bootable, all[:2], digestOf(t, now, erofs.V0, booting(canon.BootSeconds)), 0, SealGood, 0, ""},
		"bootable, another version": {seal.Bootable, all[:2], digestOf(t, now, erofs.V2, booting(canon.BootSeconds)), 0, SealWrong, 3, ""},
		"merged":                    {seal.Merged, all, digestOf(t, now, erofs.V2, nil), 0, SealGood, 0, ""},
		"merged for bootable":       {seal.Bootable, all, digestOf(t, now, erofs.V1, nil), 0, SealWrong, 3, ""},
		"bootable for merged":       {seal.Merged, all, digestOf(t, now, erofs.V1, booting(canon.BootSeconds)), 0, SealWrong, 3, ""},
		"either, bootable":          {"", all, digestOf(t, now, erofs.V1, booting(canon.BootSeconds)), 0, SealGood, 0, ""},
		"either, merged":            {"", all, digestOf(t, now, erofs.V1, nil), 0, SealGood, 0, ""},
		"with nanoseconds":          {seal.Bootable, all, digestOf(t, now, erofs.V1, booting(canon.BootNanoseconds)), 0, SealWrong, 3, ""},
		"another recipe":            {seal.Merged, all, digestOf(t, now, erofs.V1, func(p *canon.Policy) { p.Root, p.Xattrs = canon.RootNewest, canon.XattrAll }), 0, SealWrong, 3, ""},
		"older layers":              {seal.Bootable, all[:1], digestOf(t, then, erofs.V1, booting(canon.BootSeconds)), 0, SealWrong, 2, ""},
		"nothing known":             {seal.Merged, all, fsverity.SumBytes(fsverity.SHA256, []byte("x")), 0, SealWrong, 0, ""},
		"config":                    {seal.Config, nil, fsverity.SumBytes(fsverity.SHA256, []byte("config")), 0, SealGood, 0, ""},
		"manifest for config":       {seal.Config, nil, fsverity.SumBytes(fsverity.SHA256, []byte("manifest")), 0, SealWrong, 0, ""},
		"manifest":                  {seal.Manifest, nil, fsverity.SumBytes(fsverity.SHA256, []byte("manifest")), 0, SealGood, 0, ""},
		"layer":                     {seal.Layer, all[:1], digestOf(t, sample(), erofs.V1, raw), 2, SealGood, 0, ""},
		"another layer":             {seal.Layer, all[:1], digestOf(t, now, erofs.V1, raw), 2, SealWrong, 0, ""},
		"no such layer":             {seal.Layer, all[:1], digestOf(t, now, erofs.V1, raw), 4, SealUnknown, 0, "there is no layer 4"},
	} {
		f := seal.Found{Layer: c.layer, Claim: seal.Claim{Role: c.role, Versions: c.versions, Digest: c.digest}}
		got, err := CheckSeal(t.Context(), f, sealedImage())
		if err != nil {
			t.Fatal(err)
		}
		layers := 0
		if got.Match != nil {
			layers = got.Match.Layers
		}
		if got.State != c.state || layers != c.layers || got.Why != c.why {
			t.Errorf("%s: %s by %d layers, %q, want %s by %d, %q", name, got.State, layers, got.Why, c.state, c.layers, c.why)
		}
		if m := got.Match; m != nil && c.layers == 3 {
			if digest, err := m.Recipe.Digest(now, fsverity.SHA256); err != nil || digest != c.digest || m.Since != nil {
				t.Errorf("%s: the recipe gives %v, %v", name, digest, err)
			}
		}
	}
}

// TestCheckSealSince: what upper layers changed is told as the sealed image has it:
// without what is not in it.
func TestCheckSealSince(t *testing.T) {
	image := sealedImage()
	image.Tree.Root.Child("boot").Node.Put(canon.Dirent{Name: "new", Node: &canon.Node{Kind: canon.FIFO}})
	image.Tree.CountLinks()
	f := seal.Found{Claim: seal.Claim{Role: seal.Bootable, Versions: []erofs.Version{erofs.V1}, Digest: digestOf(t, bootable(), erofs.V1, booting(canon.BootSeconds))}}
	got, err := CheckSeal(t.Context(), f, image)
	if err != nil {
		t.Fatal(err)
	}
	if text := strings.Join(describe(got.Match.Since), "\n"); !strings.Contains(text, "/usr/file") || len(got.Match.Since) != 1 {
		t.Errorf("changed: %s", text)
	}
}

// TestCheckSealUnknown: what nothing can be said of is neither good nor wrong.
func TestCheckSealUnknown(t *testing.T) {
	odd := errors.New("odd")
	noBoot, noDocuments := sealedImage(), sealedImage()
	noBoot.Tree = sample()
	noDocuments.Config, noDocuments.Manifest = nil, nil
	digest := fsverity.SumBytes(fsverity.SHA256, nil)
	for why, c := range map[string]struct {
		found seal.Found
		image Sealed
	}{
		"odd":                     {seal.Found{Err: odd}, sealedImage()},
		"the image has no config": {seal.Found{Claim: seal.Claim{Role: seal.Config, Digest: digest}}, noDocuments},
		"there is no /usr":        {seal.Found{Claim: seal.Claim{Role: seal.Bootable, Versions: []erofs.Version{erofs.V1}, Digest: digest}}, noBoot},
	} {
		got, err := CheckSeal(t.Context(), c.found, c.image)
		if err != nil || got.State != SealUnknown || !strings.HasPrefix(got.Why, why) || got.Match != nil {
			t.Errorf("%s: %+v, %v", why, got, err)
		}
	}
}
