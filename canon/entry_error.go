package canon

import "fmt"

// EntryError says what is wrong with a layer, and where in it.
type EntryError struct {
	Layer *Layer
	// Entry counts as Origin.Entry does; 0 is the layer as a whole.
	Entry int
	// Path is the entry's, as far as it is known.
	Path string
	Err  error
}

func (e *EntryError) Error() string {
	where := e.Layer.String()
	if e.Entry > 0 {
		where += fmt.Sprintf(", entry %d", e.Entry)
	}
	if e.Path != "" {
		where += fmt.Sprintf(" %q", e.Path)
	}
	return where + ": " + e.Err.Error()
}

func (e *EntryError) Unwrap() error { return e.Err }
