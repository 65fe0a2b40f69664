package printable

import (
	"bytes"
	"fmt"
	"io"
	"regexp"
	"unicode"
	"unicode/utf8"
)

// Notation is how a character is written that must not be printed as it is.
type Notation int

const (
	// Hex is \xHH for each byte, as Text has it.
	Hex Notation = iota
	// JSON is \uHHHH, which JSON and JavaScript read as the same text.
	JSON
)

func (n Notation) append(dst []byte, r rune, text []byte) []byte {
	switch {
	case n == Hex:
		for _, c := range text {
			dst = fmt.Appendf(dst, `\x%02x`, c)
		}
	case r > 0xffff:
		r -= 0x10000
		dst = fmt.Appendf(dst, `\u%04x\u%04x`, 0xd800+r>>10, 0xdc00+r&0x3ff)
	default:
		dst = fmt.Appendf(dst, `\u%04x`, r)
	}
	return dst
}

// Writer is the last guard of a document, behind Text: it writes what is not printable, and
// what a CI system would take for a command, in a notation of the document's form. Line
// breaks and tabs stay.
type Writer struct {
	w        io.Writer
	notation Notation
	// color lets the codes of colours through.
	color    bool
	commands commands
	// rest begins a character or a colour.
	rest []byte
}

// NewWriter is a guard of what is written to w. With color it lets the codes of colours
// through.
func NewWriter(w io.Writer, n Notation, color bool) *Writer {
	return &Writer{w: w, notation: n, color: color}
}

// colorCode is what sets a colour, begun of it the first bytes of one (ECMA-48, SGR).
var (
	colorCode = regexp.MustCompile(`^\x1b\[[0-9;]*m`)
	begun     = regexp.MustCompile(`^\x1b(\[[0-9;]*)?$`)
)

// pieceMax is how many bytes are written at a time, more or less.
const pieceMax = 64 << 10

// Write writes p but for the bytes of a character that is not complete.
func (w *Writer) Write(p []byte) (int, error) {
	text := p
	if len(w.rest) > 0 {
		text = append(w.rest, p...)
	}
	var out []byte
	for len(text) > 0 && utf8.FullRune(text) {
		if run := w.commands.plain(text); run > 0 {
			out, text = append(out, text[:run]...), text[run:]
			continue
		}
		if w.color && text[0] == '\x1b' {
			if begun.Match(text) {
				break
			}
			if code := colorCode.Find(text); code != nil {
				out, text = append(out, code...), text[len(code):]
				continue
			}
		}
		r, n := utf8.DecodeRune(text)
		shown := !isInvalid(r, n) && (unicode.IsPrint(r) || r == '\n' || r == '\t')
		if completes := w.commands.completes(r); shown && !completes {
			out = append(out, text[:n]...)
		} else {
			out = w.notation.append(out, r, text[:n])
		}
		text = text[n:]
		if len(out) >= pieceMax {
			if _, err := w.w.Write(out); err != nil {
				return 0, err
			}
			out = out[:0]
		}
	}
	w.rest = bytes.Clone(text)
	if _, err := w.w.Write(out); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Close writes what was left of a character. It leaves the underlying writer open.
func (w *Writer) Close() error {
	if len(w.rest) == 0 {
		return nil
	}
	var out []byte
	for i := range w.rest {
		out = w.notation.append(out, utf8.RuneError, w.rest[i:i+1])
	}
	w.rest = nil
	_, err := w.w.Write(out)
	return err
}
