package objects

import (
	"errors"
	"fmt"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

const (
	// spareShare is the share of a file system that a temporary store leaves free, and
	// spareMax the most in bytes.
	spareShare = 20
	spareMax   = 1 << 30
	// askEvery is after how many bytes the file system is asked how much is left.
	askEvery = 1 << 20
)

// SpaceError says that a temporary store would take the last space of a file system.
type SpaceError struct{ Dir string }

func (e *SpaceError) Error() string {
	return fmt.Sprintf("the content of files is staged in %q, where there is no more space for it", e.Dir)
}

// space is what a temporary store has taken since the file system was asked.
type space struct{ unasked atomic.Int64 }

// take is told of n bytes that are to be written.
func (s *Store) take(n int) error {
	if s.space == nil || s.space.unasked.Add(int64(n)) < askEvery {
		return nil
	}
	s.space.unasked.Store(0)
	dir, err := s.root.Open(".")
	if err != nil {
		return err
	}
	var fs unix.Statfs_t
	err = errors.Join(unix.Fstatfs(int(dir.Fd()), &fs), dir.Close())
	if err != nil {
		return err
	}
	if fs.Blocks == 0 || fs.Bsize <= 0 {
		// It states no size.
		return nil
	}
	spare := min(fs.Blocks/spareShare, spareMax/uint64(fs.Bsize))
	if fs.Bavail < spare+askEvery/uint64(fs.Bsize) {
		return &SpaceError{s.root.Name()}
	}
	return nil
}

// full says so where a write has failed as there was no space left.
func (s *Store) full(err error) error {
	if s.space != nil && (errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT)) {
		return &SpaceError{s.root.Name()}
	}
	return err
}
