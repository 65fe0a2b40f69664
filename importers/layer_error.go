package importers

import (
	"fmt"
	"strings"

	"cfsverify/canon"
)

// EntryError says what is wrong with a layer, and where in it.
type EntryError struct {
	Layer *canon.Layer
	// Entry counts as canon.Origin.Entry does; 0 is the layer as a whole.
	Entry int
	// Path is the entry's, as far as it is known.
	Path string
	Err  error
}

func (e *EntryError) Error() string {
	where := layerLabel(e.Layer)
	if e.Entry > 0 {
		where += fmt.Sprintf(", entry %d", e.Entry)
	}
	if e.Path != "" {
		where += fmt.Sprintf(" %q", e.Path)
	}
	return where + ": " + e.Err.Error()
}

func (e *EntryError) Unwrap() error { return e.Err }

// layerLabel names a layer by its number and what else it is known by.
func layerLabel(l *canon.Layer) string {
	for _, name := range []string{l.Name, shortDigest(l.Digest), shortDigest(l.DiffID)} {
		if name != "" {
			return fmt.Sprintf("layer %d (%s)", l.Index, name)
		}
	}
	return fmt.Sprintf("layer %d", l.Index)
}

// shortDigest keeps as many digits as container engines show.
func shortDigest(digest string) string {
	algorithm, digits, found := strings.Cut(digest, ":")
	if !found || len(digits) <= 12 {
		return digest
	}
	return algorithm + ":" + digits[:12]
}
