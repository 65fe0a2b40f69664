package importers

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"

	"cfsverify/canon"
)

// tarExtensionsMax is the size in bytes up to which the extension headers of
// one entry are read. archive/tar and composefs-rs have the same limit.
const tarExtensionsMax = 1 << 20

var (
	errSparse    = errors.New("sparse files are not supported: write the archive without --sparse")
	errTruncated = errors.New("the archive ends in the middle of an entry: it is truncated")
)

// tarQuirks are things of an entry that only composefs-rs refuses.
type tarQuirks uint8

const (
	quirkNegativeMtime tarQuirks = 1 << iota
	quirkSize
	quirkKeyNotUTF8
)

// tarReader reads headers as composefs-rs does, and where that refuses what
// archive/tar and so every container engine accepts, as archive/tar does.
// archive/tar itself hides too much: which headers were there, their order and
// where they stood, and how type, path and numbers were written.
type tarReader struct {
	r       *bufio.Reader
	offset  int64 // of the next byte of r
	content int64 // bytes of the entry's content that were not read yet
	padding int64 // bytes that follow it
	block   tarBlock
	// oneZeroBlock says that the archive ended after the first of two zero
	// blocks, noEnd that it ended without any.
	oneZeroBlock, noEnd bool
}

// tarExtensions are the headers that stand before an entry's own.
type tarExtensions struct {
	pax        map[string]string
	name, link *string
	size       int64
}

func (x *tarExtensions) any() bool { return x.pax != nil || x.name != nil || x.link != nil }

// next goes to the next entry. It returns io.EOF at the end of the archive, and
// with other errors the header as far as it is known, or nil.
func (t *tarReader) next() (*canon.Header, tarQuirks, error) {
	if err := t.skip(t.content + t.padding); err != nil {
		return nil, 0, err
	}
	t.content, t.padding = 0, 0
	start := t.offset
	var ext tarExtensions
	for {
		at := t.offset
		if err := t.readBlock(&ext); err != nil {
			return nil, 0, err
		}
		if err := t.block.verify(); err != nil {
			return nil, 0, fmt.Errorf("block at byte %d: %w", at, err)
		}
		flag := t.block.typeflag()
		switch {
		case flag == 'g':
			if ext.any() {
				return nil, 0, errors.New("a global PAX header stands between an entry and its extension headers")
			}
			if _, err := t.readExtension(0); err != nil {
				return nil, 0, err
			}
			start = t.offset
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
			return h, quirks, err
		}
	}
}

// readBlock reads a header block, and the second zero block after a first.
func (t *tarReader) readBlock(ext *tarExtensions) error {
	err := t.readFull(t.block[:])
	if err == nil && !t.block.isZero() {
		return nil
	}
	t.noEnd = err == io.EOF
	if err == nil {
		err = t.readFull(t.block[:])
		t.oneZeroBlock = err == io.EOF
		switch {
		case err == nil && !t.block.isZero():
			return fmt.Errorf("a zero block at byte %d is followed by other data: tools disagree whether the archive ends there", t.offset-2*tarBlockSize)
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
func (t *tarReader) readFull(p []byte) error {
	n, err := io.ReadFull(t.r, p)
	t.offset += int64(n)
	if err == io.ErrUnexpectedEOF {
		return errTruncated
	}
	return err
}

func (t *tarReader) skip(n int64) error {
	skipped, err := io.CopyN(io.Discard, t.r, n)
	t.offset += skipped
	if err == io.EOF {
		return errTruncated
	}
	return err
}

// readExtension reads the content of an extension header; before is the size of
// those that came before it.
func (t *tarReader) readExtension(before int64) (string, error) {
	size, err := t.block.size()
	if err != nil {
		return "", err
	}
	if size > tarExtensionsMax-before {
		return "", fmt.Errorf("the extension headers have more than %d bytes", tarExtensionsMax)
	}
	data := make([]byte, size)
	err = t.readFull(data)
	if err == io.EOF {
		err = errTruncated
	}
	if err != nil {
		return "", err
	}
	return string(data), t.skip(tarPadding(size))
}

func tarPadding(size int64) int64 { return -size & (tarBlockSize - 1) }

func (t *tarReader) addExtension(ext *tarExtensions, flag byte) error {
	data, err := t.readExtension(ext.size)
	if err != nil {
		return err
	}
	ext.size += int64(len(data))
	if flag == 'x' {
		if ext.pax != nil {
			return errTwoHeaders(flag)
		}
		ext.pax, err = parsePAX(data)
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
func (t *tarReader) finish(h *canon.Header, ext *tarExtensions) (tarQuirks, error) {
	var quirks tarQuirks
	if h.Mtime.Sec < 0 {
		quirks |= quirkNegativeMtime
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
	switch h.Typeflag {
	case 0, '0', '7':
		if h.Size > math.MaxInt64-tarBlockSize {
			return 0, fmt.Errorf("the size %d is out of range", h.Size)
		}
		t.content, t.padding = h.Size, tarPadding(h.Size)
	case '1', '2', '3', '4', '5', '6':
		// They have no content, whatever the size says.
		if h.Size != 0 {
			quirks |= quirkSize
		}
	case 'S':
		return 0, errSparse
	default:
		return 0, fmt.Errorf("entries of type %q are not supported", h.Typeflag)
	}
	return quirks, nil
}

// Read reads the entry's content.
func (t *tarReader) Read(p []byte) (int, error) {
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
