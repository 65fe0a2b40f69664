package verify

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"cfsverify/canon"
	"cfsverify/canon/erofs"
	"cfsverify/canon/fsverity"
	"cfsverify/canon/policy"
	"cfsverify/canon/recipe"
	"cfsverify/compare"
	"cfsverify/compare/blame"
	"cfsverify/compare/gate"
	"cfsverify/importers/layer"
	"cfsverify/testdata/trees"
)

func composefsRS() recipe.Recipe {
	return recipe.Recipe{Version: erofs.V1, Hash: fsverity.SHA256, Policy: policy.ComposefsRS()}
}

// pair is the same tree twice, of which the first is changed.
func pair(change func(*canon.Tree)) [2]Input {
	a, b := trees.Rootfs(), trees.Rootfs()
	change(a)
	return [2]Input{{Name: "inside", Source: "dir:a", Tree: a}, {Name: "outside", Source: "oci:b", Tree: b}}
}

func run(t *testing.T, inputs [2]Input, r recipe.Recipe, o Options) *Result {
	t.Helper()
	result, err := Run(t.Context(), inputs, r, o)
	if err != nil {
		t.Fatal(err)
	}
	return result
}

func paths(differences []compare.Difference) []string {
	var list []string
	for _, d := range differences {
		list = append(list, d.Path)
	}
	return list
}

func TestRunEqual(t *testing.T) {
	r := run(t, pair(func(*canon.Tree) {}), composefsRS(), Options{})
	want, err := composefsRS().Digest(trees.Rootfs())
	if err != nil {
		t.Fatal(err)
	}
	entries := 0
	for range trees.Rootfs().All() {
		entries++
	}
	if !r.Equal() || !r.Passed() || r.Failing() != nil || r.Differences != nil || r.Proof != nil || r.Masked != nil || r.Gate != nil {
		t.Errorf("%+v", r)
	}
	// The policy empties /run.
	if r.A.Digest != want || r.B.Digest != want || r.A.Entries > entries || r.A.Entries != r.B.Entries {
		t.Errorf("digests %v and %v, want %v; %d and %d entries", r.A.Digest, r.B.Digest, want, r.A.Entries, r.B.Entries)
	}
}

// TestRunDifferent: what differs is found, explained and proven, and what the policy
// hides is told on demand only.
func TestRunDifferent(t *testing.T) {
	change := func(tree *canon.Tree) {
		tree.Lookup("/empty").Node.Mtime.Nsec = 5
		tree.Lookup("/empty").Node.Xattrs.Set("user.x", "y")
		tree.Lookup("/dir/large").Node.Xattrs.Set("user.x", "y")
	}
	r := run(t, pair(change), composefsRS(), Options{Masked: true})
	if r.Equal() || r.Passed() || !slices.Equal(paths(r.Differences), []string{"/empty"}) || len(r.Failing()) != 1 || r.Findings[0].Cause != blame.SubsecondMtime {
		t.Errorf("%v, %+v", paths(r.Differences), r.Findings)
	}
	if r.Proof == nil || !r.Proof.Complete || r.Proof.Digest != r.B.Digest || len(r.Proof.Effects) != 1 {
		t.Errorf("%+v", r.Proof)
	}
	// Of /empty only what else differs is hidden.
	m := r.Masked
	if m == nil || !slices.Equal(paths(m.Differences), []string{"/dir/large", "/empty"}) || !slices.Equal(m.Differences[1].Changes, []compare.Change{{Field: compare.Xattr, Xattr: "user.x"}}) || len(m.Findings) == 0 {
		t.Errorf("masked: %+v", m)
	}
	if r := run(t, pair(change), composefsRS(), Options{}); r.Masked != nil {
		t.Error("nobody asked for what is hidden")
	}
}

func TestRunGate(t *testing.T) {
	change := func(tree *canon.Tree) { tree.Lookup("/empty").Node.Perm = 0o600 }
	open := run(t, pair(change), composefsRS(), Options{Gate: &gate.Gate{Allowances: []gate.Allowance{{Reason: "all"}}}})
	if open.Equal() || !open.Passed() || open.Failing() != nil || len(open.Findings) != 1 {
		t.Errorf("%+v", open.Gate)
	}
	shut := run(t, pair(change), composefsRS(), Options{Gate: &gate.Gate{FailOn: []blame.Cause{blame.Unexplained}}})
	if shut.Passed() || len(shut.Failing()) != 1 {
		t.Errorf("%+v", shut.Gate)
	}
}

// TestRunCreated: a side without a creation time has the other one's.
func TestRunCreated(t *testing.T) {
	byCreation := composefsRS()
	byCreation.Policy.Root = policy.RootCreated
	for i := range 2 {
		inputs := pair(func(tree *canon.Tree) { tree.Root.Perm = 0o700 })
		inputs[i].Created = &canon.Time{Sec: 7}
		r := run(t, inputs, byCreation, Options{})
		if !r.Equal() || r.A.Tree.Root.Mtime != (canon.Time{Sec: 7}) {
			t.Errorf("side %d: %v", i, r.A.Tree.Root.Mtime)
		}
	}
	if _, err := Run(t.Context(), pair(func(*canon.Tree) {}), byCreation, Options{}); err == nil || !strings.HasPrefix(err.Error(), "dir:a: ") && !strings.HasPrefix(err.Error(), "oci:b: ") {
		t.Errorf("without a creation time: %v", err)
	}
}

func TestRunCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	inputs := pair(func(tree *canon.Tree) {
		tree.Lookup("/empty").Node.Perm = 0o600
		tree.Lookup("/dir/large").Node.Mtime.Nsec = 9
	})
	if _, err := Run(ctx, inputs, composefsRS(), Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// TestConclusion: differences that nobody accepted are ignored at best.
func TestConclusion(t *testing.T) {
	all := []gate.Allowance{{Reason: "all"}}
	for want, tt := range map[Conclusion]struct {
		change func(*canon.Tree)
		gate   *gate.Gate
	}{
		Same:      {func(*canon.Tree) {}, &gate.Gate{FailOn: []blame.Cause{blame.Umask}, RequireEqualDigests: true}},
		Different: {func(t *canon.Tree) { t.Lookup("/empty").Node.Perm = 0o600 }, &gate.Gate{Allowances: all, RequireEqualDigests: true}},
		Accepted:  {func(t *canon.Tree) { t.Lookup("/empty").Node.Perm = 0o600 }, &gate.Gate{Allowances: all, FailOn: []blame.Cause{blame.LateLayers}}},
		Ignored:   {func(t *canon.Tree) { t.Lookup("/empty").Node.Perm = 0o600 }, &gate.Gate{FailOn: []blame.Cause{blame.LateLayers}}},
	} {
		r := run(t, pair(tt.change), composefsRS(), Options{Gate: tt.gate})
		if got := r.Conclusion(); got != want || r.Passed() != (want != Different) {
			t.Errorf("%s, passed %v, want %s", got, r.Passed(), want)
		}
	}
	if got := run(t, pair(func(t *canon.Tree) { t.Lookup("/empty").Node.Perm = 0o600 }), composefsRS(), Options{}).Conclusion(); got != Different {
		t.Errorf("without a gate: %s", got)
	}
}

// TestOtherRules: what other layer rules make of an image is compared by the same
// recipe, or says why there is nothing to compare.
func TestOtherRules(t *testing.T) {
	refused, rootless := errors.New("no parent"), canon.NewTree()
	changed := trees.Rootfs()
	changed.Lookup("/empty").Node.Perm = 0o600
	for name, tt := range map[string]struct {
		other       layer.OtherRules
		fails       bool
		differences int
	}{
		"another tree": {layer.OtherRules{Tree: changed}, false, 1},
		"the same":     {layer.OtherRules{Tree: trees.Rootfs()}, false, 0},
		"refused":      {layer.OtherRules{Err: refused}, true, 0},
		"no /usr":      {layer.OtherRules{Tree: rootless}, true, 0},
	} {
		inputs := pair(func(*canon.Tree) {})
		inputs[1].Other = &tt.other
		r := run(t, inputs, composefsRS(), Options{})
		o := r.B.OtherRules
		if r.A.OtherRules != nil || (o.Err != nil) != tt.fails || len(o.Differences) != tt.differences || o.Digest.IsZero() != tt.fails {
			t.Errorf("%s: %+v", name, o)
		}
		if !tt.fails && (o.Digest == r.B.Digest) != (tt.differences == 0) {
			t.Errorf("%s: the digest is %v, %d entries differ", name, o.Digest, tt.differences)
		}
	}
}

// TestDisagreement: digests that are the same by the layer rules that were used only are
// not equal, whatever is accepted, unless somebody chose the rules.
func TestDisagreement(t *testing.T) {
	changed := trees.Rootfs()
	changed.Lookup("/empty").Node.Perm = 0o600
	refused := errors.New("no parent")
	same, another, none := &layer.OtherRules{Tree: trees.Rootfs()}, &layer.OtherRules{Tree: changed}, &layer.OtherRules{Err: refused}
	all := &gate.Gate{Allowances: []gate.Allowance{{Reason: "all"}}, FailOn: []blame.Cause{blame.LateLayers}}
	nothing, mode := func(*canon.Tree) {}, func(t *canon.Tree) { t.Lookup("/empty").Node.Perm = 0o600 }
	touch := func(t *canon.Tree) { t.Lookup("/dir").Node.Mtime.Sec++ }
	for name, tt := range map[string]struct {
		change func(*canon.Tree)
		others [2]*layer.OtherRules
		o      Options
		want   Conclusion
		sides  int
		equal  bool
	}{
		"the same digest":                 {nothing, [2]*layer.OtherRules{nil, same}, Options{}, Same, 0, false},
		"another digest":                  {nothing, [2]*layer.OtherRules{nil, another}, Options{}, Different, 1, false},
		"refused":                         {nothing, [2]*layer.OtherRules{nil, none}, Options{}, Different, 1, false},
		"another digest, accepted":        {nothing, [2]*layer.OtherRules{nil, another}, Options{Gate: all}, Different, 1, false},
		"another digest, chosen":          {nothing, [2]*layer.OtherRules{nil, another}, Options{RulesChosen: true}, Same, 1, false},
		"refused, chosen":                 {nothing, [2]*layer.OtherRules{none, nil}, Options{RulesChosen: true, Gate: all}, Same, 1, false},
		"the same other digest":           {nothing, [2]*layer.OtherRules{another, another}, Options{}, Same, 2, true},
		"another and the same":            {nothing, [2]*layer.OtherRules{another, same}, Options{}, Different, 1, false},
		"both refused":                    {nothing, [2]*layer.OtherRules{none, none}, Options{}, Different, 2, false},
		"equal by the others only":        {mode, [2]*layer.OtherRules{nil, another}, Options{}, Different, 1, true},
		"equal by the others, accepted":   {mode, [2]*layer.OtherRules{nil, another}, Options{Gate: all}, Accepted, 1, true},
		"a difference, accepted":          {touch, [2]*layer.OtherRules{nil, another}, Options{Gate: all}, Different, 1, false},
		"a difference, accepted, refused": {touch, [2]*layer.OtherRules{nil, none}, Options{Gate: all}, Different, 1, false},
		"a difference, accepted, chosen":  {touch, [2]*layer.OtherRules{nil, none}, Options{Gate: all, RulesChosen: true}, Accepted, 1, false},
	} {
		inputs := pair(tt.change)
		for i, other := range tt.others {
			if other != nil {
				cloned := *other
				if cloned.Tree != nil {
					cloned.Tree = cloned.Tree.Clone()
				}
				inputs[i].Other = &cloned
			}
		}
		r := run(t, inputs, composefsRS(), tt.o)
		d := r.Disagreement
		if got := r.Conclusion(); got != tt.want || r.Equal() != (tt.want == Same) || r.Passed() != (tt.want != Different) {
			t.Errorf("%s: %s, equal %v, passed %v", name, got, r.Equal(), r.Passed())
		}
		if (d == nil) != (tt.sides == 0) || d != nil && (len(d.Sides) != tt.sides || d.Equal != tt.equal) {
			t.Errorf("%s: %+v", name, d)
		}
	}
}

func TestPredict(t *testing.T) {
	refused := errors.New("refused")
	touched := trees.Rootfs()
	touched.Lookup("/dir").Node.Mtime = canon.Time{Sec: 1700000000, Nsec: 5}
	nanoseconds := trees.Rootfs()
	nanoseconds.Lookup("/empty").Node.Mtime.Nsec = 5
	image := Input{Name: "outside", Source: "oci:x", Tree: trees.Rootfs()}
	unpacked := []Unpacked{{Engine: "same", Tree: trees.Rootfs()}, {Engine: "touched", Tree: touched}, {Engine: "none", Err: refused}, {Engine: "fine", Tree: nanoseconds}}
	p, err := Predict(t.Context(), image, unpacked, canon.Time{Sec: 1700000000}, composefsRS(), Options{Masked: true})
	if err != nil {
		t.Fatal(err)
	}
	same, differs, none, fine := &p.Engines[0], &p.Engines[1], &p.Engines[2], &p.Engines[3]
	if same.Differences != nil || same.Remedies() != nil || same.Masked == nil || same.Err != nil {
		t.Errorf("the same: %+v", same)
	}
	if !slices.Equal(paths(differs.Differences), []string{"/dir"}) || len(differs.Findings) == 0 || !differs.Proof.Complete {
		t.Errorf("touched: %+v", differs)
	}
	if none.Err != refused || none.Masked != nil {
		t.Errorf("refused: %+v", none)
	}
	remedies := fine.Remedies()
	if len(remedies) != 1 || remedies[0].Word != string(policy.MtimeSeconds) || remedies[0].DigestA != remedies[0].DigestB {
		t.Errorf("nanoseconds: %+v", remedies)
	}
	for want, engines := range map[bool][][]EnginePrediction{
		true:  {nil, {*same}, {*same, *same}},
		false: {p.Engines, {*differs}, {*same, *none}},
	} {
		for _, list := range engines {
			if (&Prediction{Engines: list}).Same() != want {
				t.Errorf("%+v: %v", list, !want)
			}
		}
	}
}

func TestPredictErrors(t *testing.T) {
	image := func() Input { return Input{Name: "outside", Source: "oci:x", Tree: trees.Rootfs()} }
	rootless := image()
	rootless.Tree = canon.NewTree()
	for want, inputs := range map[string]struct {
		image    Input
		unpacked []Unpacked
	}{
		"oci:x: ":  {rootless, nil},
		"engine: ": {image(), []Unpacked{{Engine: "engine", Tree: canon.NewTree()}}},
	} {
		if _, err := Predict(t.Context(), inputs.image, inputs.unpacked, canon.Time{}, composefsRS(), Options{}); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: %v", want, err)
		}
	}
}

func TestFormatOf(t *testing.T) {
	v1, rs1, v2 := &erofs.Image{Version: erofs.V1, Writer: erofs.Mkcomposefs}, &erofs.Image{Version: erofs.V1}, &erofs.Image{Version: erofs.V2}
	preset := erofs.Options{Version: erofs.V0, Writer: erofs.Mkcomposefs}
	for _, tt := range []struct {
		images []*erofs.Image
		want   erofs.Options
	}{
		{nil, preset}, {[]*erofs.Image{nil, nil}, preset}, {[]*erofs.Image{nil, v2}, erofs.Options{Version: erofs.V2}},
		{[]*erofs.Image{v1, v1}, erofs.Options{Version: erofs.V1, Writer: erofs.Mkcomposefs}}, {[]*erofs.Image{rs1, v1}, erofs.Options{Version: erofs.V1}},
	} {
		if got, err := FormatOf(preset, tt.images...); err != nil || got != tt.want {
			t.Errorf("%v: %v, %v", tt.images, got, err)
		}
	}
	if got, err := FormatOf(erofs.Options{Version: erofs.V0}, v1); err != nil || got.Writer != erofs.ComposefsRS {
		t.Errorf("an image that both write has another writer than was asked for: %v, %v", got, err)
	}
	var versions *VersionsError
	_, err := FormatOf(preset, v2, v1)
	if !errors.As(err, &versions) || versions.Versions != [2]erofs.Version{erofs.V2, erofs.V1} || !strings.Contains(err.Error(), "versions 2 and 1") {
		t.Errorf("%v", err)
	}
}
