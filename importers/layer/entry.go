package layer

import (
	"errors"
	"fmt"
	"strings"

	"cfsverify/canon"
	"cfsverify/canon/tarfile"
)

// Entries is what a layer's archive says, in its order. Applying it to a
// tree does not change it.
type Entries struct {
	Layer *canon.Layer

	List []Entry
	// numbers are those of the entries, nil if they count from 1.
	numbers []int32
	// newest is the newest mtime of all entries.
	newest canon.Time
	quirks map[int]tarfile.Quirks // of few entries, by their index
	// nanoseconds are those of tarfile.FirstNanoseconds.
	nanoseconds map[int]uint32
	// See tarfile.Reader.
	oneZeroBlock, NoEnd bool
	// endsInHeader: not even content follows the last entry's header.
	endsInHeader bool
	// composefs is what composefs-rs reads, nil if that is the same.
	composefs *reading
	// Compression is that of the blob that they were read from.
	Compression tarfile.Compression
}

// Len is the number of entries.
func (l *Entries) Len() int { return len(l.List) }

// Entry is small: an image has many.
type Entry struct {
	Path string // as cleanPath gives it
	// Node is the inode that the entry makes. That of a hardlink has no kind and
	// leads to Target, which is a clean path as well.
	Node   *canon.Node
	Header *canon.Header // nil unless headers are kept
}

// IsHardlink says that the entry gives another name to an inode.
func (e *Entry) IsHardlink() bool { return e.Node.Kind == 0 }

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
func newEntry(h *canon.Header, nodes *canon.Nodes) (Entry, error) {
	path, err := cleanPath(h.Name)
	if err != nil {
		return Entry{}, err
	}
	e := Entry{Path: path, Node: newNode(h, nodes)}
	if path == "" && e.Node.Kind != canon.Directory {
		return e, errors.New("the root can only be a directory")
	}
	switch {
	case e.IsHardlink():
		if e.Node.Target, err = cleanPath(h.Linkname); err != nil {
			return e, fmt.Errorf("the hardlink's target %q is not valid: %w", h.Linkname, err)
		} else if e.Node.Target == "" {
			return e, errors.New("the hardlink's target is the root directory")
		}
	case e.Node.Kind == canon.Symlink && (h.Linkname == "" || len(h.Linkname) > canon.TargetMax || strings.Contains(h.Linkname, "\x00")):
		return e, fmt.Errorf("a symlink's target has 1 to %d bytes without NUL, not %.80q", canon.TargetMax, h.Linkname)
	}
	return e, validateXattrs(h.PAX)
}

func validateXattrs(records map[string]string) error {
	for key, value := range records {
		name, ok := strings.CutPrefix(key, tarfile.XattrPrefix)
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

// newNode makes the inode of a header, without content. IDs are cut to 32 bits
// as composefs-rs and the chown of container engines cut them.
func newNode(h *canon.Header, nodes *canon.Nodes) *canon.Node {
	n := nodes.New()
	n.Kind, n.Perm = kindOfTypeflag(h.Typeflag), uint16(h.Mode&0o7777)
	n.UID, n.GID = uint32(h.UID), uint32(h.GID)
	n.Mtime, n.Xattrs = h.Mtime, tarfile.Xattrs(h.PAX)
	switch {
	case n.Kind == canon.Regular:
		n.Size = uint64(h.Size)
	case n.Kind == canon.Symlink:
		n.Target = h.Linkname
	case n.Kind.IsDevice():
		n.Rdev = h.Rdev
	}
	return n
}

// newNode makes another inode of an entry that is no hardlink. The content is
// shared.
func (e *Entry) newNode() *canon.Node {
	n := *e.Node
	n.Xattrs = n.Xattrs.Clone()
	return &n
}
