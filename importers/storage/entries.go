package storage

import (
	"bufio"
	"errors"
	"fmt"
	"io"

	"github.com/vbatts/tar-split/tar/storage"

	"cfsverify/importers/document"
)

// lineMax is the size in bytes of the longest line of headers: tar-split puts up to 1 MiB
// of padding in one, and containers/storage's reader of archives takes no longer records.
const lineMax = 16 << 20

// entries reads what tar-split kept of an archive: JSON objects, one a line, for its bytes
// outside of files, and for the files between them. It holds one line at a time.
type entries struct {
	lines *bufio.Scanner
	// last is what Next gave.
	last storage.Entry
	err  error
	// count is that of entries, and bytes that of what they have of the archive.
	count, bytes int64
}

var _ storage.Unpacker = (*entries)(nil)

func newEntries(r io.Reader) *entries {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, lineMax)
	return &entries{lines: lines}
}

// Next gives the next entry, io.EOF after the last one.
func (e *entries) Next() (*storage.Entry, error) {
	if e.err == nil {
		e.err = e.next()
	}
	if e.err != nil {
		return nil, e.err
	}
	return &e.last, nil
}

func (e *entries) next() error {
	if !e.lines.Scan() {
		switch err := e.lines.Err(); {
		case errors.Is(err, bufio.ErrTooLong):
			return fmt.Errorf("a line has more than %d bytes", lineMax)
		case err != nil:
			return err
		}
		return io.EOF
	}
	e.last = storage.Entry{}
	if err := document.Decode(e.lines.Bytes(), &e.last); err != nil {
		// What breaks off is so because reading failed.
		if broken := e.lines.Err(); broken != nil {
			return broken
		}
		return fmt.Errorf("a line is not valid: %w", err)
	}
	return e.check()
}

// check refuses what tar-split never writes. A file has a block of 512 bytes of header, and
// at most two more lines beside its own, so that lines cannot go on without end while nothing
// comes out.
func (e *entries) check() error {
	e.count++
	switch {
	case e.last.Type == storage.SegmentType:
		e.bytes += int64(len(e.last.Payload))
	case e.last.Type != storage.FileType || e.last.Size < 0:
		return fmt.Errorf("entry %d is none of tar-split", e.count)
	}
	if e.count > 8+e.bytes/128 {
		return fmt.Errorf("there are %d entries for %d bytes of an archive", e.count, e.bytes)
	}
	return nil
}
