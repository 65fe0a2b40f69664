package dumpfile

import (
	"bufio"
	"bytes"
	"errors"
	"io"

	"cfsverify/canon"
	"cfsverify/canon/fsverity"
)

// Options says how strict Parse is. The zero value is strict.
type Options struct {
	// Lenient accepts what mkcomposefs accepts when CFS_PARSE_STRICT is not set in
	// its environment: a last line without a newline, a SIZE that is not the
	// length of the symlink's target, symlinks with CONTENT, files other than
	// devices with an RDEV. It also ignores what is wrong with a DIGEST that would
	// not reach the image, and what follows the 64 digits of one.
	Lenient bool
}

// Parse reads a dump file. An *Error says what is wrong with it; any other
// error is r's.
//
// The tree is what mkcomposefs would make an image of: numbers are truncated
// as it does, and Nlink is what the file says. It has no Origins. Reading it from
// several goroutines is safe.
func Parse(r io.Reader, o Options) (*canon.Tree, error) {
	p := &parser{lenient: o.Lenient, interned: map[string]string{}}
	s := bufio.NewScanner(r)
	s.Buffer(make([]byte, 64<<10), lineMax)
	s.Split(splitLine)
	for s.Scan() {
		p.line++
		p.path = nil
		line, ended := bytes.CutSuffix(s.Bytes(), []byte{'\n'})
		if !ended && s.Err() != nil {
			break
		}
		if !ended && !p.lenient {
			return nil, p.errorAt(len(line)+1,
				"no newline at the end: the file may be cut off here; lenient parsing accepts this")
		}
		if err := p.parseLine(line); err != nil {
			return nil, err
		}
	}
	switch err := s.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		p.line++
		p.path = nil
		return nil, p.errorAt(1, "the line has more than %d bytes", lineMax)
	case err != nil:
		return nil, err
	case p.root == nil:
		p.line, p.path = 1, nil
		return nil, p.errorAt(1, "the dump file is empty: its first line must be that of the root directory /")
	}
	if err := p.resolveLinks(); err != nil {
		return nil, err
	}
	tree := &canon.Tree{Root: p.root}
	tree.Sort()
	return tree, nil
}

// splitLine is a bufio.SplitFunc for lines with their newline, so that one
// without is told from others.
func splitLine(data []byte, atEOF bool) (int, []byte, error) {
	n := bytes.IndexByte(data, '\n') + 1
	if n == 0 && atEOF {
		n = len(data)
	}
	if n == 0 {
		return 0, nil, nil
	}
	return n, data[:n], nil
}

type parser struct {
	lenient bool
	root    *canon.Node
	nodes   canon.Nodes
	at      cursor
	links   []link

	// line, path and rec are about the current line. path is PATH without
	// escapes, nil as long as it was not read.
	line int
	path []byte
	rec  record
	// text is where fields go that have escapes.
	text []byte
	// canonical is where the path goes that has needless slashes.
	canonical []byte

	interned map[string]string
	// algorithm is that of the first digest, algorithmLine its line.
	algorithm     fsverity.Algorithm
	algorithmLine int
}

// record is a line split into its fields. Those that it lacks are empty, with
// the column after its end.
type record struct {
	field        [fieldCount][]byte
	column       [fieldCount]int
	fields       int
	xattrs       []byte
	xattrsColumn int
}

func (r *record) split(line []byte) {
	column := 1
	r.fields = 0
	for f := range fieldCount {
		r.column[f] = column
		if line == nil {
			r.field[f] = nil
			continue
		}
		r.fields++
		i := bytes.IndexByte(line, ' ')
		if i < 0 {
			r.field[f] = line
			column += len(line)
			line = nil
			continue
		}
		r.field[f] = line[:i]
		column += i + 1
		line = line[i+1:]
	}
	r.xattrs, r.xattrsColumn = line, column
}

func (r *record) has(f field) bool { return int(f) < r.fields }

// unescape returns s without escapes. The bytes are good until the next line.
func (p *parser) unescape(s []byte, column int, what any) ([]byte, error) {
	if bytes.IndexByte(s, '\\') < 0 {
		return s, nil
	}
	start := len(p.text)
	text, wrong := unescape(p.text, s)
	if wrong != "" {
		return nil, p.errorAt(column, "%v: %s", what, wrong)
	}
	p.text = text
	return text[start:], nil
}

// optional returns PAYLOAD, CONTENT or DIGEST, and whether there is one.
func (p *parser) optional(f field) ([]byte, bool, error) {
	s := p.rec.field[f]
	if len(s) == 1 && s[0] == '-' {
		return nil, false, nil
	}
	s, err := p.unescape(s, p.rec.column[f], f)
	return s, err == nil, err
}

func (p *parser) number(f field) (uint64, error) {
	v, ok := parseUint(p.rec.field[f], 10)
	switch {
	case ok:
		return v, nil
	case !p.rec.has(f):
		return 0, p.fieldError(f, "the line ends before %v", f)
	}
	return 0, p.fieldError(f, "%v %q is not a decimal number", f, p.rec.field[f])
}
