package storage

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"cfsverify/canon/printable"
	"cfsverify/importers/document"
)

// errNotRegular says of a file that it is something else, so that it was not opened: that
// may start what a device is for, or let the writer of a FIFO go on.
var errNotRegular = errors.New("is no regular file")

// openRegular opens a file of a store itself. It follows no symlink at the end of the path.
func openRegular(name string) (*os.File, error) {
	f, err := open(unix.AT_FDCWD, name, &unix.OpenHow{Flags: unix.O_PATH | unix.O_NOFOLLOW | unix.O_CLOEXEC})
	if errors.Is(err, errNotRegular) {
		return nil, fmt.Errorf("%s %w", printable.Text(name), err)
	}
	return f, err
}

// openBelow opens a regular file below an unpacked layer. Symlinks in the way lead to what
// the layer itself has, as they did for the program that unpacked it in a root of its own;
// none leads out of it.
func openBelow(dir *os.File, name string) (*os.File, error) {
	return open(int(dir.Fd()), name, &unix.OpenHow{
		Flags:   unix.O_PATH | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS | unix.RESOLVE_NO_XDEV,
	})
}

// open looks first, and opens what is a regular file.
func open(dirfd int, name string, how *unix.OpenHow) (*os.File, error) {
	fd, err := unix.Openat2(dirfd, name, how)
	for errors.Is(err, unix.EINTR) || errors.Is(err, unix.EAGAIN) {
		// A rename elsewhere makes resolving unsafe for a moment.
		fd, err = unix.Openat2(dirfd, name, how)
	}
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	defer unix.Close(fd)
	var stat unix.Stat_t
	if err := unix.Fstat(fd, &stat); err != nil {
		return nil, &fs.PathError{Op: "stat", Path: name, Err: err}
	}
	if stat.Mode&unix.S_IFMT != unix.S_IFREG {
		return nil, errNotRegular
	}
	opened, err := unix.Open("/proc/self/fd/"+strconv.Itoa(fd), unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	return os.NewFile(uintptr(opened), name), nil
}

// readDocument reads a JSON file of a store.
func readDocument(name string) ([]byte, error) {
	return document.Read(func(name string) (io.ReadCloser, int64, error) {
		f, err := openRegular(name)
		if err != nil {
			return nil, 0, err
		}
		info, err := f.Stat()
		if err != nil {
			f.Close()
			return nil, 0, err
		}
		return f, info.Size(), nil
	}, name)
}

// openDirectory opens a directory, which no symlink stands for.
func openDirectory(name string) (*os.File, error) {
	return os.OpenFile(name, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
}
