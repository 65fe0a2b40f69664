package limits

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestInTime: what comes in time comes as it is, with its error; what does not is a
// TimeoutError, at the latest when the grace is over. Time is not real here.
func TestInTime(t *testing.T) {
	failure := errors.New("no such image")
	after := func(d time.Duration, err error) func(context.Context) (string, error) {
		return func(context.Context) (string, error) {
			time.Sleep(d)
			return "read", err
		}
	}
	notices := func(ctx context.Context) (string, error) {
		<-ctx.Done()
		return "half", ctx.Err()
	}
	for name, c := range map[string]struct {
		timeout time.Duration
		work    func(context.Context) (string, error)
		want    string
		err     error // nil and want empty: a TimeoutError
		took    time.Duration
	}{
		"at once":                     {time.Minute, after(0, nil), "read", nil, 0},
		"just in time":                {time.Minute, after(time.Minute-1, nil), "read", nil, time.Minute - 1},
		"an error in time":            {time.Minute, after(time.Second, failure), "read", failure, time.Second},
		"done within the grace":       {time.Minute, after(time.Minute+timeoutGrace-1, nil), "read", nil, time.Minute + timeoutGrace - 1},
		"an error within the grace":   {time.Minute, after(time.Minute+1, failure), "", nil, time.Minute + 1},
		"it notices":                  {time.Minute, notices, "", nil, time.Minute},
		"it does not notice":          {time.Minute, after(time.Hour, nil), "", nil, time.Minute + timeoutGrace},
		"no limit":                    {0, after(time.Hour, nil), "read", nil, time.Hour},
		"an error without a limit":    {0, after(time.Hour, failure), "read", failure, time.Hour},
		"its own deadline is shorter": {time.Minute, after(time.Second, context.DeadlineExceeded), "read", context.DeadlineExceeded, time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			// Work that was given up has to end before the test.
			defer time.Sleep(time.Hour)
			start := time.Now()
			got, err := InTime(t.Context(), c.timeout, "oci:a could not be read", c.work)
			if took := time.Since(start); took != c.took {
				t.Errorf("%s: it took %v, want %v", name, took, c.took)
			}
			if got != c.want {
				t.Errorf("%s: %q", name, got)
			}
			if c.want != "" {
				if err != c.err {
					t.Errorf("%s: error %v", name, err)
				}
				return
			}
			var slow *TimeoutError
			if !errors.As(err, &slow) || *slow != (TimeoutError{"oci:a could not be read", c.timeout}) || err.Error() != "oci:a could not be read in 1m0s" {
				t.Errorf("%s: error %v", name, err)
			}
		})
	}
}

// TestInTimeCancelled: work that somebody else ends was not too slow.
func TestInTimeCancelled(t *testing.T) {
	for name, work := range map[string]func(context.Context) (string, error){
		"it notices":         func(ctx context.Context) (string, error) { <-ctx.Done(); return "", ctx.Err() },
		"it does not notice": func(context.Context) (string, error) { time.Sleep(time.Hour); return "read", nil },
	} {
		synctest.Test(t, func(t *testing.T) {
			defer time.Sleep(time.Hour)
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(time.Second, cancel)
			start := time.Now()
			if got, err := InTime(ctx, time.Minute, "oci:a", work); err != context.Canceled || got != "" {
				t.Errorf("%s, cancelled: %q, %v", name, got, err)
			}
			if took := time.Since(start); took > time.Second+timeoutGrace {
				t.Errorf("%s: it took %v", name, took)
			}
		})
		synctest.Test(t, func(t *testing.T) {
			defer time.Sleep(time.Hour)
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			if _, err := InTime(ctx, time.Minute, "oci:a", work); err != context.DeadlineExceeded {
				t.Errorf("%s, an earlier deadline: %v", name, err)
			}
		})
	}
}

// TestInTimeContext: work is given the context that ends, which still has its values.
func TestInTimeContext(t *testing.T) {
	type key struct{}
	ctx := context.WithValue(t.Context(), key{}, "v")
	for _, timeout := range []time.Duration{0, time.Hour} {
		var inner context.Context
		if _, err := InTime(ctx, timeout, "x", func(ctx context.Context) (int, error) {
			inner = ctx
			if ctx.Err() != nil {
				t.Error(ctx.Err())
			}
			return 0, nil
		}); err != nil {
			t.Error(err)
		}
		if _, limited := inner.Deadline(); inner.Value(key{}) != "v" || limited != (timeout > 0) {
			t.Errorf("timeout %v: value %v, deadline %v", timeout, inner.Value(key{}), limited)
		}
		if timeout > 0 && inner.Err() == nil {
			t.Error("what is left of the work goes on")
		}
	}
}

// TestReaderWriter: both do what they wrap, until the context ends.
func TestReaderWriter(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var out bytes.Buffer
	r, w := Reader(ctx, strings.NewReader("text")), Writer(ctx, &out)
	if n, err := io.CopyN(w, r, 3); n != 3 || err != nil || out.String() != "tex" {
		t.Fatalf("%d bytes, %q, %v", n, out.String(), err)
	}
	cancel()
	if n, err := r.Read(make([]byte, 1)); n != 0 || err != context.Canceled {
		t.Errorf("read %d bytes, %v", n, err)
	}
	if n, err := w.Write([]byte("t")); n != 0 || err != context.Canceled || out.String() != "tex" {
		t.Errorf("wrote %d bytes, %q, %v", n, out.String(), err)
	}
	if got, err := io.ReadAll(Reader(t.Context(), strings.NewReader("text"))); err != nil || string(got) != "text" {
		t.Errorf("%q, %v", got, err)
	}
}
