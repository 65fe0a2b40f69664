package canon

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// A directory is compared with a map over random changes, small and large, so
// that both its forms and the way between them are met.
func TestDirectoryAgainstMap(t *testing.T) {
	for seed := range uint64(50) {
		rng := rand.New(rand.NewPCG(seed, 1))
		names := 1 + rng.IntN(4*sortedMax)
		dir := &Node{Kind: Directory}
		model := map[string]*Node{}
		for step := range 1000 {
			name := fmt.Sprintf("%x", rng.IntN(names))
			switch rng.IntN(10) {
			case 0, 1, 2:
				dir.Remove(name)
				delete(model, name)
			case 3:
				checkDirectory(t, dir, model)
			default:
				n := &Node{Kind: FIFO, UID: uint32(step)}
				dir.Put(Dirent{Name: name, Node: n})
				model[name] = n
			}
			e := dir.Child(name)
			if want := model[name]; want == nil && e != nil || want != nil && (e == nil || e.Node != want || e.Name != name) {
				t.Fatalf("seed %d step %d: Child(%q) = %v, want %v", seed, step, name, e, want)
			}
		}
		checkDirectory(t, dir, model)
		dir.RemoveAll()
		checkDirectory(t, dir, nil)
	}
}

func checkDirectory(t *testing.T, dir *Node, model map[string]*Node) {
	t.Helper()
	want := slices.Sorted(maps.Keys(model))
	children := dir.Children()
	if len(children) != len(want) {
		t.Fatalf("%d children, want %d", len(children), len(want))
	}
	for i, e := range children {
		if e.Name != want[i] || e.Node != model[e.Name] {
			t.Fatalf("child %d is %q, want %q", i, e.Name, want[i])
		}
	}
}

func BenchmarkPutDescending(b *testing.B) {
	for b.Loop() {
		dir := &Node{Kind: Directory}
		for i := range 100_000 {
			dir.Put(Dirent{Name: fmt.Sprintf("%07d", 100_000-i)})
		}
		dir.Children()
	}
}

// TestSort: afterwards nothing is left for a reader to change, at any depth.
func TestSort(t *testing.T) {
	tree := NewTree()
	dir := &Node{Kind: Directory}
	tree.Root.Put(Dirent{Name: "d", Node: dir})
	for i := range 1000 {
		dir.Put(Dirent{Name: fmt.Sprint((i * 7919) % 1000), Node: &Node{Kind: FIFO}})
	}
	if dir.dir.index == nil {
		t.Fatal("the directory was in order")
	}
	tree.Sort()
	names := func(a, b Dirent) int { return strings.Compare(a.Name, b.Name) }
	if d := dir.dir; d.index != nil || len(d.entries) != 1000 || !slices.IsSortedFunc(d.entries, names) {
		t.Errorf("%d entries, index %v", len(d.entries), d.index != nil)
	}
}
