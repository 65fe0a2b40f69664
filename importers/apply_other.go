package importers

import (
	"cmp"
	"slices"

	"cfsverify/canon"
)

// applyOther applies the set of rules that is not used, of which tree is the
// result. If that gives another tree or an error, it returns it, and the
// entries that make the difference; else nothing. So no difference between the
// rules stays unseen.
func applyOther(layers []*LayerEntries, used Rules, tree *canon.Tree) (other *canon.Tree, events []Event, err error) {
	// A survey gives no error.
	survey := composefsApplier{survey: true}
	surveyed, err := survey.apply(layers)
	if err != nil {
		return nil, nil, err
	}
	refusal := slices.IndexFunc(survey.events, func(e Event) bool { return e.Refused })
	switch {
	case used == RulesComposefsRS:
		other, err = applyOCI(layers)
	case refusal >= 0:
		err = survey.events[refusal].err()
	default:
		other = surveyed
	}
	if err == nil && sameTree(tree, other) {
		return nil, nil, nil
	}
	return other, survey.events, err
}

// sameTree says whether composefs images of two trees are the same. Links must
// have been counted in both.
func sameTree(a, b *canon.Tree) bool {
	links := nodeLinks{ab: map[*canon.Node]*canon.Node{}, ba: map[*canon.Node]*canon.Node{}}
	return links.same(a.Root, b.Root)
}

// nodeLinks pairs the hardlinked nodes of two trees.
type nodeLinks struct{ ab, ba map[*canon.Node]*canon.Node }

func (l *nodeLinks) same(a, b *canon.Node) bool {
	if !sameStat(a, b) {
		return false
	}
	if a.Kind == canon.Directory {
		return slices.EqualFunc(a.Children(), b.Children(), func(x, y canon.Dirent) bool {
			return x.Name == y.Name && l.same(x.Node, y.Node)
		})
	}
	if a.Nlink == 1 {
		return true
	}
	pairA, pairB := cmp.Or(l.ab[a], b), cmp.Or(l.ba[b], a)
	l.ab[a], l.ba[b] = pairA, pairB
	return pairA == b && pairB == a
}

// sameStat compares two nodes of trees made of the same layers, so the same
// content is the same Content.
func sameStat(a, b *canon.Node) bool {
	return a.Kind == b.Kind && a.Perm == b.Perm && a.UID == b.UID && a.GID == b.GID && a.Rdev == b.Rdev &&
		(a.Nlink == b.Nlink || a.Kind == canon.Directory) && a.Mtime == b.Mtime && a.Size == b.Size &&
		a.Target == b.Target && a.Content == b.Content && slices.Equal(a.Xattrs, b.Xattrs)
}
