package layer

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cfsverify/canon"
	"cfsverify/canon/fsverity"
	"cfsverify/testdata/blobs"
	"cfsverify/testdata/layers"
	"cfsverify/testdata/trees"
)

// checkLayerTrees: layers of which each is replaced by the canonical tar of its
// tree give the same tree, and the same canonical tars again.
func checkLayerTrees(t *testing.T, layers []*Entries, want *canon.Tree) {
	t.Helper()
	var again []*Entries
	var archives [][]byte
	for n := 1; n <= len(layers); n++ {
		tree, err := Alone(layers, n)
		if err != nil {
			t.Fatal(err)
		}
		archive := blobs.CanonicalTar(t, tree, true)
		l, err := readTar(archive, n)
		if err != nil {
			t.Fatalf("layer %d: %v", n, err)
		}
		again, archives = append(again, l), append(archives, archive)
	}
	got, err := Apply(again, RulesOCI)
	if err != nil {
		t.Fatal(err)
	}
	// The layers had no entry for the root, the canonical ones have.
	want = want.Clone()
	want.RootOrigin = got.RootOrigin
	if diff := cmp.Diff(trees.ExplicitText(want), trees.ExplicitText(got)); diff != "" {
		t.Fatalf("the layers (-) and their canonical tars (+) differ:\n%s", diff)
	}
	for n := 1; n <= len(again); n++ {
		tree, err := Alone(again, n)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(blobs.CanonicalTar(t, tree, true), archives[n-1]) {
			t.Fatalf("the canonical tar of layer %d has another canonical tar", n)
		}
	}
}

func TestLayerTree(t *testing.T) {
	layers := layersOf(t,
		"d ./ mtime=9\nd usr mode=711 uid=3\nf usr/a =a\nf usr/b =b\nf x\nf y",
		"f usr/new =n\nf .wh.x\nh usr/link ->usr/a\nf usr/.wh.b\nd gone\nf gone/f\nf dup =1\nf dup =2 mtime=5")
	for n, want := range []string{
		"d / mtime=9\nd usr uid=3 mode=711\nf usr/a =a\nf usr/b =b\nf x\nf y",
		"d / mtime=9\nf .wh.x\nf dup =2 mtime=5\nd gone\nf gone/f\nd usr uid=3 mode=711\nf usr/.wh.b\nf usr/a =a\nh usr/link ->usr/a\nf usr/new =n",
	} {
		tree, err := Alone(layers, n+1)
		if err != nil {
			t.Fatal(err)
		}
		if got := trees.Text(tree); got != trees.Lines(want) {
			t.Errorf("layer %d: got\n%swant\n%s", n+1, got, trees.Lines(want))
		}
	}
	for _, n := range []int{-1, 0, 3} {
		if _, err := Alone(layers, n); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("there is no layer %d: the image has 2", n)) {
			t.Errorf("error %v", err)
		}
	}
}

// TestCanonicalTarOfImports: a tree that was read of the canonical tar of another
// one is the same, with the same canonical tar.
func TestCanonicalTarOfImports(t *testing.T) {
	for _, c := range layers.ApplyCases() {
		layers := layersOf(t, c.Layers...)
		tree, err := Apply(layers, RulesOCI)
		if err != nil {
			continue
		}
		archive := blobs.CanonicalTar(t, tree, false)
		l, err := Read(t.Context(), bytes.NewReader(archive), &canon.Layer{Index: 1}, nil, ReadOptions{Hash: fsverity.SHA256})
		if err != nil {
			t.Fatalf("%s: %v", c.Name, err)
		}
		again, err := Apply([]*Entries{l}, RulesOCI)
		if err != nil {
			t.Fatalf("%s: %v", c.Name, err)
		}
		tree.RootOrigin = again.RootOrigin
		if diff := cmp.Diff(trees.ExplicitText(tree), trees.ExplicitText(again)); diff != "" {
			t.Errorf("%s: want -, got +\n%s", c.Name, diff)
		}
		if !bytes.Equal(blobs.CanonicalTar(t, again, false), archive) {
			t.Errorf("%s: another canonical tar", c.Name)
		}
	}
}
