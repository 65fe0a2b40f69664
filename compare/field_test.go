package compare

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cfsverify/canon"
	"cfsverify/canon/fsverity"
)

// fieldChanges change one field of a regular file each, or of another inode where
// only that has the field.
var fieldChanges = map[Field]struct {
	kind   canon.Kind
	change func(*canon.Node)
}{
	Mode:          {canon.Regular, func(n *canon.Node) { n.Perm = 0o4755 }},
	UID:           {canon.Regular, func(n *canon.Node) { n.UID = 1 }},
	GID:           {canon.Directory, func(n *canon.Node) { n.GID = 1 }},
	Mtime:         {canon.Socket, func(n *canon.Node) { n.Mtime.Sec = -1 }},
	MtimeNsec:     {canon.Regular, func(n *canon.Node) { n.Mtime.Nsec = 1 }},
	Size:          {canon.Regular, func(n *canon.Node) { n.Size = 101 }},
	ContentDigest: {canon.Regular, func(n *canon.Node) { n.Content = canon.External(fsverity.SumBytes(fsverity.SHA256, []byte("y"))) }},
	Storage:       {canon.Regular, func(n *canon.Node) { n.Content = &canon.Content{Inline: make([]byte, 100)} }},
	Payload:       {canon.Regular, func(n *canon.Node) { n.Content = &canon.Content{Digest: n.Content.Digest} }},
	Target:        {canon.Symlink, func(n *canon.Node) { n.Target = "b" }},
	Rdev:          {canon.CharDevice, func(n *canon.Node) { n.Rdev = 2 }},
	Xattr:         {canon.FIFO, func(n *canon.Node) { n.Xattrs.Set("user.a", "2") }},
}

func fieldNode(kind canon.Kind) *canon.Node {
	n := &canon.Node{Kind: kind, Perm: 0o644, Nlink: 1, Xattrs: canon.Xattrs{{Name: "user.a", Value: "1"}}}
	switch kind {
	case canon.Regular:
		n.Size, n.Content = 100, canon.External(fsverity.SumBytes(fsverity.SHA256, make([]byte, 100)))
	case canon.Symlink:
		n.Target = "a"
	case canon.CharDevice:
		n.Rdev = 1
	}
	return n
}

// Each field of an inode differs alone, and copying it removes the difference.
func TestFields(t *testing.T) {
	for _, field := range Fields() {
		if field == Type || field == Links || field == Nlink {
			continue
		}
		c, ok := fieldChanges[field]
		if !ok {
			t.Errorf("no change is tried for %s", field)
			continue
		}
		want := Change{Field: field}
		if field == Xattr {
			want.Xattr = "user.a"
		}
		a, b := fieldNode(c.kind), fieldNode(c.kind)
		c.change(b)
		if diff := cmp.Diff([]Change{want}, Changes(a, b)); diff != "" {
			t.Errorf("%s: %s", field, diff)
		}
		if !want.Differs(a, b) || !want.Differs(b, a) || (Change{Field: Type}).Differs(a, b) {
			t.Errorf("%s: Differs is wrong", field)
		}
		for _, other := range Fields() {
			if other != field && other != Type && !slices.Contains([]Field{ContentDigest, Storage, Payload}, other) {
				Copy([]Change{{Field: other, Xattr: "user.b"}}, a, b)
			}
		}
		if slices.Contains([]Field{ContentDigest, Storage, Payload}, field) {
			// Any of these copies the content as a whole.
			want.Field = ContentDigest
		} else if !want.Differs(a, b) {
			t.Errorf("%s: copying other fields copied it", field)
		}
		Copy([]Change{want}, a, b)
		if changes := Changes(a, b); changes != nil {
			t.Errorf("%s: %v is left after it was copied", field, changes)
		}
	}
}

func TestCopyXattrThatIsMissing(t *testing.T) {
	a, b := fieldNode(canon.FIFO), fieldNode(canon.FIFO)
	b.Xattrs.Remove("user.a")
	Copy([]Change{{Field: Xattr, Xattr: "user.a"}}, a, b)
	if len(a.Xattrs) > 0 {
		t.Errorf("%v is left", a.Xattrs)
	}
}

// A copied type brings along what only that type has, and the link count; the
// metadata that all have stays.
func TestCopyType(t *testing.T) {
	kinds := []canon.Kind{canon.Regular, canon.Directory, canon.Symlink, canon.CharDevice, canon.FIFO}
	for _, from := range kinds {
		for _, to := range kinds {
			a, b := fieldNode(to), fieldNode(from)
			a.Perm, b.Nlink = 0o600, 7
			Copy([]Change{{Field: Type}}, a, b)
			if diff := cmp.Diff([]Change{{Field: Mode}}, Changes(a, b)); diff != "" || a.Nlink != 7 {
				t.Errorf("a %v made a %v: nlink %d, %s", to, from, a.Nlink, diff)
			}
		}
	}
}

// Links and Nlink depend on other names: two inodes alone do not differ in them.
func TestFieldsOfNames(t *testing.T) {
	a, b := fieldNode(canon.FIFO), fieldNode(canon.FIFO)
	b.Nlink = 2
	if changes := Changes(a, b); changes != nil {
		t.Errorf("%v", changes)
	}
	Copy([]Change{{Field: Links}}, a, b)
	if a.Nlink != 1 {
		t.Error("Links copied something")
	}
	Copy([]Change{{Field: Nlink}}, a, b)
	if a.Nlink != 2 {
		t.Error("Nlink is not copied")
	}
	if !HasField([]Change{{Field: Mode}, {Field: Nlink}}, Nlink) || HasField([]Change{{Field: Mode}}, Nlink) {
		t.Error("HasField is wrong")
	}
}

// TestWithout: lists are in the order of Changes.
func TestWithout(t *testing.T) {
	all := []Change{{Field: Mode}, {Field: Mtime}, {Field: Xattr, Xattr: "user.a"}, {Field: Xattr, Xattr: "user.b"}, {Field: Nlink}}
	others := []Change{{Field: Type}, {Field: Mode}, {Field: Xattr, Xattr: "user.a"}, {Field: Xattr, Xattr: "user.c"}, {Field: Links}}
	want := []Change{{Field: Mtime}, {Field: Xattr, Xattr: "user.b"}, {Field: Nlink}}
	if diff := cmp.Diff(want, Without(all, others)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(all, Without(all, nil)); diff != "" {
		t.Error(diff)
	}
}
