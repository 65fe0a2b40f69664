package engine

import (
	"errors"
	"fmt"
	"path"
	"strings"

	"cfsverify/canon"
	"cfsverify/importers/layer"
)

// unpacker is one run of Engine.Unpack.
type unpacker struct {
	engine Engine
	now    canon.Time
	// root is the directory that is being unpacked into.
	root *canon.Node
	// whiteouts are the inodes that overlayfs takes for such.
	whiteouts map[*canon.Node]canon.EntryError

	// What follows is of the layer that is being unpacked.
	// at is where the entry is that is being unpacked.
	at canon.EntryError
	// written are the names that it had, as RefuseDuplicates compares them.
	written map[string]bool
	// made are the paths of what it put, and of the directories above that.
	made  map[string]bool
	leads leads
	// hidden are the directories that hold nothing any more but what the layer put.
	hidden map[*canon.Node]bool
	// directories are the entries whose mtimes are to be set in the end.
	directories []int
}

func (u *unpacker) unpackLayer(layer *layer.Entries) error {
	u.written, u.made, u.directories = map[string]bool{}, map[string]bool{}, nil
	u.leads, u.hidden = leads{places: map[lead]place{}}, map[*canon.Node]bool{}
	for i := range layer.List {
		e := &layer.List[i]
		u.at = canon.EntryError{Layer: layer.Layer, Entry: i + 1, Path: e.Path}
		if err := u.unpackEntry(e); err != nil {
			return u.refuse(err)
		}
	}
	for _, entry := range u.directories {
		e := &layer.List[entry-1]
		u.at = canon.EntryError{Layer: layer.Layer, Entry: entry, Path: e.Path}
		p, err := u.resolve(e.Path)
		if err == nil && p.last() == nil {
			err = errors.New("a later entry of the layer removes it")
		}
		if err != nil {
			return u.refuse(err)
		}
		p.last().Mtime = u.mtime(e.Header.Mtime, p.last().Kind)
	}
	return nil
}

func (u *unpacker) refuse(err error) error {
	at := u.at
	at.Err = fmt.Errorf("%s refuses this: %w", u.engine.Name, err)
	return &at
}

var errNotDirectory = errors.New("its parent is not a directory")

func (u *unpacker) unpackEntry(e *layer.Entry) error {
	written := path.Clean(e.Header.Name)
	if u.engine.RefuseDuplicates && u.written[written] {
		return errors.New("the layer has this name twice")
	}
	u.written[written] = true
	if e.Path == "" {
		if u.engine.SkipDot && written == "." {
			return nil
		}
		return u.setMetadata(u.root, e)
	}
	dir, base := layer.SplitPath(e.Path)
	p, err := u.resolve(dir)
	hidden, isMarker := strings.CutPrefix(base, layer.WhiteoutPrefix)
	switch {
	case isMarker && err == errNotDirectory && (base != layer.OpaqueName || !u.engine.LayerDirectories):
		return nil
	case err != nil:
		return err
	}
	parent := p.last()
	if !u.engine.DirectoryTimesLast && parent != nil {
		defer func(mtime canon.Time) { parent.Mtime = mtime }(parent.Mtime)
	}
	if isMarker && !u.engine.LayerDirectories {
		return u.hide(p, hidden, base == layer.OpaqueName)
	}
	if err := u.makeMissing(p); err != nil {
		return err
	}
	if isMarker {
		return u.mark(p.last(), hidden, base == layer.OpaqueName)
	}
	return u.put(p, base, e)
}

// put gives a name to a new inode, or to an old one for a hardlink. A directory
// over a directory changes that.
func (u *unpacker) put(p place, base string, e *layer.Entry) error {
	parent := p.last()
	if parent.Kind != canon.Directory {
		return errNotDirectory
	}
	var n *canon.Node
	if old := parent.Child(base); old != nil {
		n = old.Node
	}
	if n == nil || n.Kind != canon.Directory || kindOf(e) != canon.Directory {
		err := u.clear(p, base)
		if err != nil {
			return err
		}
		if n, err = u.inode(parent, e); err != nil {
			return err
		}
		u.link(parent, base, n)
	}
	for made := layer.JoinPath(p.path(), base); made != "" && !u.made[made]; made, _ = layer.SplitPath(made) {
		u.made[made] = true
	}
	if e.IsHardlink() && !u.engine.HardlinkHeader {
		return nil
	}
	return u.setMetadata(n, e)
}

// clear removes a name, which may be a symlink that leads to where it is.
func (u *unpacker) clear(p place, base string) error {
	parent := p.last()
	old := parent.Child(base)
	isSymlink := old != nil && old.Node.Kind == canon.Symlink
	u.remove(parent, base)
	if !isSymlink || u.engine.ResolveFirst {
		return nil
	}
	if again, err := u.resolve(p.written); err != nil || again.last() != parent {
		return errors.New("it removes a symlink that its own path leads through")
	}
	return nil
}

// kindOf is what archive/tar makes of the type flag: a NUL with a name
// that ends in a slash is a directory.
func kindOf(e *layer.Entry) canon.Kind {
	if e.Header.Typeflag == 0 && strings.HasSuffix(e.Header.Name, "/") {
		return canon.Directory
	}
	return e.Node.Kind
}

// inode makes one, or finds that of a hardlink.
func (u *unpacker) inode(parent *canon.Node, e *layer.Entry) (*canon.Node, error) {
	if e.Header.Typeflag == '7' {
		return nil, errors.New("entries of type '7' are not known to it")
	}
	if !e.IsHardlink() {
		n := u.newInode(parent, kindOf(e))
		n.Rdev, n.Target = e.Node.Rdev, e.Node.Target
		if n.Kind == canon.Regular {
			n.Size, n.Content = e.Node.Size, e.Node.Content
		}
		return n, nil
	}
	target := e.Node.Target
	dir, base := layer.SplitPath(target)
	p, err := u.resolve(dir)
	if err != nil {
		return nil, err
	}
	var found *canon.Dirent
	if p.last() != nil {
		found = p.last().Child(base)
	}
	switch {
	case found == nil:
		return nil, fmt.Errorf("the hardlink's target %q is not there", target)
	case found.Node.Kind == canon.Directory:
		return nil, fmt.Errorf("the hardlink's target %q is a directory", target)
	}
	return found.Node, nil
}
