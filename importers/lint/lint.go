package lint

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"cfsverify/canon"
	"cfsverify/canon/tarfile"
	"cfsverify/importers/layer"
	"cfsverify/importers/limits"
)

// Layers gives all departures of an image's layers, which were read with the
// linter's inspector, in the order of layers and entries.
func (l *Linter) Layers(layers []*layer.Entries) []tarfile.Departure {
	var all []tarfile.Departure
	a := layer.NewOCI(false)
	for _, layer := range layers {
		a.Layer = layer
		order := layerLinter{
			OCI: &a, last: map[string]int{}, whiteouts: map[string]bool{}, opaque: map[string]bool{},
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
	*layer.OCI
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
	l.found = append(l.found, tarfile.Departure{Rule: rule, Layer: l.Layer.Layer, Entry: i + 1, Path: "/" + path, Detail: fmt.Sprintf(format, args...)})
}

func (l *layerLinter) run() {
	l.list()
	for i := range l.Layer.List {
		l.marker(i)
	}
	for i := range l.Layer.List {
		l.Hide(i)
	}
	for i := range l.Layer.List {
		l.order(i)
		l.duplicate(i)
		l.parents(i)
		l.below(i)
		l.hardlink(i)
		if err := l.OCI.Add(i); err != nil {
			l.refused(i, err)
		}
	}
	l.hardlinkTargets()
	if _, found := l.last[""]; !found {
		l.found = append(l.found, tarfile.Departure{Rule: tarfile.MissingRoot, Layer: l.Layer.Layer, Path: "/"})
	}
}

// list finds out what the layer has.
func (l *layerLinter) list() {
	for i := range l.Layer.List {
		path := l.Layer.List[i].Path
		dir, _ := layer.SplitPath(path)
		switch m, hidden := layer.MarkerOf(path); m {
		case layer.AUFS, layer.BadMarker:
			continue
		case layer.Whiteout:
			l.whiteouts[layer.JoinPath(dir, hidden)] = true
		case layer.Opaque:
			l.opaque[dir] = true
		case layer.NoMarker:
			l.last[path] = i
		}
		for at := path; at != ""; {
			at, _ = layer.SplitPath(at)
			if _, found := l.within[at]; found {
				break
			}
			l.within[at] = i
		}
	}
}

// refused tells of an entry that cannot be applied.
func (l *layerLinter) refused(i int, err error) {
	e := &l.Layer.List[i]
	if later, found := l.last[e.Node.Target]; e.IsHardlink() && found && later > i && l.Find(e.Node.Target) == nil {
		l.add(i, tarfile.HardlinkTargetOrder, e.Path, "its target is entry %d", later+1)
		return
	}
	var refusal *canon.EntryError
	if errors.As(err, &refusal) {
		err = refusal.Err
	}
	l.add(i, tarfile.RefusedEntry, e.Path, "%v", err)
}

// order compares an entry with all before it.
func (l *layerLinter) order(i int) {
	path := l.Layer.List[i].Path
	if i > 0 && layer.CompareCanonical(path, l.greatest) < 0 {
		l.add(i, tarfile.EntryOrder, path, "it comes before %q", "/"+l.greatest)
		return
	}
	l.greatest = path
}

// duplicate looks for a path that is there already, or that is needed as a
// directory.
func (l *layerLinter) duplicate(i int) {
	e := &l.Layer.List[i]
	first, found := l.seen[e.Path]
	if found {
		l.add(i, tarfile.DuplicateEntry, e.Path, "entry %d is of the same path", first+1)
		return
	}
	l.seen[e.Path] = i
	there := l.Tree.Lookup("/" + e.Path)
	if e.Path == "" || e.Node.Kind == canon.Directory || there == nil || there.Node.Kind != canon.Directory {
		return
	}
	for _, origin := range []*canon.Origin{there.Origin, there.Origin.ImpliedBy} {
		if origin != nil && origin.Layer == l.Layer.Layer {
			l.add(i, tarfile.DuplicateEntry, e.Path, "entry %d needs it as a directory", origin.Entry)
			return
		}
	}
}

// parents looks for the entries of the directories above one. Those that it shares
// with the entry before were looked at then.
func (l *layerLinter) parents(i int) {
	path := l.Layer.List[i].Path
	if m, _ := layer.MarkerOf(path); m == layer.AUFS || m == layer.BadMarker {
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
	before := l.Layer.List[i-1].Path
	if m, _ := layer.MarkerOf(before); m == layer.AUFS || m == layer.BadMarker {
		return 0
	}
	dir, _ := layer.SplitPath(before)
	return limits.CommonDirectory(dir+"/", l.Layer.List[i].Path)
}

func (l *layerLinter) isDirectory(path string) bool {
	n := l.Find(path)
	return n != nil && n.Kind == canon.Directory
}

// below looks for what the layers below have in the place of a directory that an
// entry needs.
func (l *layerLinter) below(i int) {
	path := l.Layer.List[i].Path
	n := l.Tree.Root
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
		case child.Origin.Layer != l.Layer.Layer:
			l.add(i, tarfile.ThroughLower, path, "%q is a %v of %v", "/"+path[:at], child.Node.Kind, child.Origin.Layer)
		}
		return
	}
}
