package storage

import (
	"fmt"
	"os"
	"path/filepath"
)

// OwnerError says that who asks does not see the owners that the files of an image have in
// it: a user's engine shifts them, unless it is asked in the user namespace of that user.
type OwnerError struct {
	Store string
	// Owner is the user ID that the store belongs to, as it is seen.
	Owner int
}

func (e *OwnerError) Error() string {
	if e.Owner == os.Geteuid() {
		return fmt.Sprintf("the files in %q have shifted owners: run this under podman unshare or buildah unshare", e.Store)
	}
	return fmt.Sprintf("the store %q is of user %d, who sees other owners of its files: run this as that user, under podman unshare or buildah unshare", e.Store, e.Owner)
}

// CheckView says why what was unpacked of the image cannot be looked at, or is not what an
// engine shows of it. Errors are OwnerErrors, PermissionErrors, and those of layers that are
// not in one directory.
func (img *Image) CheckView() error {
	for _, l := range img.Layers {
		if owner := ownerOf(l.Store); owner != 0 {
			return &OwnerError{l.Store, owner}
		}
		if l.diffErr != nil {
			return fmt.Errorf("the layer %q: %w", l.ID, l.diffErr)
		}
		more := filepath.Join(filepath.Dir(l.Diff), "diff1")
		if _, err := os.Lstat(more); err == nil {
			return fmt.Errorf("the layer %q has files in %q as well, as it was copied for containers with other IDs: name an image that was not", l.ID, more)
		}
	}
	return nil
}
