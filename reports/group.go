package reports

import (
	"slices"
	"strings"

	"cfsverify/compare"
)

// group is differences of one kind.
type group struct {
	status  compare.Status
	changes []compare.Change
	members []compare.Difference
}

// groups puts differences together that have the same status and changed
// attributes: what is on one side only first, then the largest group first.
func groups(all []compare.Difference) []*group {
	byKey := map[string]*group{}
	var list []*group
	for _, d := range all {
		key := string(d.Status)
		for _, c := range d.Changes {
			key += "\x00" + string(c.Field) + "\x00" + c.Xattr
		}
		g := byKey[key]
		if g == nil {
			g = &group{status: d.Status, changes: d.Changes}
			byKey[key] = g
			list = append(list, g)
		}
		g.members = append(g.members, d)
	}
	slices.SortStableFunc(list, func(a, b *group) int {
		if ra, rb := rank(a.status), rank(b.status); ra != rb {
			return ra - rb
		}
		return len(b.members) - len(a.members)
	})
	return list
}

func rank(s compare.Status) int {
	return slices.Index([]compare.Status{compare.OnlyInA, compare.OnlyInB, compare.Changed}, s)
}

// title names what the members of a group have in common.
func (g *group) title(a, b string) string {
	switch g.status {
	case compare.OnlyInA:
		return "only " + a
	case compare.OnlyInB:
		return "only " + b
	}
	var names []string
	for _, c := range g.changes {
		names = append(names, changeName(c))
	}
	return "another " + strings.Join(names, ", ")
}

func changeName(c compare.Change) string {
	if c.Field == compare.Xattr {
		return "xattr " + escape(c.Xattr)
	}
	return string(c.Field)
}
