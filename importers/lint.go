package importers

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"cfsverify/canon"
	"cfsverify/canon/tarfile"
)

// Layers gives all departures of an image's layers, which were read with the
// linter's inspector, in the order of layers and entries.
func (l *Linter) Layers(layers []*LayerEntries) []tarfile.Departure {
	var all []tarfile.Departure
	a := newOCIApplier(false)
	for _, layer := range layers {
		a.layer = layer
		order := layerLinter{
			ociApplier: &a, last: map[string]int{}, whiteouts: map[string]bool{}, opaque: map[string]bool{},
			within: map[string]int{}, seen: map[string]int{}, needed: map[string]bool{},
		}
		order.run()
		found := slices.Concat(l.written[layer.Layer], order.found)
		slices.SortStableFunc(found, func(a, b tarfile.Departure) int { return cmp.Compare(a.Entry, b.Entry) })
		all = append(all, found...)
	}
	return all
}

// layerLinter applies a layer and looks at every entry before it counts.
type layerLinter struct {
	*ociApplier
	found []tarfile.Departure

	// last are the last entries of paths that are no markers, within the first ones
	// below directories.
	last, within map[string]int
	// whiteouts are the paths that whiteouts of the layer hide, and opaque the
	// directories of opaque markers.
	whiteouts, opaque map[string]bool
	// seen are the first entries of paths, up to the current one.
	seen map[string]int
	// needed are directories that were told to be missing.
	needed map[string]bool
	// greatest is the path so far that comes last in the canonical order.
	greatest string
}

func (l *layerLinter) add(i int, rule tarfile.Rule, path, format string, args ...any) {
	l.found = append(l.found, tarfile.Departure{Rule: rule, Layer: l.layer.Layer, Entry: i + 1, Path: "/" + path, Detail: fmt.Sprintf(format, args...)})
}

func (l *layerLinter) run() {
	l.list()
	for i := range l.layer.entries {
		l.marker(i)
	}
	for i := range l.layer.entries {
		l.hide(i)
	}
	for i := range l.layer.entries {
		l.order(i)
		l.duplicate(i)
		l.parents(i)
		l.below(i)
		l.hardlink(i)
		if err := l.ociApplier.add(i); err != nil {
			l.refused(i, err)
		}
	}
	l.hardlinkTargets()
	if _, found := l.last[""]; !found {
		l.found = append(l.found, tarfile.Departure{Rule: tarfile.MissingRoot, Layer: l.layer.Layer, Path: "/"})
	}
}

// list finds out what the layer has.
func (l *layerLinter) list() {
	for i := range l.layer.entries {
		path := l.layer.entries[i].path
		dir, _ := splitPath(path)
		switch m, hidden := markerOf(path); m {
		case aufs, badMarker:
			continue
		case whiteout:
			l.whiteouts[joinPath(dir, hidden)] = true
		case opaque:
			l.opaque[dir] = true
		case noMarker:
			l.last[path] = i
		}
		for at := path; at != ""; {
			at, _ = splitPath(at)
			if _, found := l.within[at]; found {
				break
			}
			l.within[at] = i
		}
	}
}

// refused tells of an entry that cannot be applied.
func (l *layerLinter) refused(i int, err error) {
	e := &l.layer.entries[i]
	if later, found := l.last[e.node.Target]; e.isHardlink() && found && later > i && l.find(e.node.Target) == nil {
		l.add(i, tarfile.HardlinkTargetOrder, e.path, "its target is entry %d", later+1)
		return
	}
	var refusal *canon.EntryError
	if errors.As(err, &refusal) {
		err = refusal.Err
	}
	l.add(i, tarfile.RefusedEntry, e.path, "%v", err)
}

// order compares an entry with all before it.
func (l *layerLinter) order(i int) {
	path := l.layer.entries[i].path
	if i > 0 && compareCanonical(path, l.greatest) < 0 {
		l.add(i, tarfile.EntryOrder, path, "it comes before %q", "/"+l.greatest)
		return
	}
	l.greatest = path
}

// duplicate looks for a path that is there already, or that is needed as a
// directory.
func (l *layerLinter) duplicate(i int) {
	e := &l.layer.entries[i]
	first, found := l.seen[e.path]
	if found {
		l.add(i, tarfile.DuplicateEntry, e.path, "entry %d is of the same path", first+1)
		return
	}
	l.seen[e.path] = i
	there := l.tree.Lookup("/" + e.path)
	if e.path == "" || e.node.Kind == canon.Directory || there == nil || there.Node.Kind != canon.Directory {
		return
	}
	for _, origin := range []*canon.Origin{there.Origin, there.Origin.ImpliedBy} {
		if origin != nil && origin.Layer == l.layer.Layer {
			l.add(i, tarfile.DuplicateEntry, e.path, "entry %d needs it as a directory", origin.Entry)
			return
		}
	}
}

// parents looks for the entries of the directories above one. Those that it shares
// with the entry before were looked at then.
func (l *layerLinter) parents(i int) {
	path := l.layer.entries[i].path
	if m, _ := markerOf(path); m == aufs || m == badMarker {
		return
	}
	shared := l.shared(i)
	for at, c := range path {
		if c != '/' || at < shared || l.needed[path[:at]] {
			continue
		}
		dir := path[:at]
		own, found := l.last[dir]
		switch {
		case !found:
			l.needed[dir] = true
			l.add(i, tarfile.MissingParent, dir, "needed for %q", "/"+path)
		case own > i && !l.isDirectory(dir):
			l.needed[dir] = true
			l.add(i, tarfile.ParentOrder, dir, "needed for %q, and entry %d", "/"+path, own+1)
		}
	}
}

// shared is the length of the directory that both an entry and the one before it
// are in, at some depth, with its slash.
func (l *layerLinter) shared(i int) int {
	if i == 0 {
		return 0
	}
	before := l.layer.entries[i-1].path
	if m, _ := markerOf(before); m == aufs || m == badMarker {
		return 0
	}
	dir, _ := splitPath(before)
	return commonDirectory(dir+"/", l.layer.entries[i].path)
}

func (l *layerLinter) isDirectory(path string) bool {
	n := l.find(path)
	return n != nil && n.Kind == canon.Directory
}

// below looks for what the layers below have in the place of a directory that an
// entry needs.
func (l *layerLinter) below(i int) {
	path := l.layer.entries[i].path
	n := l.tree.Root
	for start, at := 0, 0; ; start = at + 1 {
		length := strings.IndexByte(path[start:], '/')
		if length < 0 {
			return
		}
		at = start + length
		child := n.Child(path[start:at])
		switch {
		case child == nil:
			return
		case child.Node.Kind == canon.Directory:
			n = child.Node
			continue
		case child.Origin.Layer != l.layer.Layer:
			l.add(i, tarfile.ThroughLower, path, "%q is a %v of %v", "/"+path[:at], child.Node.Kind, child.Origin.Layer)
		}
		return
	}
}
