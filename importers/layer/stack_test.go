package layer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cfsverify/canon"
	"cfsverify/testdata/layers"
	"cfsverify/testdata/trees"
)

// fullText is a tree with all that is known of where it comes from.
func fullText(t *canon.Tree) string {
	var b strings.Builder
	origin := func(o *canon.Origin) {
		for ; o != nil; o = o.ImpliedBy {
			fmt.Fprintf(&b, " %d/%d/%v", o.Layer.Index, o.Entry, o.Implicit)
		}
		b.WriteString("\n")
	}
	b.WriteString(trees.Text(t))
	for path, e := range t.All() {
		fmt.Fprintf(&b, "%s, %d links:", path, e.Node.Nlink)
		origin(e.Origin)
	}
	for _, m := range t.Markers {
		fmt.Fprintf(&b, "marker %s, %v:", m.Path, m.Opaque)
		origin(m.Origin)
	}
	for _, s := range t.Superseded {
		fmt.Fprintf(&b, "superseded %s:", s.Path)
		origin(s.Dirent.Origin)
	}
	return fmt.Sprint(b.String(), t.NewestEntry)
}

// randomStack is of so many layers of random images, without those that the rules refuse
// on what is below them.
func randomStack(t *testing.T, seed uint64, n int, rules Rules) *Stack {
	t.Helper()
	s := NewStack(layersOf(t, "d a\nd b\nd c\nd a/a\nd a/b\nf c/a\n"), rules)
	for i := uint64(0); s.Len() < n; i++ {
		for _, spec := range layers.Random(seed*1000 + i).Layers {
			l, err := readTar(layers.Tar(spec), s.Len()+1)
			if err != nil {
				continue
			}
			more := NewStack(append(slices.Clip(s.layers), l), rules)
			if _, err := more.Lowest(more.Len()); err == nil && more.Len() <= n {
				s = more
			}
		}
	}
	return s
}

// TestOlder: the trees are those that merging the lowest layers gives, whatever visit
// does to those before, and also after all were visited.
func TestOlder(t *testing.T) {
	compared := 0
	for seed := range uint64(60) {
		for _, rules := range AllRules() {
			s := randomStack(t, seed, 1+int(seed%12), rules)
			check := func(n int, tree *canon.Tree) {
				t.Helper()
				compared++
				want, err := s.Lowest(n)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(fullText(want), fullText(tree)); diff != "" {
					t.Fatalf("%s, seed %d, %d of %d layers: %s", rules, seed, n, s.Len(), diff)
				}
			}
			var visited []int
			kept := map[int]*canon.Tree{}
			err := s.Older(t.Context(), func(n int, tree *canon.Tree) (bool, error) {
				visited = append(visited, n)
				kept[n] = tree
				return true, nil
			})
			if err != nil {
				t.Fatal(err)
			}
			err = s.Older(t.Context(), func(n int, tree *canon.Tree) (bool, error) {
				check(n, tree)
				for e := range tree.Dirents() {
					e.Node.Perm, e.Node.Xattrs = 0, nil
				}
				tree.Root.RemoveAll()
				return true, nil
			})
			if err != nil {
				t.Fatal(err)
			}
			for n := s.Len() - 1; n > 0; n-- {
				if at := s.Len() - 1 - n; at >= len(visited) || visited[at] != n {
					t.Fatalf("%d layers: visited %v", s.Len(), visited)
				}
				check(n, kept[n])
			}
		}
	}
	if compared < 1000 {
		t.Errorf("only %d trees were compared", compared)
	}
}

// TestOlderEnds: visit and ctx end the walk.
func TestOlderEnds(t *testing.T) {
	s := NewStack(layersOf(t, "d a", "d b", "d c", "d d"), RulesOCI)
	visited := 0
	visit := func(more bool, err error) func(int, *canon.Tree) (bool, error) {
		visited = 0
		return func(int, *canon.Tree) (bool, error) {
			visited++
			return more, err
		}
	}
	if err := s.Older(t.Context(), visit(false, nil)); err != nil || visited != 1 {
		t.Errorf("%d visits, %v", visited, err)
	}
	broken := errors.New("broken")
	if err := s.Older(t.Context(), visit(true, broken)); !errors.Is(err, broken) || visited != 1 {
		t.Errorf("%d visits, %v", visited, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Older(ctx, visit(true, nil)); !errors.Is(err, context.Canceled) || visited != 0 {
		t.Errorf("%d visits, %v", visited, err)
	}
}

// TestOlderCost: four times as many layers, which change the same files again and again,
// cost little more than four times as much.
func TestOlderCost(t *testing.T) {
	cost := func(n int) float64 {
		var specs []string
		for i := range n {
			specs = append(specs, fmt.Sprintf("f a mtime=%d\nf b mtime=%d\nf c mtime=%d\n", i, i, i))
		}
		s := NewStack(layersOf(t, specs...), RulesOCI)
		return testing.AllocsPerRun(1, func() {
			if err := s.Older(t.Context(), func(int, *canon.Tree) (bool, error) { return true, nil }); err != nil {
				t.Fatal(err)
			}
		})
	}
	few, many := cost(64), cost(256)
	t.Logf("%v allocations for 64 layers, %v for 256", few, many)
	if many > 6*few {
		t.Errorf("%v allocations for 64 layers, %v for 256", few, many)
	}
}

// TestRemovals: the last entry that removed a name is told, and nothing of names that
// were not there when a marker hid them.
func TestRemovals(t *testing.T) {
	for _, c := range []struct {
		name   string
		layers []string
		want   map[string]string
	}{
		{"a whiteout", []string{"d d\nf d/x\nf y", "f .wh.y\nf .wh.z"}, map[string]string{"/y": "whiteout of /y by 2/1"}},
		{"of a directory", []string{"d d\nd d/e\nf d/e/x", "f .wh.d"}, map[string]string{"/d": "whiteout of /d by 2/1", "/d/e": "whiteout of /d by 2/1", "/d/e/x": "whiteout of /d by 2/1"}},
		{"an opaque directory", []string{"d d\nf d/x\nf d/y", "d d\nf d/.wh..wh..opq"}, map[string]string{"/d/x": "opaque of /d by 2/2", "/d/y": "opaque of /d by 2/2"}},
		{"an opaque root", []string{"f x", "f .wh..wh..opq"}, map[string]string{"/x": "opaque of / by 2/1"}},
		{"replaced", []string{"d d\nf d/x", "d e\nl d ->e"}, map[string]string{"/d/x": "replaced of /d by 2/2"}},
		{"the last counts", []string{"d d\nf d/x", "d d\nf d/.wh.x", "d d\nf d/x", "f d"}, map[string]string{"/d/x": "replaced of /d by 4/1"}},
		{"the first of two that has something to remove", []string{"d d\nf d/x", "d d\nf d/.wh.x", "d d\nf d/.wh..wh..opq", "f .wh.d"}, map[string]string{"/d/x": "whiteout of /d/x by 2/2", "/d": "whiteout of /d by 4/1"}},
		{"a directory over a file", []string{"f x", "d x\nf x/y"}, nil},
	} {
		for _, rules := range AllRules() {
			removals, err := NewStack(layersOf(t, c.layers...), rules).Removals(1)
			if err != nil {
				t.Errorf("%s, %s: %v", c.name, rules, err)
			}
			got := map[string]string{}
			for path, r := range removals {
				got[path] = fmt.Sprintf("%s of %s by %d/%d", r.How, r.Path, r.Origin.Layer.Index, r.Origin.Entry)
			}
			if c.want == nil {
				c.want = map[string]string{}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("%s, %s: %s", c.name, rules, diff)
			}
		}
	}
}

// TestRemovalsAreComplete: whatever a lower tree has and the image has not was removed.
func TestRemovalsAreComplete(t *testing.T) {
	removed := map[HowRemoved]int{}
	for seed := range uint64(100) {
		for _, rules := range AllRules() {
			s := randomStack(t, seed, 6, rules)
			now, err := s.Lowest(6)
			if err != nil {
				t.Fatal(err)
			}
			for n := 1; n < 6; n++ {
				then, err := s.Lowest(n)
				if err != nil {
					t.Fatal(err)
				}
				removals, err := s.Removals(n)
				if err != nil {
					t.Fatal(err)
				}
				for path := range then.All() {
					if now.Lookup(path) != nil {
						continue
					}
					r, known := removals[path]
					if !known || r.Origin.Layer.Index <= n {
						t.Fatalf("%s, seed %d, %d layers: %s was removed by %+v", rules, seed, n, path, r)
					}
					removed[r.How]++
				}
			}
		}
	}
	for _, how := range AllHowRemoved() {
		if removed[how] < 20 {
			t.Errorf("%s removed only %d names", how, removed[how])
		}
	}
}
