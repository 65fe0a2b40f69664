// Package faults makes writers that fail.
package faults

import (
	"errors"
	"io"
	"testing"
)

// Err is what a failing write returns.
var Err = errors.New("no space left on the test's device")

// writer fails at one call only.
type writer struct {
	calls, failing int
	short          bool
}

func (w *writer) Write(p []byte) (int, error) {
	w.calls++
	switch {
	case w.calls != w.failing:
		return len(p), nil
	case w.short:
		return len(p) / 2, Err
	}
	return 0, Err
}

// EveryWrite calls write as often as it makes calls to its writer, with a writer
// of which another call fails each time. All of them must end with that error.
// Where there are many calls it takes the first and last and some between.
func EveryWrite(t *testing.T, write func(io.Writer) error) {
	t.Helper()
	var whole writer
	if err := write(&whole); err != nil {
		t.Fatal(err)
	}
	if whole.calls == 0 {
		t.Fatal("nothing is written")
	}
	step := 1
	for i := 1; i <= whole.calls; i += step {
		if step = 1; i > 10 && i < whole.calls-10 {
			step = max(1, whole.calls/20)
		}
		for _, short := range []bool{false, true} {
			w := &writer{failing: i, short: short}
			if err := write(w); !errors.Is(err, Err) {
				t.Fatalf("write %d of %d failed, and the error is %v", i, whole.calls, err)
			}
		}
	}
}
