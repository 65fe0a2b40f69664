package storage

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// OwnerError says that who asks does not see the owners that the files of an image have in
// it: a user's engine shifts them, unless it is asked in the user namespace of that user.
type OwnerError struct {
	Store string
	// Owner is the user ID that the store belongs to, as it is seen.
	Owner int
}

func (e *OwnerError) Error() string {
	switch {
	case e.Owner == 0:
		return fmt.Sprintf("the store %q is root's, and what overlayfs keeps of it cannot be seen in a user namespace: run this as root, outside of it", e.Store)
	case e.Owner == overflowID && inUserNamespace():
		return fmt.Sprintf("the store %q is of a user outside of this user namespace: run this as root, outside of it", e.Store)
	case e.Owner == os.Geteuid():
		return fmt.Sprintf("the files in %q have shifted owners: run this under podman unshare or buildah unshare", e.Store)
	}
	return fmt.Sprintf("the store %q is of user %d, who sees other owners of its files: run this as that user, under podman unshare or buildah unshare", e.Store, e.Owner)
}

// overflowID stands for users that a user namespace has no number for: user_namespaces(7).
const overflowID = 65534

// CheckView says why what was unpacked of the image cannot be looked at, or is not what an
// engine shows of it. Errors are OwnerErrors, PermissionErrors, and those of layers that are
// in no directory of their own or for another kind of mount.
func (img *Image) CheckView() error {
	for _, l := range img.Layers {
		if info, err := os.Lstat(l.Diff); err == nil && info.Mode()&os.ModeSymlink != 0 {
			return fmt.Errorf("the layer %q is in an additional layer store, which is not read: name the image where it comes from, as docker://REGISTRY/NAME", l.ID)
		}
		if l.diffErr != nil {
			return fmt.Errorf("the layer %q: %w", l.ID, l.diffErr)
		}
		if owner := l.owner(); owner != 0 || isRootOfHost() {
			return &OwnerError{l.Store, owner}
		}
		more := filepath.Join(filepath.Dir(l.Diff), "diff1")
		if _, err := os.Lstat(more); err == nil {
			return fmt.Errorf("the layer %q has files in %q as well, as it was copied for containers with other IDs: name an image that was not", l.ID, more)
		}
		// In a user's store the maps are those of the user namespace.
		if !inUserNamespace() && (shifts(l.UIDs) || shifts(l.GIDs)) {
			return fmt.Errorf("the layer %q was unpacked for containers with other IDs, so its files have shifted owners: name an image that was not", l.ID)
		}
		if l.MountProgram && !img.MountProgram {
			return fmt.Errorf("the layer %q in %q was unpacked for a mount program such as fuse-overlayfs, which the engine of the first store does not use: what shows is not known", l.ID, l.Store)
		}
	}
	return nil
}

func shifts(ids []IDMap) bool {
	return slices.ContainsFunc(ids, func(m IDMap) bool { return m.Container != m.Host })
}

// isRootOfHost says that the process is in a user namespace in which root is that of the
// host: it sees its files as root's, but no trusted.* xattrs.
func isRootOfHost() bool {
	ids := idMap()
	return inUserNamespace() && len(ids) >= 3 && ids[0] == "0" && ids[1] == "0"
}
