package oracle

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// ukifySuite is the part of Debian whose systemd knows profiles: release 257.
const ukifySuite = "trixie"

// Ukify is systemd's program for making unified kernel images, and the stubs that boot
// them and that addons begin with.
type Ukify struct{ program, Stub, AddonStub string }

// python is Debian's, which finds Debian's modules.
const python = "/usr/bin/python3"

// FindUkify takes systemd 257 from Debian. The packages stay in the user's cache.
func FindUkify(tb testing.TB) Ukify {
	tb.Helper()
	Apt(tb)
	if err := exec.Command(python, "-c", "import pefile").Run(); err != nil {
		Missing(tb, "ukify needs pefile: install the package python3-pefile")
	}
	root := tb.TempDir()
	for _, pkg := range []string{"systemd-ukify", "systemd-boot-efi"} {
		file := filepath.Join(Cache(tb), pkg+"-"+ukifySuite+".deb")
		if _, err := os.Stat(file); err != nil {
			suite, err := OpenSuite(tb.TempDir(), ukifySuite)
			if err == nil {
				err = suite.Download(pkg, file)
			}
			if err != nil {
				Missing(tb, "Debian's "+pkg+" cannot be downloaded, connect to the network: "+err.Error())
			}
		}
		if out, err := exec.Command("dpkg-deb", "-x", file, root).CombinedOutput(); err != nil {
			tb.Fatalf("%s: %v: remove it to have it downloaded again\n%s", file, err, out)
		}
	}
	stubs := filepath.Join(root, "usr/lib/systemd/boot/efi")
	return Ukify{filepath.Join(root, "usr/bin/ukify"), filepath.Join(stubs, "linuxx64.efi.stub"), filepath.Join(stubs, "addonx64.efi.stub")}
}

// Build makes a file of options of ukify build, and returns its path.
func (u Ukify) Build(tb testing.TB, options ...string) string {
	tb.Helper()
	file := filepath.Join(tb.TempDir(), "x.efi")
	c := exec.Command(python, append([]string{u.program, "build", "--output", file}, options...)...)
	if out, err := c.CombinedOutput(); err != nil {
		tb.Fatalf("%v: %v\n%s", c, err, out)
	}
	return file
}
