// Package content opens the content of a tree's files, wherever the tree came from: a
// directory, a content store, or an image whose content goes to a temporary store while
// it is read. Trees are read by other rooms.
package content

import (
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"cfsverify/canon"
	"cfsverify/importers/objects"
	"cfsverify/importers/source"
)

// Content is where the content of files comes from.
type Content struct {
	// Open gives that of a file of the tree.
	Open func(path string, n *canon.Node) (io.ReadCloser, error)
	// Store, if not nil, is to get the content of the source while it is imported.
	Store *objects.Store
	// Close ends the use of the content; a temporary store is removed.
	Close func() error
}

// MissingError says that a source has only the digests of its files' content.
type MissingError struct{ Source source.Source }

func (e *MissingError) Error() string { return fmt.Sprintf("its content is not in %v", e.Source) }

// Of gives the content of a source, which that of a dump file or composefs image must
// have in the content store that is named, if any: else a file with content is a
// *MissingError. ifInterrupted is told how to remove a temporary store.
func Of(from source.Source, store string, ifInterrupted func(cleanup func() error)) (*Content, error) {
	switch {
	case from.Transport == source.Dir:
		return below(from.Path, func(path string, _ *canon.Node) string { return path })
	case store != "":
		return below(store, func(_ string, n *canon.Node) string { return n.Content.Payload() })
	case from.IsFinal():
		return &Content{Close: func() error { return nil }, Open: func(string, *canon.Node) (io.ReadCloser, error) {
			return nil, &MissingError{from}
		}}, nil
	}
	made, err := objects.Temporary()
	if err != nil {
		return nil, err
	}
	ifInterrupted(made.Close)
	return &Content{Store: made, Close: made.Close, Open: made.OpenContent}, nil
}

// below opens files below a directory, out of which no symlink leads.
func below(dir string, name func(path string, n *canon.Node) string) (*Content, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	return &Content{Close: root.Close, Open: func(path string, n *canon.Node) (io.ReadCloser, error) {
		// Whatever became of the file since, opening it must not wait.
		f, err := root.OpenFile(strings.TrimPrefix(name(path, n), "/"), os.O_RDONLY|unix.O_NONBLOCK, 0)
		if err != nil {
			return nil, err
		}
		return f, nil
	}}, nil
}
