package erofs

import "cfsverify/canon"

// Fit changes a tree to what an image of a version can tell of it, so that
// trees whose images are the same are the same. Version 2 has whole seconds,
// counts links, orders inodes by their first names and finds content by its
// digest. The others hold everything but the size that a dump file claims for
// a device, FIFO or socket, unless that alone makes the inode extended, and at
// which of several names an inode has its place, where that moves no other.
func Fit(t *canon.Tree, v Version) {
	if v == V2 {
		fitLegacy(t)
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
	fitPlaces(t)
}

// fitPlaces moves an inode's place to the first name at which it would have the
// same number: which of them is marked cannot be seen.
func fitPlaces(t *canon.Tree) {
	format, err := formatOf(V1)
	if err != nil {
		return
	}
	img := &image{format: format}
	if err := img.collect(t); err != nil {
		// A tree that is too large is Write's to refuse.
		return
	}
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

func fitLegacy(t *canon.Tree) {
	t.CountLinks()
	for e := range t.Dirents() {
		n := e.Node
		n.Mtime.Nsec = 0
		c := n.Content
		switch {
		case n.Kind != canon.Regular:
			n.Size = 0
		case c != nil && !c.Digest.IsZero() && c.Payload() != c.Digest.ObjectPath():
			n.Content = canon.External(c.Digest)
		}
	}
}
