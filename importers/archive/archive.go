package archive

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"

	"cfsverify/canon/printable"
)

// Archive is a tar file of an image's parts, which are read in place.
type Archive struct {
	file  *os.File
	files map[string]archiveFile
}

// archiveFile is a file of an archive, or else a link to one.
type archiveFile struct {
	content *io.SectionReader
	link    string
}

// archiveFilesMax is far more than the blobs that images have.
const archiveFilesMax = 1 << 20

// Open reads the table of an archive, which the caller closes.
func Open(name string) (*Archive, error) {
	f, err := OpenRegular(name)
	if err != nil {
		return nil, err
	}
	a := &Archive{file: f, files: map[string]archiveFile{}}
	if err := a.readTable(); err != nil {
		f.Close()
		return nil, err
	}
	return a, nil
}

func (a *Archive) readTable() error {
	var names nameTable
	tr := tar.NewReader(a.file)
	for number := 1; ; number++ {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return names.check()
		}
		if err != nil {
			return err
		}
		if number > archiveFilesMax {
			return fmt.Errorf("it holds more than %d files", archiveFilesMax)
		}
		// The archive's reader stands at the content, of which it read nothing yet.
		offset, err := a.file.Seek(0, io.SeekCurrent)
		if err != nil {
			return err
		}
		names.add(number, h)
		name := path.Clean(h.Name)
		switch h.Typeflag {
		case tar.TypeReg:
			if isSparse(h) {
				continue
			}
			a.files[name] = archiveFile{content: io.NewSectionReader(a.file, offset, h.Size)}
		case tar.TypeSymlink:
			a.files[name] = archiveFile{link: path.Join(path.Dir(name), h.Linkname)}
		case tar.TypeLink:
			a.files[name] = archiveFile{link: path.Clean(h.Linkname)}
		}
	}
}

// isSparse recognises the sparse files of PAX archives, whose content is not what lies in
// the archive.
func isSparse(h *tar.Header) bool {
	for key := range h.PAXRecords {
		if strings.HasPrefix(key, "GNU.sparse.") {
			return true
		}
	}
	return false
}

// Close closes the file.
func (a *Archive) Close() error { return a.file.Close() }

// Has says that there is an entry of a name.
func (a *Archive) Has(name string) bool {
	_, ok := a.files[name]
	return ok
}

// archiveLinksMax is how many links may lead from one to the next.
const archiveLinksMax = 8

// Open opens a file, links to it followed, and tells its size in bytes.
func (a *Archive) Open(name string) (io.ReadCloser, int64, error) {
	at := path.Clean(name)
	for range archiveLinksMax {
		f, ok := a.files[at]
		if !ok {
			return nil, 0, fmt.Errorf("the archive lacks %s", printable.Text(name))
		}
		if f.content != nil {
			return io.NopCloser(io.NewSectionReader(f.content, 0, f.content.Size())), f.content.Size(), nil
		}
		at = f.link
	}
	return nil, 0, fmt.Errorf("in the archive more than %d links lead on from %s", archiveLinksMax, printable.Text(name))
}

// OpenRegular opens a file that can be read in any place. It does not wait for
// what writes to a FIFO.
func OpenRegular(name string) (*os.File, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no regular file", printable.Text(name))
	}
	return os.Open(name)
}
