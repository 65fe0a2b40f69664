package seals

import (
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"testing"

	"cfsverify/canon"
	"cfsverify/canon/erofs"
	"cfsverify/canon/fsverity"
	"cfsverify/canon/policy"
	"cfsverify/canon/recipe"
	"cfsverify/canon/seal"
	"cfsverify/testdata/trees"
)

// changedBootable is bootable with a change that is in every digest.
func changedBootable() *canon.Tree {
	t := trees.Bootable()
	t.Root.Child("usr").Node.Child("file").Node.Perm = 0o640
	return t
}

// sealedImage has three layers, of which the topmost changes /usr/file.
func sealedImage() Subject {
	return Subject{
		Hash: fsverity.SHA256, Policy: policy.ComposefsRS(), Boot: policy.BootSeconds, Tree: changedBootable(), Layers: 3,
		Lowest: func(n int) (*canon.Tree, error) { return trees.Bootable(), nil },
		Alone: func(n int) (*canon.Tree, error) {
			if n > 3 {
				return nil, fmt.Errorf("there is no layer %d", n)
			}
			return trees.Sample(), nil
		},
		Manifest: []byte("manifest"), Config: []byte("config"),
	}
}

func digestBy(t *testing.T, tree *canon.Tree, version erofs.Version, change func(*policy.Policy)) fsverity.Digest {
	t.Helper()
	policy := policy.ComposefsRS()
	if change != nil {
		change(&policy)
	}
	digest, err := recipe.Recipe{Version: version, Hash: fsverity.SHA256, Policy: policy}.Digest(tree)
	if err != nil {
		t.Fatal(err)
	}
	return digest
}

func booting(rule policy.BootRule) func(*policy.Policy) {
	return func(p *policy.Policy) { p.Boot = rule }
}

// checkOne checks a seal of an image.
func checkOne(t *testing.T, f seal.Seal, image Subject) Checked {
	t.Helper()
	checked, err := Check(t.Context(), []seal.Seal{f}, func(fsverity.Algorithm) (Subject, error) { return image, nil }, Options{Search: true})
	if err != nil {
		t.Fatal(err)
	}
	return checked[0]
}

func TestCheckSeals(t *testing.T) {
	all := []erofs.Version{erofs.V1, erofs.V0, erofs.V2}
	raw := func(p *policy.Policy) { *p = policy.Raw() }
	now, then := changedBootable(), trees.Bootable()
	for name, c := range map[string]struct {
		role     seal.Role
		versions []erofs.Version
		digest   fsverity.Digest
		layer    int
		state    State
		// layers is that of the match, 0 for none.
		layers int
		why    string
	}{
		"bootable":                  {seal.Bootable, all[:2], digestBy(t, now, erofs.V0, booting(policy.BootSeconds)), 0, Good, 0, ""},
		"bootable, another version": {seal.Bootable, all[:2], digestBy(t, now, erofs.V2, booting(policy.BootSeconds)), 0, Wrong, 3, ""},
		"merged":                    {seal.Merged, all, digestBy(t, now, erofs.V2, nil), 0, Good, 0, ""},
		"merged for bootable":       {seal.Bootable, all, digestBy(t, now, erofs.V1, nil), 0, Wrong, 3, ""},
		"bootable for merged":       {seal.Merged, all, digestBy(t, now, erofs.V1, booting(policy.BootSeconds)), 0, Wrong, 3, ""},
		"either, bootable":          {"", all, digestBy(t, now, erofs.V1, booting(policy.BootSeconds)), 0, Good, 0, ""},
		"either, merged":            {"", all, digestBy(t, now, erofs.V1, nil), 0, Good, 0, ""},
		"with nanoseconds":          {seal.Bootable, all, digestBy(t, now, erofs.V1, booting(policy.BootNanoseconds)), 0, Wrong, 3, ""},
		"another recipe":            {seal.Merged, all, digestBy(t, now, erofs.V1, func(p *policy.Policy) { p.Root, p.Xattrs = policy.RootNewest, policy.XattrAll }), 0, Wrong, 3, ""},
		"older layers":              {seal.Bootable, all[:1], digestBy(t, then, erofs.V1, booting(policy.BootSeconds)), 0, Wrong, 2, ""},
		"nothing known":             {seal.Merged, all, fsverity.SumBytes(fsverity.SHA256, []byte("x")), 0, Wrong, 0, ""},
		"config":                    {seal.Config, nil, fsverity.SumBytes(fsverity.SHA256, []byte("config")), 0, Good, 0, ""},
		"manifest for config":       {seal.Config, nil, fsverity.SumBytes(fsverity.SHA256, []byte("manifest")), 0, Wrong, 0, ""},
		"manifest":                  {seal.Manifest, nil, fsverity.SumBytes(fsverity.SHA256, []byte("manifest")), 0, Good, 0, ""},
		"layer":                     {seal.Layer, all[:1], digestBy(t, trees.Sample(), erofs.V1, raw), 2, Good, 0, ""},
		"another layer":             {seal.Layer, all[:1], digestBy(t, now, erofs.V1, raw), 2, Wrong, 0, ""},
		"a layer's other recipe":    {seal.Layer, all[:1], digestBy(t, trees.Sample(), erofs.V2, func(p *policy.Policy) { *p = policy.Raw(); p.Xattrs = policy.XattrNone }), 2, Wrong, -1, ""},
		"no such layer":             {seal.Layer, all[:1], digestBy(t, now, erofs.V1, raw), 4, Unknown, 0, "there is no layer 4"},
	} {
		f := seal.Seal{Layer: c.layer, Claim: seal.Claim{Role: c.role, Versions: c.versions, Digest: c.digest}}
		got := checkOne(t, f, sealedImage())
		layers := 0
		if got.Match != nil {
			layers = got.Match.Layers
			if layers == 0 {
				layers = -1
			}
		}
		if searched := c.state == Wrong && c.role != seal.Config; got.Searched != searched {
			t.Errorf("%s: searched %v", name, got.Searched)
		}
		if got.State != c.state || layers != c.layers || got.Why != c.why {
			t.Errorf("%s: %s by %d layers, %q, want %s by %d, %q", name, got.State, layers, got.Why, c.state, c.layers, c.why)
		}
		if m := got.Match; m != nil && c.layers == 3 {
			if digest, err := m.Recipe.Digest(now); err != nil || digest != c.digest || m.Since != nil {
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
	f := seal.Seal{Claim: seal.Claim{Role: seal.Bootable, Versions: []erofs.Version{erofs.V1}, Digest: digestBy(t, trees.Bootable(), erofs.V1, booting(policy.BootSeconds))}}
	got := checkOne(t, f, image)
	if since := got.Match.Since; len(since) != 1 || since[0].Path != "/usr/file" {
		t.Errorf("changed: %v", since)
	}
}

// TestCheckSealUnknown: what nothing can be said of is neither good nor wrong.
func TestCheckSealUnknown(t *testing.T) {
	odd := errors.New("odd")
	noBoot, noDocuments := sealedImage(), sealedImage()
	noBoot.Tree = trees.Sample()
	noDocuments.Config, noDocuments.Manifest = nil, nil
	digest := fsverity.SumBytes(fsverity.SHA256, nil)
	for why, c := range map[string]struct {
		found seal.Seal
		image Subject
	}{
		"odd":                     {seal.Seal{Err: odd}, sealedImage()},
		"the image has no config": {seal.Seal{Claim: seal.Claim{Role: seal.Config, Digest: digest}}, noDocuments},
		"there is no /usr":        {seal.Seal{Claim: seal.Claim{Role: seal.Bootable, Versions: []erofs.Version{erofs.V1}, Digest: digest}}, noBoot},
	} {
		got := checkOne(t, c.found, c.image)
		if got.State != Unknown || !strings.HasPrefix(got.Why, why) || got.Match != nil {
			t.Errorf("%s: %+v", why, got)
		}
	}
}

// TestCheckSealsOnce: however many seals are wrong, each tree is made once, and
// each hash asks for its image once.
func TestCheckSealsOnce(t *testing.T) {
	image := sealedImage()
	asked, lowest, alone := map[fsverity.Algorithm]int{}, map[int]int{}, map[int]int{}
	makeLowest, makeAlone := image.Lowest, image.Alone
	image.Lowest = func(n int) (*canon.Tree, error) { lowest[n]++; return makeLowest(n) }
	image.Alone = func(n int) (*canon.Tree, error) { alone[n]++; return makeAlone(n) }
	var found []seal.Seal
	for i := range 50 {
		digest := fsverity.SumBytes(fsverity.SHA256, []byte{byte(i)})
		for _, role := range []seal.Role{seal.Bootable, seal.Merged, seal.Layer} {
			f := seal.Seal{Claim: seal.Claim{Role: role, Versions: []erofs.Version{erofs.V1}, Digest: digest}}
			if role == seal.Layer {
				f.Layer = 2
			}
			found = append(found, f)
		}
	}
	checked, err := Check(t.Context(), found, func(alg fsverity.Algorithm) (Subject, error) { asked[alg]++; return image, nil }, Options{Search: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range checked {
		if c.State != Wrong || !c.Searched || c.Match != nil {
			t.Errorf("%+v", c)
		}
	}
	if asked[fsverity.SHA256] != 1 || len(asked) != 1 || lowest[1] != 1 || lowest[2] != 1 || alone[2] > 2 {
		t.Errorf("asked for %v, lowest %v, alone %v", asked, lowest, alone)
	}
}

// TestCheckSealsTrust: with certificates, what can be signed must be.
func TestCheckSealsTrust(t *testing.T) {
	digest := digestBy(t, changedBootable(), erofs.V1, nil)
	claim := seal.Claim{Role: seal.Merged, Versions: []erofs.Version{erofs.V1}, Digest: digest}
	for _, place := range seal.Places() {
		for _, trusted := range [][]*x509.Certificate{nil, {{}}} {
			for _, signature := range [][]byte{nil, []byte("x")} {
				checked, err := Check(t.Context(), []seal.Seal{{Place: place, Claim: claim, Signature: signature}}, func(fsverity.Algorithm) (Subject, error) { return sealedImage(), nil }, Options{Trusted: trusted})
				if err != nil {
					t.Fatal(err)
				}
				signable := map[seal.Place]bool{seal.ManifestAnnotation: true, seal.ConfigAnnotation: true, seal.LayerAnnotation: true, seal.Artifact: true}[place]
				want := Good
				switch {
				case signature != nil && trusted != nil:
					want = Wrong
				case signature != nil, trusted != nil && signable:
					want = Unknown
				}
				if checked[0].State != want {
					t.Errorf("%s, trusted %v, signed %v: %s (%s), want %s", place, trusted != nil, signature != nil, checked[0].State, checked[0].Why, want)
				}
			}
		}
	}
}
