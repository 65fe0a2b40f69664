package canon

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPairs(t *testing.T) {
	dir := func(names ...string) *Node {
		n := &Node{Kind: Directory}
		for _, name := range names {
			n.Put(Dirent{Name: name, Node: &Node{Kind: FIFO}})
		}
		return n
	}
	a, b := NewTree(), NewTree()
	a.RootOrigin = &Origin{Entry: 7}
	for name, n := range map[string]*Node{"a": {Kind: FIFO}, "both": dir("x", "y"), "left": dir("in"), "type": dir("lost")} {
		a.Root.Put(Dirent{Name: name, Node: n})
	}
	for name, n := range map[string]*Node{"a.b": {Kind: FIFO}, "both": dir("w", "y", "z"), "type": {Kind: FIFO}, "zero": dir("in")} {
		b.Root.Put(Dirent{Name: name, Node: n})
	}
	var got []string
	for path, p := range Pairs(a, b) {
		got = append(got, fmt.Sprintf("%s %v %v", path, p.A != nil, p.B != nil))
		if path == "/" {
			if p.A.Node != a.Root || p.A.Origin != a.RootOrigin || p.B.Node != b.Root {
				t.Errorf("the roots are %+v", p)
			}
			continue
		}
		if p.A != a.Lookup(path) || p.B != b.Lookup(path) {
			t.Errorf("%s has other dirents than the trees", path)
		}
	}
	want := []string{
		"/ true true", "/a true false", "/a.b false true",
		"/both true true", "/both/w false true", "/both/x true false", "/both/y true true", "/both/z false true",
		"/left true false", "/left/in true false", "/type true true", "/type/lost true false", "/zero false true", "/zero/in false true",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for end := range len(want) {
		seen := 0
		for range Pairs(a, b) {
			if seen++; seen > end {
				break
			}
		}
		if seen != end+1 {
			t.Errorf("the walk went on after %d of %d paths", seen, end+1)
		}
	}
}
