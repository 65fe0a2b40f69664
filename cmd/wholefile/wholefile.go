// Package wholefile writes files of the command line: as a whole or not at all. What is
// in them does not matter here.
package wholefile

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"

	"cfsverify/importers/outpath"
)

// Write writes a file as a whole or not at all: under another name in the
// same directory, and renamed when it is complete. The name "-" is stdout.
func Write(name string, stdout io.Writer, write func(io.Writer) error) error {
	if name == "-" {
		return write(stdout)
	}
	place, err := outpath.Find(name)
	if err != nil {
		return unwritten(name, err)
	}
	defer place.Close()
	if place.Makes() {
		return unwritten(name, replace(place, write))
	}
	f, err := place.Open()
	if err != nil {
		return err
	}
	return errors.Join(write(f), f.Close())
}

// unwritten says that a file cannot be written. The temporary file's name says nothing to
// anybody.
func unwritten(name string, err error) error {
	var path *os.PathError
	var foreign *outpath.ForeignError
	switch {
	case errors.As(err, &path):
		err = path.Err
	case errors.As(err, &foreign):
		err = foreign
	default:
		return err
	}
	return fmt.Errorf("%q cannot be written: %w", name, err)
}

// Makes says that Write makes or replaces a file of this name. A device, a pipe, or what is
// open already, as stdout is, cannot be replaced.
func Makes(name string) bool {
	if name == "-" {
		return false
	}
	place, err := outpath.Find(name)
	if err != nil {
		return true
	}
	defer place.Close()
	return place.Makes()
}

func replace(place *outpath.Place, write func(io.Writer) error) (err error) {
	perm, has := place.Permissions()
	if !has {
		perm = 0o666
	}
	temporary := fmt.Sprintf(".cfsverify-%d", rand.Int64())
	f, err := place.Create(temporary, perm)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, place.Remove(temporary))
		}
	}()
	if has {
		err = f.Chmod(os.FileMode(perm))
	}
	if err == nil {
		err = write(f)
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return place.Rename(temporary)
}
