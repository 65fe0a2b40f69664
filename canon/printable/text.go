// Package printable makes text of foreign origin safe to show: names and values out of
// images, answers of registries, files of the user. Text quotes one as it goes into a
// message, Message and Writer are the last guards of what is printed. What text says, and
// formats that have a quoting of their own, such as dump files, do not belong here.
package printable

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Text makes a foreign text safe to show: printable UTF-8 stays, a backslash is doubled,
// all else is \xHH, byte by byte. It loses nothing.
func Text(s string) string {
	return Line(strings.ReplaceAll(s, `\`, `\\`))
}

// List is Text of each element, separated by a comma and a space.
func List(list []string) string {
	texts := make([]string, len(list))
	for i, s := range list {
		texts[i] = Text(s)
	}
	return strings.Join(texts, ", ")
}

// Line makes a text safe of which parts are quoted already, so that its backslashes stay:
// what is not printable is \xHH, also a line break.
func Line(s string) string {
	return escape(s, func(_ int, r rune) bool { return unicode.IsPrint(r) })
}

// Error is an error of another library, whose text may hold foreign text, as Line has it.
// It unwraps to err, and is nil for nil.
func Error(err error) error {
	if err == nil {
		return nil
	}
	return foreignError{err}
}

type foreignError struct{ error }

func (e foreignError) Error() string { return Line(e.error.Error()) }
func (e foreignError) Unwrap() error { return e.error }

// Message is the last guard of a message that was put together of Text and Error: what is
// not printable is \xHH, and nothing in it is a command (see Writer). A line break stays if
// it is one of ours, which two spaces follow.
func Message(s string) string {
	s = escape(s, func(at int, r rune) bool {
		return unicode.IsPrint(r) || r == '\t' || r == '\n' && strings.HasPrefix(s[at:], "\n  ")
	})
	var c commands
	return escape(s, func(_ int, r rune) bool { return !c.completes(r) })
}

// escape writes as \xHH, byte by byte, what is no UTF-8 and characters that are not kept.
func escape(s string, keeps func(at int, r rune) bool) string {
	var b strings.Builder
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		if isInvalid(r, n) || !keeps(i, r) {
			for _, c := range []byte(s[i : i+n]) {
				fmt.Fprintf(&b, `\x%02x`, c)
			}
		} else {
			b.WriteString(s[i : i+n])
		}
		i += n
	}
	return b.String()
}

func isInvalid(r rune, size int) bool { return r == utf8.RuneError && size <= 1 }
