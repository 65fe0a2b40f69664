package lint

import (
	"fmt"
	"slices"
	"sync"

	"cfsverify/canon"
	"cfsverify/canon/tarfile"
	"cfsverify/importers/layer"
)

// Linter finds out how layers depart from canonical ones: while they are read, how
// they are written, and then what follows from the order of their entries and from
// the layers below.
type Linter struct {
	mu sync.Mutex
	// written are departures of how layers are written; guarded by mu.
	written map[*canon.Layer][]tarfile.Departure
}

// New makes a linter for the layers of one image.
func New() *Linter { return &Linter{written: map[*canon.Layer][]tarfile.Departure{}} }

// Inspector is for the options by which the layers are read.
func (l *Linter) Inspector() *layer.Inspector { return &layer.Inspector{Entry: l.entry, End: l.end} }

// entry judges how the last entry, whose content was read, is written.
func (l *Linter) entry(read *layer.Entries, r *tarfile.Reader) error {
	if err := r.End(); err != nil {
		return err
	}
	raw := r.Raw()
	number := len(read.List)
	globals, marked := raw.Mark(number == 1)
	if number == 1 && !marked {
		globals = append(globals, tarfile.Departure{Rule: tarfile.CanonicalMark})
	}
	l.depart(read, 0, globals)
	e := &read.List[number-1]
	found := raw.Lint(e.Path, e.Node.Target)
	if m, _ := layer.MarkerOf(e.Path); m != layer.NoMarker {
		// What a marker is made of means nothing: whether it is as it should be is
		// one question.
		found = slices.DeleteFunc(found, func(d tarfile.Departure) bool { return d.Rule.InCanonical() })
	}
	l.depart(read, number, found)
	return nil
}

// end judges how the archive ends.
func (l *Linter) end(layer *layer.Entries, r *tarfile.Reader, trailing int64) {
	globals, _ := r.Raw().Mark(false)
	l.depart(layer, 0, globals)
	switch {
	case r.NoEnd:
		l.depart(layer, 0, []tarfile.Departure{{Rule: tarfile.EndOfArchive, Detail: "there is no zero block"}})
	case r.OneZeroBlock:
		l.depart(layer, 0, []tarfile.Departure{{Rule: tarfile.EndOfArchive, Detail: "there is one zero block"}})
	case trailing > 0:
		l.depart(layer, 0, []tarfile.Departure{{Rule: tarfile.TrailingData, Detail: fmt.Sprintf("%d bytes", trailing)}})
	}
}

func (l *Linter) depart(layer *layer.Entries, entry int, found []tarfile.Departure) {
	if len(found) == 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, d := range found {
		d.Layer, d.Entry = layer.Layer, entry
		l.written[layer.Layer] = append(l.written[layer.Layer], d)
	}
}
