// Package compare finds every difference between two canonical trees that a
// composefs image of them would show.
package compare

import (
	"bytes"
	"slices"

	"cfsverify/canon"
	"cfsverify/canon/fsverity"
)

// Status tells on which side a path is.
type Status string

const (
	OnlyInA Status = "only-in-a"
	OnlyInB Status = "only-in-b"
	Changed Status = "changed"
)

// Field names an attribute of an inode.
type Field string

const (
	Type      Field = "type"
	Mode      Field = "mode"
	UID       Field = "uid"
	GID       Field = "gid"
	Mtime     Field = "mtime"      // whole seconds
	MtimeNsec Field = "mtime-nsec" // nanoseconds after the second
	Size      Field = "size"
	// ContentDigest is the content itself: bytes where both sides have them,
	// else the fs-verity digest.
	ContentDigest Field = "content"
	// Storage tells whether the content is in the image or in the content store.
	Storage Field = "storage"
	// Payload is the path in the content store, where a dump file gives one that
	// does not follow from the digest.
	Payload Field = "payload"
	Target  Field = "target"
	Rdev    Field = "rdev"
	Xattr   Field = "xattr"
	// Links is the set of paths that are one inode.
	Links Field = "hardlinks"
	// Nlink is the stored link count, where a dump file gives one that is not
	// the number of names.
	Nlink Field = "nlink"
)

// Fields lists them in their order.
func Fields() []Field {
	return []Field{Type, Mode, UID, GID, Mtime, MtimeNsec, Size, ContentDigest, Storage, Payload, Target, Rdev, Xattr, Links, Nlink}
}

// Change is one attribute that differs.
type Change struct {
	Field Field
	Xattr string // name of the attribute, for Field Xattr
}

// HasField says that one of the changes is of a field.
func HasField(changes []Change, field Field) bool {
	return slices.ContainsFunc(changes, func(c Change) bool { return c.Field == field })
}

// Difference is a path at which the trees differ.
type Difference struct {
	Path    string
	Status  Status
	A, B    *canon.Dirent // nil where the path is not
	Changes []Change      // for Status Changed, in the order of the Field constants
	// LinksA and LinksB are the other paths of the inode on each side, if Links
	// changed.
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
	// same are inodes of both sides that have the same paths, as far as that was
	// asked: each name asks.
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
			d.LinksA, d.LinksB = without(c.linksA[a.Node], path), without(c.linksB[b.Node], path)
		}
		c.found = append(c.found, d)
	}
}

// Changes lists what differs between two inodes, hardlinks apart, in the order of
// the Field constants.
func Changes(a, b *canon.Node) []Change {
	var list []Change
	add := func(field Field, differs bool) {
		if differs {
			list = append(list, Change{Field: field})
		}
	}
	add(Type, a.Kind != b.Kind)
	add(Mode, a.Perm != b.Perm)
	add(UID, a.UID != b.UID)
	add(GID, a.GID != b.GID)
	add(Mtime, a.Mtime.Sec != b.Mtime.Sec)
	add(MtimeNsec, a.Mtime.Nsec != b.Mtime.Nsec)
	if a.Kind == b.Kind {
		add(Size, a.Size != b.Size)
		contentChanges(a, b, add)
		add(Target, a.Target != b.Target)
		add(Rdev, a.Rdev != b.Rdev)
	}
	return append(list, xattrChanges(a.Xattrs, b.Xattrs)...)
}

func contentChanges(a, b *canon.Node, add func(Field, bool)) {
	if a.Kind != canon.Regular {
		return
	}
	// An empty file has no Content, and is in no store.
	ac, bc := canon.Content{Inline: []byte{}}, canon.Content{Inline: []byte{}}
	if a.Content != nil {
		ac = *a.Content
	}
	if b.Content != nil {
		bc = *b.Content
	}
	inlineA, inlineB := ac.Inline != nil, bc.Inline != nil
	switch {
	case inlineA && inlineB:
		add(ContentDigest, !bytes.Equal(ac.Inline, bc.Inline))
	case inlineA:
		add(ContentDigest, fsverity.SumBytes(bc.Digest.Algorithm(), ac.Inline) != bc.Digest)
	case inlineB:
		add(ContentDigest, fsverity.SumBytes(ac.Digest.Algorithm(), bc.Inline) != ac.Digest)
	default:
		add(ContentDigest, ac.Digest != bc.Digest)
		// The object's path follows from the digest on most sides.
		samePlace := ac.Payload() == bc.Payload() ||
			ac.Payload() == ac.Digest.ObjectPath() && bc.Payload() == bc.Digest.ObjectPath()
		add(Payload, !samePlace)
	}
	add(Storage, inlineA != inlineB && a.Size > 0 && b.Size > 0)
}

func xattrChanges(a, b canon.Xattrs) []Change {
	var list []Change
	for len(a) > 0 || len(b) > 0 {
		switch {
		case len(b) == 0 || len(a) > 0 && a[0].Name < b[0].Name:
			list = append(list, Change{Xattr, a[0].Name})
			a = a[1:]
		case len(a) == 0 || b[0].Name < a[0].Name:
			list = append(list, Change{Xattr, b[0].Name})
			b = b[1:]
		default:
			if a[0].Value != b[0].Value {
				list = append(list, Change{Xattr, a[0].Name})
			}
			a, b = a[1:], b[1:]
		}
	}
	return list
}

func without[T comparable](list []T, item T) []T {
	var others []T
	for _, x := range list {
		if x != item {
			others = append(others, x)
		}
	}
	return others
}
