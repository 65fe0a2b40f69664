package outpath

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Place is where a path leads: a name in a directory, with a file of that name or none.
type Place struct {
	Name string
	// dir is open as a path only; reading it may not be allowed.
	dir *os.File
	// stat is that of the file, nil if there is none.
	stat *unix.Stat_t
	// isKernels: the name is a symlink of /proc, to what a process has open.
	isKernels bool
	// isForeign: see Permissions.
	isForeign bool
	path      string
}

// Find follows a path, the last name too if it is a symlink. Its errors are *os.PathError
// and *ForeignError. The caller closes the place.
func Find(path string) (*Place, error) {
	w, err := walk(path)
	if err != nil {
		return nil, err
	}
	place, err := w.find()
	if err != nil {
		w.dir.Close()
		return nil, err
	}
	place.dir, place.path = w.dir, path
	return place, nil
}

func (w *walker) find() (*Place, error) {
	// The root directory has no name.
	name := "."
	for len(w.todo) > 0 {
		name, w.todo = w.todo[0], w.todo[1:]
		fd, stat, err := w.look(name)
		isLast := len(w.todo) == 0
		switch {
		case isLast && errors.Is(err, unix.ENOENT):
			return &Place{Name: name}, nil
		case err != nil:
			return nil, w.fail(err)
		case !isLast:
			err = w.step(name, fd, stat)
		case stat.Mode&unix.S_IFMT != unix.S_IFLNK:
			return w.place(name, fd, stat)
		default:
			is, kernelErr := isKernels(fd)
			if is {
				return &Place{Name: name, isKernels: true}, unix.Close(fd)
			}
			err = errors.Join(kernelErr, w.step(name, fd, stat))
			// A symlink to a directory that is not named, such as "/", ends there.
			name = "."
		}
		if err != nil {
			return nil, err
		}
	}
	stat := &unix.Stat_t{}
	return &Place{Name: name, stat: stat}, w.fail(unix.Fstat(w.fd(), stat))
}

// place is that of a file, which look has opened.
func (w *walker) place(name string, fd int, stat *unix.Stat_t) (*Place, error) {
	err := w.checkForeign(name, stat)
	p := &Place{Name: name, stat: stat, isForeign: err != nil}
	if p.IsDir() || p.Makes() {
		// Nothing is written to what is there.
		err = nil
	}
	return p, errors.Join(err, unix.Close(fd))
}

// Close closes the directory.
func (p *Place) Close() error { return p.dir.Close() }

// IsDir says that a directory has the name.
func (p *Place) IsDir() bool { return p.is(unix.S_IFDIR) }

// Makes says that a file can be made there, or take the place of a regular one. A device,
// a pipe, or what is open already, cannot be replaced.
func (p *Place) Makes() bool { return !p.isKernels && (p.stat == nil || p.is(unix.S_IFREG)) }

func (p *Place) is(kind uint32) bool { return p.stat != nil && p.stat.Mode&unix.S_IFMT == kind }

// CheckAccess says what keeps the user from making files in the directory.
func (p *Place) CheckAccess() error {
	return unix.Faccessat(int(p.dir.Fd()), ".", unix.W_OK|unix.X_OK, 0)
}

// Permissions are those of the regular file that is there. There are none if there is no
// file, or one of another user, who would have the say over a new one by them.
func (p *Place) Permissions() (perm uint32, has bool) {
	if !p.is(unix.S_IFREG) || p.isForeign {
		return 0, false
	}
	return p.stat.Mode & 0o777, true
}

// Open opens what is not replaced, to write to it.
func (p *Place) Open() (*os.File, error) {
	flags := unix.O_WRONLY
	if !p.isKernels {
		flags |= unix.O_NOFOLLOW | unix.O_NOCTTY
	}
	fd, err := open(int(p.dir.Fd()), p.Name, flags, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: p.path, Err: err}
	}
	f := os.NewFile(uintptr(fd), p.path)
	var now unix.Stat_t
	if err := unix.Fstat(fd, &now); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if !p.isKernels && (now.Dev != p.stat.Dev || now.Ino != p.stat.Ino) {
		return nil, errors.Join(fmt.Errorf("%q became another file while it was opened: choose a directory that nobody else writes to", p.path), f.Close())
	}
	return f, nil
}

// Create makes a file of another name in the directory, which must not be there.
func (p *Place) Create(name string, perm uint32) (*os.File, error) {
	fd, err := open(int(p.dir.Fd()), name, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW, perm)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: p.path, Err: err}
	}
	return os.NewFile(uintptr(fd), p.path), nil
}

// Rename gives a file that Create has made the place. A symlink that came to be there
// meanwhile is replaced, not followed.
func (p *Place) Rename(name string) error {
	if err := unix.Renameat(int(p.dir.Fd()), name, int(p.dir.Fd()), p.Name); err != nil {
		return &os.PathError{Op: "rename", Path: p.path, Err: err}
	}
	return nil
}

// Remove removes a file that Create has made.
func (p *Place) Remove(name string) error {
	if err := unix.Unlinkat(int(p.dir.Fd()), name, 0); err != nil {
		return &os.PathError{Op: "remove", Path: p.path, Err: err}
	}
	return nil
}

// Directory follows a path to a directory in which files are written. Nothing that is
// done by its names leads out of it. If makes is set, it is made, with those above, if it
// is not there.
func Directory(path string, makes bool) (*os.Root, error) {
	w, err := walk(path)
	if err != nil {
		return nil, err
	}
	defer func() { w.dir.Close() }()
	w.makes = makes
	for len(w.todo) > 0 {
		name := w.todo[0]
		w.todo = w.todo[1:]
		fd, stat, err := w.look(name)
		if err != nil {
			return nil, w.fail(err)
		}
		if err := w.step(name, fd, stat); err != nil {
			return nil, err
		}
	}
	return w.root()
}

// root opens the directory that was come to once more, by its path: os.Root knows no
// other way.
func (w *walker) root() (*os.Root, error) {
	root, err := os.OpenRoot(w.path)
	if err != nil {
		return nil, err
	}
	found, err := w.dir.Stat()
	if err != nil {
		return nil, errors.Join(err, root.Close())
	}
	if opened, err := root.Stat("."); err != nil || !os.SameFile(found, opened) {
		return nil, errors.Join(err, fmt.Errorf("%q became another directory while it was opened: choose one below directories that nobody else writes to", w.path), root.Close())
	}
	return root, nil
}
