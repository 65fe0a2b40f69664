// Package compare finds every difference between two canonical trees that composefs
// images of them would show. Why they differ is for the packages below it.
package compare

import (
	"slices"

	"cfsverify/canon"
)

// Status tells on which side a path is.
type Status string

const (
	OnlyInA Status = "only-in-a"
	OnlyInB Status = "only-in-b"
	Changed Status = "changed"
)

// Difference is a path at which the trees differ.
type Difference struct {
	Path    string
	Status  Status
	A, B    *canon.Dirent // nil on a side that does not have the path
	Changes []Change      // for Status Changed, in the order of the Field constants
	// LinksA and LinksB are all paths of the inode on each side, if Links changed: nil
	// for one name, else the path of its place in an image first. All names of an inode
	// share one list.
	LinksA, LinksB []string
}

// Trees lists the differences in the order of canon.Pairs. A directory that only
// one side has is followed by all that is in it. The list is empty exactly if
// composefs images of the trees are the same.
func Trees(a, b *canon.Tree) []Difference {
	c := comparison{linksA: linksOf(a), linksB: linksOf(b), same: map[[2]*canon.Node]bool{}}
	for path, p := range canon.Pairs(a, b) {
		switch {
		case p.B == nil:
			c.found = append(c.found, Difference{Path: path, Status: OnlyInA, A: p.A})
		case p.A == nil:
			c.found = append(c.found, Difference{Path: path, Status: OnlyInB, B: p.B})
		default:
			c.both(path, p.A, p.B)
		}
	}
	return c.found
}

type comparison struct {
	linksA, linksB map[*canon.Node][]string
	// same remembers whether two inodes have the same paths, which each of their
	// names asks again.
	same  map[[2]*canon.Node]bool
	found []Difference
}

// sameLinks says that two inodes have the same paths.
func (c *comparison) sameLinks(a, b *canon.Node) bool {
	linksA, linksB := c.linksA[a], c.linksB[b]
	if linksA == nil && linksB == nil {
		return true
	}
	pair := [2]*canon.Node{a, b}
	same, asked := c.same[pair]
	if !asked {
		same = slices.Equal(linksA, linksB)
		c.same[pair] = same
	}
	return same
}

// linksOf gives the paths of each inode that has several: the one where it has
// its place in an image first, the others in walk order.
func linksOf(t *canon.Tree) map[*canon.Node][]string {
	hardlinks := t.Hardlinks()
	links := make(map[*canon.Node][]string, hardlinks.Len())
	for path, e := range hardlinks.All() {
		paths := links[e.Node]
		if hardlinks.Of(e.Node).Place == e {
			links[e.Node] = slices.Insert(paths, 0, path)
		} else {
			links[e.Node] = append(paths, path)
		}
	}
	return links
}

// both compares what both trees have at a path.
func (c *comparison) both(path string, a, b *canon.Dirent) {
	changes := Changes(a.Node, b.Node)
	switch {
	case !c.sameLinks(a.Node, b.Node):
		changes = append(changes, Change{Field: Links})
	case a.Node.Nlink != b.Node.Nlink && a.Node.Kind != canon.Directory && b.Node.Kind != canon.Directory:
		changes = append(changes, Change{Field: Nlink})
	}
	if len(changes) > 0 {
		d := Difference{Path: path, Status: Changed, A: a, B: b, Changes: changes}
		if changes[len(changes)-1].Field == Links {
			d.LinksA, d.LinksB = c.linksA[a.Node], c.linksB[b.Node]
		}
		c.found = append(c.found, d)
	}
}
