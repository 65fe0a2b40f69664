package limits

import (
	"context"
	"fmt"
	"io"
	"time"
)

// TimeoutError says that work took too long.
type TimeoutError struct {
	// What says what could not be done, such as "oci:a could not be read".
	What    string
	Timeout time.Duration
}

func (e *TimeoutError) Error() string {
	return fmt.Sprintf("%s in %v", e.What, e.Timeout)
}

// timeoutGrace is how long work may take to notice that its time is over.
const timeoutGrace = 500 * time.Millisecond

// InTime does work, and gives it up with a TimeoutError of what after the timeout; 0 is no
// limit. Work that does not notice that its context has ended is left behind, and must
// change nothing that is used again.
func InTime[T any](ctx context.Context, timeout time.Duration, what string, work func(context.Context) (T, error)) (T, error) {
	if timeout == 0 {
		return work(ctx)
	}
	slow := &TimeoutError{what, timeout}
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, slow)
	defer cancel()
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go func() {
		value, err := work(ctx)
		done <- result{value, err}
	}()
	var r result
	select {
	case r = <-done:
	case <-ctx.Done():
		// A pipe or a file system that is stuck may never notice.
		select {
		case r = <-done:
		case <-time.After(timeoutGrace):
			r.err = ctx.Err()
		}
	}
	if r.err != nil && context.Cause(ctx) == slow {
		var none T
		return none, slow
	}
	return r.value, r.err
}

// Reader is r, which ends with the context's error.
func Reader(ctx context.Context, r io.Reader) io.Reader { return contextReader{ctx, r} }

type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c contextReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}

// Writer is w, which ends with the context's error.
func Writer(ctx context.Context, w io.Writer) io.Writer { return contextWriter{ctx, w} }

type contextWriter struct {
	ctx context.Context
	w   io.Writer
}

func (c contextWriter) Write(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.w.Write(p)
}
