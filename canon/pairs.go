package canon

import (
	"iter"
	"strings"
)

// Pair is what two trees have at one path, nil where a tree has nothing.
type Pair struct{ A, B *Dirent }

// Pairs walks two trees side by side, and yields every path that one of them
// has: a directory before what is in it, the names of a directory in the order of
// their bytes. It goes into what is a directory on either side, so a directory
// that only one side has is followed by all that is in it. The dirents are the
// trees' own, but for those of the roots; the trees must not change meanwhile.
func Pairs(a, b *Tree) iter.Seq2[string, Pair] {
	return func(yield func(string, Pair) bool) {
		root := Pair{&Dirent{Node: a.Root, Origin: a.RootOrigin}, &Dirent{Node: b.Root, Origin: b.RootOrigin}}
		if yield("/", root) {
			walkPairs("/", a.Root.Children(), b.Root.Children(), yield)
		}
	}
}

// walkPairs merges the dirents of two directories.
func walkPairs(dir string, a, b []Dirent, yield func(string, Pair) bool) bool {
	for len(a) > 0 || len(b) > 0 {
		var p Pair
		order := 0
		switch {
		case len(b) == 0:
			order = -1
		case len(a) == 0:
			order = 1
		default:
			order = strings.Compare(a[0].Name, b[0].Name)
		}
		if order <= 0 {
			p.A, a = &a[0], a[1:]
		}
		if order >= 0 {
			p.B, b = &b[0], b[1:]
		}
		path := dir + p.name()
		if !yield(path, p) {
			return false
		}
		belowA, belowB := below(p.A), below(p.B)
		if (len(belowA) > 0 || len(belowB) > 0) && !walkPairs(path+"/", belowA, belowB, yield) {
			return false
		}
	}
	return true
}

func (p Pair) name() string {
	if p.A != nil {
		return p.A.Name
	}
	return p.B.Name
}

// below lists what is in a directory; nothing else has anything in it.
func below(e *Dirent) []Dirent {
	if e == nil {
		return nil
	}
	return e.Node.Children()
}
