package layer

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cfsverify/canon"
)

// place writes an origin as layer/entry.
func place(o *canon.Origin) string {
	if o == nil {
		return "none"
	}
	return fmt.Sprintf("%d/%d", o.Layer.Index, o.Entry)
}

// TestImpliedBy: a directory tells which entry of which upper layer needs it
// and finds no entry for it in its own layer.
func TestImpliedBy(t *testing.T) {
	for name, tt := range map[string]struct {
		layers []string
		path   string
		want   string
	}{
		"file":                       {[]string{"d a", "f x\nf a/f"}, "/a", "2/2"},
		"first of several":           {[]string{"d a", "f a/f\nf a/g"}, "/a", "2/1"},
		"topmost layer":              {[]string{"d a", "f a/f", "f a/g"}, "/a", "3/1"},
		"nested":                     {[]string{"d a\nd a/b", "f a/b/f"}, "/a", "2/1"},
		"whiteout":                   {[]string{"d a\nf a/f", "f a/.wh.f"}, "/a", "2/1"},
		"opaque marker":              {[]string{"d a\nf a/f", "f a/.wh..wh..opq"}, "/a", "2/1"},
		"hardlink":                   {[]string{"d a\nf f", "h a/l ->f"}, "/a", "2/1"},
		"entry before":               {[]string{"d a", "d a\nf a/f"}, "/a", "none"},
		"entry after":                {[]string{"d a", "f a/f\nd a"}, "/a", "none"},
		"entry in a later layer":     {[]string{"d a", "f a/f", "d a"}, "/a", "none"},
		"entry for the parent only":  {[]string{"d a\nd a/b", "d a\nf a/b/f"}, "/a", "none"},
		"entry for the child only":   {[]string{"d a\nd a/b", "d a/b\nf a/b/f"}, "/a", "2/1"},
		"made by the same layer":     {[]string{"f a/f\nf a/g"}, "/a", "none"},
		"made by another layer":      {[]string{"f a/f", "f a/g"}, "/a", "2/1"},
		"nothing below in any layer": {[]string{"d a", "f b"}, "/a", "none"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, rules := range AllRules() {
				tree, err := Apply(layersOf(t, tt.layers...), rules)
				if err != nil {
					// composefs-rs makes no directories.
					if rules == RulesComposefsRS {
						continue
					}
					t.Fatal(err)
				}
				if got := place(tree.Lookup(tt.path).Origin.ImpliedBy); got != tt.want {
					t.Errorf("%s: %s is implied by %s, want %s", rules, tt.path, got, tt.want)
				}
			}
		})
	}
}

func TestMarkersAndSuperseded(t *testing.T) {
	layers := layersOf(t,
		"d a\nf a/x\nf b =old mode=600\nf b =new\nd c mtime=1\nd c mtime=2",
		"d a\nf a/.wh..wh..opq\nf .wh.b\nf a/.wh.none\nf .wh..wh.plnk\nf .wh..wh..opq")
	for _, rules := range AllRules() {
		tree, err := Apply(layers, rules)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, m := range tree.Markers {
			got = append(got, fmt.Sprintf("%s %v %s", m.Path, m.Opaque, place(m.Origin)))
		}
		for _, s := range tree.Superseded {
			got = append(got, fmt.Sprintf("%s was %v %o at %d, %s", s.Path, s.Dirent.Node.Kind, s.Dirent.Node.Perm, s.Dirent.Node.Mtime.Sec, place(s.Dirent.Origin)))
		}
		want := []string{"/a true 2/2", "/b false 2/3", "/a/none false 2/4", "/ true 2/6",
			"/b was file 600 at 0, 1/3", "/c was directory 755 at 1, 1/5"}
		if rules == RulesComposefsRS {
			// To composefs-rs what AUFS left are whiteouts.
			want = append(append(want[:3:3], "/.wh.plnk false 2/5"), want[3:]...)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", rules, diff)
		}
	}
}

// TestNewestEntry: what is hidden or replaced counts, and so do markers.
func TestNewestEntry(t *testing.T) {
	for want, layers := range map[int64][]string{
		0: {"d a"},
		5: {"d a mtime=5", "f b mtime=4"},
		6: {"f a mtime=6", "f .wh.a mtime=3"},
		7: {"f a mtime=6", "f .wh.a mtime=7"},
		8: {"f a mtime=8\nf a mtime=1"},
	} {
		tree, err := Apply(layersOf(t, layers...), RulesOCI)
		if err != nil {
			t.Fatal(err)
		}
		if got := tree.NewestEntry.Sec; got != want {
			t.Errorf("%q: %d, want %d", layers, got, want)
		}
	}
}
