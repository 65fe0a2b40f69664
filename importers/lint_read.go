package importers

import (
	"fmt"
	"slices"

	"cfsverify/canon/tarfile"
)

// lintEntry judges how the last entry, whose content was read, is written.
func (l *layerReader) lintEntry(e *layerEntry) error {
	if err := l.tar.End(); err != nil {
		return err
	}
	raw := l.tar.Raw()
	globals, marked := raw.Mark(len(l.out.entries) == 1)
	if len(l.out.entries) == 1 && !marked {
		globals = append(globals, tarfile.Departure{Rule: tarfile.CanonicalMark})
	}
	l.depart(0, globals)
	found := raw.Lint(e.path, e.node.Target)
	if m, _ := markerOf(e.path); m != noMarker {
		// What a marker is made of means nothing: whether it is as it should be is
		// one question.
		found = slices.DeleteFunc(found, func(d tarfile.Departure) bool { return d.Rule.InCanonical() })
	}
	l.depart(len(l.out.entries), found)
	return nil
}

// lintEnd judges how the archive ends.
func (l *layerReader) lintEnd(trailing int64) {
	globals, _ := l.tar.Raw().Mark(false)
	l.depart(0, globals)
	switch {
	case l.tar.NoEnd:
		l.depart(0, []tarfile.Departure{{Rule: tarfile.EndOfArchive, Detail: "there is no zero block"}})
	case l.tar.OneZeroBlock:
		l.depart(0, []tarfile.Departure{{Rule: tarfile.EndOfArchive, Detail: "there is one zero block"}})
	case trailing > 0:
		l.depart(0, []tarfile.Departure{{Rule: tarfile.TrailingData, Detail: fmt.Sprintf("%d bytes", trailing)}})
	}
}

func (l *layerReader) depart(entry int, found []tarfile.Departure) {
	for _, d := range found {
		d.Layer, d.Entry = l.out.Layer, entry
		l.out.departures = append(l.out.departures, d)
	}
}
