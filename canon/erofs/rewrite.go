package erofs

import (
	"fmt"
	"slices"
	"strings"

	"cfsverify/canon"
	"cfsverify/canon/fsverity"
)

// overlayPrefix is that of the xattrs that overlayfs keeps for itself. Those of
// the tree are escaped by one more "overlay." (Documentation/filesystems/
// overlayfs.rst, "Nesting overlayfs mounts").
const overlayPrefix = "trusted.overlay."

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

// size is what an inode's size counts as when its form is chosen; a directory's
// is not known here.
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

// xattrs appends to buf the xattrs that the image has for inode i, in the order
// of their names' bytes.
func (img *image) xattrs(buf canon.Xattrs, i int) canon.Xattrs {
	in := &img.inodes[i]
	if in.role == stub {
		if label, ok := in.node.Xattrs.Get("security.selinux"); ok {
			buf = append(buf, canon.Xattr{Name: "security.selinux", Value: label})
		}
		return buf
	}
	// Escaping keeps the order: all the names that it changes stay together.
	for _, x := range in.node.Xattrs {
		if rest, ok := strings.CutPrefix(x.Name, overlayPrefix); ok {
			x.Name = overlayPrefix + "overlay." + rest
		}
		buf = append(buf, x)
	}
	if hasEscaped(in.node.Xattrs) {
		slices.SortFunc(buf, func(a, b canon.Xattr) int { return strings.Compare(a.Name, b.Name) })
	}
	for _, x := range img.added(i) {
		buf.Set(x.Name, x.Value)
	}
	return buf
}

func hasEscaped(xattrs canon.Xattrs) bool {
	return slices.ContainsFunc(xattrs, func(x canon.Xattr) bool { return strings.HasPrefix(x.Name, overlayPrefix) })
}

// added are the xattrs that make the image work under overlayfs, in the order
// in which the reference writer sets them.
func (img *image) added(i int) []canon.Xattr {
	in := &img.inodes[i]
	var list []canon.Xattr
	if c := in.external(); c != nil {
		list = append(list, canon.Xattr{Name: "trusted.overlay.metacopy", Value: metacopy(c.Digest)})
		if payload := c.Payload(); payload != "" {
			list = append(list, canon.Xattr{Name: "trusted.overlay.redirect", Value: "/" + payload})
		}
	}
	if in.role == whiteout {
		list = append(list, canon.Xattr{Name: "trusted.overlay.overlay.whiteout"}, canon.Xattr{Name: "user.overlay.whiteout"})
	}
	if in.holdsWhiteout {
		list = append(list, canon.Xattr{Name: "trusted.overlay.overlay.whiteouts"}, canon.Xattr{Name: "user.overlay.whiteouts"})
		if img.version == V1 {
			list = append(list, canon.Xattr{Name: "trusted.overlay.overlay.opaque", Value: "x"}, canon.Xattr{Name: "user.overlay.opaque", Value: "x"})
		}
	}
	if i == 0 {
		list = append(list, canon.Xattr{Name: "trusted.overlay.opaque", Value: "y"})
	}
	return list
}

// metacopy is the value of overlay.metacopy: struct ovl_metacopy of the
// kernel's fs/overlayfs/overlayfs.h, with the digest of the lower file.
func metacopy(d fsverity.Digest) string {
	if d.IsZero() {
		return ""
	}
	sum := d.Bytes()
	return string(append([]byte{0, byte(4 + len(sum)), 0, byte(d.Algorithm())}, sum...))
}

// setBudget is what an inode's added xattrs may take by the reference writer's
// account (LCFS_INODE_EXTERNAL_XATTR_MAX).
const setBudget = 32767

// checkBudget refuses what the reference writer refuses: it does not count the
// tree's own xattrs, but takes one that it replaces off the account.
func (img *image) checkBudget(i int) error {
	in := &img.inodes[i]
	if in.role == stub || len(in.node.Xattrs) == 0 {
		return nil
	}
	cost := func(x canon.Xattr) uint64 { return uint64(7 + len(x.Name) + len(x.Value)) }
	var spent uint64
	present := make(canon.Xattrs, 0, len(in.node.Xattrs))
	for _, x := range in.node.Xattrs {
		if rest, ok := strings.CutPrefix(x.Name, overlayPrefix); ok {
			x.Name = overlayPrefix + "overlay." + rest
		}
		present.Set(x.Name, x.Value)
	}
	for _, x := range img.added(i) {
		if old, ok := present.Get(x.Name); ok {
			spent -= cost(canon.Xattr{Name: x.Name, Value: old})
			if len(present) == 1 {
				spent = 0
			}
			present = slices.DeleteFunc(present, func(p canon.Xattr) bool { return p.Name == x.Name })
		}
		price := cost(x)
		if len(present) == 0 {
			price += 12
		}
		if spent+price > setBudget {
			return fmt.Errorf("%s: its xattr %q is one that an image uses for whiteouts, and cannot be replaced: remove it", img.path(i), x.Name)
		}
		spent += price
		present.Set(x.Name, x.Value)
	}
	return nil
}

// path is a path of inode i, for messages.
func (img *image) path(i int) string {
	path := ""
	for i != 0 {
		parent := int(img.inodes[i].parent)
		for name, child := range img.dirents(parent) {
			if int(child) == i && name != "." && name != ".." {
				path = "/" + name + path
				break
			}
		}
		i = parent
	}
	if path == "" {
		path = "/"
	}
	return fmt.Sprintf("%q", path)
}
