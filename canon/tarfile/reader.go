package tarfile

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"

	"cfsverify/canon"
)

const (
	// extensionsMax is the size in bytes up to which the extension headers of
	// one entry are read. archive/tar and composefs-rs have the same limit.
	extensionsMax = 1 << 20
	bufferSize    = 64 << 10
)

var (
	errSparse    = errors.New("sparse files are not supported: write the archive without --sparse")
	errTruncated = errors.New("the archive ends in the middle of an entry: it is truncated")
)

// Quirks are properties of an entry that all accept but composefs-rs, which refuses
// the layer, reads on elsewhere (SizeWithoutContent), or reads them in a way of its own.
type Quirks uint16

const (
	// NegativeMtime is a PAX record of a time before 1970. One in the header itself is
	// no quirk.
	NegativeMtime Quirks = 1 << iota
	// SizeWithoutContent is a size on an entry of a type that has no content.
	SizeWithoutContent
	// KeyNotUTF8 is a PAX record whose key is not UTF-8.
	KeyNotUTF8
	// OverriddenNumber is a PAX record of a number that is none, where another record of
	// the same key counts.
	OverriddenNumber
	// FirstNanoseconds are others of a first PAX record of the mtime than of the last one,
	// which counts. composefs-rs takes them: see Reader.Nanoseconds.
	FirstNanoseconds
	// BinaryDevice is a device number in base 256, in an entry of whatever type.
	BinaryDevice
	// SignedChecksum is a checksum for which the bytes of a header, or of an extension
	// header, were taken as signed.
	SignedChecksum
)

// Reader reads headers as composefs-rs does. What composefs-rs refuses or skips but
// archive/tar accepts, and with it every container engine, it reads as archive/tar
// does. archive/tar itself hides too much: which headers there are, in which order
// and where, and how type, path and numbers are written.
type Reader struct {
	source  io.Reader
	r       *bufio.Reader // of source
	offset  int64         // of the next byte of r
	content int64         // bytes of the entry's content that were not read yet
	padding int64         // bytes that follow it
	block   Block
	raw     *Raw // nil unless Record was called
	// recorded is the size in bytes of raw's extension headers.
	recorded    int
	nanoseconds uint32
	// OneZeroBlock says that the archive ended after the first of two zero
	// blocks, NoEnd that it ended without any.
	OneZeroBlock, NoEnd bool
	// composefs: see Fork.
	composefs bool
}

// NewReader reads an uncompressed archive.
func NewReader(r io.Reader) *Reader {
	return &Reader{source: r, r: bufio.NewReaderSize(r, bufferSize)}
}

// Record makes Raw tell how entries are written.
func (t *Reader) Record() { t.raw = &Raw{} }

// Raw is how the last entry is written, nil without Record. Its Padding is complete
// after End. Once Next returned io.EOF, it has the headers behind the last entry.
// The next call of Next changes it.
func (t *Reader) Raw() *Raw { return t.raw }

// Nanoseconds are those that composefs-rs takes for the mtime of the last entry.
func (t *Reader) Nanoseconds() uint32 { return t.nanoseconds }

// Offset is how many bytes of the archive were read.
func (t *Reader) Offset() int64 { return t.offset }

// Trailing reads what follows the archive's end, and returns its size in bytes.
func (t *Reader) Trailing() (int64, error) { return t.TrailingTo(io.Discard) }

// TrailingTo does what Trailing does, and writes it to w.
func (t *Reader) TrailingTo(w io.Writer) (int64, error) {
	n, err := io.Copy(w, t.r)
	t.offset += n
	return n, err
}

// extensions are the headers that stand before an entry's own.
type extensions struct {
	pax        map[string]string
	overridden []paxRecord
	name, link *string
	size       int64
}

func (x *extensions) any() bool { return x.pax != nil || x.name != nil || x.link != nil }

// Next goes to the next entry. It returns io.EOF at the end of the archive, and
// with other errors the header as far as it is known, or nil.
func (t *Reader) Next() (*canon.Header, Quirks, error) {
	if err := t.End(); err != nil {
		return nil, 0, err
	}
	start := t.offset
	if t.raw != nil {
		*t.raw, t.recorded = Raw{Offset: start}, 0
	}
	var ext extensions
	var signed Quirks
	for {
		at := t.offset
		if err := t.readBlock(&ext); err != nil {
			return nil, 0, err
		}
		if !ext.any() {
			start = t.offset - BlockSize
		}
		more, err := t.block.verify()
		if err != nil {
			return nil, 0, fmt.Errorf("block at byte %d: %w", at, err)
		}
		signed |= more
		flag := t.block.typeflag()
		switch {
		case flag == 'g':
			if ext.any() && !t.composefs {
				return nil, 0, errors.New("a global PAX header stands between an entry and its extension headers")
			}
			ext = extensions{}
			if _, err := t.readExtension(0); err != nil {
				return nil, 0, err
			}
		case strings.IndexByte("xLK", flag) >= 0 && (t.block.isUstar() || t.block.isGNU()):
			if err := t.addExtension(&ext, flag); err != nil {
				return nil, 0, err
			}
		default:
			h, err := t.block.header()
			h.Offset = start
			if err != nil {
				return h, 0, err
			}
			quirks, err := t.finish(h, &ext)
			if t.raw != nil {
				t.raw.Block, t.raw.Header, t.raw.Content = t.block, h, t.offset
			}
			return h, quirks | signed, err
		}
	}
}

// End skips what is left of the entry's content, and its padding.
func (t *Reader) End() error {
	err := t.skip(t.content)
	t.content = 0
	if err != nil {
		return err
	}
	padding, err := t.readPadding(t.padding)
	if t.raw != nil && padding != "" {
		t.raw.DirtyPadding, t.raw.Padding = true, padding
	}
	t.padding = 0
	return err
}

// readPadding reads padding, and returns it if it has bytes that are not zero.
func (t *Reader) readPadding(size int64) (string, error) {
	if size == 0 {
		return "", nil
	}
	var padding Block
	err := t.readFull(padding[:size])
	if err == io.EOF {
		err = errTruncated
	}
	if padding.isZero() {
		return "", err
	}
	return string(padding[:size]), err
}

// readBlock reads a header block, and the second zero block after a first.
func (t *Reader) readBlock(ext *extensions) error {
	err := t.readFull(t.block[:])
	if err == nil && !t.block.isZero() {
		return nil
	}
	t.NoEnd = err == io.EOF
	if err == nil {
		err = t.readFull(t.block[:])
		t.OneZeroBlock = err == io.EOF
		switch {
		case err == nil && !t.block.isZero() && t.composefs:
			return nil
		case err == nil && !t.block.isZero():
			return fmt.Errorf("a zero block at byte %d is followed by other data: tools disagree whether the archive ends there", t.offset-2*BlockSize)
		case err == nil:
			err = io.EOF
		}
	}
	if err == io.EOF && ext.any() {
		return errors.New("the archive ends after extension headers, without the entry that they are for")
	}
	return err
}

// readFull returns io.EOF if there is nothing.
func (t *Reader) readFull(p []byte) error {
	n, err := io.ReadFull(t.r, p)
	t.offset += int64(n)
	if err == io.ErrUnexpectedEOF {
		return errTruncated
	}
	return err
}

func (t *Reader) skip(n int64) error {
	skipped, err := io.CopyN(io.Discard, t.r, n)
	t.offset += skipped
	if err == io.EOF {
		return errTruncated
	}
	return err
}

// readExtension reads the content of an extension header; before is the size of
// those that came before it.
func (t *Reader) readExtension(before int64) (string, error) {
	size, err := t.block.size()
	if err != nil {
		return "", err
	}
	if size > extensionsMax-before {
		return "", fmt.Errorf("the extension headers have more than %d bytes", extensionsMax)
	}
	data := make([]byte, size)
	err = t.readFull(data)
	if err == io.EOF {
		err = errTruncated
	}
	if err != nil {
		return "", err
	}
	padding, err := t.readPadding(paddingOf(size))
	if err == nil && t.raw != nil {
		err = t.record(Extension{Block: t.block, Data: string(data), DirtyPadding: padding != "", Padding: padding})
	}
	return string(data), err
}

// record keeps an extension header. Those of an entry are limited before, but
// there can be any number of global ones.
func (t *Reader) record(x Extension) error {
	if t.recorded += BlockSize + len(x.Data); t.recorded > 2*extensionsMax {
		return fmt.Errorf("the headers before an entry have more than %d bytes", 2*extensionsMax)
	}
	t.raw.Extensions = append(t.raw.Extensions, x)
	return nil
}

func paddingOf(size int64) int64 { return -size & (BlockSize - 1) }

func (t *Reader) addExtension(ext *extensions, flag byte) error {
	data, err := t.readExtension(ext.size)
	if err != nil {
		return err
	}
	ext.size += int64(len(data))
	if flag == 'x' {
		if ext.pax != nil {
			return errTwoHeaders(flag)
		}
		ext.pax, ext.overridden, err = parsePAX(data)
		return err
	}
	field := &ext.name
	if flag == 'K' {
		field = &ext.link
	}
	if *field != nil {
		return errTwoHeaders(flag)
	}
	data = strings.TrimSuffix(data, "\x00")
	*field = &data
	return nil
}

func errTwoHeaders(typeflag byte) error {
	return fmt.Errorf("two extension headers of type %q for one entry: tools disagree which counts", typeflag)
}

// finish joins a header and its extensions.
func (t *Reader) finish(h *canon.Header, ext *extensions) (Quirks, error) {
	var quirks Quirks
	if t.block.hasBinaryDevice() {
		quirks |= BinaryDevice
	}
	if ext.name != nil {
		h.Name = *ext.name
	}
	if ext.link != nil {
		h.Linkname = *ext.link
	}
	more, err := applyPAX(h, ext.pax)
	if err != nil {
		return 0, err
	}
	quirks |= more
	more, t.nanoseconds = heedOverridden(h, ext.overridden)
	quirks |= more
	hasContent := false
	switch h.Typeflag {
	case 0, '0', '7':
		hasContent = true
	case '1', '2', '3', '4', '5', '6':
		// Entries of these types have no content, whatever size they state.
		if h.Size != 0 {
			quirks |= SizeWithoutContent
		}
		hasContent = t.composefs
	case 'S':
		return 0, errSparse
	default:
		return 0, fmt.Errorf("entries of type %q are not supported", h.Typeflag)
	}
	if !hasContent {
		return quirks, nil
	}
	if h.Size > math.MaxInt64-BlockSize {
		return 0, fmt.Errorf("the size %d is out of range", h.Size)
	}
	t.content, t.padding = h.Size, paddingOf(h.Size)
	return quirks, nil
}

// Read reads the entry's content.
func (t *Reader) Read(p []byte) (int, error) {
	if t.content == 0 {
		return 0, io.EOF
	}
	if int64(len(p)) > t.content {
		p = p[:t.content]
	}
	n, err := t.r.Read(p)
	t.offset += int64(n)
	t.content -= int64(n)
	if err == io.EOF && t.content > 0 {
		return n, errTruncated
	}
	if err == io.EOF {
		err = nil
	}
	return n, err
}
