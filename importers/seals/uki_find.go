package seals

import (
	"fmt"
	"io"
	"strings"

	"cfsverify/canon"
	"cfsverify/canon/seal"
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

// findUKIs finds the seals in the unified kernel images of a tree that was read.
func findUKIs(t *canon.Tree, files *Reading) ([]seal.Seal, error) {
	var found []bootSeal
	var addons []addon
	for path, e := range t.All() {
		if e.Node.Kind == canon.Directory || !isUKIPath(path) {
			continue
		}
		p := &program{}
		if e.Node.Kind == canon.Regular {
			var err error
			if p, err = files.programOf(e.Node); err != nil {
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

// OfUKI reads the seals on the command lines of a unified kernel image of the user's that
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
		s.Place, s.Name, s.OfUser = seal.UKI, name, true
		seals = append(seals, s.Seal)
	}
	return seals, nil
}
