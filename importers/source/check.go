package source

import (
	"fmt"
	"slices"
	"strings"

	"cfsverify/canon/printable"
)

// Check looks at what a source names, and refuses what its transport would read as
// something that it is not: the digest would be of the wrong thing. What cannot be looked
// at, or may be anything, is for the reader to judge. A root file system may have the
// files of an OCI layout, and a layer those of an image, if they have others as well.
func (s Source) Check() error {
	if s.Transport == Tar {
		// A layer above may bring nothing but an image.
		s.Layers, s.Path = s.Layers[:1], s.Layers[0]
	}
	if len(s.Files()) == 0 || s.Path == "-" {
		return nil
	}
	what, err := look(s.Path, s.fits)
	if err != nil {
		return nil
	}
	return s.hold(what)
}

// fits says that an archive is one that the transport reads, whatever else is in it.
func (s Source) fits(n *names) bool {
	switch s.Transport {
	case Tar:
		return n.more
	case OCIArchive:
		return n.isLayout()
	case DockerArchive:
		return n.list
	}
	return false
}

// CheckHead does what Check does for a dump file or composefs image that begins so.
func (s Source) CheckHead(head []byte) error {
	return s.hold(lookAtHead(head[:min(len(head), HeadSize)]))
}

// hold refuses what the source's transport does not read.
func (s Source) hold(what found) error {
	if what.is == "" || slices.Contains(what.by, s.Transport) {
		return nil
	}
	return what.refuse(s.Name(), s.Path, s.Ref)
}

// refuse says of what a user wrote what is there, and how to name it.
func (w found) refuse(written, path, ref string) error {
	if w.instead != "" {
		return fmt.Errorf("%s: it is %s: %s", printable.Text(written), w.is, w.instead)
	}
	var names []string
	for _, t := range w.by {
		name := w.name(t, path, ref)
		switch {
		case len(w.by) > 1:
			name += " for " + purpose(t)
		case t == Tar:
			name += " if it is a layer"
		}
		names = append(names, name)
	}
	return fmt.Errorf("%s: it is %s: write %s", printable.Text(written), w.is, strings.Join(names, ", "))
}

// name is what is there, as a transport reads it.
func (w found) name(t Transport, path, ref string) string {
	s := Source{Transport: t, Path: path}
	switch {
	case t == Tar:
		s.Layers = []string{path}
	case t == OCI || t == OCIArchive, t == DockerArchive && !strings.HasPrefix(ref, "sha256:"):
		s.Ref = ref
	}
	return s.String()
}

// purpose is what a transport is chosen for where there are several.
func purpose(t Transport) string {
	switch t {
	case Dir:
		return "the root file system"
	case OCI, OCIArchive:
		return "the image in the layout"
	case DockerArchive:
		return "the image that docker save wrote"
	case Tar:
		return "a layer"
	}
	return "the tree that is written in it"
}
