package erofs

import (
	"bytes"
	"io"
	"slices"

	"cfsverify/canon"
)

// Layout is the image of a tree, ready to be written. The tree must not change while it
// is used, nor may several goroutines use it.
type Layout struct {
	options Options
	img     *image
}

// LayOut does all of Write that can fail because of the tree.
func LayOut(t *canon.Tree, o Options) (*Layout, error) {
	if err := t.Validate(); err != nil {
		return nil, err
	}
	img, err := collected(t, o)
	if err != nil {
		return nil, err
	}
	img.shareXattrs()
	if err := img.layOut(); err != nil {
		return nil, err
	}
	return &Layout{o, img}, nil
}

// Write writes the image. Errors are those of w.
func (l *Layout) Write(w io.Writer) error { return l.img.write(w) }

// Head is what the image by other options begins with, in whole blocks, if the tree's root
// has the metadata of a directory. The rest of that image is what Write writes behind as
// many bytes. Where more would differ, Head is nil.
func (l *Layout) Head(o Options, dir *canon.Node) []byte {
	format, err := formatOf(o)
	if err != nil || o != l.options && !l.differsInHeaderOnly(o) {
		return nil
	}
	root := (&canon.Tree{Root: l.img.inodes[0].node}).WithRoot(dir).Root
	if root.Perm > 0o7777 || !l.keepsPlaces(root) {
		return nil
	}
	img := *l.img
	img.format = format
	img.inodes = slices.Clone(img.inodes)
	end := uint64(0)
	for i := range img.inodes {
		if in := &img.inodes[i]; i == 0 || in.role == stub {
			in.node = root
			end = roundUp(in.nid*slotSize+in.headSize(), blockSize)
		}
	}
	var head bytes.Buffer
	out := newOutput(&head)
	img.metadata(out, end)
	// A buffer has no errors.
	_ = out.w.Flush()
	return head.Bytes()[:end]
}

// differsInHeaderOnly says that the image by other options would: versions 0 and 1 by one
// writer do where no directory holds whiteouts.
func (l *Layout) differsInHeaderOnly(o Options) bool {
	return o.Writer == l.options.Writer && o.Version != V2 && l.options.Version != V2 && !slices.ContainsFunc(l.img.inodes, func(in inode) bool { return in.holdsWhiteout })
}

// keepsPlaces says that with another root, which the stubs follow, all inodes keep their
// forms and places.
func (l *Layout) keepsPlaces(root *canon.Node) bool {
	was := &l.img.inodes[0]
	if !slices.Equal(root.Xattrs, was.node.Xattrs) {
		return false
	}
	if !l.img.format.compact {
		return true
	}
	// What is like a stub depends on the root.
	if slices.ContainsFunc(root.Children(), func(e canon.Dirent) bool { return l.img.format.sparesStubs && e.Node.IsWhiteout() }) {
		return false
	}
	buildTime := root.Mtime
	for i := range l.img.inodes {
		if in := &l.img.inodes[i]; i > 0 && in.role != stub && l.img.format.compareTimes(in.node.Mtime, buildTime) < 0 {
			buildTime = in.node.Mtime
		}
	}
	if buildTime != l.img.buildTime {
		return false
	}
	for _, nlink := range []uint32{was.nlink, 1} {
		if fitsCompact(root, nlink, buildTime) != fitsCompact(was.node, nlink, buildTime) {
			return false
		}
	}
	return true
}
