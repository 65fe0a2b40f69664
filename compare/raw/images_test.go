package raw

import (
	"bytes"
	"errors"
	"testing"

	"cfsverify/canon"
	"cfsverify/testdata/layers"
)

// TestSame: images are the same in their blobs, in their archives, or as a whole.
func TestSame(t *testing.T) {
	pair := func() *Layer { return &Layer{A: &canon.Layer{}, B: &canon.Layer{}} }
	stored, other, onlyA, onlyB := pair(), pair(), pair(), pair()
	stored.Stored = &Stored{}
	other.Stored, other.Archive = &Stored{}, &Archive{}
	onlyA.B, onlyB.A = nil, nil
	same, differs := &Document{Same: true}, &Document{}
	for name, c := range map[string]struct {
		images               Images
		all, blobs, archives bool
	}{
		"nothing":                     {Images{}, true, true, true},
		"the same layers":             {Images{Layers: []*Layer{pair(), pair()}}, true, true, true},
		"all the same":                {Images{Manifest: same, Config: same, Layers: []*Layer{pair()}}, true, true, true},
		"another manifest":            {Images{Manifest: differs, Config: same, Layers: []*Layer{pair()}}, false, true, true},
		"another config":              {Images{Manifest: differs, Config: differs, Layers: []*Layer{pair()}}, false, false, true},
		"another config alone":        {Images{Config: differs}, false, false, true},
		"a layer that is stored anew": {Images{Layers: []*Layer{pair(), stored}}, false, false, true},
		"a layer of another archive":  {Images{Layers: []*Layer{other, pair()}}, false, false, false},
		"a layer that only a has":     {Images{Layers: []*Layer{pair(), onlyA}}, false, false, false},
		"a layer that only b has":     {Images{Layers: []*Layer{onlyB}}, false, false, false},
	} {
		if i := &c.images; i.Same() != c.all || i.SameBlobs() != c.blobs || i.SameArchives() != c.archives {
			t.Errorf("%s: same %v, blobs %v, archives %v", name, i.Same(), i.SameBlobs(), i.SameArchives())
		}
	}
}

// TestArchivesTellsEntries: each entry is told once with its side and the size of
// the global headers before it, and may be refused.
func TestArchivesTellsEntries(t *testing.T) {
	a := layers.Tar("'g' g =\"9 p=path\\n\"\n'g' g =x\nf a\nf b =b")
	b := layers.Tar("f b =b")
	type told struct {
		side   int
		name   string
		global int64
	}
	got := map[told]int{}
	entry := func(side int, h *canon.Header, global int64) error {
		got[told{side, h.Name, global}]++
		return nil
	}
	if _, err := Archives(bytes.NewReader(a), bytes.NewReader(b), entry); err != nil {
		t.Fatal(err)
	}
	// Two header blocks with 9 bytes and one.
	want := []told{{0, "a", 2*512 + 9 + 1}, {0, "b", 0}, {1, "b", 0}}
	for _, w := range want {
		if got[w] != 1 {
			t.Errorf("%+v is told %d times", w, got[w])
		}
	}
	if len(got) != len(want) {
		t.Errorf("told %v", got)
	}

	refusal := errors.New("too many entries")
	_, err := Archives(bytes.NewReader(a), bytes.NewReader(b), func(side int, h *canon.Header, _ int64) error {
		if side == 0 && h.Name == "b" {
			return refusal
		}
		return nil
	})
	var at *EntryError
	if !errors.As(err, &at) || !errors.Is(err, refusal) || at.Side != 0 || at.Entry != 2 || err.Error() != `entry 2 "b": too many entries` {
		t.Errorf("error %v", err)
	}
}
