package seals

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"cfsverify/canon"
	"cfsverify/canon/fsverity"
	"cfsverify/canon/seal"
	"cfsverify/importers/objects"
)

const (
	kernelsDir = "/boot/EFI/Linux/"
	addonsDir  = "/boot/loader/addons/"
	modulesDir = "/usr/lib/modules/"
)

// isUKIPath says that bootc and composefs-rs look there for a unified kernel
// image, or for an addon to one (crate composefs-boot, bootloader.rs).
func isUKIPath(path string) bool {
	if !strings.HasSuffix(path, ".efi") && !isAddonName(path) {
		return false
	}
	if strings.HasPrefix(path, kernelsDir) || strings.HasPrefix(path, addonsDir) {
		return true
	}
	below, found := strings.CutPrefix(path, modulesDir)
	return found && strings.Contains(below, "/")
}

// findUKIs finds the seals in the unified kernel images of a tree whose content is
// in a store, as far as it may be one.
func findUKIs(t *canon.Tree, store *objects.Store) ([]seal.Seal, error) {
	var found []bootSeal
	var addons []addon
	known := map[fsverity.Digest]*program{}
	for path, e := range t.All() {
		if e.Node.Kind == canon.Directory || !isUKIPath(path) {
			continue
		}
		p := &program{}
		if e.Node.Kind == canon.Regular {
			var err error
			if p, err = programOf(e.Node, store, known); err != nil {
				return nil, &canon.EntryError{Layer: e.Origin.Layer, Entry: int(e.Origin.Entry), Path: path, Err: err}
			}
		} else {
			// composefs-rs installs no image that has one.
			p.seals = []bootSeal{{Seal: seal.Seal{Err: fmt.Errorf("it is a %v, not a file", e.Node.Kind)}}}
		}
		seals := p.seals
		if p.addition != nil && isAddonName(path) {
			seals = p.added
			addons = append(addons, addon{path, p.uname, p.addition})
		}
		for _, s := range seals {
			s.Place, s.Name = seal.UKI, path
			found = append(found, s)
		}
		if err := checkSealCount(len(found)); err != nil {
			return nil, err
		}
	}
	var seals []seal.Seal
	for _, s := range found {
		if s.isKernel && s.Err == nil {
			s.Err = addedTo(s.Name, s.uname, addons)
		}
		seals = append(seals, s.Seal)
	}
	return seals, nil
}

// programOf reads a file, or knows it from another path.
func programOf(n *canon.Node, store *objects.Store, known map[fsverity.Digest]*program) (*program, error) {
	content := io.ReaderAt(strings.NewReader(""))
	switch c := n.Content; {
	case c == nil:
	case c.Inline != nil:
		content = strings.NewReader(string(c.Inline))
	case known[c.Digest] != nil:
		return known[c.Digest], nil
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
	p, err := f.program()
	if err == nil && n.Content != nil && n.Content.Inline == nil {
		known[n.Content.Digest] = p
	}
	return p, err
}

// OfUKI reads the seals on the command lines of a unified kernel image that
// the report calls name. A file that is none is an error.
func OfUKI(name string, r io.ReaderAt) ([]seal.Seal, error) {
	f, err := readUKI(r)
	if err != nil {
		return nil, err
	}
	found, err := f.bootSeals()
	if err != nil {
		return nil, err
	}
	var seals []seal.Seal
	for _, s := range found {
		s.Place, s.Name = seal.UKI, name
		seals = append(seals, s.Seal)
	}
	return seals, nil
}
