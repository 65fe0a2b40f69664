package layer

import (
	"context"
	"fmt"
	"slices"

	"cfsverify/canon"
)

// Stack is an image's layers, which can be applied in several ways.
type Stack struct {
	layers []*Entries
	rules  Rules
}

// NewStack is of layers that were read, which rules apply.
func NewStack(layers []*Entries, rules Rules) *Stack { return &Stack{layers, rules} }

// Len is the number of layers.
func (s *Stack) Len() int { return len(s.layers) }

// Entries is the number of all layers' entries.
func (s *Stack) Entries() int {
	n := 0
	for _, l := range s.layers {
		n += l.Len()
	}
	return n
}

// Lowest is the tree of the n lowest layers.
func (s *Stack) Lowest(n int) (*canon.Tree, error) { return Apply(s.layers[:n], s.rules) }

// Alone is the tree of layer n, counted from 1, on nothing: whiteouts have no
// effect.
func (s *Stack) Alone(n int) (*canon.Tree, error) {
	if n < 1 || n > len(s.layers) {
		return nil, fmt.Errorf("there is no layer %d: the image has %d", n, len(s.layers))
	}
	return Apply(s.layers[n-1:n], s.rules)
}

// Older calls visit with the tree of the n lowest layers, for n from Len()-1 down to 1,
// as long as it returns true. The tree is visit's to change and to keep. To copy all of
// them is most of the work: a layer is applied at most once for each time that the number
// of layers can be halved. An error is that of visit, a canon.EntryError, or that of ctx,
// which is asked before each copy.
func (s *Stack) Older(ctx context.Context, visit func(n int, t *canon.Tree) (more bool, err error)) error {
	if len(s.layers) < 2 {
		return nil
	}
	t, err := s.Lowest(1)
	if err != nil {
		return err
	}
	_, err = s.descend(ctx, 1, len(s.layers)-1, t, visit)
	return err
}

// descend visits the trees of the n lowest layers for n from high down to low. t is that
// of the low lowest ones.
func (s *Stack) descend(ctx context.Context, low, high int, t *canon.Tree, visit func(int, *canon.Tree) (bool, error)) (more bool, err error) {
	for low < high {
		if err := ctx.Err(); err != nil {
			return false, err
		}
		middle := (low + high + 1) / 2
		upper := applier{Tree: t.Clone()}
		// The lower tree must not get what is appended to the copy's.
		upper.Tree.Markers, upper.Tree.Superseded = slices.Clip(t.Markers), slices.Clip(t.Superseded)
		if err := upper.apply(s.layers[low:middle], s.rules); err != nil {
			return false, err
		}
		if more, err := s.descend(ctx, middle, high, upper.Tree, visit); !more || err != nil {
			return false, err
		}
		high = middle - 1
	}
	return visit(low, t)
}

// Removals says how the layers above the n lowest removed names that were there, by path;
// where they did so several times, the last. A name may have been put there again.
func (s *Stack) Removals(n int) (map[string]Removal, error) {
	t, err := s.Lowest(n)
	if err != nil {
		return nil, err
	}
	a := applier{Tree: t, removals: map[string]Removal{}}
	return a.removals, a.apply(s.layers[n:], s.rules)
}

// Removal is how an entry removed a name.
type Removal struct {
	Origin *canon.Origin
	How    HowRemoved
	// Path is what a marker is for, or what was replaced: the name itself or a directory
	// above it.
	Path string
}

// HowRemoved says what an entry did to remove a name.
type HowRemoved string

const (
	// WhiteoutMarker: it is a whiteout for the name, or for a directory above it.
	WhiteoutMarker HowRemoved = "whiteout"
	// OpaqueMarker: it is the marker of an opaque directory above the name.
	OpaqueMarker HowRemoved = "opaque"
	// Replaced: it put something else in place of a directory above the name.
	Replaced HowRemoved = "replaced"
)

// AllHowRemoved lists them.
func AllHowRemoved() []HowRemoved { return []HowRemoved{WhiteoutMarker, OpaqueMarker, Replaced} }

// remove notes that entry i removes names of a directory, with all below them.
func (a *applier) remove(i int, how HowRemoved, dir string, names []canon.Dirent) {
	if a.removals == nil || len(names) == 0 {
		return
	}
	path := dir
	if how == WhiteoutMarker {
		path = JoinPath(dir, names[0].Name)
	}
	a.noteRemoved(Removal{a.origin(i), how, "/" + path}, dir, names)
}

func (a *applier) noteRemoved(r Removal, dir string, names []canon.Dirent) {
	for _, e := range names {
		path := JoinPath(dir, e.Name)
		a.removals["/"+path] = r
		a.noteRemoved(r, path, e.Node.Children())
	}
}
