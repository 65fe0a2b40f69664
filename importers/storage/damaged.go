package storage

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc64"
	"io"
	"io/fs"
	"strings"

	"github.com/vbatts/tar-split/tar/storage"
)

// FileError says what is wrong with a file of an unpacked layer.
type FileError struct {
	Name string
	Err  error
}

func (e *FileError) Error() string { return fmt.Sprintf("%q %v", e.Name, e.Err) }
func (e *FileError) Unwrap() error { return e.Err }

var (
	errOtherSize    = errors.New("has another size")
	errOtherContent = errors.New("has other content")
	errNotThere     = errors.New("is not there")
)

// DamagedError says that the files of a layer are not those that were pulled.
type DamagedError struct {
	// Files are the first of them, at most filesMax.
	Files []*FileError
	// More: there are more of them.
	More bool
}

const filesMax = 5

func (e *DamagedError) Error() string {
	var files []string
	for _, f := range e.Files {
		files = append(files, f.Error())
	}
	if e.More {
		files = append(files, "and others")
	}
	return "the storage does not hold what was pulled: " + strings.Join(files, ", ")
}

// explain finds all files that are not what the checksums in the headers say, after err
// has shown that some are not.
func (a *archive) explain(err error) error {
	list, again := a.entries()
	if again != nil {
		return err
	}
	damaged := &DamagedError{}
	for len(damaged.Files) <= filesMax {
		entry, end := list.Next()
		if end != nil {
			break
		}
		if entry.Type != storage.FileType || entry.Size == 0 {
			continue
		}
		var wrong *FileError
		switch found := a.check(entry); {
		case errors.Is(found, fs.ErrPermission), errors.Is(found, io.ErrClosedPipe):
			return found
		case errors.As(found, &wrong):
			damaged.Files = append(damaged.Files, wrong)
		case found != nil:
			return found
		}
	}
	switch {
	case len(damaged.Files) == 0:
		return err
	case len(damaged.Files) > filesMax:
		damaged.Files, damaged.More = damaged.Files[:filesMax], true
	}
	return damaged
}

// check compares a file with its checksum.
func (a *archive) check(entry *storage.Entry) error {
	content, err := openSized(a.open, entry.GetName(), entry.Size)
	if err != nil {
		return err
	}
	defer content.Close()
	sum := crc64.New(storage.CRCTable)
	if _, err := io.Copy(sum, stoppable{content, a.stop}); err != nil {
		return err
	}
	if !bytes.Equal(sum.Sum(nil), entry.Payload) {
		return &FileError{entry.GetName(), errOtherContent}
	}
	return nil
}

// stoppable is a reader that ends with io.ErrClosedPipe once nobody wants to know.
type stoppable struct {
	io.Reader
	stop <-chan struct{}
}

func (s stoppable) Read(p []byte) (int, error) {
	select {
	case <-s.stop:
		return 0, io.ErrClosedPipe
	default:
		return s.Reader.Read(p)
	}
}
