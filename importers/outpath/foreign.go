package outpath

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"

	"golang.org/x/sys/unix"
)

// ForeignError says that another user could have put there what a path leads through.
type ForeignError struct {
	Path string
	// What is "symlink", "pipe" and so on.
	What  string
	Owner uint32
}

func (e *ForeignError) Error() string {
	return fmt.Sprintf("%q is a %s of user %d in a directory that others can write to, and is not trusted: remove it, or choose another path", e.Path, e.What, e.Owner)
}

// isForeign says that another user could have put a file into a directory. It is the rule
// of the kernel's fs.protected_symlinks (may_follow_link of fs/namei.c), for all directories
// that others can write to, sticky or not: a file is trusted if it is the user's own, the
// directory's owner's, or root's.
func isForeign(file, dir *unix.Stat_t) bool {
	return dir.Mode&(unix.S_IWGRP|unix.S_IWOTH) != 0 && file.Uid != uint32(os.Geteuid()) && file.Uid != dir.Uid && file.Uid != 0
}

// CheckNoLink says that a name below a root, or a directory on the way to it, is a symlink.
// What writers keep there has none of its own.
func CheckNoLink(root *os.Root, name string) error {
	if dir := path.Dir(name); dir != "." {
		if err := CheckNoLink(root, dir); err != nil {
			return err
		}
	}
	info, err := root.Lstat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode().Type() == fs.ModeSymlink:
		return fmt.Errorf("%q is a symlink, through which nothing is written: put what it leads to in its place, or choose another directory", path.Join(root.Name(), name))
	}
	return nil
}
