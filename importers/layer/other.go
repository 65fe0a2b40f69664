package layer

import (
	"cmp"
	"slices"

	"cfsverify/canon"
)

// OtherRules is what the other set of layer rules makes of an image.
type OtherRules struct {
	Rules Rules
	// Events are the entries that the two sets of rules treat differently.
	Events []Event
	// Tree is nil if the rules refuse the image; Err then says why.
	Tree *canon.Tree
	Err  error
}

// applyOther applies the set of rules that is not used. So no difference between
// the rules stays unseen.
func applyOther(layers []*Entries, used Rules) *OtherRules {
	// A survey gives no error.
	survey := composefsApplier{survey: true}
	surveyed, err := survey.apply(layers)
	other := &OtherRules{Rules: RulesComposefsRS, Events: survey.events, Tree: surveyed, Err: err}
	refusal := slices.IndexFunc(survey.events, func(e Event) bool { return e.Refused })
	switch {
	case used == RulesComposefsRS:
		other.Rules = RulesOCI
		other.Tree, other.Err = applyOCI(layers, false)
	case refusal >= 0:
		other.Tree, other.Err = nil, survey.events[refusal].err()
	}
	return other
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

// firstDifference finds the first path, in the order of canon.Tree.All, for
// which composefs images of two trees would differ. The trees must be made of
// the same layers, and their links counted.
func firstDifference(a, b *canon.Tree) (path string, differ bool) {
	c := treeComparison{ab: map[*canon.Node]*canon.Node{}, ba: map[*canon.Node]*canon.Node{}}
	return c.node("", a.Root, b.Root)
}

// treeComparison pairs the hardlinked nodes of two trees.
type treeComparison struct{ ab, ba map[*canon.Node]*canon.Node }

func (c *treeComparison) node(path string, a, b *canon.Node) (string, bool) {
	if !sameStat(a, b) {
		return path, true
	}
	if a.Kind == canon.Directory {
		return c.children(path, a.Children(), b.Children())
	}
	if a.Nlink > 1 {
		pairA, pairB := cmp.Or(c.ab[a], b), cmp.Or(c.ba[b], a)
		c.ab[a], c.ba[b] = pairA, pairB
		return path, pairA != b || pairB != a
	}
	return "", false
}

func (c *treeComparison) children(path string, a, b []canon.Dirent) (string, bool) {
	for i := range max(len(a), len(b)) {
		switch {
		case i >= len(a) || i < len(b) && b[i].Name < a[i].Name:
			return JoinPath(path, b[i].Name), true
		case i >= len(b) || a[i].Name < b[i].Name:
			return JoinPath(path, a[i].Name), true
		}
		if found, differ := c.node(JoinPath(path, a[i].Name), a[i].Node, b[i].Node); differ {
			return found, true
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
