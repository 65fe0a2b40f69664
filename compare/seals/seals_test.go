package seals

import (
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cfsverify/canon"
	"cfsverify/canon/erofs"
	"cfsverify/canon/fsverity"
	"cfsverify/canon/policy"
	"cfsverify/canon/recipe"
	"cfsverify/canon/releases"
	"cfsverify/canon/seal"
	"cfsverify/importers/image"
	"cfsverify/importers/layer"
	"cfsverify/testdata/layers"
	"cfsverify/testdata/trees"
)

// sealedLayers have all that recipes act on, and a change of /usr/file in the topmost.
var sealedLayers = []string{
	"d . mode=755 mtime=9\nd usr mode=755 pax:mtime=5.5\nf usr/file mode=644 mtime=5 =x\nd run mode=700 mtime=4\nd boot mode=755 mtime=3\nf boot/kernel mtime=3\nd sysroot mode=755 mtime=2",
	"d usr mode=755 pax:mtime=7.5\nf usr/new mode=644 pax:mtime=7.5 pax:SCHILY.xattr.user.x=1 pax:SCHILY.xattr.security.selinux=l",
	"d usr mode=755 pax:mtime=7.5\nf usr/file mode=640 mtime=5 =x",
}

// sealedImage is an image of these layers.
func sealedImage(t *testing.T) Subject { return imageOf(t, sealedLayers) }

func imageOf(t *testing.T, specs []string) Subject {
	t.Helper()
	dir := t.TempDir()
	var files []string
	for i, spec := range specs {
		file := filepath.Join(dir, fmt.Sprintf("%03d", i))
		if err := os.WriteFile(file, layers.Tar(spec), 0o600); err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	entries, err := image.Bare(files).Layers(t.Context(), image.ReadOptions{ReadOptions: layer.ReadOptions{Hash: fsverity.SHA256}})
	if err != nil {
		t.Fatal(err)
	}
	merged, err := layer.Merge(entries, layer.RulesOCI)
	if err != nil {
		t.Fatal(err)
	}
	return Subject{
		Hash: fsverity.SHA256, Policy: policy.ComposefsRS(), Boot: policy.BootSeconds, Tree: merged.Tree, Stack: layer.NewStack(entries, layer.RulesOCI),
		Manifest: []byte("manifest"), Config: []byte("config"),
	}
}

// treeOf gives a tree of the image's layers.
func treeOf(t *testing.T, layers func(int) (*canon.Tree, error), n int) *canon.Tree {
	t.Helper()
	tree, err := layers(n)
	if err != nil {
		t.Fatal(err)
	}
	return tree
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
	result, err := Check(t.Context(), []seal.Seal{f}, []Subject{image}, Options{Search: true})
	if err != nil {
		t.Fatal(err)
	}
	return result.Seals[0]
}

func TestCheckSeals(t *testing.T) {
	all := []erofs.Version{erofs.V1, erofs.V0, erofs.V2}
	raw := func(p *policy.Policy) { *p = policy.Raw() }
	image := sealedImage(t)
	now, then, alone := image.Tree, treeOf(t, image.Stack.Lowest, 2), treeOf(t, image.Stack.Alone, 2)
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
		"layer":                     {seal.Layer, all[:1], digestBy(t, alone, erofs.V1, raw), 2, Good, 0, ""},
		"another layer":             {seal.Layer, all[:1], digestBy(t, now, erofs.V1, raw), 2, Wrong, 0, ""},
		"a layer's other recipe":    {seal.Layer, all[:1], digestBy(t, alone, erofs.V2, func(p *policy.Policy) { *p = policy.Raw(); p.Xattrs = policy.XattrAllowlist }), 2, Wrong, -1, ""},
		"no such layer":             {seal.Layer, all[:1], digestBy(t, now, erofs.V1, raw), 4, Unknown, 0, "there is no layer 4: the image has 3"},
	} {
		f := seal.Seal{Layer: c.layer, Claim: seal.Claim{Role: c.role, Versions: c.versions, Digest: c.digest}}
		got := checkOne(t, f, image)
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
		if got.State != c.state || layers != c.layers || whyOf(got) != c.why {
			t.Errorf("%s: %s by %d layers, %q, want %s by %d, %q", name, got.State, layers, whyOf(got), c.state, c.layers, c.why)
		}
		if m := got.Match; m != nil && c.layers == 3 {
			if digest, err := m.Recipe.Digest(now); err != nil || digest != c.digest || m.Since != nil {
				t.Errorf("%s: the recipe gives %v, %v", name, digest, err)
			}
		}
	}
}

func whyOf(c Checked) string {
	if c.Why == nil {
		return ""
	}
	return c.Why.Error()
}

// TestCheckSealSince: what upper layers changed is told as the sealed image has it:
// without what is not in it.
func TestCheckSealSince(t *testing.T) {
	image := sealedImage(t)
	image.Tree.Root.Child("boot").Node.Put(canon.Dirent{Name: "new", Node: &canon.Node{Kind: canon.FIFO}})
	image.Tree.CountLinks()
	f := seal.Seal{Claim: seal.Claim{Role: seal.Bootable, Versions: []erofs.Version{erofs.V1}, Digest: digestBy(t, treeOf(t, image.Stack.Lowest, 2), erofs.V1, booting(policy.BootSeconds))}}
	got := checkOne(t, f, image)
	if since := got.Match.Since; len(since) != 1 || since[0].Path != "/usr/file" {
		t.Errorf("changed: %v", since)
	}
}

// TestCheckSealUnknown: what nothing can be said of is neither good nor wrong.
func TestCheckSealUnknown(t *testing.T) {
	odd := errors.New("odd")
	noBoot, noDocuments := sealedImage(t), sealedImage(t)
	noBoot.Tree = trees.Sample()
	noDocuments.Config, noDocuments.Manifest = nil, nil
	digest := fsverity.SumBytes(fsverity.SHA256, nil)
	for why, c := range map[string]struct {
		found seal.Seal
		image Subject
	}{
		"odd":                     {seal.Seal{Err: odd}, sealedImage(t)},
		"the image has no config": {seal.Seal{Claim: seal.Claim{Role: seal.Config, Digest: digest}}, noDocuments},
		"there is no /usr":        {seal.Seal{Claim: seal.Claim{Role: seal.Bootable, Versions: []erofs.Version{erofs.V1}, Digest: digest}}, noBoot},
	} {
		got := checkOne(t, c.found, c.image)
		if got.State != Unknown || !strings.HasPrefix(whyOf(got), why) || got.Match != nil {
			t.Errorf("%s: %+v", why, got)
		}
	}
}

// TestHashes: each hash that seals are of needs an image with it.
func TestHashes(t *testing.T) {
	digest := func(alg fsverity.Algorithm) seal.Seal {
		return seal.Seal{Claim: seal.Claim{Role: seal.Config, Digest: fsverity.SumBytes(alg, nil)}}
	}
	found := []seal.Seal{{Err: errors.New("odd")}, digest(fsverity.SHA256), digest(fsverity.SHA256)}
	if got := Hashes(found); !slices.Equal(got, []fsverity.Algorithm{fsverity.SHA256}) {
		t.Errorf("%v", got)
	}
	found = append(found, digest(fsverity.SHA512))
	if got := Hashes(found); !slices.Equal(got, []fsverity.Algorithm{fsverity.SHA512, fsverity.SHA256}) {
		t.Errorf("%v", got)
	}
	if result, err := Check(t.Context(), found, []Subject{{Hash: fsverity.SHA256}}, Options{}); err == nil {
		t.Errorf("without an image: %+v", result)
	}
}

func TestGood(t *testing.T) {
	good, wrong, unknown := Checked{State: Good}, Checked{State: Wrong}, Checked{State: Unknown}
	for want, lists := range map[bool][][]Checked{true: {{good}, {good, good}}, false: {nil, {good, wrong}, {unknown}, {wrong, good}}} {
		for _, list := range lists {
			if got := (&Result{Seals: list}).Good(); got != want {
				t.Errorf("%v: %v", list, got)
			}
			if (&Result{Seals: list, Trust: trustOf(list)}).Good() {
				t.Errorf("%v: good without a signature", list)
			}
		}
	}
}

// TestManyWrongSeals: however many seals are wrong, they are looked for at once, and
// each is told of.
func TestManyWrongSeals(t *testing.T) {
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
	result, err := Check(t.Context(), found, []Subject{sealedImage(t)}, Options{Search: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range result.Seals {
		if c.State != Wrong || !c.Searched || c.Match != nil {
			t.Errorf("%+v", c)
		}
	}
}

// TestCheckSealsTrust: with certificates, what can be signed must be.
func TestCheckSealsTrust(t *testing.T) {
	image := sealedImage(t)
	digest := digestBy(t, image.Tree, erofs.V1, nil)
	claim := seal.Claim{Role: seal.Merged, Versions: []erofs.Version{erofs.V1}, Digest: digest}
	for _, place := range seal.Places() {
		for _, trusted := range [][]*x509.Certificate{nil, {{}}} {
			for _, signature := range [][]byte{nil, []byte("x")} {
				result, err := Check(t.Context(), []seal.Seal{{Place: place, Claim: claim, Signature: signature}}, []Subject{image}, Options{Trusted: trusted})
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
				if result.Good() != (want == Good && trusted == nil) {
					t.Errorf("%s, trusted %v, signed %v: good %v", place, trusted != nil, signature != nil, result.Good())
				}
				if result.Seals[0].State != want {
					t.Errorf("%s, trusted %v, signed %v: %s (%s), want %s", place, trusted != nil, signature != nil, result.Seals[0].State, result.Seals[0].Why, want)
				}
			}
		}
	}
}

// TestHoldByOtherRules: a seal that is right by one set of layer rules only is wrong, and
// the reason says by which it is right.
func TestHoldByOtherRules(t *testing.T) {
	image := sealedImage(t)
	digest := digestBy(t, image.Tree, erofs.V1, nil)
	other := image.Tree.Clone()
	other.Root.Child("usr").Node.Put(canon.Dirent{Name: "more", Node: &canon.Node{Kind: canon.FIFO, Nlink: 1}})
	refused := errors.New("refused")
	for name, tt := range map[string]struct {
		other *layer.OtherRules
		seal  fsverity.Digest
		state State
		want  *RulesError
	}{
		"the same":            {nil, digest, Good, nil},
		"the same digest":     {&layer.OtherRules{Rules: layer.RulesComposefsRS, Tree: image.Tree.Clone()}, digest, Good, nil},
		"another digest":      {&layer.OtherRules{Rules: layer.RulesComposefsRS, Tree: other}, digest, Wrong, &RulesError{Rules: layer.RulesComposefsRS, Digest: digestBy(t, other, erofs.V1, nil)}},
		"refused":             {&layer.OtherRules{Rules: layer.RulesComposefsRS, Err: refused}, digest, Wrong, &RulesError{Rules: layer.RulesComposefsRS, Err: refused}},
		"right by the others": {&layer.OtherRules{Rules: layer.RulesComposefsRS, Tree: other}, digestBy(t, other, erofs.V1, nil), Wrong, &RulesError{Rules: layer.RulesComposefsRS, Right: true}},
	} {
		image.Other = tt.other
		f := seal.Seal{Place: seal.Label, Claim: seal.Claim{Role: seal.Merged, Versions: []erofs.Version{erofs.V1}, Digest: tt.seal}}
		got := checkOne(t, f, image)
		var why *RulesError
		errors.As(got.Why, &why)
		if got.State != tt.state || (why == nil) != (tt.want == nil) || why != nil && why.Error() != tt.want.Error() {
			t.Errorf("%s: %s, %v, want %s, %v", name, got.State, got.Why, tt.state, tt.want)
		}
	}
}

// TestCapitals: composefs-setup-root looks for an image that is named like the digits of an
// argument, and cfsctl mount finds none by capital letters.
func TestCapitals(t *testing.T) {
	image := sealedImage(t)
	hex := digestBy(t, image.Tree, erofs.V1, booting(policy.BootSeconds)).String()
	consumer, err := releases.ParseConsumer("composefs-rs@0.9.2")
	if err != nil {
		t.Fatal(err)
	}
	for value, want := range map[string]State{hex: Good, strings.ToUpper(hex): Wrong} {
		found := seal.Kargs("composefs="+value, seal.CmdlineMax)
		found[0].Place = seal.UKI
		result, err := Check(t.Context(), found, []Subject{image}, Options{Consumers: []releases.Consumer{consumer}})
		if err != nil {
			t.Fatal(err)
		}
		got, why := result.Seals[0].State, whyOf(result.Seals[0])
		if got != want || strings.Contains(why, "names have no capital letters") != (want == Wrong) {
			t.Errorf("%s: %s, %q", value, got, why)
		}
	}
}

// TestCommandLines: what one profile is booted with is not read for another, nor a file of the
// user's for one of the image.
func TestCommandLines(t *testing.T) {
	a, b := &seal.Profile{}, &seal.Profile{Number: 1}
	of := func(place seal.Place, name, key string, number int, p *seal.Profile) seal.Seal {
		return seal.Seal{Place: place, Name: name, Key: key, CommandLine: number, Profile: p}
	}
	named := of(seal.UKI, "x", "composefs.digest", 0, nil)
	named.OfUser = true
	got := commandLines([]seal.Seal{
		named,
		of(seal.UKI, "x", "composefs", 0, nil), of(seal.UKI, "x", "composefs.digest", 0, a), of(seal.UKI, "x", "composefs", 0, a), of(seal.UKI, "x", "composefs", 0, b), of(seal.UKI, "x", "", 0, b),
		of(seal.UKI, "y", "composefs", 0, nil), of(seal.Label, "", "x", 0, nil), of(seal.Cmdline, "", "composefs", 1, nil), of(seal.Cmdline, "", "composefs", 2, nil),
	})
	if diff := cmp.Diff([][]int{{0}, {1}, {2, 3}, {4}, {6}, {8}, {9}}, got); diff != "" {
		t.Errorf("want -, got +\n%s", diff)
	}
}
