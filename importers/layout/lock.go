package layout

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Waiting is what a Writer does while another program has the layout locked.
type Waiting struct {
	// Timeout is how long it waits; 0 is no limit.
	Timeout time.Duration
	// Tell, if set, is called when it has waited for half a second.
	Tell func()
}

// BusyError says that another program kept a layout locked for longer than Waiting allows.
type BusyError struct {
	Path    string
	Timeout time.Duration
}

func (e *BusyError) Error() string {
	return fmt.Sprintf("%q is written to by another program, which took longer than %v", e.Path, e.Timeout)
}

const (
	// askEvery is how often it is asked if the other program has ended.
	askEvery  = 20 * time.Millisecond
	tellAfter = 500 * time.Millisecond
)

// lock locks the directory of the layout, as flock(2) does, which no other tool has to
// know: how is LOCK_EX to write, and LOCK_SH to see nothing half written. The lock ends
// when what lock returns is closed.
func (w *Writer) lock(ctx context.Context, how int) (*os.File, error) {
	dir, err := w.root.Open(".")
	if err != nil {
		return nil, w.fail(err)
	}
	if err := w.lockFile(ctx, dir, how); err != nil {
		return nil, errors.Join(err, dir.Close())
	}
	return dir, nil
}

func (w *Writer) lockFile(ctx context.Context, dir *os.File, how int) error {
	if w.waiting.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, w.waiting.Timeout, &BusyError{w.Target.Path, w.waiting.Timeout})
		defer cancel()
	}
	since, isTold := time.Now(), w.waiting.Tell == nil
	for {
		err := unix.Flock(int(dir.Fd()), how|unix.LOCK_NB)
		switch {
		case err == nil:
			return nil
		case !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR):
			return fmt.Errorf("%q cannot be locked, so that what others write to it could be lost: %w: write to a layout on a local disk", w.Target.Path, err)
		case !isTold && time.Since(since) > tellAfter:
			isTold = true
			w.waiting.Tell()
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(askEvery):
		}
	}
}
