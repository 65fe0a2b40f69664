package tarfile

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"path"
	"slices"
	"strings"

	"cfsverify/canon"
	"cfsverify/canon/fsverity"
	"cfsverify/canon/linux"
)

// Options says what is written.
type Options struct {
	// Layer: the tree is that of a single layer, in which names that begin with
	// ".wh." are its markers.
	Layer bool
	// NoGlobalHeader leaves out the global header, by which the draft marks a
	// canonical tar: umoci unpacks no archive that has one.
	NoGlobalHeader bool
	// Open opens the content of a file whose content is not in the tree. Write
	// compares it with the digest.
	Open func(path string, n *canon.Node) (io.ReadCloser, error)
}

// Write writes the canonical tar of a tree. It fails if w or Open fails, if a tar
// cannot hold something of the tree, or if the content of a file has not its
// digest; what was written until then is of no use.
func Write(w io.Writer, t *canon.Tree, o Options) error {
	if err := t.Validate(); err != nil {
		return err
	}
	d := writer{out: bufio.NewWriterSize(w, 64<<10), options: o, links: t.Hardlinks(), written: map[*canon.Node]string{}}
	if !o.NoGlobalHeader {
		var global strings.Builder
		addRecord(&global, canonicalKey, "1")
		d.extension('g', globalName, global.String())
	}
	for name, e := range t.All() {
		if err := d.entry(name, e.Node); err != nil {
			return fmt.Errorf("%q: %w", name, err)
		}
	}
	d.write(make([]byte, 2*BlockSize))
	return d.out.Flush()
}

type writer struct {
	out     *bufio.Writer
	options Options
	links   *canon.Hardlinks
	// written has the inodes with several names of which one was written, and that
	// name.
	written map[*canon.Node]string
}

// write leaves errors to Flush, as bufio.Writer keeps them.
func (d *writer) write(p []byte) { _, _ = d.out.Write(p) }

func (d *writer) pad(size uint64) { d.write(make([]byte, -size&(BlockSize-1))) }

func (d *writer) extension(typeflag byte, name, records string) {
	block := extensionBlock(typeflag, name, len(records))
	d.write(block[:])
	d.write([]byte(records))
	d.pad(uint64(len(records)))
}

var typeflags = map[canon.Kind]byte{
	canon.Regular: '0', canon.Symlink: '2', canon.CharDevice: '3', canon.BlockDevice: '4', canon.Directory: '5', canon.FIFO: '6',
}

func (d *writer) entry(name string, n *canon.Node) error {
	flag, ok := typeflags[n.Kind]
	if !ok {
		return fmt.Errorf("a tar holds no %v: remove it", n.Kind)
	}
	if strings.HasPrefix(path.Base(name), ".wh.") && !d.options.Layer {
		return errors.New("in a layer such a name is a whiteout: rename it")
	}
	h := header{typeflag: flag, path: "." + name, mode: n.Perm, uid: n.UID, gid: n.GID, mtime: n.Mtime, target: n.Target}
	switch {
	case n.Kind == canon.Directory:
		if name != "/" {
			h.path += "/"
		}
	case n.Kind.IsDevice():
		h.major, h.minor = n.Device()
	case n.Kind == canon.Regular:
		h.size = n.Size
	}
	if err := checkXattrs(n.Xattrs); err != nil {
		return err
	}
	xattrs := n.Xattrs
	if first, isLink := d.written[n]; isLink {
		h.typeflag, h.target, h.size, xattrs, h.major, h.minor = '1', first, 0, nil, 0, 0
	} else if d.links.Of(n) != nil {
		d.written[n] = h.path
	}
	records := h.records(xattrs)
	if err := h.check(records); err != nil {
		return err
	}
	if records != "" {
		d.extension('x', h.extensionName(), records)
	}
	block := h.block()
	d.write(block[:])
	if h.size == 0 {
		return nil
	}
	if err := d.content(name, n); err != nil {
		return err
	}
	d.pad(h.size)
	return nil
}

// check says what readers of layers refuse, or would read as something else.
func (h *header) check(records string) error {
	t := h.mtime
	switch {
	case len(h.path) > pathMax:
		return fmt.Errorf("a path of a layer has at most %d bytes, as all in Linux, not %d", pathMax, len(h.path))
	case t.Nsec >= second:
		return fmt.Errorf("a tar holds no time with %d nanoseconds, as only dump files and composefs images do: they are a second or more", t.Nsec)
	case t.Sec > timeRange || t.Sec < -timeRange:
		return fmt.Errorf("a layer holds no mtime of %d seconds: set one that is nearer", t.Sec)
	case len(records) > extensionsMax:
		return fmt.Errorf("the xattrs and names take %d bytes, an entry of a layer has at most %d for them: remove some", len(records), extensionsMax)
	}
	return nil
}

const (
	// pathMax is PATH_MAX of linux/limits.h.
	pathMax = 4096
	second  = 1_000_000_000
	// timeRange is the number of seconds that readers have room for before and after 1970.
	timeRange = math.MaxInt64 - 1
)

// checkXattrs says which xattr a canonical tar does not hold.
func checkXattrs(xattrs canon.Xattrs) error {
	for _, x := range xattrs {
		switch {
		case strings.Contains(x.Name, "="):
			return fmt.Errorf("a tar holds no xattr whose name has a \"=\", as %q has: remove it", x.Name)
		case !Holds(x.Name):
			return &XattrError{x.Name}
		}
	}
	return nil
}

// XattrError says that an inode has an xattr that a canonical tar does not hold; see
// Holds.
type XattrError struct{ Name string }

func (e *XattrError) Error() string {
	return fmt.Sprintf("a canonical tar does not hold the xattr %q, by which overlayfs finds the content of files", e.Name)
}

// Holds says whether a canonical tar has an xattr of that name. The draft leaves out
// those by which overlayfs finds the content of files; Write refuses them, so that
// nothing is lost that nobody knows of. The name has no "=".
func Holds(xattr string) bool {
	return !slices.Contains([]string{linux.OverlayMetacopy, linux.OverlayRedirect, linux.UserOverlayMetacopy, linux.UserOverlayRedirect}, xattr)
}

func (d *writer) content(name string, n *canon.Node) error {
	c := n.Content
	switch {
	case c == nil:
		return errors.New("its content is not known")
	case c.Inline != nil:
		d.write(c.Inline)
		return nil
	case d.options.Open == nil:
		return errors.New("there is nothing to take its content from")
	}
	r, err := d.options.Open(name, n)
	if err != nil {
		return err
	}
	defer r.Close()
	to := io.Writer(d.out)
	hasher := fsverity.New(c.Digest.Algorithm())
	if !c.Digest.IsZero() {
		to = io.MultiWriter(d.out, hasher)
	}
	size, err := io.Copy(to, io.LimitReader(r, int64(n.Size)))
	if err != nil {
		return err
	}
	more, _ := io.ReadFull(r, make([]byte, 1))
	switch {
	case uint64(size) != n.Size || more > 0:
		return fmt.Errorf("its content is not %d bytes: it changed, or is that of another file", n.Size)
	case !c.Digest.IsZero() && hasher.Digest() != c.Digest:
		return fmt.Errorf("its content has not the digest %v: it changed, or is that of another file", c.Digest)
	}
	return nil
}
