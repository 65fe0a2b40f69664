package rewrite

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"

	"cfsverify/canon"
	"cfsverify/canon/fsverity"
	"cfsverify/canon/tarfile"
	"cfsverify/compare"
	"cfsverify/importers/layer"
	"cfsverify/testdata/reading"
	"cfsverify/testdata/trees"
)

// spacesLayer is a layer of a tree by trees.Generator.Spaces.
func spacesLayer(t *testing.T, seed uint64) *layer.Entries {
	t.Helper()
	tree := trees.Generator{Rand: rand.New(rand.NewPCG(seed, 13)), Algorithm: fsverity.SHA256}.Spaces()
	for e := range tree.Dirents() {
		n := e.Node
		if n.Kind == canon.Socket {
			n.Kind = canon.FIFO
		}
		if n.Size > 0 {
			n.Size, n.Content = 1, &canon.Content{Inline: []byte("x")}
		}
		// What no canonical tar holds has another name of the same length at first.
		var xattrs canon.Xattrs
		for _, x := range n.Xattrs {
			if name := strings.ReplaceAll(x.Name, "overlay.redirect", "overlay.rEDIRECT"); !strings.Contains(name, "=") && !strings.HasSuffix(name, "overlay.metacopy") {
				xattrs.Set(name, x.Value)
			}
		}
		n.Xattrs = xattrs
	}
	var out bytes.Buffer
	if err := tarfile.Write(&out, tree, tarfile.Options{Layer: true}); err != nil {
		t.Fatalf("seed %d: %v", seed, err)
	}
	read, err := reading.Layer(bytes.ReplaceAll(out.Bytes(), []byte("overlay.rEDIRECT"), []byte("overlay.redirect")), 1)
	if err != nil {
		t.Fatalf("seed %d: %v", seed, err)
	}
	return read
}

// TestRepairedSpaces: whatever xattrs there are, a repaired layer shows all else as it was,
// and as many xattrs and modes are others as are told.
func TestRepairedSpaces(t *testing.T) {
	lost := 0
	for seed := range uint64(300) {
		before := []*layer.Entries{spacesLayer(t, seed)}
		after, _, repairer, _ := repairedLayers(t, before)
		told := map[RepairKind]int{}
		for _, c := range repairer.changes {
			told[c.Kind] += c.Count
		}
		differences := map[RepairKind]int{}
		seen := map[*canon.Node]bool{}
		for _, d := range compare.Trees(merged(t, before), merged(t, after)) {
			if d.Status != compare.Changed {
				t.Errorf("seed %d: %q %s", seed, d.Path, d.Status)
				continue
			}
			if seen[d.A.Node] {
				continue
			}
			seen[d.A.Node] = true
			for _, c := range d.Changes {
				switch {
				case c.Field == compare.Mode && d.A.Node.Kind == canon.Symlink:
					differences[SymlinkModes]++
				case c.Field == compare.Xattr:
					differences[LostXattrs]++
				default:
					t.Errorf("seed %d: %q %v", seed, d.Path, c)
				}
			}
		}
		lost += differences[LostXattrs]
		for _, kind := range RepairKinds() {
			if told[kind] != differences[kind] {
				t.Errorf("seed %d, %s: %d are told, %d are others", seed, kind, told[kind], differences[kind])
			}
		}
	}
	if lost < 1000 {
		t.Errorf("only %d xattrs were lost", lost)
	}
}

func merged(t *testing.T, l []*layer.Entries) *canon.Tree {
	t.Helper()
	tree, err := layer.Apply(l, layer.RulesOCI)
	if err != nil {
		t.Fatal(err)
	}
	return tree
}
