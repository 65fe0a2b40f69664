package layer

import (
	"cmp"
	"slices"
	"strings"

	"cfsverify/canon"
)

// OtherRules is what the other set of layer rules makes of an image.
type OtherRules struct {
	Rules Rules
	// Events are the entries that the two sets of rules treat differently, those first
	// that hide others.
	Events []Event
	// Tree is nil if the rules refuse the image; Err then says why.
	Tree *canon.Tree
	Err  error
}

// applyOther applies the set of rules that is not used. So no difference between
// the rules stays unseen.
func applyOther(layers []*Entries, used Rules) *OtherRules {
	// A survey gives no error.
	survey := composefsApplier{applier: applier{Tree: canon.NewTree()}, survey: true}
	err := survey.apply(layers)
	slices.SortStableFunc(survey.events, func(a, b Event) int { return hides(b) - hides(a) })
	other := &OtherRules{Rules: RulesComposefsRS, Events: survey.events, Tree: survey.Tree, Err: err}
	refusal := slices.IndexFunc(survey.events, func(e Event) bool { return e.Refused })
	switch {
	case used == RulesComposefsRS:
		other.Rules = RulesOCI
		other.Tree, other.Err = Apply(layers, RulesOCI)
	case refusal >= 0:
		other.Tree, other.Err = nil, survey.events[refusal].err()
	}
	return other
}

func hides(e Event) int {
	if e.Hides {
		return 1
	}
	return 0
}

// against is nil if the rules that were used gave the same tree. Else its Events
// are the entries that make the difference.
func (o *OtherRules) against(tree *canon.Tree) *OtherRules {
	if o.Err != nil {
		return o
	}
	path, differ := firstDifference(tree, o.Tree)
	if !differ {
		return nil
	}
	if len(o.Events) == 0 {
		o.Events = []Event{differenceEvent(path, tree, o.Tree)}
	}
	return o
}

// differenceEvent is for trees that differ by entries none of which alone makes
// a difference: two markers, one for a directory, one in it.
func differenceEvent(path string, trees ...*canon.Tree) Event {
	event := Event{Path: path, What: "composefs-rs makes something else of this path"}
	for _, t := range trees {
		if e := t.Lookup(path); e != nil && e.Origin != nil && event.Layer == nil {
			event.Layer, event.Entry = e.Origin.Layer, int(e.Origin.Entry)
		}
	}
	return event
}

// firstDifference finds the first path, in the order of canon.Pairs, for which
// composefs images of two trees would differ. The trees must be made of the same
// layers, and their links counted.
func firstDifference(a, b *canon.Tree) (path string, differ bool) {
	// Names of one inode in one tree have to be names of one inode in the other.
	ab, ba := map[*canon.Node]*canon.Node{}, map[*canon.Node]*canon.Node{}
	for path, pair := range canon.Pairs(a, b) {
		path = strings.TrimPrefix(path, "/")
		if pair.A == nil || pair.B == nil || !sameStat(pair.A.Node, pair.B.Node) {
			return path, true
		}
		a, b := pair.A.Node, pair.B.Node
		if a.Kind != canon.Directory && a.Nlink > 1 {
			ab[a], ba[b] = cmp.Or(ab[a], b), cmp.Or(ba[b], a)
			if ab[a] != b || ba[b] != a {
				return path, true
			}
		}
	}
	return "", false
}

// sameStat compares two nodes of trees made of the same layers, so the same
// content is the same Content.
func sameStat(a, b *canon.Node) bool {
	return a.Kind == b.Kind && a.Perm == b.Perm && a.UID == b.UID && a.GID == b.GID && a.Rdev == b.Rdev &&
		(a.Nlink == b.Nlink || a.Kind == canon.Directory) && a.Mtime == b.Mtime && a.Size == b.Size &&
		a.Target == b.Target && a.Content == b.Content && slices.Equal(a.Xattrs, b.Xattrs)
}
