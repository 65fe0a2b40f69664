// Package qemu boots Debian's kernel in a virtual machine, with an initramfs of
// ours that does what a test tells it and says what came of it.
package qemu

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"cfsverify/testdata/oracle"
)

// Kernel is Debian's kernel for virtual machines, of amd64, unpacked.
type Kernel struct {
	// Suite is the part of Debian it is from, such as bookworm-backports.
	Suite string
	// Release is what uname -r says.
	Release string
	// Image is the path of the kernel.
	Image string
	// Modules are the paths of what the guest loads, in order.
	Modules []string
}

// moduleNames are in the order in which they need each other. What a kernel has
// not got as a module it has built in.
func moduleNames() []string {
	return []string{"virtio_ring", "virtio_pci_modern_dev", "virtio_pci_legacy_dev", "virtio", "virtio_pci", "virtio_blk",
		"libcrc32c", "erofs", "overlay", "sha512_generic"}
}

// Debian takes the kernel from the backports to this machine's release, and if
// that cannot be, from the release itself. The packages stay in the user's cache;
// the machine's own package lists are left alone.
func Debian(tb testing.TB) Kernel {
	tb.Helper()
	oracle.Apt(tb)
	release := oracle.Release(tb)
	var errs []error
	for _, suite := range []string{release + "-backports", release} {
		pkg := filepath.Join(oracle.Cache(tb), "linux-image-cloud-amd64-"+suite+".deb")
		if _, err := os.Stat(pkg); err != nil {
			if err := download(tb.TempDir(), suite, pkg); err != nil {
				errs = append(errs, err)
				continue
			}
		}
		k, err := unpack(pkg, tb.TempDir())
		if err != nil {
			tb.Fatalf("%s: %v: remove it to have it downloaded again", pkg, err)
		}
		k.Suite = suite
		return k
	}
	oracle.Missing(tb, fmt.Sprintf("Debian's kernel cannot be downloaded, connect to the network: %v", errors.Join(errs...)))
	return Kernel{}
}

// download gets the kernel that the newest linux-image-cloud-amd64 of a suite
// depends on.
func download(dir, suite, pkg string) error {
	apt, err := oracle.OpenSuite(dir, suite)
	if err != nil {
		return err
	}
	meta, err := apt.Run("apt-cache", "show", "--no-all-versions", "linux-image-cloud-amd64")
	if err != nil {
		return err
	}
	_, depends, _ := strings.Cut(meta, "\nDepends: ")
	name, _, _ := strings.Cut(depends, " ")
	return apt.Download(name, pkg)
}

// unpack takes the kernel and the modules out of a package.
func unpack(pkg, dir string) (Kernel, error) {
	archive, err := exec.Command("dpkg-deb", "--fsys-tarfile", pkg).Output()
	if err != nil {
		return Kernel{}, err
	}
	var k Kernel
	modules := map[string]string{}
	for r := tar.NewReader(bytes.NewReader(archive)); ; {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return Kernel{}, err
		}
		base := filepath.Base(h.Name)
		release, isKernel := strings.CutPrefix(base, "vmlinuz-")
		module, _, isModule := strings.Cut(base, ".ko")
		if h.Typeflag != tar.TypeReg || !isKernel && !isModule {
			continue
		}
		file := filepath.Join(dir, base)
		if isKernel {
			k.Release, k.Image = release, file
		} else {
			modules[module] = file
		}
		content, err := io.ReadAll(r)
		if err != nil {
			return Kernel{}, err
		}
		if err := os.WriteFile(file, content, 0o644); err != nil {
			return Kernel{}, err
		}
	}
	if k.Image == "" {
		return Kernel{}, errors.New("it has no kernel")
	}
	for _, name := range moduleNames() {
		if file, ok := modules[name]; ok {
			k.Modules = append(k.Modules, file)
		}
	}
	return k, nil
}

// AtLeast says that the kernel is of that version or a later one.
func (k Kernel) AtLeast(major, minor int) bool {
	var a, b int
	if _, err := fmt.Sscanf(k.Release, "%d.%d", &a, &b); err != nil {
		return false
	}
	return a > major || a == major && b >= minor
}
