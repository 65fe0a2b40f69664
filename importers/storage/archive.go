package storage

import (
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/vbatts/tar-split/tar/asm"
	"github.com/vbatts/tar-split/tar/storage"

	"cfsverify/canon/printable"
)

// NoHeadersError says that a storage has only the files of a layer, so that its archive
// cannot be put together.
type NoHeadersError struct {
	// File is where the headers would be.
	File string
}

func (e *NoHeadersError) Error() string {
	return fmt.Sprintf("the storage has no headers of this layer (%s), as after a partial pull by an old program, or in an image store without its graph root: read the image where it comes from, as docker://REGISTRY/NAME, or compare that with what was unpacked, as unpacked:NAME", printable.Text(e.File))
}

// openArchive puts the layer's archive together again from its headers and files, while it
// is read.
func (l *Layer) openArchive() (io.ReadCloser, error) {
	switch {
	case l.headersErr != nil:
		return nil, l.headersErr
	case l.diffErr != nil:
		return nil, l.diffErr
	}
	open, err := l.opener()
	if err != nil {
		return nil, err
	}
	a := &archive{headers: l.headers, open: open, stop: make(chan struct{}), done: make(chan struct{})}
	var w *io.PipeWriter
	a.PipeReader, w = io.Pipe()
	go func() {
		defer close(a.done)
		w.CloseWithError(a.write(w))
	}()
	return a, nil
}

// archive is a layer's archive while it is put together.
type archive struct {
	*io.PipeReader
	headers io.ReaderAt
	open    openFile
	stop    chan struct{}
	done    chan struct{} // closed once nothing is read any longer
}

// openFile opens a file of the layer by the name that its headers have.
type openFile func(name string) (content io.ReadCloser, size int64, err error)

// Close ends the reading of headers and files.
func (a *archive) Close() error {
	close(a.stop)
	err := a.PipeReader.Close()
	<-a.done
	return err
}

// entries reads the headers from their beginning.
func (a *archive) entries() (*entries, error) {
	unzipped, err := gzip.NewReader(io.NewSectionReader(a.headers, 0, math.MaxInt64))
	if err != nil {
		return nil, fmt.Errorf("the headers of the layer: %w", err)
	}
	return newEntries(unzipped), nil
}

func (a *archive) write(to io.Writer) error {
	list, err := a.entries()
	if err != nil {
		return err
	}
	buffered := bufio.NewWriterSize(to, 64<<10)
	err = asm.WriteOutputTarStream(fileGetter{list, a.open}, list, buffered)
	switch {
	case list.err != nil && list.err != io.EOF:
		return fmt.Errorf("the headers of the layer: %w", list.err)
	case errors.Is(err, io.ErrClosedPipe):
		return err
	case err != nil:
		return a.explain(err)
	}
	return buffered.Flush()
}

// fileGetter opens what the last entry is of.
type fileGetter struct {
	list *entries
	open openFile
}

var _ storage.FileGetter = fileGetter{}

// Get is called once for each entry that has content.
func (g fileGetter) Get(name string) (io.ReadCloser, error) {
	return openSized(g.open, name, g.list.last.Size)
}

// openSized opens a file that must have so many bytes.
func openSized(open openFile, name string, size int64) (io.ReadCloser, error) {
	content, has, err := open(name)
	switch {
	case err != nil:
		return nil, &FileError{name, err}
	case has != size:
		content.Close()
		return nil, &FileError{name, errOtherSize}
	}
	return struct {
		io.Reader
		io.Closer
	}{io.LimitReader(content, size), content}, nil
}
