package source

import (
	"archive/tar"
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"

	"cfsverify/canon/erofs"
	"cfsverify/importers/blob"
)

// recognise finds out what a path without a transport is.
func recognise(arg string) (Source, error) {
	info, err := os.Stat(arg)
	if err != nil {
		return Source{}, unrecognised(arg)
	}
	if info.IsDir() {
		if exists(filepath.Join(arg, "oci-layout")) && exists(filepath.Join(arg, "index.json")) {
			return Source{Transport: OCI, Path: arg}, nil
		}
		return Source{Transport: Dir, Path: arg}, nil
	}
	if !info.Mode().IsRegular() {
		return Source{}, fmt.Errorf("%s is no regular file, so it cannot be looked at first: say what it is by one of %s", arg, prefixes())
	}
	f, err := os.Open(arg)
	if err != nil {
		return Source{}, err
	}
	defer f.Close()
	transport, err := recogniseFile(f)
	switch {
	case err != nil:
		return Source{}, fmt.Errorf("%s: %w", arg, err)
	case transport == "":
		return Source{}, fmt.Errorf("%s is none of the files that are recognised: say what it is by one of %s", arg, prefixes())
	case transport == Tar && strings.Contains(arg, ","):
		return Source{}, fmt.Errorf("%q: the name of a layer cannot have a comma, which stands between layers: give the file another name, or a symlink", arg)
	case transport == Tar:
		return Source{Transport: Tar, Layers: []string{arg}}, nil
	}
	return Source{Transport: transport, Path: arg}, nil
}

func unrecognised(arg string) error {
	// What exists up to a colon is most likely a layout with a tag.
	if path, ref := splitRef(arg, true); ref != "" && exists(path) {
		if s, err := recognise(path); err == nil && (s.Transport == OCI || s.Transport == OCIArchive || s.Transport == DockerArchive) {
			return fmt.Errorf("%s: no such file or directory: did you mean %s:%s", arg, s.Transport, arg)
		}
	}
	if prefix, rest, found := strings.Cut(arg, ":"); found && !strings.ContainsAny(prefix, "/.") {
		for _, t := range Transports() {
			if isTypo(prefix, string(t)) {
				return fmt.Errorf("%s: no such file or directory, and %q is no transport: did you mean %s:%s", arg, prefix, t, rest)
			}
		}
		return fmt.Errorf("%s: no such file or directory, and %q is no transport: use one of %s", arg, prefix, prefixes())
	}
	if _, err := name.ParseReference(arg); err != nil {
		return fmt.Errorf("%s: no such file or directory", arg)
	}
	return fmt.Errorf("%s: no such file or directory: an image in a registry is written docker://%s", arg, arg)
}

// isTypo says that a word is another one with a letter too many, too few, wrong,
// or at its neighbour's place, or in other case.
func isTypo(word, want string) bool {
	word = strings.ToLower(word)
	head := 0
	for head < len(word) && head < len(want) && word[head] == want[head] {
		head++
	}
	tail := 0
	for tail < len(word)-head && tail < len(want)-head && word[len(word)-1-tail] == want[len(want)-1-tail] {
		tail++
	}
	a, b := word[head:len(word)-tail], want[head:len(want)-tail]
	return len(a) <= 1 && len(b) <= 1 || len(a) == 2 && len(b) == 2 && a[0] == b[1] && a[1] == b[0]
}

func prefixes() string {
	var names []string
	for _, t := range Transports() {
		if t == Docker {
			names = append(names, "docker://")
			continue
		}
		names = append(names, string(t)+":")
	}
	return strings.Join(names, ", ")
}

// recogniseFile returns no transport for a file that it does not know.
func recogniseFile(f *os.File) (Transport, error) {
	head := make([]byte, 512)
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return "", err
	}
	head = head[:n]
	switch {
	case bytes.HasPrefix(head, []byte("/ ")):
		return Dump, nil
	case erofs.IsImage(head):
		return Erofs, nil
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}), bytes.HasPrefix(head, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		return recogniseCompressed(f)
	case len(head) == 512 && string(head[257:262]) == "ustar":
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return "", err
		}
		return recogniseTar(f, func(string) bool { return false })
	}
	return "", nil
}

// recogniseCompressed takes layers only: archives of images are read in any
// order, so they must not be compressed.
func recogniseCompressed(f *os.File) (Transport, error) {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return "", err
	}
	r, err := blob.NewReader(blob.Blob{Size: -1}, f, nil)
	if err != nil {
		// A layer that is broken is the importer's to refuse.
		return Tar, nil
	}
	defer r.Close()
	// To read all would take as long as to import it.
	transport, err := recogniseTar(r, func(name string) bool { return !inImageArchive(name) })
	if err == nil && transport != Tar {
		err = fmt.Errorf("it is a compressed %s: decompress it first", transport)
	}
	return transport, err
}

// recogniseTar tells image archives from layers by the files at their top, up to
// one that only a layer has.
func recogniseTar(f io.Reader, onlyInLayer func(name string) bool) (Transport, error) {
	found := Tar
	for tr := tar.NewReader(f); ; {
		h, err := tr.Next()
		if err != nil {
			// A layer that is broken is the importer's to refuse.
			return found, nil
		}
		name := strings.Trim(strings.TrimPrefix(h.Name, "./"), "/")
		if onlyInLayer(name) {
			return Tar, nil
		}
		switch name {
		case "oci-layout":
			return OCIArchive, nil
		case "manifest.json":
			// That of docker save is a list.
			first := make([]byte, 1)
			if _, err := io.ReadFull(tr, first); err == nil && first[0] == '[' {
				found = DockerArchive
			}
		}
	}
}

// inImageArchive says that archives of images have such a name: those of
// layouts, and of docker save, which calls files and directories by digests.
func inImageArchive(name string) bool {
	top, _, _ := strings.Cut(name, "/")
	switch top {
	case "", ".", "blobs", "index.json", "manifest.json", "oci-layout", "repositories":
		return true
	}
	digits, _, _ := strings.Cut(strings.TrimPrefix(top, "sha256:"), ".")
	_, err := hex.DecodeString(digits)
	return err == nil && len(digits) == 64
}
