package dumpfile

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"

	"cfsverify/canon"
	"cfsverify/canon/fsverity"
)

// Write writes the tree as "composefs-info dump" prints it: a directory before
// what is in it and names in the order of their bytes, one name of each inode as
// the file and its others as hardlinks to that, on lines that repeat what they
// lead to. The exceptions are that the SIZE of a directory, which readers ignore
// and which depends on the image, is 0; that xattrs are in the order of their
// names; and that the name which is the file is the one that has the inode's
// place (see canon.Dirent.Hardlink), so that mkcomposefs makes the same image of
// what was parsed and written. To composefs-info it is the first.
//
// Where the xattrs of a file would be too long a text to be read again, they
// are written with as few escapes as can be.
//
// An error is w's, or about a tree that breaks the rules of package canon or
// holds more than a dump file can. What was written until then is of no use.
func Write(w io.Writer, t *canon.Tree) error {
	return write(w, t, nil, places(t, false))
}

// ImageDetails is what composefs-info tells of an image beyond its tree.
type ImageDetails struct {
	// DirSize is the size that the image states for a directory.
	DirSize func(*canon.Node) uint64
	// XattrOrder lists an inode's xattrs as they stand in the image.
	XattrOrder func(*canon.Node) []canon.Xattr
}

// WriteImage writes the tree of an image just as "composefs-info dump" prints
// it, that is without the exceptions of Write.
func WriteImage(w io.Writer, t *canon.Tree, details ImageDetails) error {
	return write(w, t, &details, places(t, true))
}

func write(w io.Writer, t *canon.Tree, details *ImageDetails, places map[*canon.Node]string) error {
	if err := t.Validate(); err != nil {
		return err
	}
	d := writer{out: bufio.NewWriterSize(w, 64<<10), places: places, details: details}
	if err := d.file("/", "", t.Root); err != nil {
		return err
	}
	if err := d.directory(t.Root); err != nil {
		return err
	}
	return d.out.Flush()
}

// places gives the path of the name that is the file, for each inode with several
// names: that of its place or, with atFirst, the first.
func places(t *canon.Tree, atFirst bool) map[*canon.Node]string {
	links := t.Hardlinks()
	paths := make(map[*canon.Node]string, links.Len())
	for path, e := range links.All() {
		names := links.Of(e.Node)
		if e == names.Place && !atFirst || e == names.First && atFirst {
			paths[e.Node] = path
		}
	}
	return paths
}

type writer struct {
	out *bufio.Writer
	// path is that of the directory being written, empty for the root.
	path      []byte
	line      []byte
	places    map[*canon.Node]string
	details   *ImageDetails // nil for a tree that comes of no image
	algorithm fsverity.Algorithm
}

func (d *writer) directory(dir *canon.Node) error {
	length := len(d.path)
	for _, e := range dir.Children() {
		d.path = append(append(d.path[:length], '/'), e.Name...)
		if len(d.path) > pathMax {
			return fmt.Errorf("%q: the path has %d bytes, a dump file holds at most %d", d.path, len(d.path), pathMax)
		}
		path := string(d.path)
		target := d.places[e.Node]
		if target == path {
			target = ""
		}
		if err := d.file(path, target, e.Node); err != nil {
			return err
		}
		if e.Node.Kind == canon.Directory {
			if err := d.directory(e.Node); err != nil {
				return err
			}
		}
	}
	d.path = d.path[:length]
	return nil
}

// file writes the line of one name: that of a hardlink if target is not empty.
func (d *writer) file(path, target string, n *canon.Node) error {
	if err := d.check(n); err != nil {
		return fmt.Errorf("%q: %w", path, err)
	}
	d.line = escapeStandard.append(d.line[:0], path)
	d.stat(n, target != "")
	payload, content, digest := n.Target, "", "-"
	if c := n.Content; c != nil {
		payload, content = c.Payload(), string(c.Inline)
		if !c.Digest.IsZero() {
			digest = c.Digest.String()
		}
	}
	if target != "" {
		payload = target
	}
	d.line = appendOptional(append(d.line, ' '), payload)
	d.line = appendOptional(append(d.line, ' '), content)
	d.line = append(append(d.line, ' '), digest...)
	xattrs := []canon.Xattr(n.Xattrs)
	if d.details != nil {
		xattrs = d.details.XattrOrder(n)
	}
	if err := d.xattrs(xattrs); err != nil {
		return fmt.Errorf("%q: %w", path, err)
	}
	d.line = append(d.line, '\n')
	_, err := d.out.Write(d.line)
	return err
}

// stat appends SIZE to MTIME, each after a space.
func (d *writer) stat(n *canon.Node, hardlink bool) {
	size, nlink := n.Size, n.Nlink
	switch n.Kind {
	case canon.Symlink:
		size = uint64(len(n.Target))
	case canon.Directory:
		if d.details != nil {
			size = d.details.DirSize(n)
		}
		nlink = 2
		for _, e := range n.Children() {
			if e.Node.Kind == canon.Directory {
				nlink++
			}
		}
	}
	line := strconv.AppendUint(append(d.line, ' '), size, 10)
	line = append(line, ' ')
	if hardlink {
		line = append(line, '@')
	}
	line = strconv.AppendUint(line, uint64(n.Mode()), 8)
	for _, v := range [...]uint32{nlink, n.UID, n.GID, n.Rdev} {
		line = strconv.AppendUint(append(line, ' '), uint64(v), 10)
	}
	line = strconv.AppendInt(append(line, ' '), n.Mtime.Sec, 10)
	d.line = strconv.AppendUint(append(line, '.'), uint64(n.Mtime.Nsec), 10)
}

func (d *writer) xattrs(xattrs []canon.Xattr) error {
	start := len(d.line)
	d.line = appendXattrs(d.line, xattrs, escapeXattr, escapeXattr)
	// The space before the first does not count.
	if len(d.line)-start-1 <= xattrTextMax {
		return nil
	}
	d.line = appendXattrs(d.line[:start], xattrs, escapeLeastKey, escapeLeast)
	if n := len(d.line) - start - 1; n > xattrTextMax {
		return fmt.Errorf("the xattrs take %d bytes as text, a dump file holds at most %d", n, xattrTextMax)
	}
	return nil
}

func appendXattrs(dst []byte, xattrs []canon.Xattr, key, value escaping) []byte {
	for _, x := range xattrs {
		dst = key.append(append(dst, ' '), x.Name)
		dst = value.append(append(dst, '='), x.Value)
	}
	return dst
}

// check says what of the node would not be read again.
func (d *writer) check(n *canon.Node) error {
	if len(n.Xattrs) > 0 {
		size := xattrHeader
		for _, x := range n.Xattrs {
			size += xattrCost(x)
		}
		if size > xattrBudget {
			return fmt.Errorf("the xattrs take %d bytes, a dump file holds at most %d", size, xattrBudget)
		}
	}
	c := n.Content
	if c == nil {
		return nil
	}
	if len(c.Inline) > inlineMax {
		return fmt.Errorf("the inline content has %d bytes, a dump file holds at most %d", len(c.Inline), inlineMax)
	}
	if payload := c.Payload(); len(payload) > payloadMax || strings.Contains(payload, "\x00") {
		return fmt.Errorf("a payload has at most %d bytes without NUL, not %q", payloadMax, payload)
	}
	a := c.Digest.Algorithm()
	if d.algorithm == 0 {
		d.algorithm = a
	}
	if a != 0 && a != d.algorithm {
		return fmt.Errorf("a %v digest after %v ones: a dump file has digests of one algorithm", a, d.algorithm)
	}
	return nil
}
