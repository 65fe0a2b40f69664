package dumpfile

import "fmt"

// Error is what Parse returns for a dump file that it does not accept.
type Error struct {
	// Line counts from 1.
	Line int
	// Column is where the field or xattr at fault begins, in bytes from 1. It may
	// be one more than the line has.
	Column int
	// Path is the path on that line, empty if it could not be read.
	Path string
	// Reason says what is wrong and, if that is known, what to do.
	Reason string
}

func (e *Error) Error() string {
	if e.Path == "" {
		return fmt.Sprintf("line %d, column %d: %s", e.Line, e.Column, e.Reason)
	}
	return fmt.Sprintf("line %d, column %d: %q: %s", e.Line, e.Column, e.Path, e.Reason)
}

// fieldError is about a fixed field of the current line.
func (p *parser) fieldError(f field, format string, args ...any) error {
	return p.errorAt(p.rec.column[f], format, args...)
}

// strictError is about a fixed field that is fine without strictness.
func (p *parser) strictError(f field, format string, args ...any) error {
	return p.fieldError(f, format+"; lenient parsing accepts this", args...)
}

func (p *parser) errorAt(column int, format string, args ...any) error {
	return &Error{Line: p.line, Column: column, Path: string(p.path), Reason: fmt.Sprintf(format, args...)}
}
