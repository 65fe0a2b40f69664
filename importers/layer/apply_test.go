package layer

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cfsverify/canon"
	"cfsverify/testdata/layers"
	"cfsverify/testdata/trees"
)

func TestApplyLayers(t *testing.T) {
	for _, c := range layers.ApplyCases() {
		t.Run(c.Name, func(t *testing.T) {
			layers := layersOf(t, c.Layers...)
			want := map[Rules]string{RulesOCI: c.OCI, RulesComposefsRS: c.Composefs}
			switch c.Composefs {
			case "":
				want[RulesComposefsRS] = c.OCI
			case "-":
				want[RulesComposefsRS] = ""
			}
			for _, rules := range AllRules() {
				checkApply(t, layers, rules, want[rules])
			}
			checkOther(t, layers, c.Composefs != "" && !strings.HasPrefix(c.OCI, "error: "))
		})
	}
}

func checkApply(t *testing.T, layers []*Entries, rules Rules, want string) {
	t.Helper()
	tree, err := Apply(layers, rules)
	if message, found := strings.CutPrefix(want, "error: "); found {
		var entryError *canon.EntryError
		if !errors.As(err, &entryError) || !strings.HasPrefix(err.Error(), message) {
			t.Errorf("%s: error %v, want %s", rules, err, message)
		}
		return
	}
	if err != nil {
		t.Errorf("%s: %v", rules, err)
		return
	}
	if got := trees.Text(tree); got != trees.Lines(want) {
		t.Errorf("%s: got\n%swant\n%s", rules, got, trees.Lines(want))
	}
	if err := tree.Validate(); err != nil {
		t.Errorf("%s: %v", rules, err)
	}
}

// checkOther checks that the rules are known to differ where they do.
func checkOther(t *testing.T, layers []*Entries, differ bool) {
	t.Helper()
	tree, err := Apply(layers, RulesOCI)
	if err != nil {
		return
	}
	other, events, err := otherOf(layers, RulesOCI, tree)
	if got := other != nil || err != nil; got != differ {
		t.Errorf("the rules differ: %v (error %v), want %v", got, err, differ)
	}
	if got := len(events) > 0; got != differ {
		t.Errorf("events %v, want some: %v", events, differ)
	}
}

func TestUnknownRules(t *testing.T) {
	if _, err := Apply(nil, "posix"); err == nil {
		t.Error("no error")
	}
}

func TestFirstDifference(t *testing.T) {
	tree := func(spec string) *canon.Tree {
		tree, err := Apply(layersOf(t, spec), RulesOCI)
		if err != nil {
			t.Fatal(err)
		}
		return tree
	}
	base := "d a\nd a/b\nf a/b/c\nh d ->a/b/c\nl e ->x\nf f\nh g ->f\n"
	for spec, want := range map[string]string{
		base: "same",
		"f f\nd a\nd a/b\nf a/b/c\nl e ->x\nh g ->f\nh d ->a/b/c": "same",
		base + "d ./ uid=1":           "",
		base + "d a/b gid=1":          "a/b",
		base + "f a/b/b":              "a/b/b",
		base + "f a/b/d":              "a/b/d",
		base + "f z":                  "z",
		base + "l e ->y":              "e",
		base + "f e":                  "e",
		base + "d a mode=700":         "a",
		base + "h d ->f\nf a/b/c":     "a/b/c",
		base + "h d ->f\nh g ->a/b/c": "d",
		base + "f d pax:SCHILY.xattr.user.a=1\nh a/b/c ->d": "a/b/c",
	} {
		for _, mirrored := range []bool{false, true} {
			a, b := tree(base), tree(spec)
			if mirrored {
				a, b = b, a
			}
			path, differ := firstDifference(a, b)
			if !differ {
				path = "same"
			}
			if path != want {
				t.Errorf("%q, mirrored %v: got %q, want %q", spec, mirrored, path, want)
			}
		}
	}
}

// TestEvents: a survey goes on after a refusal, tells each entry once, and first what
// hides entries.
func TestEvents(t *testing.T) {
	layers := layersOf(t,
		"f a/b =x pax:mtime=-1\nf c/d\nf c/.wh..wh..opq\nl l ->c",
		"f a/x/y/z\nf .wh.a\nf l/m\nd s size=1\nf t")
	layers[1].composefs.oneZeroBlock = true
	tree, err := Apply(layers, RulesOCI)
	if err != nil {
		t.Fatal(err)
	}
	_, events, err := otherOf(layers, RulesOCI, tree)
	if want := `layer 1 (1.tar), entry 1 "a/b": composefs-rs refuses this: a PAX record has an mtime before 1970`; err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
	one, two := layers[0].Layer, layers[1].Layer
	want := []Event{
		{two, 4, "s", false, true, `composefs-rs takes the 512 bytes behind the header for content of this entry, and does not see entry 5, "t"`},
		{one, 1, "a/b", true, false, "a PAX record has an mtime before 1970"},
		{one, 1, "a/b", true, false, `there is no entry for the directory "a"`},
		{one, 2, "c/d", true, false, `there is no entry for the directory "c"`},
		{one, 3, "c/.wh..wh..opq", false, false, `the marker removes 1 of its own layer's entries that stand before it, the first being entry 2, "c/d"`},
		{two, 1, "a/x/y/z", true, false, `there is no entry for the directory "a/x"`},
		{two, 2, ".wh.a", false, false, `the marker removes 1 of its own layer's entries that stand before it, the first being entry 1, "a/x/y/z"`},
		{two, 3, "l/m", true, false, `"l" is a symlink, not a directory (layer 1 (1.tar), entry 4)`},
		{two, 0, "", true, false, "the archive ends after one zero block instead of two"},
	}
	if diff := cmp.Diff(want, events); diff != "" {
		t.Errorf("want -, got +\n%s", diff)
	}
}

// TestEventsOfSizes: what an entry hides that states a size without content, what only
// composefs-rs sees, and what it cannot read.
func TestEventsOfSizes(t *testing.T) {
	planted := strconv.Quote(string(layers.Tar("f planted")[:512]))
	for spec, want := range map[string][]string{
		"d d size=1024": nil,
		"d d size=1\nf a\nf b": {
			`1 d: composefs-rs takes the 512 bytes behind the header for content of this entry, and does not see entry 2, "a"`},
		"d d size=1024\nf a pax:uid=7\np p size=1000\nf b\nf c\nf e": {
			`1 d: composefs-rs takes the 1024 bytes behind the header for content of this entry, and does not see entry 2, "a"`,
			`2 a: only composefs-rs sees this entry, in bytes that are content or extension headers of entry 2, "a"`,
			`3 p: composefs-rs takes the 1024 bytes behind the header for content of this entry, and does not see entries 4 to 5, "b" to "c"`},
		"d d size=512\nf a =" + planted + "\nf .wh.planted": {
			`1 d: composefs-rs takes the 512 bytes behind the header for content of this entry, and does not see entry 2, "a"`,
			`2 planted: only composefs-rs sees this entry, in bytes that are content or extension headers of entry 2, "a"`,
			`3 .wh.planted: the marker removes 1 of its own layer's entries that stand before it, the first being entry 2, "planted"`},
		"d d size=512\nf a =x": {
			`1 d: composefs-rs takes the 512 bytes behind the header for content of this entry, and does not see entry 2, "a"`,
			`1 d: the 512 bytes behind the header are taken for content of this entry, and what is read then is refused: block at byte 1024: this is no tar header: its checksum is 376, not 0`},
	} {
		layers := layersOf(t, spec)
		tree, err := Apply(layers, RulesOCI)
		if err != nil {
			t.Fatal(err)
		}
		_, events, _ := otherOf(layers, RulesOCI, tree)
		var got []string
		for _, e := range events {
			got = append(got, fmt.Sprintf("%d %s: %s", e.Entry, e.Path, e.What))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q: want -, got +\n%s", spec, diff)
		}
	}
}

func TestEventOfDifference(t *testing.T) {
	layers := layersOf(t, "d a\nd a/b", "f a/b/.wh.y\nf a/.wh.b")
	tree, err := Apply(layers, RulesOCI)
	if err != nil {
		t.Fatal(err)
	}
	_, events, err := otherOf(layers, RulesOCI, tree)
	want := []Event{{layers[1].Layer, 1, "a/b", false, false, "composefs-rs makes something else of this path"}}
	if diff := cmp.Diff(want, events); diff != "" || err != nil {
		t.Errorf("error %v, want -, got +\n%s", err, diff)
	}
}

// TestOtherOfComposefsRS: the other rules are the OCI rules if those of
// composefs-rs are used.
func TestOtherOfComposefsRS(t *testing.T) {
	for spec, want := range map[string]string{
		"f a\nf .wh.a": "f a\n",
		"f .wh.a\nf a": "",
		"f a\nf .wh.":  "error",
	} {
		layers := layersOf(t, spec)
		tree, err := Apply(layers, RulesComposefsRS)
		if err != nil {
			t.Fatal(err)
		}
		other, _, err := otherOf(layers, RulesComposefsRS, tree)
		got := ""
		switch {
		case err != nil && other == nil:
			got = "error"
		case other != nil:
			got = trees.Text(other)
		}
		if got != want {
			t.Errorf("%q: got %q, want %q", spec, got, want)
		}
	}
}
