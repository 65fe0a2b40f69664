package erofs

import (
	"strings"

	"cfsverify/canon"
	"cfsverify/canon/fsverity"
	"cfsverify/canon/linux"
)

// escapeXattr changes the names of overlayfs's own xattrs in the tree, so that the
// overlayfs that mounts the image hands them on.
func escapeXattr(name string) string {
	if rest, ok := strings.CutPrefix(name, linux.OverlayPrefix); ok {
		return linux.EscapedOverlayPrefix + rest
	}
	return name
}

// mode is the st_mode that the image has for an inode.
func (in *inode) mode() uint32 {
	switch in.role {
	case whiteout:
		return canon.Regular.ModeBits() | uint32(in.node.Perm)
	case stub:
		return stubMode
	}
	return in.node.Mode()
}

func (in *inode) kind() canon.Kind {
	switch in.role {
	case whiteout:
		return canon.Regular
	case stub:
		return canon.CharDevice
	}
	return in.node.Kind
}

func (in *inode) isDir() bool { return in.kind() == canon.Directory }

// formSize is what an inode's size counts as when its form is chosen; a directory's
// is not known here.
func (img *image) formSize(in *inode) uint64 {
	if !img.format.countsClaims && in.kind() != canon.Regular && in.kind() != canon.Symlink {
		return 0
	}
	return in.size()
}

// size is an inode's size in the tree, 0 for what the format adds or escapes.
func (in *inode) size() uint64 {
	switch {
	case in.role != plain:
		return 0
	case in.node.Kind == canon.Symlink:
		return uint64(len(in.node.Target))
	}
	return in.node.Size
}

// external is the content that lies outside the image, nil for none.
func (in *inode) external() *canon.Content {
	if in.role == plain && in.node.Content != nil && in.node.Content.Inline == nil {
		return in.node.Content
	}
	return nil
}

func (in *inode) inline() []byte {
	if in.role == plain && in.node.Content != nil {
		return in.node.Content.Inline
	}
	return nil
}

// xattrs fills l with the xattrs that the image has for inode i, in their
// order.
func (img *image) xattrs(l *xattrList, i int) {
	in := &img.inodes[i]
	l.reset()
	if in.role == stub {
		for _, x := range stubXattrs(in.node) {
			l.add(x.Name, l.value(x.Value))
		}
		return
	}
	if img.format.contentFirst {
		img.setContentXattrs(l, in)
	}
	// Escaping keeps the order: all the names that it changes stay together.
	for _, x := range in.node.Xattrs {
		l.add(escapeXattr(x.Name), l.value(x.Value))
	}
	if !img.format.contentFirst {
		img.setContentXattrs(l, in)
	}
	for _, x := range img.marks(i) {
		if img.format.addsMarks {
			l.insert(x.Name, l.value(x.Value))
		} else {
			l.set(x.Name, l.value(x.Value))
		}
	}
}

// setContentXattrs says where overlayfs finds external content.
func (img *image) setContentXattrs(l *xattrList, in *inode) {
	c := in.external()
	if c == nil {
		return
	}
	l.set(linux.OverlayMetacopy, l.appended(func(b []byte) []byte { return c.Digest.AppendBytes(appendMetacopyHeader(b, c.Digest)) }))
	redirect := l.appended(func(b []byte) []byte {
		b = append(b, '/')
		if img.format.redirectsToDigest && !c.Digest.IsZero() {
			return c.Digest.AppendObjectPath(b)
		}
		return c.AppendPayload(b)
	})
	if len(redirect) > len("/") {
		l.set(linux.OverlayRedirect, redirect)
	}
}

// appendMetacopyHeader appends what precedes the digest of the lower file in
// overlay.metacopy: struct ovl_metacopy of the kernel's fs/overlayfs/overlayfs.h.
func appendMetacopyHeader(b []byte, d fsverity.Digest) []byte {
	if d.IsZero() {
		return b
	}
	return append(b, 0, byte(4+d.Algorithm().Size()), 0, byte(d.Algorithm()))
}

// marks are the xattrs of whiteouts, of the directories that hold them and of
// the root, in the order in which the reference writer sets them.
func (img *image) marks(i int) []canon.Xattr {
	if !img.format.escapesWhiteouts {
		return nil
	}
	in := &img.inodes[i]
	list := whiteoutMarks(in.role == whiteout, in.holdsWhiteout, img.format.marksOpaque)
	if i == 0 {
		list = append(list, canon.Xattr{Name: linux.OverlayOpaque, Value: "y"})
	}
	return list
}

// whiteoutMarks are those of a whiteout, and of a directory that holds whiteouts,
// which opaque says is opaque then.
func whiteoutMarks(isWhiteout, holdsWhiteouts, opaque bool) []canon.Xattr {
	var list []canon.Xattr
	if isWhiteout {
		list = append(list, canon.Xattr{Name: linux.EscapedOverlayWhiteout}, canon.Xattr{Name: linux.UserOverlayWhiteout})
	}
	if holdsWhiteouts {
		list = append(list, canon.Xattr{Name: linux.EscapedOverlayWhiteouts}, canon.Xattr{Name: linux.UserOverlayWhiteouts})
		if opaque {
			list = append(list, canon.Xattr{Name: linux.EscapedOverlayOpaque, Value: "x"}, canon.Xattr{Name: linux.UserOverlayOpaque, Value: "x"})
		}
	}
	return list
}
