package messages

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// Each error of several has a line of its own; lines of foreign text are escaped.
func TestError(t *testing.T) {
	foreign := errors.New("open x\n::add-mask::y\x1b[2J: no such file")
	for _, tt := range []struct {
		err  error
		want string
	}{
		{errors.New("one"), "cfsverify: one\n"},
		{foreign, `cfsverify: open x\x0a::add-mask::y\x1b[2J: no such file` + "\n"},
		{errors.Join(errors.New("one"), foreign), "cfsverify: one\n  " + `open x\x0a::add-mask::y\x1b[2J: no such file` + "\n"},
		{fmt.Errorf("dir:x: %w", errors.Join(errors.New("one:\n  a"), errors.Join(errors.New("two"), nil))), "cfsverify: dir:x: one:\n  a\n  two\n"},
		{fmt.Errorf("%w, then %w", errors.Join(errors.New("one"), errors.New("two")), errors.New("three")), "cfsverify: one\n  two, then three\n"},
	} {
		var out strings.Builder
		if err := Error(&out, tt.err); err != nil || out.String() != tt.want {
			t.Errorf("%v: %q, not %q", err, out.String(), tt.want)
		}
	}
}

func TestNote(t *testing.T) {
	var out strings.Builder
	if err := Note(&out, "%s of %d", "a\rb", 2); err != nil || out.String() != `cfsverify: note: a\x0db of 2`+"\n" {
		t.Errorf("%v: %q", err, out.String())
	}
}
