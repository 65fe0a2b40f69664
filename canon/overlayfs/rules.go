package overlayfs

import (
	"strings"

	"cfsverify/canon"
	"cfsverify/canon/linux"
)

// Rules say which mount shows the layers. The zero value is the kernel's overlayfs
// as root mounts it, on kernels that follow redirects by default.
type Rules struct {
	// UserXattrs is the mount option userxattr: overlayfs keeps its xattrs in the
	// user namespace, and follows no redirect and no metacopy.
	UserXattrs bool
	// Metacopy is the mount option metacopy=on. Without it a file of which a layer
	// has the metadata alone cannot be opened.
	Metacopy bool
	// Fuse is fuse-overlayfs in place of the kernel's.
	Fuse bool
}

// prefix begins the names of overlayfs's own xattrs.
func (r Rules) prefix() string {
	if r.UserXattrs {
		return linux.UserOverlayPrefix
	}
	return linux.OverlayPrefix
}

func (r Rules) xattr(n *canon.Node, name string) (string, bool) {
	return n.Xattrs.Get(r.prefix() + name)
}

// followsRedirects says that the mount does, unless the kernel was built not to.
func (r Rules) followsRedirects() bool { return !r.UserXattrs }

// isWhiteout is ovl_path_is_whiteout of fs/overlayfs/util.c.
func (r Rules) isWhiteout(n *canon.Node) bool {
	if n.IsWhiteout() {
		return true
	}
	if r.Fuse || n.Kind != canon.Regular || n.Size != 0 {
		return false
	}
	_, ok := r.xattr(n, "whiteout")
	return ok
}

// opacity is what overlay.opaque says of a directory: "y", that it hides what lower
// layers have in it, "x", that regular files in it may be whiteouts.
func (r Rules) opacity(dir *canon.Node) string {
	if r.Fuse {
		return fuseOpacity(dir)
	}
	value, _ := r.xattr(dir, "opaque")
	return value
}

// isMetacopy says that a layer has only the metadata of a file:
// ovl_check_metacopy_xattr of fs/overlayfs/util.c.
func (r Rules) isMetacopy(n *canon.Node) (bool, error) {
	if r.Fuse || n.Kind != canon.Regular {
		return false, nil
	}
	value, ok := r.xattr(n, "metacopy")
	if size := len(value); size > 0 && size < metacopyHeader {
		return false, ErrMetacopySize
	}
	return ok, nil
}

// metacopyHeader is the least size of a metacopy xattr that is not empty.
const metacopyHeader = 4

// shownXattrs are those that the mount lists, under the names that it lists them
// under: ovl_listxattr of fs/overlayfs/xattrs.c, since Linux 6.7.
func (r Rules) shownXattrs(n *canon.Node) canon.Xattrs {
	if r.Fuse {
		return fuseXattrs(n.Xattrs)
	}
	prefix := r.prefix()
	escaped := prefix + strings.TrimPrefix(linux.OverlayPrefix, linux.TrustedPrefix)
	var shown canon.Xattrs
	for _, x := range n.Xattrs {
		if name, ok := strings.CutPrefix(x.Name, escaped); ok {
			shown.Set(prefix+name, x.Value)
		} else if !strings.HasPrefix(x.Name, prefix) {
			shown.Set(x.Name, x.Value)
		}
	}
	return shown
}

// hidesXattrs says that shownXattrs are not all.
func (r Rules) hidesXattrs(n *canon.Node) bool {
	for _, x := range n.Xattrs {
		if r.Fuse && isFuseXattr(x.Name) || !r.Fuse && strings.HasPrefix(x.Name, r.prefix()) {
			return true
		}
	}
	return false
}

// filtersList says that whiteouts are taken out of the list of a directory that one
// layer alone has: overlayfs does so where it thinks that the directory was copied
// up, ovl_get_inode of fs/overlayfs/inode.c.
func (r Rules) filtersList(dir *canon.Node) bool {
	_, copied := r.xattr(dir, "origin")
	return copied || r.Fuse
}
