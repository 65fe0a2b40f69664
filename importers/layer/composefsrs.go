package layer

import (
	"fmt"
	"strings"

	"cfsverify/canon"
	"cfsverify/canon/tarfile"
)

// Event is an entry that composefs-rs treats in a way of its own.
type Event struct {
	Layer *canon.Layer
	// Entry counts as canon.Origin.Entry does; 0 is the layer as a whole.
	Entry int
	Path  string
	// Refused says that composefs-rs does not import the image because of it.
	Refused bool
	// Hides says that composefs-rs sees other entries than those that all others see.
	Hides bool
	// What tells what composefs-rs does, or why it refuses the image.
	What string
}

// composefsApplier acts as process_entry of composefs-rs does (crate
// composefs-oci, image.rs).
type composefsApplier struct {
	applier
	// survey goes on after what composefs-rs refuses, as if it had done what the
	// OCI rules do.
	survey bool
	events []Event
}

// apply puts layers on those that were applied before.
func (a *composefsApplier) apply(layers []*Entries) error {
	for _, layer := range layers {
		read := layer.asComposefsRS()
		a.Layer = &read.Entries
		for i := range read.List {
			if what := read.told[i]; what != "" {
				a.event(i, false, what).Hides = true
			}
			if err := a.add(i); err != nil {
				return err
			}
		}
		if err := a.end(read); err != nil {
			return err
		}
	}
	a.Tree.CountLinks()
	return nil
}

// end refuses what is wrong with the end of an archive.
func (a *composefsApplier) end(read *reading) error {
	switch {
	case read.err != nil:
		return a.refuse(read.errAt, "%v", read.err)
	case read.oneZeroBlock:
		return a.refuse(-1, "the archive ends after one zero block instead of two")
	case read.endsInHeader:
		return a.refuse(len(read.List)-1, "the archive ends with this entry, which has no content, instead of two zero blocks")
	}
	return nil
}

// err is what composefs-rs ends with after a refusal.
func (e *Event) err() error {
	return &canon.EntryError{Layer: e.Layer, Entry: e.Entry, Path: e.Path, Err: fmt.Errorf("composefs-rs refuses this: %s", e.What)}
}

func (a *composefsApplier) event(i int, refused bool, what string) *Event {
	e := Event{Layer: a.Layer.Layer, Refused: refused, What: what}
	if i >= 0 {
		e.Entry, e.Path = a.Layer.number(i), a.Layer.List[i].Path
	}
	a.events = append(a.events, e)
	return &a.events[len(a.events)-1]
}

// refuse returns no error in a survey. Entry -1 is the layer as a whole.
func (a *composefsApplier) refuse(i int, format string, args ...any) error {
	e := a.event(i, true, fmt.Sprintf(format, args...))
	if a.survey {
		return nil
	}
	return e.err()
}

func (a *composefsApplier) add(i int) error {
	e := &a.Layer.List[i]
	if err := a.refuseQuirks(i); err != nil {
		return err
	}
	if e.Path == "" {
		a.setRoot(i)
		a.setNanoseconds(i, a.Tree.Root)
		return nil
	}
	var n *canon.Node
	if e.IsHardlink() {
		var err error
		if n, err = a.linkTarget(i); err != nil {
			return a.refuse(i, "%v", err)
		}
	} else {
		n = a.inode(i)
		a.setNanoseconds(i, n)
	}
	parent, err := a.parent(i)
	if err != nil {
		return err
	}
	_, name := SplitPath(e.Path)
	switch hidden, found := strings.CutPrefix(name, WhiteoutPrefix); {
	case name == OpaqueName:
		dir, _ := SplitPath(e.Path)
		a.mark(i, dir, "")
		a.tellRemoved(i, parent.Children())
		a.remove(i, OpaqueMarker, dir, parent.Children())
		parent.RemoveAll()
	case found:
		dir, _ := SplitPath(e.Path)
		a.mark(i, dir, hidden)
		if child := parent.Child(hidden); child != nil {
			a.tellRemoved(i, []canon.Dirent{*child})
			a.remove(i, WhiteoutMarker, dir, []canon.Dirent{*child})
			parent.Remove(hidden)
		}
	default:
		a.put(i, parent, n)
	}
	return nil
}

// setNanoseconds gives an inode those that composefs-rs reads in entry i.
func (a *composefsApplier) setNanoseconds(i int, n *canon.Node) {
	if a.Layer.quirks[i]&tarfile.FirstNanoseconds != 0 {
		n.Mtime.Nsec = a.Layer.nanoseconds[i]
		a.event(i, false, "of several PAX records of the mtime it takes the seconds of the last and the nanoseconds of the first")
	}
}

func (a *composefsApplier) refuseQuirks(i int) error {
	for _, q := range []struct {
		quirk tarfile.Quirks
		what  string
	}{
		{tarfile.NegativeMtime, "a PAX record has an mtime before 1970"},
		{tarfile.KeyNotUTF8, "the key of a PAX record is not UTF-8"},
		{tarfile.OverriddenNumber, "a PAX record that a later one overrides is no number"},
		{tarfile.BinaryDevice, "the device number is in base 256"},
		{tarfile.SignedChecksum, "the checksum of a header is that of signed bytes"},
	} {
		if a.Layer.quirks[i]&q.quirk != 0 {
			if err := a.refuse(i, "%s", q.what); err != nil {
				return err
			}
		}
	}
	return nil
}

// parent finds the directory of entry i.
func (a *composefsApplier) parent(i int) (*canon.Node, error) {
	n := a.Tree.Root
	dir, _ := SplitPath(a.Layer.List[i].Path)
	refused := false
	for rest := dir; rest != ""; {
		var name string
		name, rest, _ = strings.Cut(rest, "/")
		child := n.Child(name)
		if child != nil && child.Node.Kind == canon.Directory {
			a.imply(i, child)
			n = child.Node
			continue
		}
		if !refused {
			refused = true
			if err := a.refuseParent(i, strings.TrimSuffix(strings.TrimSuffix(dir, rest), "/"), child); err != nil {
				return nil, err
			}
		}
		n = a.putImplicit(i, n, name)
	}
	return n, nil
}

func (a *composefsApplier) refuseParent(i int, path string, child *canon.Dirent) error {
	if child == nil {
		return a.refuse(i, "there is no entry for the directory %q", path)
	}
	return a.refuse(i, "%q is a %v, not a directory (%v, entry %d)", path, child.Node.Kind,
		child.Origin.Layer, child.Origin.Entry)
}

// tellRemoved notes which entries of the marker's own layer the marker removes.
func (a *composefsApplier) tellRemoved(marker int, doomed []canon.Dirent) {
	count, first := a.countOwn(doomed)
	if count > 0 {
		a.event(marker, false, fmt.Sprintf("the marker removes %d of its own layer's entries that stand before it, the first being entry %d, %q",
			count, first, a.Layer.path(first)))
	}
}

// countOwn counts the names that the current layer has entries for, and gives
// the first of these entries.
func (a *composefsApplier) countOwn(dirents []canon.Dirent) (count, first int) {
	for _, e := range dirents {
		n, entry := a.countOwn(e.Node.Children())
		if e.Origin.Layer == a.Layer.Layer && !e.Origin.Implicit {
			n++
			entry = int(e.Origin.Entry)
		}
		if n > 0 && (count == 0 || entry < first) {
			first = entry
		}
		count += n
	}
	return count, first
}
