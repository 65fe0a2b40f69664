package source

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"

	"cfsverify/canon/erofs"
	"cfsverify/canon/printable"
	"cfsverify/importers/blob"
)

// found is what lies at a path, as far as the names in a directory or archive, or the
// first bytes of a file, tell.
type found struct {
	// is says it in words, empty if it may be anything.
	is string
	// by are the transports that read it. If there are several, or none, whoever made it
	// could have meant either, or something else.
	by []Transport
	// instead is what to do where no transport reads it.
	instead string
}

// look finds out what a directory or regular file is. Others are not opened. The names in
// a tar archive are read until they are enough.
func look(path string, enough func(*names) bool) (found, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return found{}, err
	case info.IsDir():
		return lookIntoDirectory(path)
	case !info.Mode().IsRegular():
		return found{}, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return found{}, err
	}
	defer f.Close()
	what, err := lookIntoFile(f, enough)
	if err != nil {
		return found{}, fmt.Errorf("%s: %w", printable.Text(path), err)
	}
	return what, nil
}

func lookIntoDirectory(path string) (found, error) {
	entries, err := os.ReadDir(path)
	if err != nil {
		return found{}, err
	}
	n := newNames()
	for _, e := range entries {
		n.add(e.Name(), e.IsDir())
	}
	switch {
	case n.isLayout() && !n.hasOthers():
		return found{is: "an OCI layout", by: []Transport{OCI}}, nil
	case n.isLayout():
		return found{is: "a directory that has the files of an OCI layout, and others", by: []Transport{Dir, OCI}}, nil
	case n.isSkopeo():
		return found{is: "an image as skopeo's own transport dir: and podman save write it",
			instead: "copy it to an OCI layout with skopeo copy dir:" + printable.Text(path) + " oci:NEW, and write oci:NEW"}, nil
	case n.isSaved():
		return found{is: "an archive of docker save that was unpacked", instead: "pack it again with tar -C " + printable.Text(path) + " -cf NEW.tar . and write docker-archive:NEW.tar"}, nil
	case n.root:
		return found{is: "a root file system", by: []Transport{Dir}}, nil
	}
	return found{by: []Transport{Dir}}, nil
}

func lookIntoFile(f *os.File, enough func(*names) bool) (found, error) {
	head := make([]byte, HeadSize)
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return found{}, err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return found{}, err
	}
	switch first := lookAtHead(head[:n]); first.is {
	case compressed:
		return lookIntoCompressed(f)
	case tarArchive:
		return lookIntoTar(f, enough).archive(), nil
	default:
		return first, nil
	}
}

// HeadSize is how many bytes of a file tell what it is.
const HeadSize = 512

const (
	compressed = "a compressed file"
	tarArchive = "a tar archive"
)

// lookAtHead tells what begins so.
func lookAtHead(head []byte) found {
	isTar := len(head) == HeadSize && string(head[257:262]) == "ustar"
	isDump, isErofs := bytes.HasPrefix(head, []byte("/ ")), erofs.IsImage(head)
	switch {
	case isTar && isDump:
		return found{is: "a dump file and a tar archive", by: []Transport{Dump, Tar}}
	case isTar && isErofs:
		return found{is: "a composefs image and a tar archive", by: []Transport{Erofs, Tar}}
	case isTar:
		return found{is: tarArchive, by: []Transport{Tar}}
	case isDump:
		return found{is: "a dump file", by: []Transport{Dump}}
	case isErofs:
		return found{is: "a composefs image", by: []Transport{Erofs}}
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}), bytes.HasPrefix(head, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		return found{is: compressed, by: []Transport{Tar}, instead: "decompress it first"}
	}
	return found{}
}

// uncompressedMax is how many bytes of what is compressed are looked at, of which a
// small file may have any number.
const uncompressedMax = 1 << 30

// lookIntoCompressed knows layers only: archives of images are read in any order, so
// they must not be compressed. No transport but that of layers is ever found.
func lookIntoCompressed(f *os.File) (found, error) {
	layer := found{is: compressed, by: []Transport{Tar}, instead: "decompress it first"}
	r, err := blob.NewReader(blob.Blob{Size: -1}, f, nil)
	if err != nil {
		// A layer that is broken is the importer's to refuse.
		return layer, nil
	}
	defer r.Close()
	limited := io.LimitReader(r, uncompressedMax)
	head := make([]byte, HeadSize)
	n, _ := io.ReadFull(limited, head)
	switch first := lookAtHead(head[:n]); first.is {
	case tarArchive:
	case "":
		return layer, nil
	default:
		return found{is: "compressed", instead: "decompress it first"}, nil
	}
	// To read all would take as long as to import it.
	what := lookIntoTar(io.MultiReader(bytes.NewReader(head[:n]), limited), func(n *names) bool { return n.more }).archive()
	switch by := what.by[0]; by {
	case Tar:
		return found{is: "a compressed tar archive without an image", by: []Transport{Tar}}, nil
	default:
		return found{is: "a compressed " + string(by), instead: "decompress it first"}, nil
	}
}

// lookIntoTar gathers the names in an archive, until they are enough.
func lookIntoTar(f io.Reader, enough func(*names) bool) *names {
	n := newNames()
	for tr := tar.NewReader(f); !enough(n); {
		h, err := tr.Next()
		if err != nil {
			// An archive that is broken is the importer's to refuse.
			return n
		}
		n.add(h.Name, h.Typeflag == tar.TypeDir)
		switch {
		case cleanName(h.Name) != "manifest.json":
		case h.Typeflag != tar.TypeReg:
			// It may lead to one.
			n.list = true
		default:
			content, _ := io.ReadAll(io.LimitReader(tr, manifestMax))
			n.addManifest(content)
		}
	}
	return n
}

// manifestMax is the size in bytes up to which manifest.json is read.
const manifestMax = 1 << 20

// archive is what a tar archive with such names is.
func (n *names) archive() found {
	var images []Transport
	if n.list {
		images = append(images, DockerArchive)
	}
	if n.isLayout() {
		images = append(images, OCIArchive)
	}
	switch {
	case len(images) == 0:
		return found{is: "a tar archive without an image", by: []Transport{Tar}}
	case n.hasOthers():
		return found{is: "a tar archive that has the files of an image, and others", by: append([]Transport{Tar}, images...)}
	case len(images) > 1:
		return found{is: "both what docker save writes and an OCI layout, which may hold different images", by: images}
	}
	return found{is: map[Transport]string{OCIArchive: "an OCI layout in an archive", DockerArchive: "what docker save writes"}[images[0]], by: images}
}

// CheckLayer refuses a bare layer that is an archive of an image, by the names of its
// entries and whether these are directories. Source.Check cannot look at those that are
// read from a pipe.
func CheckLayer(entries iter.Seq2[string, bool]) error {
	n := newNames()
	for name, isDir := range entries {
		if n.add(name, isDir); n.more {
			return nil
		}
	}
	switch {
	case n.hasOthers():
	case n.isSaved():
		return errors.New("it is what docker save writes, and no layer: write it to a FILE, and name that as docker-archive:FILE")
	case n.isLayout():
		return errors.New("it is an OCI layout in an archive, and no layer: write it to a FILE, and name that as oci-archive:FILE")
	}
	return nil
}
