package dumpfile_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"cfsverify/canon"
	"cfsverify/canon/dumpfile"
)

var (
	strict  = dumpfile.Options{}
	lenient = dumpfile.Options{Lenient: true}
)

func parse(in string, o dumpfile.Options) (*canon.Tree, error) {
	return dumpfile.Parse(strings.NewReader(in), o)
}

func write(t testing.TB, tree *canon.Tree) string {
	t.Helper()
	var out bytes.Buffer
	if err := dumpfile.Write(&out, tree); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// shorten keeps failures readable.
func shorten(s string) string {
	if len(s) > 500 {
		return fmt.Sprintf("%q... (%d bytes)", s[:500], len(s))
	}
	return fmt.Sprintf("%q", s)
}

func checkAccepted(t *testing.T, in, want string, o dumpfile.Options) {
	t.Helper()
	tree, err := parse(in, o)
	if err != nil {
		t.Fatalf("%+v: %v", o, err)
	}
	if got := write(t, tree); got != want {
		t.Errorf("%+v: got %s\nwant %s", o, shorten(got), shorten(want))
	}
}

func checkRejected(t *testing.T, in string, o dumpfile.Options, line, column int, reason string) {
	t.Helper()
	tree, err := parse(in, o)
	var e *dumpfile.Error
	if !errors.As(err, &e) {
		t.Fatalf("%+v: got tree %v and error %v, want a *dumpfile.Error", o, tree, err)
	}
	if tree != nil {
		t.Errorf("%+v: a tree besides the error", o)
	}
	if e.Line != line || e.Column != column || !strings.Contains(e.Error(), reason) {
		t.Errorf("%+v: got %q\nwant line %d, column %d, ...%s", o, e.Error(), line, column, reason)
	}
}

func TestAccepted(t *testing.T) {
	for _, c := range accepted {
		t.Run(c.name, func(t *testing.T) {
			checkAccepted(t, c.in, c.want, strict)
			checkAccepted(t, c.in, c.want, lenient)
			checkAccepted(t, c.want, c.want, strict)
		})
	}
}

func TestLenientOnly(t *testing.T) {
	for _, c := range lenientOnly {
		t.Run(c.name, func(t *testing.T) {
			checkRejected(t, c.in, strict, c.line, c.column, c.reason)
			checkAccepted(t, c.in, c.want, lenient)
		})
	}
}

func TestRejected(t *testing.T) {
	for _, c := range rejected {
		t.Run(c.name, func(t *testing.T) {
			checkRejected(t, c.in, strict, c.line, c.column, c.reason)
			checkRejected(t, c.in, lenient, c.line, c.column, c.reason)
		})
	}
}

func TestErrorText(t *testing.T) {
	for in, want := range map[string]string{
		root + "/a\\x20b 3 100644 1 0 0 0 1.0 - abcd -\n": `line 2, column 32: "/a b": CONTENT has 4 bytes, but SIZE is 3`,
		"":                                       `line 1, column 1: the dump file is empty: its first line must be that of the root directory /`,
		root + "/f 0 100644 1 0 0 9 1.0 - - -\n": `line 2, column 19: "/f": RDEV is 9, but a file has no device number; lenient parsing accepts this`,
	} {
		if _, err := parse(in, strict); err == nil || err.Error() != want {
			t.Errorf("got %v\nwant %s", err, want)
		}
	}
}

func TestLineLimit(t *testing.T) {
	// The line ends with symlink content, which nothing else limits.
	const head, tail = "/l 1 120777 1 0 0 0 1.0 t ", " -\n"
	for size, ok := range map[int]bool{1 << 20: true, 1<<20 + 1: false} {
		n := size - len(head) - len(tail) - 6
		in := root + strings.Replace(head, " 1 ", fmt.Sprintf(" %d ", n), 1) + repeat("c", n) + tail
		if got := len(in) - len(root); got != size {
			t.Fatalf("the line has %d bytes, not %d", got, size)
		}
		if ok {
			checkAccepted(t, in, root+"/l 1 120777 1 0 0 0 1.0 t - -\n", lenient)
		} else {
			checkRejected(t, in, lenient, 2, 1, "the line has more than 1048576 bytes")
		}
	}
	checkRejected(t, repeat("x", 5<<20), lenient, 1, 1, "the line has more than")
}

func TestPathLimit(t *testing.T) {
	var dump strings.Builder
	dump.WriteString(root)
	path := ""
	for len(path)+256 <= 65535 {
		path += "/" + repeat("d", 255)
		dump.WriteString(path + " 0 40755 2 0 0 0 1.0 - - -\n")
	}
	last := 65535 - len(path) - 1
	in := dump.String() + path + "/" + repeat("e", last) + " 0 10644 1 0 0 0 1.0 - - -\n"
	tree, err := parse(in, strict)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parse(write(t, tree), strict); err != nil {
		t.Error(err)
	}
	in = dump.String() + path + "/" + repeat("e", last+1) + " 0 10644 1 0 0 0 1.0 - - -\n"
	checkRejected(t, in, strict, strings.Count(in, "\n"), 1, "PATH has 65536 bytes, the limit is 65535")

	in = dump.String() + path[1:] + "/" + repeat("e", last+1) + " 0 10644 1 0 0 0 1.0 - - -\n"
	checkRejected(t, in, strict, strings.Count(in, "\n"), 1, "PATH has 65536 bytes, the limit is 65535")

	longTarget := root + "/l 0 @100644 1 0 0 0 1.0 " + repeat("/x", 32767) + " - -\n"
	checkRejected(t, longTarget, strict, 2, 26, "there is no file")
	longTarget = root + "/l 0 @100644 1 0 0 0 1.0 " + repeat("/x", 32768) + " - -\n"
	checkRejected(t, longTarget, strict, 2, 26, "the hardlink's target has 65536 bytes")
}

func TestReaderError(t *testing.T) {
	broken := errors.New("broken")
	for _, o := range []dumpfile.Options{strict, lenient} {
		for _, in := range []string{"", root, root + "/f 0 1006"} {
			_, err := dumpfile.Parse(io.MultiReader(strings.NewReader(in), iotest.ErrReader(broken)), o)
			if !errors.Is(err, broken) {
				t.Errorf("%+v %q: got %v, want the reader's error", o, in, err)
			}
		}
	}
}

func TestAnyReadSize(t *testing.T) {
	in := root + "/f 3 100644 1 0 0 0 1.0 - abc - a=b\n"
	tree, err := dumpfile.Parse(iotest.OneByteReader(strings.NewReader(in)), strict)
	if err != nil {
		t.Fatal(err)
	}
	if got := write(t, tree); got != in {
		t.Errorf("got %q\nwant %q", got, in)
	}
}
