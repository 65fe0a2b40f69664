package erofs

import (
	"slices"
	"strings"

	"cfsverify/canon"
	"cfsverify/canon/linux"
)

// An image of version 0 or 1 has a whiteout of the tree as an empty file with marks, in a
// directory with marks; see whiteoutMarks. A tree may have such files and directories
// itself, as a mounted image shows them. Its image does not tell the difference, so it is
// the same tree here: one with whiteouts. What lacks one of the marks, or has another value
// in it, is an xattr of the tree like others.

// escapeWhiteouts gives the tree the files and marks that the image has for its
// whiteouts. Write refuses a tree that it leaves as it is because of an xattr.
func (img *image) escapeWhiteouts() {
	for i := range img.inodes {
		if img.checkBudget(i) != nil {
			return
		}
	}
	for i := range img.inodes {
		in := &img.inodes[i]
		marks := whiteoutMarks(in.role == whiteout, in.holdsWhiteout, img.format.marksOpaque)
		if len(marks) == 0 {
			continue
		}
		n := in.node
		if in.role == whiteout {
			n.Kind, n.Size = canon.Regular, 0
		}
		n.Xattrs = n.Xattrs.Clone()
		for _, m := range unescaped(marks) {
			if img.format.addsMarks {
				at, _ := slices.BinarySearchFunc(n.Xattrs, m.Name, func(x canon.Xattr, name string) int { return strings.Compare(x.Name, name) })
				n.Xattrs = slices.Insert(n.Xattrs, at, m)
				continue
			}
			n.Xattrs.Set(m.Name, m.Value)
		}
	}
}

// unescapeWhiteouts turns files that are marked as whiteouts, in directories that are
// marked as holding some, into whiteouts: those of which the writer makes such files. The
// xattrs may have a name twice.
func unescapeWhiteouts(t *canon.Tree, o Options) {
	if o.Version == V2 {
		return
	}
	ofFile, ofDir := unescaped(whiteoutMarks(true, false, false)), unescaped(whiteoutMarks(false, true, o.Version == V1))
	var links *canon.Hardlinks
	for d := range t.Dirents() {
		dir := d.Node
		if dir.Kind != canon.Directory || !hasAll(dir.Xattrs, ofDir) {
			continue
		}
		holds := false
		children := dir.Children()
		for i := range children {
			e := &children[i]
			n := e.Node
			if n.Kind != canon.Regular || n.Size > 0 || !hasAll(n.Xattrs, ofFile) {
				continue
			}
			if links == nil {
				links = t.Hardlinks()
			}
			names := links.Of(n)
			if names != nil && names.Place != e {
				continue
			}
			before := *n
			n.Kind, n.Xattrs = canon.CharDevice, without(n.Xattrs, ofFile)
			if o.Writer == ComposefsRS && (names != nil || dir == t.Root && isStubLike(t.Root, e)) {
				*n = before
				continue
			}
			holds = true
		}
		if holds {
			dir.Xattrs = without(dir.Xattrs, ofDir)
		}
	}
}

// unescaped gives xattrs the names that they have in a tree.
func unescaped(marks []canon.Xattr) []canon.Xattr {
	for i := range marks {
		marks[i].Name = unescapeXattr(marks[i].Name)
	}
	return marks
}

// unescapeXattr is the inverse of escapeXattr.
func unescapeXattr(name string) string {
	if rest, ok := strings.CutPrefix(name, linux.EscapedOverlayPrefix); ok {
		return linux.OverlayPrefix + rest
	}
	return name
}

func hasAll(xattrs canon.Xattrs, marks []canon.Xattr) bool {
	for _, m := range marks {
		if !slices.Contains(xattrs, m) {
			return false
		}
	}
	return true
}

// without removes each mark once, of which a tree may have another one.
func without(xattrs canon.Xattrs, marks []canon.Xattr) canon.Xattrs {
	xattrs = xattrs.Clone()
	for _, m := range marks {
		at := slices.Index(xattrs, m)
		xattrs = slices.Delete(xattrs, at, at+1)
	}
	return xattrs
}
