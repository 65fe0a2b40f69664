package storage

import (
	"context"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// How long another program may hold a lock, and how often it is tried meanwhile.
const (
	lockWait = 10 * time.Second
	lockStep = 50 * time.Millisecond
)

// readLock is a shared lock on a lock file of containers/storage, which takes POSIX record
// locks (internal/rawfilelock). One of an open file description, which those heed, is not
// lost when another descriptor of the file is closed.
type readLock struct{ file *os.File }

// lockFile takes the lock, if it can: who cannot write to a store may not open its lock
// files, a store on read-only media need not have any, and a program that holds the lock for
// very long is not waited for. The documents that the lock is about are replaced as a whole,
// so without it they may be of two moments, which what is verified afterwards shows.
func lockFile(ctx context.Context, name string) (readLock, error) {
	f, err := openRegular(name)
	if err != nil {
		return readLock{}, nil
	}
	for end := time.Now().Add(lockWait); ; {
		err := unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &unix.Flock_t{Type: unix.F_RDLCK})
		if err == nil || err != unix.EAGAIN && err != unix.EACCES && err != unix.EINTR || time.Now().After(end) {
			return readLock{f}, nil
		}
		select {
		case <-ctx.Done():
			f.Close()
			return readLock{}, ctx.Err()
		case <-time.After(lockStep):
		}
	}
}

// unlock ends the lock.
func (l readLock) unlock() {
	if l.file != nil {
		l.file.Close()
	}
}
