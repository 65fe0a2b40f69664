package importers

import (
	"errors"
	"fmt"
	"strings"

	"cfsverify/canon"
)

// LayerEntries is what a layer's archive says, in its order. Applying it to a
// tree does not change it.
type LayerEntries struct {
	Layer *canon.Layer

	entries []layerEntry
	// See tarReader.
	oneZeroBlock, noEnd bool
}

// Len is the number of entries.
func (l *LayerEntries) Len() int { return len(l.entries) }

// layerEntry holds besides the header only what does not follow from it: an
// image has many.
type layerEntry struct {
	path    string // as cleanPath gives it
	header  *canon.Header
	content *canon.Content // shared by the nodes made of the entry
	kind    canon.Kind     // 0 for a hardlink
	quirks  tarQuirks
}

func (e *layerEntry) isHardlink() bool { return e.kind == 0 }

// kindOfTypeflag is 0 for a hardlink.
func kindOfTypeflag(flag byte) canon.Kind {
	switch flag {
	case '2':
		return canon.Symlink
	case '3':
		return canon.CharDevice
	case '4':
		return canon.BlockDevice
	case '5':
		return canon.Directory
	case '6':
		return canon.FIFO
	case '1':
		return 0
	}
	return canon.Regular
}

// newEntry checks what a header says apart from content. The type is what the
// type flag says: a trailing slash makes no directory.
func newEntry(h *canon.Header, quirks tarQuirks) (layerEntry, error) {
	path, err := cleanPath(h.Name)
	if err != nil {
		return layerEntry{}, err
	}
	e := layerEntry{path: path, header: h, kind: kindOfTypeflag(h.Typeflag), quirks: quirks}
	if path == "" && e.kind != canon.Directory {
		return e, errors.New("the root can only be a directory")
	}
	switch {
	case e.isHardlink():
		if target, err := cleanPath(h.Linkname); err != nil {
			return e, fmt.Errorf("the hardlink's target %q is not valid: %w", h.Linkname, err)
		} else if target == "" {
			return e, errors.New("the hardlink's target is the root directory")
		}
	case e.kind == canon.Symlink && (h.Linkname == "" || len(h.Linkname) > canon.TargetMax || strings.Contains(h.Linkname, "\x00")):
		return e, fmt.Errorf("a symlink's target has 1 to %d bytes without NUL, not %.80q", canon.TargetMax, h.Linkname)
	}
	return e, validateXattrs(h.PAX)
}

func validateXattrs(records map[string]string) error {
	for key, value := range records {
		name, ok := strings.CutPrefix(key, paxXattrPrefix)
		switch {
		case !ok:
		case name == "" || len(name) > canon.XattrNameMax || strings.Contains(name, "\x00"):
			return fmt.Errorf("an xattr name has 1 to %d bytes without NUL, not %q", canon.XattrNameMax, name)
		case len(value) > canon.XattrValueMax:
			return fmt.Errorf("xattr %q has %d bytes, the limit is %d", name, len(value), canon.XattrValueMax)
		}
	}
	return nil
}

// node makes a new inode of an entry that is no hardlink. IDs are cut to 32
// bits as composefs-rs and the chown of container engines cut them.
func (e *layerEntry) node() *canon.Node {
	h := e.header
	n := &canon.Node{
		Kind: e.kind, Perm: uint16(h.Mode & 0o7777), UID: uint32(h.UID), GID: uint32(h.GID),
		Mtime: h.Mtime, Xattrs: paxXattrs(h.PAX),
	}
	switch {
	case e.kind == canon.Regular:
		n.Size, n.Content = uint64(h.Size), e.content
	case e.kind == canon.Symlink:
		n.Target = h.Linkname
	case e.kind.IsDevice():
		n.Rdev = h.Rdev
	}
	return n
}
