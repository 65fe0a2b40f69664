package printable

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode"
)

func TestText(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "/usr/lib/größe…": "/usr/lib/größe…", `a\b`: `a\\b`,
		"\x1b[31m\a\r\n\t\x7f": `\x1b[31m\x07\x0d\x0a\x09\x7f`,
		"\u0085\u009b":         `\xc2\x85\xc2\x9b`,
		"\u202e\u2066\u200b":   `\xe2\x80\xae\xe2\x81\xa6\xe2\x80\x8b`,
		"\u2028\u2029":         `\xe2\x80\xa8\xe2\x80\xa9`,
		"\xff\xc3":             `\xff\xc3`,
		"\ufffd":               "\ufffd",
		"\n::error::x":         `\x0a::error::x`,
	} {
		if got := Text(in); got != want {
			t.Errorf("%q: %s, not %s", in, got, want)
		}
	}
	if got := List([]string{"a\n", "b"}); got != `a\x0a, b` {
		t.Error(got)
	}
}

// A line break of ours has two spaces behind it; all others are escaped.
func TestMessage(t *testing.T) {
	for in, want := range map[string]string{
		"a:\n  b\n  c": "a:\n  b\n  c", `"a\x1b" \`: `"a\x1b" \`, "tab\there": "tab\there",
		"a\nb\x1b\r":         `a\x0ab\x1b\x0d`,
		"a\n  ::error::b":    "a\n  :\\x3aerror::b",
		"::error::b":         `:\x3aerror::b`,
		"\t :::add-mask::":   "\t :\\x3a:add-mask::",
		": :a":               ": :a",
		"a ##[add-mask]b":    `a ##\x5badd-mask]b`,
		"###[group]":         `###\x5bgroup]`,
		"##vso[task]":        `##vso\x5btask]`,
		"# #[a] ## [b] #a[c": "# #[a] ## [b] #a[c",
	} {
		if got := Message(in); got != want {
			t.Errorf("%q: %s, not %s", in, got, want)
		}
	}
}

func TestError(t *testing.T) {
	if Error(nil) != nil {
		t.Error("nil is an error")
	}
	err := Error(fmt.Errorf("a\n  \x1b %q: %w", "b\n", fs.ErrNotExist))
	if want := `a\x0a  \x1b "b\n": file does not exist`; err.Error() != want || !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

// Documents in pieces are written as in one, and what is printable as it is.
func TestWriter(t *testing.T) {
	const in = "a…\t\n ::\x1b[1mb\x1b[0;22m\x1b]0;c\a ##[d]\u202e\U000e0001\xff\xe2\x80"
	for _, tt := range []struct {
		notation Notation
		color    bool
		want     string
	}{
		{Hex, true, "a…\t\n :\\x3a\x1b[1mb\x1b[0;22m\\x1b]0;c\\x07 ##\\x5bd]\\xe2\\x80\\xae\\xf3\\xa0\\x80\\x81\\xff\\xe2\\x80"},
		{Hex, false, "a…\t\n :\\x3a\\x1b[1mb\\x1b[0;22m\\x1b]0;c\\x07 ##\\x5bd]\\xe2\\x80\\xae\\xf3\\xa0\\x80\\x81\\xff\\xe2\\x80"},
		{JSON, false, "a…\t\n :\\u003a\\u001b[1mb\\u001b[0;22m\\u001b]0;c\\u0007 ##\\u005bd]\\u202e\\udb40\\udc01\\ufffd\\ufffd\\ufffd"},
	} {
		for size := 1; size <= len(in); size++ {
			var out bytes.Buffer
			w := NewWriter(&out, tt.notation, tt.color)
			for text := []byte(in); len(text) > 0; text = text[min(size, len(text)):] {
				if _, err := w.Write(text[:min(size, len(text))]); err != nil {
					t.Fatal(err)
				}
			}
			if err := w.Close(); err != nil || out.String() != tt.want {
				t.Fatalf("in pieces of %d: %v\n%s, not\n%s", size, err, out.String(), tt.want)
			}
		}
	}
}

// FuzzPrintable: what is printed has nothing that a terminal or a CI system acts on, Text
// loses nothing, and a JSON document says the same behind the guard.
func FuzzPrintable(f *testing.F) {
	for _, s := range []string{"a", "\n::error::x", "##[add-mask]", "\x1b]8;;\x1b\\", "\u202e\xff\u2028\U000e0001", `\x41\\`, "##\n[::"} {
		f.Add(s)
	}
	command := regexp.MustCompile(`(?m)^\s*::|##[a-zA-Z]*\[`)
	f.Fuzz(func(t *testing.T, s string) {
		text, message := Text(s), Message("m "+s)
		if strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("%q", text)
		}
		if back, err := strconv.Unquote(`"` + strings.ReplaceAll(text, `"`, `\"`) + `"`); err != nil || back != s {
			t.Errorf("%q is read as %q, %v", text, back, err)
		}
		if strings.ContainsFunc(message, func(r rune) bool { return !unicode.IsPrint(r) && r != '\n' && r != '\t' }) || command.MatchString(message) {
			t.Errorf("%q", message)
		}
		document, err := json.Marshal([]string{s})
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		w := NewWriter(&out, JSON, false)
		if _, err := w.Write(document); err != nil {
			t.Fatal(err)
		}
		var before, after []string
		if err := errors.Join(w.Close(), json.Unmarshal(document, &before), json.Unmarshal(out.Bytes(), &after)); err != nil || before[0] != after[0] {
			t.Errorf("%q: %v", out.String(), err)
		}
		if command.MatchString(out.String()) {
			t.Errorf("%q", out.String())
		}
	})
}
