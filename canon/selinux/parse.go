package selinux

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"cfsverify/canon"
)

const notUTF8 = "the line is not UTF-8"

// kindCodes are the codes of types in rules and behind the paths that patterns match.
var kindCodes = [...]byte{
	canon.Regular: '-', canon.Directory: 'd', canon.Symlink: 'l', canon.CharDevice: 'c',
	canon.BlockDevice: 'b', canon.FIFO: 'p', canon.Socket: 's',
}

// line is one of a file that has fields and is no comment.
type line struct {
	number int
	text   string
	fields []string
}

// parseLines calls one for each line of a file.
func parseLines(f *File, one func(line) error) error {
	content, err := f.read()
	if err != nil {
		return err
	}
	number := 0
	for text := range strings.Lines(content) {
		number++
		if !utf8.ValidString(text) {
			return &Error{Path: f.Path, Line: number, Reason: notUTF8}
		}
		fields := strings.Fields(text)
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		if err := one(line{number, text, fields}); err != nil {
			return err
		}
	}
	return nil
}

// parseRule reads PATTERN CONTEXT or PATTERN -X CONTEXT.
func parseRule(path string, l line) (Rule, error) {
	r := Rule{File: path, Line: l.number, Pattern: l.fields[0]}
	fail := func(format string, args ...any) (Rule, error) {
		return Rule{}, &Error{Path: path, Line: l.number, Rule: r.Pattern, Reason: fmt.Sprintf(format, args...)}
	}
	rest := l.fields[1:]
	if len(rest) > 0 && strings.HasPrefix(rest[0], "-") {
		for kind := canon.Regular; kind <= canon.Socket; kind++ {
			if rest[0] == "-"+string(kindCodes[kind]) {
				r.Kind = kind
			}
		}
		if r.Kind == 0 {
			return fail("%q is no type of files", rest[0])
		}
		rest = rest[1:]
	}
	switch {
	case len(rest) == 0:
		return fail("the rule has no context")
	case len(rest) > 1:
		return fail("%q follows the context", rest[1])
	}
	r.Context = rest[0]
	return r, nil
}

// alias has the rules take a path for another one.
type alias struct{ path, original string }

// parseAliases reads the lines ALIAS ORIGINAL of a file.
func parseAliases(f *File) (list []alias, err error) {
	err = parseLines(f, func(l line) error {
		if len(l.fields) != 2 {
			return &Error{Path: f.Path, Line: l.number, Reason: fmt.Sprintf("%d fields in a line of aliases, which needs 2", len(l.fields))}
		}
		a := alias{l.fields[0], l.fields[1]}
		// composefs-rs cuts such an end off below the first entry of the directory
		// only, so what the labels are depends on the names.
		if a.original != "/" && (strings.HasSuffix(a.original, "/") || strings.HasSuffix(a.original, "/.") || a.original == ".") {
			return &Error{Path: f.Path, Line: l.number, Reason: fmt.Sprintf("the original %q of an alias ends in a slash or a dot, which is not supported", a.original)}
		}
		list = append(list, a)
		return nil
	})
	return list, err
}
