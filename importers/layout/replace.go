package layout

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path"

	"golang.org/x/sys/unix"
)

// errChanged says that another program, which knows no lock, has written index.json.
var errChanged = errors.New("another program changes its index.json at the same time, again and again: try again when it has ended")

// changesMax is how often index.json may change between reading and writing it.
const changesMax = 20

// replaceIndex writes index.json, which was read as old, nil without one. If another
// program has written it since, that stays, and the error is errChanged.
func (w *Writer) replaceIndex(old, data []byte) error {
	if err := w.write(indexName, data); err != nil {
		return err
	}
	way := uint(unix.RENAME_EXCHANGE)
	if old == nil {
		way = unix.RENAME_NOREPLACE
	}
	err := w.rename(way)
	switch {
	case errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS):
		return w.replaceIndexLate(old)
	case errors.Is(err, unix.EEXIST):
		return errChanged
	case err != nil || old == nil || isIn(w.staged.Root, old):
		return err
	}
	// What the other has written goes back.
	if err := w.rename(way); err != nil {
		return err
	}
	if !isIn(w.staged.Root, data) {
		return errors.New("another program has written its index.json twice in this moment, and one of its tags may be lost: look which there are")
	}
	return errChanged
}

// replaceIndexLate does so where the file system cannot exchange files. What is written in
// the moment between looking and renaming is lost.
func (w *Writer) replaceIndexLate(old []byte) error {
	if now, err := readIndex(w.root); err != nil || !bytes.Equal(now, old) {
		return errors.Join(err, errChanged)
	}
	return w.root.Rename(path.Join(w.staged.Name, indexName), indexName)
}

// rename gives the staged index.json its place, in a way of renameat2(2).
func (w *Writer) rename(way uint) error {
	from, err := w.staged.Open(".")
	if err != nil {
		return err
	}
	defer from.Close()
	to, err := w.root.Open(".")
	if err != nil {
		return err
	}
	defer to.Close()
	return unix.Renameat2(int(from.Fd()), indexName, int(to.Fd()), indexName, way)
}

// isIn says that the index.json of a directory is this one.
func isIn(dir *os.Root, index []byte) bool {
	now, err := readIndex(dir)
	return err == nil && bytes.Equal(now, index)
}

// write stages a file of the layout, with the permissions that the layout's own has.
func (w *Writer) write(name string, data []byte) error {
	// What was staged before may not be written to any more.
	if err := w.staged.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := w.staged.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	if old, statErr := w.root.Lstat(name); statErr == nil {
		err = f.Chmod(old.Mode().Perm())
	}
	if err == nil {
		_, err = f.Write(data)
	}
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}
