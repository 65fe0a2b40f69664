package dumpfile

import (
	"bytes"
	"encoding/hex"
	"fmt"
)

// unescape appends s without its escapes to dst. The string says what is wrong
// with them, and is empty if nothing is.
func unescape(dst, s []byte) ([]byte, string) {
	for {
		i := bytes.IndexByte(s, '\\')
		if i < 0 {
			return append(dst, s...), ""
		}
		dst = append(dst, s[:i]...)
		s = s[i+1:]
		if len(s) == 0 {
			return dst, `a backslash at its end escapes nothing: write \\`
		}
		n := 1
		switch s[0] {
		case '\\':
			dst = append(dst, '\\')
		case 'n':
			dst = append(dst, '\n')
		case 'r':
			dst = append(dst, '\r')
		case 't':
			dst = append(dst, '\t')
		case 'x':
			var b [1]byte
			n = 3
			if len(s) < n {
				return dst, `\x needs two hexadecimal digits`
			}
			if _, err := hex.Decode(b[:], s[1:n]); err != nil {
				return dst, fmt.Sprintf(`\x needs two hexadecimal digits, not %q`, s[1:n])
			}
			dst = append(dst, b[0])
		default:
			return dst, fmt.Sprintf(`%q is not an escape: use \\, \n, \r, \t or \xHH`, `\`+string(s[:1]))
		}
		s = s[n:]
	}
}

// cString is what C takes for the string: all before the first NUL.
func cString(s []byte) []byte {
	if i := bytes.IndexByte(s, 0); i >= 0 {
		return s[:i]
	}
	return s
}

// escaping says which bytes stand for themselves.
type escaping uint8

const (
	// escapeStandard escapes all but printable ASCII, and the space.
	escapeStandard escaping = iota
	// escapeXattr escapes "=" as well.
	escapeXattr
	// escapeLeast escapes only what would end the field, and the backslash.
	escapeLeast
	// escapeLeastKey is escapeLeast for a field that "=" ends.
	escapeLeastKey
)

func (e escaping) literal(c byte) bool {
	switch e {
	case escapeLeast, escapeLeastKey:
		return c != 0 && c != '\n' && c != ' ' && c != '\\' && (c != '=' || e == escapeLeast)
	}
	return '!' <= c && c <= '~' && c != '\\' && (c != '=' || e == escapeStandard)
}

func (e escaping) append(dst []byte, s string) []byte {
	const digits = "0123456789abcdef"
	start := 0
	for i := range len(s) {
		c := s[i]
		if e.literal(c) {
			continue
		}
		dst = append(dst, s[start:i]...)
		start = i + 1
		switch c {
		case '\\':
			dst = append(dst, `\\`...)
		case '\n':
			dst = append(dst, `\n`...)
		case '\r':
			dst = append(dst, `\r`...)
		case '\t':
			dst = append(dst, `\t`...)
		default:
			dst = append(dst, '\\', 'x', digits[c>>4], digits[c&15])
		}
	}
	return append(dst, s[start:]...)
}

// appendOptional appends PAYLOAD or CONTENT, where a dash stands for none.
func appendOptional(dst []byte, s string) []byte {
	switch s {
	case "":
		return append(dst, '-')
	case "-":
		return append(dst, `\x2d`...)
	}
	return escapeStandard.append(dst, s)
}
