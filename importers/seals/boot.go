package seals

import (
	"errors"
	"slices"
	"strings"

	"cfsverify/canon"
	"cfsverify/canon/seal"
)

const entriesDir = "/boot/loader/entries/"

// isLoaderEntry says that bootc and composefs-rs look there for an entry of the boot loader
// (UAPI group, "Boot Loader Specification", Type #1; crate composefs-boot, bootloader.rs).
func isLoaderEntry(path string) bool {
	name, found := strings.CutPrefix(path, entriesDir)
	return found && strings.HasSuffix(name, ".conf") && !strings.Contains(name, "/")
}

var (
	errLoaderEntry = errors.New("bootc installs this entry of the boot loader, whose command line nothing seals, in place of the unified kernel images: remove it")
	errDisputed    = errors.New("by the layer rules that were not chosen the image has another file there, or none: tools disagree about what is booted")
)

// withLoaderEntries adds to the seals of unified kernel images what is booted in place of
// them: bootc looks for entries of the boot loader first, and installs what it finds first
// (setup_composefs_boot of crates/lib/src/bootc_composefs/boot.rs). Those of all trees count,
// each of which is what some layer rules make of the image, or nil.
func withLoaderEntries(found []seal.Seal, trees ...*canon.Tree) []seal.Seal {
	if len(found) == 0 {
		return found
	}
	seen := map[string]bool{}
	for _, t := range trees {
		if t == nil {
			continue
		}
		dir := t.Lookup(strings.TrimSuffix(entriesDir, "/"))
		if dir == nil {
			continue
		}
		for _, e := range dir.Node.Children() {
			if path := entriesDir + e.Name; e.Node.Kind != canon.Directory && isLoaderEntry(path) && !seen[path] {
				seen[path] = true
				found = append(found, seal.Seal{Place: seal.LoaderEntry, Name: path, Err: errLoaderEntry})
			}
		}
	}
	return found
}

// withoutDisputed puts seals with Err in the place of those of files that other layer rules
// give other content, or leave out, and of files that only these have. The digests for
// booting do not depend on what is in /boot. Without another tree there are none.
func withoutDisputed(found []seal.Seal, t, other *canon.Tree) []seal.Seal {
	if other == nil {
		return found
	}
	disputed := map[string]bool{}
	var list []seal.Seal
	for path, p := range canon.Pairs(t, other) {
		if isUKIPath(path) && !isSameFile(p.A, p.B) {
			disputed[path] = true
			list = append(list, seal.Seal{Place: seal.UKI, Name: path, Err: errDisputed})
		}
	}
	return append(slices.DeleteFunc(found, func(f seal.Seal) bool { return disputed[f.Name] }), list...)
}

// isSameFile compares what two trees of the same layers have at a path, as far as it can be
// booted: so directories are nothing.
func isSameFile(a, b *canon.Dirent) bool {
	hasA, hasB := a != nil && a.Node.Kind != canon.Directory, b != nil && b.Node.Kind != canon.Directory
	return hasA == hasB && (!hasA || a.Node.Kind == b.Node.Kind && a.Node.Content == b.Node.Content)
}
