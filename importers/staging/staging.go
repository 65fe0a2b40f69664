// Package staging makes the directories in which something is put together before it is
// moved or read: one for each run, which is locked while the run lives. What killed
// runs left is removed. What is in these directories is for callers to know.
package staging

import (
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// leftAfter is how old what has no lock is at least before it is removed.
const leftAfter = 24 * time.Hour

// Dir is a directory of a run.
type Dir struct {
	*os.Root
	// Name is that of the directory in its parent.
	Name   string
	parent *os.Root
	lock   *os.File
}

// New makes a directory in another one, of a name that begins with a prefix which nothing
// but New uses, and ends in digits. It removes what ended runs of this user left there.
func New(parent *os.Root, prefix string) (*Dir, error) {
	sweep(parent, prefix, time.Now().Add(-leftAfter))
	d := &Dir{parent: parent}
	for {
		d.Name = prefix + strconv.FormatUint(rand.Uint64(), 10)
		err := parent.Mkdir(d.Name, 0o700)
		if err == nil {
			break
		}
		if !errors.Is(err, fs.ErrExist) {
			return nil, err
		}
	}
	var err error
	if d.Root, err = parent.OpenRoot(d.Name); err != nil {
		return nil, errors.Join(err, parent.Remove(d.Name))
	}
	if d.lock, err = d.Open("."); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	// Where a directory cannot be locked, as on NFS, sweep cannot either, and removes none.
	_ = tryLock(d.lock)
	return d, nil
}

// Close removes the directory with all that is in it.
func (d *Dir) Close() error {
	err := d.parent.RemoveAll(d.Name)
	if d.lock != nil {
		// The lock ends when the directory is gone.
		err = errors.Join(err, d.lock.Close())
	}
	return errors.Join(err, d.Root.Close())
}

func tryLock(f *os.File) error { return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) }

// sweep removes the directories that New made before a time, unless the run that did it
// is alive. What cannot be removed stays: it harms nobody.
func sweep(parent *os.Root, prefix string, before time.Time) {
	dir, err := parent.Open(".")
	if err != nil {
		return
	}
	defer dir.Close()
	if info, err := dir.Stat(); err != nil || info.Mode().Perm()&0o022 != 0 && info.Mode()&fs.ModeSticky == 0 {
		// Others can give such a name to what is not theirs.
		return
	}
	entries, _ := dir.ReadDir(-1)
	for _, e := range entries {
		digits, is := strings.CutPrefix(e.Name(), prefix)
		if _, err := strconv.ParseUint(digits, 10, 64); is && err == nil && e.IsDir() {
			sweepOne(parent, e.Name(), before)
		}
	}
}

func sweepOne(parent *os.Root, name string, before time.Time) {
	dir, err := parent.OpenFile(name, os.O_RDONLY|syscall.O_DIRECTORY|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return
	}
	defer dir.Close()
	info, err := dir.Stat()
	if err != nil || !info.ModTime().Before(before) || info.Mode()&^fs.ModeSetgid != fs.ModeDir|0o700 {
		return
	}
	if stat, is := info.Sys().(*syscall.Stat_t); !is || stat.Uid != uint32(os.Geteuid()) || tryLock(dir) != nil {
		return
	}
	_ = parent.RemoveAll(name)
}
