package importers

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"cfsverify/canon"
	"cfsverify/canon/seal"
)

// findUKIs finds the seals in the unified kernel images of a tree whose content is
// in a store, as far as it may be one.
func findUKIs(t *canon.Tree, store *ObjectStore) ([]seal.Found, error) {
	var found []seal.Found
	for path, e := range t.All() {
		if e.Node.Kind != canon.Regular || !isUKIPath(path) {
			continue
		}
		more, err := sealsOfNode(path, e.Node, store)
		if err != nil {
			err = &EntryError{Layer: e.Origin.Layer, Entry: int(e.Origin.Entry), Path: path, Err: err}
			return nil, err
		}
		found = append(found, more...)
	}
	return found, nil
}

func sealsOfNode(path string, n *canon.Node, store *ObjectStore) ([]seal.Found, error) {
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
	found, isKernel, err := SealsOfUKI(path, content)
	if errors.Is(err, ErrNoCmdline) {
		if !isKernel {
			return nil, nil
		}
		return []seal.Found{{Place: seal.UKI, Name: path, Err: err}}, nil
	}
	if !isKernel && len(found) == 1 && found[0].Err == errNoDigest {
		// Addons may add something else.
		return nil, nil
	}
	return found, err
}

var errNoDigest = errors.New("its command line has no composefs digest")

// SealsOfUKI reads the seals on the command lines of a unified kernel image that
// the report calls name. One without seals is of no known form. See UKICmdlines.
func SealsOfUKI(name string, r io.ReaderAt) (found []seal.Found, isKernel bool, err error) {
	cmdlines, isKernel, err := UKICmdlines(r)
	if err != nil {
		return nil, isKernel, err
	}
	for i, cmdline := range cmdlines {
		at := name
		if len(cmdlines) > 1 {
			at = fmt.Sprintf("%s, command line %d", name, i+1)
		}
		for _, f := range seal.Kargs(cmdline) {
			f.Place, f.Name = seal.UKI, at
			found = append(found, f)
		}
	}
	if found == nil {
		found = []seal.Found{{Place: seal.UKI, Name: name, Err: errNoDigest}}
	}
	return found, isKernel, nil
}
