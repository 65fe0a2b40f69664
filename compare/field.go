package compare

import (
	"bytes"
	"slices"
	"strings"

	"cfsverify/canon"
	"cfsverify/canon/fsverity"
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

// Change is one attribute that differs.
type Change struct {
	Field Field
	Xattr string // name of the attribute, for Field Xattr
}

// fieldRow says of a field what the package does with it.
type fieldRow struct {
	field Field
	// differs is nil where two inodes by themselves do not tell: Xattr needs a
	// name, Links and Nlink depend on what other names their inodes have.
	differs func(a, b *canon.Node) bool
	// ofKind: the field says nothing of inodes that differ in Type.
	ofKind bool
	// copy is nil for Xattr, and for Links, which belongs to names and not to the
	// inode.
	copy func(to, from *canon.Node)
}

// says is that two inodes differ in the field.
func (f *fieldRow) says(a, b *canon.Node) bool {
	return f.differs != nil && (!f.ofKind || a.Kind == b.Kind) && f.differs(a, b)
}

// fields are in the order of the constants.
var fields = [...]fieldRow{
	{Type, func(a, b *canon.Node) bool { return a.Kind != b.Kind }, false, copyKind},
	{Mode, func(a, b *canon.Node) bool { return a.Perm != b.Perm }, false, func(to, from *canon.Node) { to.Perm = from.Perm }},
	{UID, func(a, b *canon.Node) bool { return a.UID != b.UID }, false, func(to, from *canon.Node) { to.UID = from.UID }},
	{GID, func(a, b *canon.Node) bool { return a.GID != b.GID }, false, func(to, from *canon.Node) { to.GID = from.GID }},
	{Mtime, func(a, b *canon.Node) bool { return a.Mtime.Sec != b.Mtime.Sec }, false, func(to, from *canon.Node) { to.Mtime.Sec = from.Mtime.Sec }},
	{MtimeNsec, func(a, b *canon.Node) bool { return a.Mtime.Nsec != b.Mtime.Nsec }, false, func(to, from *canon.Node) { to.Mtime.Nsec = from.Mtime.Nsec }},
	{Size, func(a, b *canon.Node) bool { return a.Size != b.Size }, true, func(to, from *canon.Node) { to.Size = from.Size }},
	{ContentDigest, contentDiffers, true, copyContent},
	{Storage, storageDiffers, true, copyContent},
	{Payload, payloadDiffers, true, copyContent},
	{Target, func(a, b *canon.Node) bool { return a.Target != b.Target }, true, func(to, from *canon.Node) { to.Target = from.Target }},
	{Rdev, func(a, b *canon.Node) bool { return a.Rdev != b.Rdev }, true, func(to, from *canon.Node) { to.Rdev = from.Rdev }},
	{Xattr, nil, false, nil},
	{Links, nil, false, nil},
	{Nlink, nil, false, func(to, from *canon.Node) { to.Nlink = from.Nlink }},
}

// Fields lists them in their order.
func Fields() []Field {
	list := make([]Field, len(fields))
	for i, f := range fields {
		list[i] = f.field
	}
	return list
}

// Changes lists what differs between two inodes, hardlinks apart, in the order of
// the Field constants.
func Changes(a, b *canon.Node) []Change {
	var list []Change
	for i := range fields {
		f := &fields[i]
		switch {
		case f.field == Xattr:
			list = append(list, xattrChanges(a.Xattrs, b.Xattrs)...)
		case f.says(a, b):
			list = append(list, Change{Field: f.field})
		}
	}
	return list
}

// Differs says that Changes lists the change for two inodes.
func (c Change) Differs(a, b *canon.Node) bool {
	if c.Field == Xattr {
		valueA, hasA := a.Xattrs.Get(c.Xattr)
		valueB, hasB := b.Xattrs.Get(c.Xattr)
		return hasA != hasB || valueA != valueB
	}
	i := slices.IndexFunc(fields[:], func(f fieldRow) bool { return f.field == c.Field })
	return i >= 0 && fields[i].says(a, b)
}

// Copy gives an inode what another one has in the fields of changes. For Links
// it does nothing: which names an inode has is not the inode's to say.
func Copy(changes []Change, to, from *canon.Node) {
	xattrs := map[string]bool{}
	for _, c := range changes {
		if c.Field == Xattr {
			xattrs[c.Xattr] = true
			continue
		}
		for i := range fields {
			if f := &fields[i]; f.field == c.Field && f.copy != nil {
				f.copy(to, from)
			}
		}
	}
	if len(xattrs) == 0 {
		return
	}
	copied := from.Xattrs.Without(func(x canon.Xattr) bool { return !xattrs[x.Name] })
	kept := to.Xattrs.Without(func(x canon.Xattr) bool { return xattrs[x.Name] })
	to.Xattrs = slices.Concat(kept, copied)
	slices.SortFunc(to.Xattrs, func(a, b canon.Xattr) int { return strings.Compare(a.Name, b.Name) })
}

// Compare orders changes as Changes does.
func (c Change) Compare(d Change) int {
	if c.Field == d.Field {
		return strings.Compare(c.Xattr, d.Xattr)
	}
	number := func(c Change) int {
		return slices.IndexFunc(fields[:], func(f fieldRow) bool { return f.field == c.Field })
	}
	return number(c) - number(d)
}

// Without gives the changes of a list that are not in another one, both in the order of
// Changes.
func Without(all, others []Change) []Change {
	var left []Change
	for _, c := range all {
		for len(others) > 0 && others[0].Compare(c) < 0 {
			others = others[1:]
		}
		if len(others) == 0 || others[0] != c {
			left = append(left, c)
		}
	}
	return left
}

// HasField says that one of the changes is of a field.
func HasField(changes []Change, field Field) bool {
	return slices.ContainsFunc(changes, func(c Change) bool { return c.Field == field })
}

// copyKind copies the kind with all that only inodes of a kind have.
func copyKind(to, from *canon.Node) {
	to.Kind, to.Target, to.Content, to.Size, to.Rdev, to.Nlink = from.Kind, from.Target, from.Content, from.Size, from.Rdev, from.Nlink
}

func copyContent(to, from *canon.Node) { to.Content = from.Content }

// contentOf is what a regular file holds: an empty one has no Content, and is in
// no store.
func contentOf(n *canon.Node) canon.Content {
	if n.Content == nil {
		return canon.Content{Inline: []byte{}}
	}
	return *n.Content
}

func contentDiffers(a, b *canon.Node) bool {
	if a.Kind != canon.Regular {
		return false
	}
	ac, bc := contentOf(a), contentOf(b)
	switch inlineA, inlineB := ac.Inline != nil, bc.Inline != nil; {
	case inlineA && inlineB:
		return !bytes.Equal(ac.Inline, bc.Inline)
	case inlineA:
		return fsverity.SumBytes(bc.Digest.Algorithm(), ac.Inline) != bc.Digest
	case inlineB:
		return fsverity.SumBytes(ac.Digest.Algorithm(), bc.Inline) != ac.Digest
	}
	return ac.Digest != bc.Digest
}

func storageDiffers(a, b *canon.Node) bool {
	if a.Kind != canon.Regular || a.Size == 0 || b.Size == 0 {
		return false
	}
	return (contentOf(a).Inline != nil) != (contentOf(b).Inline != nil)
}

// payloadDiffers compares the paths of files that are in the content store on both
// sides. Where both follow from the digests, they differ just as these do.
func payloadDiffers(a, b *canon.Node) bool {
	if a.Kind != canon.Regular {
		return false
	}
	ac, bc := contentOf(a), contentOf(b)
	if ac.Inline != nil || bc.Inline != nil {
		return false
	}
	return ac.Payload() != bc.Payload() &&
		(ac.Payload() != ac.Digest.ObjectPath() || bc.Payload() != bc.Digest.ObjectPath())
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
