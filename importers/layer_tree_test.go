package importers

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cfsverify/canon"
	"cfsverify/canon/fsverity"
	"cfsverify/testdata/trees"
)

// checkLayerTrees: layers of which each is replaced by the canonical tar of its
// tree give the same tree, and the same canonical tars again.
func checkLayerTrees(t *testing.T, layers []*LayerEntries, want *canon.Tree) {
	t.Helper()
	var again []*LayerEntries
	var archives [][]byte
	for n := 1; n <= len(layers); n++ {
		tree, err := layerTree(layers, n)
		if err != nil {
			t.Fatal(err)
		}
		archive := canonicalTar(t, tree, true)
		l, err := readTar(archive, n)
		if err != nil {
			t.Fatalf("layer %d: %v", n, err)
		}
		again, archives = append(again, l), append(archives, archive)
	}
	got, err := ApplyLayers(again, RulesOCI)
	if err != nil {
		t.Fatal(err)
	}
	// The layers had no entry for the root, the canonical ones have.
	want = want.Clone()
	want.RootOrigin = got.RootOrigin
	if diff := cmp.Diff(explicitText(want), explicitText(got)); diff != "" {
		t.Fatalf("the layers (-) and their canonical tars (+) differ:\n%s", diff)
	}
	for n := 1; n <= len(again); n++ {
		tree, err := layerTree(again, n)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(canonicalTar(t, tree, true), archives[n-1]) {
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
		tree, err := layerTree(layers, n+1)
		if err != nil {
			t.Fatal(err)
		}
		if got := trees.Text(tree); got != trees.Lines(want) {
			t.Errorf("layer %d: got\n%swant\n%s", n+1, got, trees.Lines(want))
		}
	}
	if _, err := layerTree(layers, 3); err == nil || !strings.Contains(err.Error(), "there is no layer 3: the image has 2") {
		t.Errorf("error %v", err)
	}
}

// TestCanonicalTarOfImports: a tree that was read of the canonical tar of another
// one is the same, with the same canonical tar.
func TestCanonicalTarOfImports(t *testing.T) {
	for _, c := range applyCases() {
		layers := layersOf(t, c.layers...)
		tree, err := ApplyLayers(layers, RulesOCI)
		if err != nil {
			continue
		}
		archive := canonicalTar(t, tree, false)
		l, err := ReadLayer(t.Context(), bytes.NewReader(archive), &canon.Layer{Index: 1}, nil, ReadOptions{Hash: fsverity.SHA256})
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		again, err := ApplyLayers([]*LayerEntries{l}, RulesOCI)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		tree.RootOrigin = again.RootOrigin
		if diff := cmp.Diff(explicitText(tree), explicitText(again)); diff != "" {
			t.Errorf("%s: want -, got +\n%s", c.name, diff)
		}
		if !bytes.Equal(canonicalTar(t, again, false), archive) {
			t.Errorf("%s: another canonical tar", c.name)
		}
	}
}
