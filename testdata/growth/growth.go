// Package growth has images and scans of any size, for the test that the cost of all
// commands grows no faster than they do.
package growth

import (
	"fmt"
	"strings"
)

// Shape is a kind of image, and of what was scanned of it.
type Shape struct {
	Name string
	// Layers gives the specs (see layers.Tar) of the image's layers at a size.
	Layers func(n int) []string
	// Scan gives the spec of the tree that was scanned, nil for the lowest layer's.
	Scan func(n int) string
	// Dump, if there is one, makes what no archive can say: it changes the dump file
	// of the scan.
	Dump func(dump string) string
	// Flags are those of diff.
	Flags []string
	// Deep: the shape is of so many paths that are so long, and its size the square.
	Deep bool
	// Diff: only differences are of interest, as of a shape that is there for a cause.
	Diff bool
}

// times repeats lines, each made of its number.
func times(n int, line func(i int) string) string {
	var text strings.Builder
	for i := range n {
		text.WriteString(line(i))
		text.WriteByte('\n')
	}
	return text.String()
}

// each repeats a line that has %[1]d where a number goes: all have six digits, as longer
// names would be growth of another kind.
func each(n int, format string) string {
	if format == "" {
		return ""
	}
	return times(n, func(i int) string { return fmt.Sprintf(format, 100_000+i) })
}

const base = "d ./ mtime=1\nd usr mtime=1\nd usr/d mtime=1\n"

// SizeMax is the largest size that a shape can have: that of a path that Linux lets be.
const SizeMax = 2000

// deep is a directory that has so many above it, nearly.
func deep(n int) string { return strings.Repeat("a/", n*19/20) }

// member is a line of a spec for a name, and a target, of any length.
func member(flag, name, target, rest string) string {
	line := flag + " name pax:path=" + name
	if target != "" {
		line += " pax:linkpath=" + target
	}
	return line + " " + rest
}

// chain has an entry for each directory on the way to deep.
func chain(n int) string {
	return times(n*19/20, func(i int) string { return member("d", deep(n)[:2*i+1], "", "mtime=1") })
}

// Shapes are those of structure first, then those of the causes in their order.
func Shapes() []Shape { return append(structures(), causes()...) }
