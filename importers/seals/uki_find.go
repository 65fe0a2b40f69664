package seals

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"cfsverify/canon"
	"cfsverify/canon/seal"
	"cfsverify/importers/objects"
)

// findUKIs finds the seals in the unified kernel images of a tree whose content is
// in a store, as far as it may be one.
func findUKIs(t *canon.Tree, store *objects.Store) ([]seal.Seal, error) {
	var found []seal.Seal
	for path, e := range t.All() {
		if e.Node.Kind == canon.Directory || !isUKIPath(path) {
			continue
		}
		if e.Node.Kind != canon.Regular {
			// composefs-rs installs no image that has one.
			found = append(found, seal.Seal{Place: seal.UKI, Name: path, Err: fmt.Errorf("it is a %v, not a file", e.Node.Kind)})
			continue
		}
		more, err := sealsOfNode(path, e.Node, store)
		if err != nil {
			return nil, &canon.EntryError{Layer: e.Origin.Layer, Entry: int(e.Origin.Entry), Path: path, Err: err}
		}
		found = append(found, more...)
	}
	return found, nil
}

func sealsOfNode(path string, n *canon.Node, store *objects.Store) ([]seal.Seal, error) {
	content := io.ReaderAt(strings.NewReader(""))
	switch c := n.Content; {
	case c == nil:
	case c.Inline != nil:
		content = strings.NewReader(string(c.Inline))
	default:
		f, err := store.Open(c.Digest)
		if errors.Is(err, os.ErrNotExist) {
			// Only PE files are kept.
			break
		}
		if err != nil {
			return nil, err
		}
		defer f.Close()
		content = f
	}
	f, err := readUKI(content)
	if err != nil {
		return nil, err
	}
	if !f.isKernel {
		// Addons add what they like to a command line, and programs have none.
		return f.claims(path), nil
	}
	return f.seals(path), nil
}

// OfUKI reads the seals on the command lines of a unified kernel image that
// the report calls name. A file that is none is an error.
func OfUKI(name string, r io.ReaderAt) ([]seal.Seal, error) {
	f, err := readUKI(r)
	if err != nil {
		return nil, err
	}
	return f.seals(name), nil
}

// claims are the digests on the command lines.
func (f *ukiFile) claims(name string) []seal.Seal {
	var found []seal.Seal
	for i, cmdline := range f.cmdlines {
		for _, s := range seal.Kargs(cmdline) {
			found = append(found, f.at(name, i, s))
		}
	}
	return found
}

// seals are the claims, and what lacks one: each profile can be booted.
func (f *ukiFile) seals(name string) []seal.Seal {
	if f.cmdlines == nil {
		return []seal.Seal{{Place: seal.UKI, Name: name, Err: errors.New("it has no .cmdline section")}}
	}
	var found []seal.Seal
	for i, cmdline := range f.cmdlines {
		for _, s := range seal.CmdlineSeals(cmdline) {
			found = append(found, f.at(name, i, s))
		}
	}
	return found
}

// at is a seal on a command line, which has a number if there are several.
func (f *ukiFile) at(name string, i int, s seal.Seal) seal.Seal {
	s.Place, s.Name = seal.UKI, name
	if len(f.cmdlines) > 1 {
		s.CommandLine = i + 1
	}
	return s
}
