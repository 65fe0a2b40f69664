// Package wholefile writes files of the command line: as a whole or not at all. What is
// in them does not matter here.
package wholefile

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/renameio/v2"
)

// Write writes a file as a whole or not at all: under another name in the
// same directory, and renamed when it is complete. The name "-" is stdout.
func Write(name string, stdout io.Writer, write func(io.Writer) error) error {
	if name == "-" {
		return write(stdout)
	}
	target, _ := linkTarget(name)
	if !Makes(name) {
		f, err := os.OpenFile(target, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		return errors.Join(write(f), f.Close())
	}
	if err := replaceFile(target, write); err != nil {
		// The temporary file's name says nothing to anybody.
		var path *os.PathError
		var link *os.LinkError
		switch {
		case errors.As(err, &path):
			err = path.Err
		case errors.As(err, &link):
			err = link.Err
		default:
			return err
		}
		return fmt.Errorf("%q cannot be written: %w", name, err)
	}
	return nil
}

// Makes says that Write makes or replaces a file of this name. A device, a pipe, or what is
// open already, as stdout is, cannot be replaced.
func Makes(name string) bool {
	target, isOpen := linkTarget(name)
	info, err := os.Stat(target)
	return name != "-" && !isOpen && (err != nil || info.Mode().IsRegular())
}

// linkTarget follows the symlinks that a name is. A file descriptor in /proc is
// the end of the way: what it leads to is open already.
func linkTarget(name string) (target string, isOpen bool) {
	for range 40 {
		dest, err := os.Readlink(name)
		if err != nil {
			break
		}
		if strings.HasPrefix(name, "/proc/") {
			return name, true
		}
		if !filepath.IsAbs(dest) {
			dest = filepath.Join(filepath.Dir(name), dest)
		}
		name = dest
	}
	return name, false
}

func replaceFile(name string, write func(io.Writer) error) error {
	f, err := renameio.NewPendingFile(name, renameio.WithPermissions(0o666), renameio.WithExistingPermissions(), renameio.WithTempDir(filepath.Dir(name)))
	if err != nil {
		return err
	}
	if err := write(f); err != nil {
		return errors.Join(err, f.Cleanup())
	}
	if err := f.CloseAtomicallyReplace(); err != nil {
		return errors.Join(err, f.Cleanup())
	}
	return nil
}
