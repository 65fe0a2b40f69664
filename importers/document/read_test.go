package document

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

// opened is a document that knows whether it was closed.
type opened struct {
	io.Reader
	closed bool
}

func (o *opened) Close() error { o.closed = true; return nil }

// zeros gives zeros without end.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// TestRead: a document up to the largest size is read whole; larger ones are refused
// unread, and those that grow meanwhile are cut off.
func TestRead(t *testing.T) {
	failure := errors.New("disk on fire")
	for name, c := range map[string]struct {
		r    io.Reader
		size int64
		want int
		err  string
	}{
		"small":            {strings.NewReader("{}"), 2, 2, ""},
		"empty":            {strings.NewReader(""), 0, 0, ""},
		"the largest size": {io.LimitReader(zeros{}, SizeMax), SizeMax, SizeMax, ""},
		"a byte more":      {iotest.ErrReader(failure), SizeMax + 1, 0, "index.json has 16777217 bytes, too many for an index, manifest or config"},
		"it grows":         {zeros{}, 2, SizeMax, ""},
		"unreadable":       {io.MultiReader(strings.NewReader("{"), iotest.ErrReader(failure)), 2, 1, "disk on fire"},
	} {
		f := &opened{Reader: c.r}
		got, err := Read(func(asked string) (io.ReadCloser, int64, error) {
			if asked != "index.json" {
				t.Errorf("%s: %q was opened", name, asked)
			}
			return f, c.size, nil
		}, "index.json")
		if c.err == "" && err != nil || c.err != "" && (err == nil || err.Error() != c.err) || len(got) != c.want {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
		if !f.closed {
			t.Errorf("%s: it is left open", name)
		}
	}
	if got, err := Read(func(string) (io.ReadCloser, int64, error) { return nil, 0, failure }, "x"); err != failure || got != nil {
		t.Errorf("%s, %v", got, err)
	}
}
