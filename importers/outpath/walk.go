package outpath

import (
	"errors"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// linksMax is the kernel's MAXSYMLINKS.
const linksMax = 40

// walker follows a path by file descriptors, so that what was looked at is what is
// followed.
type walker struct {
	path string // that is followed, for errors
	// dir is where it has led so far, by the names in at, without symlinks.
	dir *os.File
	at  string
	// todo are the names that are left.
	todo  []string
	links int
	// makes: directories that are missing are made.
	makes bool
}

// walk begins to follow a path. The caller closes dir.
func walk(path string) (*walker, error) {
	w := &walker{path: path}
	if path == "" {
		return nil, w.fail(unix.ENOENT)
	}
	return w, w.follow(path)
}

func (w *walker) fail(err error) error {
	if err == nil {
		return nil
	}
	return &os.PathError{Op: "open", Path: w.path, Err: err}
}

// follow puts a path, or the target of a symlink, in front of what is left.
func (w *walker) follow(path string) error {
	var names []string
	for name := range strings.SplitSeq(path, "/") {
		if name != "" {
			names = append(names, name)
		}
	}
	if strings.HasSuffix(path, "/") {
		names = append(names, ".")
	}
	w.todo = append(names, w.todo...)
	switch {
	case strings.HasPrefix(path, "/"):
		return w.enter(unix.AT_FDCWD, "/", "/")
	case w.dir == nil:
		return w.enter(unix.AT_FDCWD, ".", "")
	}
	return nil
}

// enter goes to a directory.
func (w *walker) enter(dir int, name, at string) error {
	fd, err := open(dir, name, unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		return w.fail(err)
	}
	w.moved(fd, at)
	return nil
}

func (w *walker) moved(fd int, at string) {
	if w.dir != nil {
		w.dir.Close()
	}
	w.dir, w.at = os.NewFile(uintptr(fd), at), at
}

func open(dir int, name string, flags int, perm uint32) (fd int, err error) {
	for {
		if fd, err = unix.Openat(dir, name, flags|unix.O_CLOEXEC, perm); !errors.Is(err, unix.EINTR) {
			return fd, err
		}
	}
}

func (w *walker) fd() int { return int(w.dir.Fd()) }

func (w *walker) join(name string) string {
	if w.at == "" || strings.HasSuffix(w.at, "/") {
		return w.at + name
	}
	return w.at + "/" + name
}

// look opens what a name in the directory is of, which is not followed, without access to
// its content.
func (w *walker) look(name string) (fd int, stat *unix.Stat_t, err error) {
	flags := unix.O_PATH | unix.O_NOFOLLOW
	fd, err = open(w.fd(), name, flags, 0)
	if w.makes && errors.Is(err, unix.ENOENT) {
		if err := unix.Mkdirat(w.fd(), name, 0o755); err != nil && !errors.Is(err, unix.EEXIST) {
			return -1, nil, err
		}
		fd, err = open(w.fd(), name, flags, 0)
	}
	if err != nil {
		return -1, nil, err
	}
	stat = &unix.Stat_t{}
	if err := unix.Fstat(fd, stat); err != nil {
		return -1, nil, errors.Join(err, unix.Close(fd))
	}
	return fd, stat, nil
}

// step follows the next name, whose file look has opened, and closes that.
func (w *walker) step(name string, fd int, stat *unix.Stat_t) error {
	switch stat.Mode & unix.S_IFMT {
	case unix.S_IFDIR:
		w.moved(fd, w.join(name))
		return nil
	case unix.S_IFLNK:
		return errors.Join(w.link(name, fd, stat), unix.Close(fd))
	}
	return errors.Join(w.fail(unix.ENOTDIR), unix.Close(fd))
}

func (w *walker) link(name string, fd int, stat *unix.Stat_t) error {
	if is, err := isKernels(fd); err != nil || is {
		return errors.Join(w.fail(err), w.enter(w.fd(), name, w.join(name)))
	}
	if err := w.checkForeign(name, stat); err != nil {
		return err
	}
	if w.links++; w.links > linksMax {
		return w.fail(unix.ELOOP)
	}
	target := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(fd, "", target)
	if err != nil {
		return w.fail(err)
	}
	return w.follow(string(target[:n]))
}

// isKernels says that a symlink is one of /proc, where nobody can put any, and whose
// targets need not be paths.
func isKernels(fd int) (bool, error) {
	var fs unix.Statfs_t
	err := unix.Fstatfs(fd, &fs)
	return fs.Type == unix.PROC_SUPER_MAGIC, err
}

// checkForeign looks at a file of the directory: see ForeignError.
func (w *walker) checkForeign(name string, stat *unix.Stat_t) error {
	var dir unix.Stat_t
	if err := unix.Fstat(w.fd(), &dir); err != nil {
		return w.fail(err)
	}
	if !isForeign(stat, &dir) {
		return nil
	}
	what := map[uint32]string{unix.S_IFLNK: "symlink", unix.S_IFIFO: "pipe", unix.S_IFSOCK: "socket", unix.S_IFBLK: "device", unix.S_IFCHR: "device", unix.S_IFREG: "file"}[stat.Mode&unix.S_IFMT]
	return &ForeignError{Path: w.join(name), What: what, Owner: stat.Uid}
}
