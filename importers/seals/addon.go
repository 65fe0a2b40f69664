package seals

import (
	"fmt"
	"path"
	"strings"
)

const (
	addonSuffix = ".addon.efi"
	extraSuffix = ".efi.extra.d"
)

// addon is a file whose command line systemd-stub, since release 254, adds to those of
// kernels (src/boot/stub.c: load_addons). Only those are listed that change what composefs
// goes by.
type addon struct {
	path string
	// uname is the only release of kernels that it is for, if not empty.
	uname    string
	addition error
}

// isAddonName says that a file has the name of an addon, which systemd-stub compares
// without regard to case.
func isAddonName(path string) bool {
	return strings.HasSuffix(strings.ToLower(path), addonSuffix)
}

// addedTo says what addons add to the command line of the kernel at a path, if its
// release is uname; nil if nothing that composefs goes by.
func addedTo(kernel, uname string, addons []addon) error {
	for _, a := range addons {
		if a.isFor(kernel) && a.isForRelease(uname) {
			return fmt.Errorf("the addon %q %w, so that another image than that of the digest may be mounted: remove the addon", a.path, a.addition)
		}
	}
	return nil
}

// isFor says that an addon is for the kernel at a path: if it is for all, or in a
// directory NAME.efi.extra.d beside it. NAME is not compared: bootc gives the directory
// the name of the kernel that it installs (pe_output_dir of
// crates/lib/src/bootc_composefs/boot.rs), and boot loaders take counters out of it.
func (a *addon) isFor(kernel string) bool {
	if strings.HasPrefix(a.path, addonsDir) {
		return true
	}
	extra := path.Dir(a.path)
	return strings.HasSuffix(strings.ToLower(extra), extraSuffix) && installedDir(extra) == installedDir(kernel)
}

// installedDir is the directory, below that of all kernels, into which a file is installed.
func installedDir(file string) string {
	dir := path.Dir(file) + "/"
	if below, found := strings.CutPrefix(dir, kernelsDir); found {
		return below
	}
	if below, found := strings.CutPrefix(dir, modulesDir); found {
		_, below, _ = strings.Cut(below, "/")
		return below
	}
	return dir
}

// isForRelease compares as systemd-stub does: as many bytes as the addon has, and none if
// the kernel does not tell its release.
func (a *addon) isForRelease(uname string) bool {
	own, _, ended := strings.Cut(a.uname, "\x00")
	of, _, _ := strings.Cut(uname, "\x00")
	return uname == "" || of == own || !ended && strings.HasPrefix(of, own)
}
