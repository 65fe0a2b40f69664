package erofs

import (
	"slices"

	"cfsverify/canon"
)

// Fit changes a tree to what an image can tell of it, so that trees whose images are
// the same are the same. All images lack the sizes that dump files claim for devices,
// FIFOs and sockets, unless one makes the inode an extended one. ComposefsRS counts
// links, orders inodes by their first names, finds content by its digest, and takes a
// whiteout for its own if it looks so; its version 2 has whole seconds. Mkcomposefs
// holds all but the xattrs of which it has its own, and at which of several names an
// inode has its place, where that moves no other. In versions 0 and 1 a file that is
// marked just as images mark whiteouts is one: see whiteouts.go.
func Fit(t *canon.Tree, o Options) {
	if o.Writer == ComposefsRS {
		fitComposefsRS(t, o.Version)
		return
	}
	buildTime := t.Root.Mtime
	for e := range t.Dirents() {
		if e.Node.Mtime.Compare(buildTime) < 0 {
			buildTime = e.Node.Mtime
		}
	}
	for e := range t.Dirents() {
		n := e.Node
		if n.Kind != canon.Regular && n.Size > 0 && !fitsCompact(n, n.Nlink, buildTime) {
			n.Size = 0
		}
	}
	img, err := collected(t, o)
	if err != nil {
		// A tree that is too large is Write's to refuse.
		return
	}
	img.escapeWhiteouts()
	img.fitPlaces()
	unescapeWhiteouts(t, o)
}

func fitComposefsRS(t *canon.Tree, v Version) {
	t.CountLinks()
	for e := range t.Dirents() {
		n := e.Node
		if v == V2 {
			n.Mtime.Nsec = 0
		}
		c := n.Content
		switch {
		case n.Kind != canon.Regular:
			n.Size = 0
		case isElsewhere(c):
			n.Content = canon.External(c.Digest)
		}
	}
	if v == V2 {
		return
	}
	for i := range stubCount {
		// Write refuses a whiteout with several names.
		if e := t.Root.Child(stubName(i)); e != nil && e.Node.Nlink == 1 && isStubLike(t.Root, e) {
			t.Root.Remove(e.Name)
		}
	}
	o := Options{v, ComposefsRS}
	if hasWhiteouts(t) {
		if img, err := collected(t, o); err == nil {
			img.escapeWhiteouts()
		}
	}
	unescapeWhiteouts(t, o)
}

func hasWhiteouts(t *canon.Tree) bool {
	for e := range t.Dirents() {
		if e.Node.IsWhiteout() {
			return true
		}
	}
	return false
}

// replaced says that one of the marks has the name which an xattr has in the image.
func replaced(x canon.Xattr, marks []canon.Xattr) bool {
	return slices.ContainsFunc(marks, func(m canon.Xattr) bool { return m.Name == escapeXattr(x.Name) })
}

// fitPlaces moves an inode's place to the first name at which it would have the
// same number: which of them is marked cannot be seen.
func (img *image) fitPlaces() {
	next := uint32(1)
	placed := make([]bool, img.links.Len())
	for i := range img.inodes {
		if !img.inodes[i].isDir() {
			continue
		}
		for _, e := range img.names(i) {
			if e == nil {
				next++
				continue
			}
			link := img.links.Of(e.Node)
			e.Hardlink = link != nil && (placed[link.Index] || img.linkNumbers[link.Index] != next)
			if !e.Hardlink {
				next++
				if link != nil {
					placed[link.Index] = true
				}
			}
		}
	}
}
