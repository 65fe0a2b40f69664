package verify

import (
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
	"cfsverify/canon/linux"
	"cfsverify/canon/policy"
	"cfsverify/compare/blame"
	"cfsverify/importers"
	"cfsverify/importers/layer"
	"cfsverify/testdata/layers"
)

// plainImage is a layer of an image that is ready for booting, without an SELinux policy;
// labelledImage is the same with one, by which the names of a hardlink have two labels.
const plainImage = `
	d . mode=755 mtime=1
	d boot mode=755 mtime=2
	f boot/kernel mode=644 mtime=2 =x
	d etc mode=755 mtime=3
	d run mode=755 mtime=4
	f run/lock mode=644 mtime=4
	d sysroot mode=755 mtime=2
	d usr mode=755 mtime=5
	f usr/a mode=644 mtime=5 =a pax:SCHILY.xattr.user.x=y
	h usr/b ->usr/a
`

var labelledImage = plainImage + `
	d etc/selinux mode=755 mtime=3
	f etc/selinux/config mode=644 mtime=3 ="# ` + strings.Repeat("x", 80) + `\nSELINUXTYPE=t\n"
	d etc/selinux/t mode=755 mtime=3
	d etc/selinux/t/contexts mode=755 mtime=3
	d etc/selinux/t/contexts/files mode=755 mtime=3
	f etc/selinux/t/contexts/files/file_contexts mode=644 mtime=3 ="# ` + strings.Repeat("x", 80) + `\n/.* all\n/ -d root\n/usr/b b\n"
`

// imageInput is an image of layers.
func imageInput(t *testing.T, name string, specs ...string) Input {
	t.Helper()
	s := importers.Source{Transport: importers.Tar}
	for i, spec := range specs {
		file := filepath.Join(t.TempDir(), fmt.Sprint(i))
		if err := os.WriteFile(file, layers.Tar(spec), 0o600); err != nil {
			t.Fatal(err)
		}
		s.Layers = append(s.Layers, file)
	}
	read, err := importers.Load(t.Context(), s, importers.Options{Hash: fsverity.SHA256, Rules: layer.RulesOCI, Headers: true, Labels: true})
	if err != nil {
		t.Fatal(err)
	}
	return Input{Name: name, Source: "image", Tree: read.Tree, Layers: read.Layers}
}

// dumpInput is an image as a dump file has it that was written by a policy.
func dumpInput(t *testing.T, name string, boot policy.BootRule, links policy.LinkRule, spec string) Input {
	t.Helper()
	in := imageInput(t, name, spec)
	p := policy.ComposefsRS()
	p.Boot, p.Links = boot, links
	if err := p.Apply(in.Tree); err != nil {
		t.Fatal(err)
	}
	for e := range in.Tree.Dirents() {
		e.Origin = nil
		if c := e.Node.Content; c != nil {
			without := *c
			without.Held = nil
			e.Node.Content = &without
		}
	}
	in.Tree.RootOrigin, in.Tree.Markers, in.Layers = nil, nil, nil
	in.Source, in.Final = "dump", true
	return in
}

func causes(r *Result) []blame.Cause {
	var list []blame.Cause
	for _, f := range r.Findings {
		list = append(list, f.Cause)
	}
	return list
}

// TestRecognise: a side that was prepared for booting is recognised, whichever it is, and
// the other one is prepared in the same way.
func TestRecognise(t *testing.T) {
	for _, spec := range []string{plainImage, labelledImage} {
		for _, boot := range policy.BootRules()[1:] {
			for _, links := range []policy.LinkRule{policy.LinksKeep, policy.LinksLastLabel} {
				for side := range 2 {
					inputs := [2]Input{dumpInput(t, "a", boot, links, spec), imageInput(t, "b", spec)}
					if side == 1 {
						inputs[0], inputs[1] = inputs[1], inputs[0]
					}
					// Whole seconds tell no fraction.
					wantBoot, wantLinks := boot, links
					if boot == policy.BootNanoseconds {
						wantBoot = policy.BootSeconds
					}
					if spec == plainImage {
						wantLinks = policy.LinksKeep
					}
					r := run(t, inputs, composefsRS(), Options{Recognise: true})
					got := r.Recognised
					if !r.Equal() || r.Recipe.Policy.Boot != wantBoot || r.Recipe.Policy.Links != wantLinks || got == nil ||
						got.Name != "a" || got.Other != "b" || got.LeftOut != 1 || got.Err != nil || got.Labelled != (spec == labelledImage) {
						t.Errorf("%s, %s, side %d: equal %v, %+v, %+v", boot, links, side, r.Equal(), r.Recipe.Policy, got)
					}
				}
			}
		}
	}
}

// TestRecogniseOneDifference: with that exactly what a late layer changes is told.
func TestRecogniseOneDifference(t *testing.T) {
	late := "f usr/a mode=644 mtime=5 =late\nf boot/loader mode=644 mtime=6 =x\nf run/more mode=644 mtime=6"
	r := run(t, [2]Input{dumpInput(t, "inside", policy.BootSeconds, policy.LinksKeep, labelledImage), imageInput(t, "outside", labelledImage, late)},
		composefsRS(), Options{Recognise: true})
	if !slices.Equal(paths(r.Differences), []string{"/usr/a"}) || !slices.Equal(causes(r), []blame.Cause{blame.LateLayers}) || !r.Proof.Complete {
		t.Errorf("%v, %v, %+v", paths(r.Differences), causes(r), r.Proof)
	}
}

// TestRecogniseNothing: the recipe stays as it is where nobody asked, or nothing speaks for
// another one, or where it would make no difference.
func TestRecogniseNothing(t *testing.T) {
	empty := strings.Replace(plainImage, "f boot/kernel mode=644 mtime=2 =x", "", 1)
	oneTime := strings.NewReplacer("mtime=1", "mtime=5", "mtime=2", "mtime=5", "mtime=3", "mtime=5", "mtime=4", "mtime=5").Replace(empty)
	plain := func(spec string) Input { return dumpInput(t, "inside", policy.BootNo, policy.LinksKeep, spec) }
	prepared := func(name string) Input {
		return dumpInput(t, name, policy.BootSeconds, policy.LinksKeep, labelledImage)
	}
	booting := composefsRS()
	booting.Policy.Boot = policy.BootEpoch
	recorded := prepared("inside")
	recorded.Written = &policy.Policy{Boot: policy.BootNo}
	for name, tt := range map[string]struct {
		inputs [2]Input
		recipe policy.BootRule
		asked  bool
		equal  bool
	}{
		"nobody asked":                   {[2]Input{prepared("inside"), imageInput(t, "outside", labelledImage)}, policy.BootNo, false, false},
		"the recipe says it":             {[2]Input{prepared("inside"), imageInput(t, "outside", labelledImage)}, policy.BootEpoch, true, true},
		"a plain dump":                   {[2]Input{plain(labelledImage), imageInput(t, "outside", labelledImage)}, policy.BootNo, true, true},
		"an empty /boot":                 {[2]Input{plain(empty), imageInput(t, "outside", empty)}, policy.BootNo, true, true},
		"an empty /boot of one time":     {[2]Input{plain(oneTime), imageInput(t, "outside", oneTime)}, policy.BootNo, true, true},
		"it was prepared already":        {[2]Input{dumpInput(t, "inside", policy.BootSeconds, policy.LinksKeep, empty), imageInput(t, "outside", empty, "d boot mode=755 mtime=5\nd sysroot mode=755 mtime=5")}, policy.BootNo, true, true},
		"both are prepared":              {[2]Input{prepared("inside"), prepared("outside")}, policy.BootNo, true, true},
		"a directory that looks like it": {[2]Input{{Name: "inside", Source: "dir", Tree: prepared("").Tree}, imageInput(t, "outside", labelledImage)}, policy.BootNo, true, false},
		"its record says no":             {[2]Input{recorded, imageInput(t, "outside", labelledImage)}, policy.BootNo, true, false},
	} {
		recipe := composefsRS()
		recipe.Policy.Boot = tt.recipe
		r := run(t, tt.inputs, recipe, Options{Recognise: tt.asked})
		if r.Recognised != nil || r.Recipe.Policy.Boot != tt.recipe || r.Equal() != tt.equal {
			t.Errorf("%s: equal %v, %+v, %+v", name, r.Equal(), r.Recipe.Policy, r.Recognised)
		}
	}
}

// TestRecogniseDoubtful: a tree whose directories all have one mtime looks prepared by
// itself. Whatever the other side holds does not decide whether it was: who compares must
// say, unless it makes no difference or a record says it.
func TestRecogniseDoubtful(t *testing.T) {
	oneTime := strings.NewReplacer("mtime=1", "mtime=5", "mtime=2", "mtime=5", "mtime=3", "mtime=5", "mtime=4", "mtime=5").Replace(plainImage)
	empty := strings.Replace(oneTime, "f boot/kernel mode=644 mtime=5 =x", "", 1)
	for name, tt := range map[string]struct {
		inside, outside Input
		leftOut         int
	}{
		"more in /boot":          {dumpInput(t, "inside", policy.BootNo, policy.LinksKeep, empty), imageInput(t, "outside", empty, "f boot/late mode=644 mtime=5 =x\nf sysroot/late mode=644 mtime=5 =x"), 2},
		"prepared":               {dumpInput(t, "inside", policy.BootSeconds, policy.LinksKeep, oneTime), imageInput(t, "outside", oneTime), 1},
		"another mtime of /boot": {dumpInput(t, "inside", policy.BootNo, policy.LinksKeep, empty), imageInput(t, "outside", empty, "d boot mode=755 mtime=9"), 0},
		"another dump file":      {dumpInput(t, "inside", policy.BootSeconds, policy.LinksKeep, oneTime), dumpInput(t, "outside", policy.BootNo, policy.LinksKeep, oneTime), 1},
	} {
		for side, inputs := range [][2]Input{{tt.inside, tt.outside}, {tt.outside, tt.inside}} {
			_, err := Run(t.Context(), [2]Input{cloned(inputs[0]), cloned(inputs[1])}, composefsRS(), Options{Recognise: true})
			var doubt *DoubtError
			if !errors.As(err, &doubt) || doubt.Name != "inside" || doubt.Other != "outside" || doubt.LeftOut != tt.leftOut || !strings.Contains(err.Error(), "which other directories in / have as well") {
				t.Errorf("%s, side %d: %v", name, side, err)
			}
		}
		for boot, equal := range map[policy.BootRule]bool{policy.BootNo: false, policy.BootSeconds: true} {
			said := composefsRS()
			said.Policy.Boot = boot
			if r := run(t, [2]Input{cloned(tt.inside), cloned(tt.outside)}, said, Options{}); r.Equal() != equal {
				t.Errorf("%s, by %s: %v", name, boot, paths(r.Differences))
			}
		}
		for boot, equal := range map[policy.BootRule]bool{policy.BootNo: false, policy.BootSeconds: true} {
			recorded := cloned(tt.inside)
			recorded.Written = &policy.Policy{Boot: boot, Links: policy.LinksKeep}
			if r := run(t, [2]Input{recorded, cloned(tt.outside)}, composefsRS(), Options{Recognise: true}); r.Equal() != equal {
				t.Errorf("%s, recorded as %s: %v", name, boot, paths(r.Differences))
			}
		}
	}
}

// cloned is an input that may be used again.
func cloned(in Input) Input {
	in.Tree = in.Tree.Clone()
	return in
}

// TestRecogniseRecord: a record beside a dump file is better than any trace.
func TestRecogniseRecord(t *testing.T) {
	in := dumpInput(t, "inside", policy.BootSeconds, policy.LinksKeep, labelledImage)
	written := policy.ComposefsRS()
	written.Boot = policy.BootNanoseconds
	in.Written = &written
	r := run(t, [2]Input{in, imageInput(t, "outside", labelledImage)}, composefsRS(), Options{Recognise: true})
	got := r.Recognised
	if !r.Equal() || r.Recipe.Policy.Boot != policy.BootNanoseconds || got == nil || !got.Labelled || !slices.Equal(got.Facts, []string{"the record beside it says so"}) {
		t.Errorf("equal %v, %+v, %+v", r.Equal(), r.Recipe.Policy, got)
	}
}

// TestOtherPolicy: what preparing for booting took from one side is no fault of an engine,
// where the other side cannot be prepared or must not be.
func TestOtherPolicy(t *testing.T) {
	prepared := func() Input {
		return dumpInput(t, "inside", policy.BootSeconds, policy.LinksKeep, labelledImage)
	}
	r := run(t, [2]Input{prepared(), imageInput(t, "outside", labelledImage)}, composefsRS(), Options{})
	want := []string{"/boot", "/boot/kernel", "/sysroot", "/usr/a", "/usr/b"}
	if diff := cmp.Diff(want, paths(r.Differences)); diff != "" || !slices.Equal(causes(r), []blame.Cause{blame.OtherPolicy}) || !r.Proof.Complete {
		t.Errorf("%s %v, %+v", diff, causes(r), r.Proof)
	}
	// A plain dump lacks the content of its policy, and so the labels.
	raw := composefsRS()
	raw.Policy = policy.Raw()
	r = run(t, [2]Input{prepared(), dumpInput(t, "outside", policy.BootNo, policy.LinksKeep, labelledImage)}, raw, Options{Recognise: true})
	if r.Recognised == nil || r.Recognised.Err == nil || r.Recipe.Policy.Boot != policy.BootNo || !slices.Equal(causes(r), []blame.Cause{blame.OtherPolicy}) {
		t.Errorf("%+v, %v", r.Recognised, causes(r))
	}
}

// TestOtherWords: a record tells of all words, and each explains what it took away.
func TestOtherWords(t *testing.T) {
	words := map[string]struct {
		set  func(*policy.Policy)
		keep func(*policy.Policy)
	}{
		"run":       {func(p *policy.Policy) { p.Run = policy.RunEmpty }, func(p *policy.Policy) { p.Run = policy.RunKeep }},
		"xattrs":    {func(p *policy.Policy) { p.Xattrs = policy.XattrNone }, func(p *policy.Policy) { p.Xattrs = policy.XattrUser }},
		"mtime":     {func(p *policy.Policy) { p.Mtime = policy.MtimeSeconds }, func(p *policy.Policy) { p.Mtime = policy.MtimeNanoseconds }},
		"dir-mtime": {func(p *policy.Policy) { p.DirMtime = policy.DirMtimeNewestChild }, func(p *policy.Policy) { p.DirMtime = policy.DirMtimeKeep }},
		"root":      {func(p *policy.Policy) { p.Root = policy.RootEpoch }, func(p *policy.Policy) { p.Root = policy.RootKeep }},
		"hardlinks": {func(p *policy.Policy) { p.Links = policy.LinksBreak }, func(p *policy.Policy) { p.Links = policy.LinksKeep }},
	}
	read := func() *canon.Tree {
		tree := imageInput(t, "", labelledImage).Tree
		tree.Lookup("/usr/a").Node.Mtime.Nsec = 5
		tree.Lookup("/usr/a").Node.Xattrs.Set(linux.UserPrefix+"more", "z")
		return tree
	}
	for name, word := range words {
		for side := range 2 {
			written := policy.Raw()
			word.set(&written)
			tree := read()
			if err := written.Apply(tree); err != nil {
				t.Fatal(err)
			}
			inputs := [2]Input{{Name: "a", Source: "dump", Tree: tree, Final: true, Written: &written}, {Name: "b", Source: "image", Tree: read()}}
			if side == 1 {
				inputs[0], inputs[1] = inputs[1], inputs[0]
			}
			r := composefsRS()
			r.Policy = policy.Raw()
			word.keep(&r.Policy)
			result := run(t, inputs, r, Options{Recognise: true})
			if !slices.Equal(causes(result), []blame.Cause{blame.OtherPolicy}) || len(result.Findings[0].Evidence) != 1 || !strings.HasPrefix(result.Findings[0].Evidence[0].Text, "a was written by a policy with ") {
				t.Errorf("%s, side %d: %v, %+v", name, side, causes(result), result.Findings)
			}
			// What the policy of the comparison takes away itself is the same.
			word.set(&r.Policy)
			inputs = [2]Input{{Name: "a", Source: "dump", Tree: tree.Clone(), Final: true, Written: &written}, {Name: "b", Source: "image", Tree: read()}}
			if result := run(t, inputs, r, Options{}); !result.Equal() {
				t.Errorf("%s: %v", name, paths(result.Differences))
			}
		}
	}
}

// TestRecogniseWriter: a tree for booting is composefs-rs's, unless the user says otherwise.
func TestRecogniseWriter(t *testing.T) {
	for keep, want := range map[bool]erofs.Writer{false: erofs.ComposefsRS, true: erofs.Mkcomposefs} {
		inputs := [2]Input{dumpInput(t, "a", policy.BootSeconds, policy.LinksKeep, plainImage), dumpInput(t, "b", policy.BootNo, policy.LinksKeep, plainImage)}
		recipe := composefsRS()
		recipe.Policy, recipe.Writer = policy.Raw(), erofs.Mkcomposefs
		r := run(t, inputs, recipe, Options{Recognise: true, KeepWriter: keep})
		if r.Recognised == nil || !r.Equal() || r.Recipe.Writer != want {
			t.Errorf("keep %v: %v, equal %v, %+v", keep, r.Recipe.Writer, r.Equal(), r.Recognised)
		}
	}
}
