package importers

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cfsverify/testdata/oracle"
	"cfsverify/testdata/uki"
)

func TestUKICmdlines(t *testing.T) {
	for name, c := range map[string]struct {
		file []byte
		want []string
		err  string
	}{
		"one":          {uki.File([2]string{".linux", "kernel"}, [2]string{".cmdline", "root=x composefs=1\n\x00"}), []string{"root=x composefs=1"}, ""},
		"profiles":     {uki.File([2]string{".cmdline", "a"}, [2]string{".cmdline", "b"}), []string{"a", "b"}, ""},
		"none":         {uki.File([2]string{".linux", "kernel"}), nil, "no .cmdline section"},
		"no PE":        {[]byte("MZ is not enough"), nil, "no PE file"},
		"empty":        {nil, nil, "no PE file"},
		"truncated":    {uki.File([2]string{".cmdline", strings.Repeat("x", 600)})[:500], nil, "truncated"},
		"beyond limit": {uki.File([2]string{".cmdline", strings.Repeat("x", cmdlineMax+1)}), nil, "the limit is"},
	} {
		got, isKernel, err := UKICmdlines(bytes.NewReader(c.file))
		if isKernel != (name == "one" || name == "none") {
			t.Errorf("%s: a kernel: %v", name, isKernel)
		}
		if diff := cmp.Diff(c.want, got); diff != "" || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%s: error %v, %s", name, err, diff)
		}
	}
}

// TestUKIOfObjcopy: objcopy adds the command line to an EFI program as it does for
// systemd's stub.
func TestUKIOfObjcopy(t *testing.T) {
	objcopy := oracle.Tool(t, "objcopy", "binutils")
	const stub = "/usr/lib/systemd/boot/efi/linuxx64.efi.stub"
	if _, err := os.Stat(stub); err != nil {
		oracle.Missing(t, stub+" is missing: install the package systemd-boot-efi")
	}
	dir := t.TempDir()
	cmdline, file := filepath.Join(dir, "cmdline"), filepath.Join(dir, "uki.efi")
	if err := os.WriteFile(cmdline, []byte("rw composefs.digest=v1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(objcopy, "--add-section", ".cmdline="+cmdline, "--change-section-vma", ".cmdline=0x30000", stub, file).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	got, _, err := UKICmdlines(f)
	if diff := cmp.Diff([]string{"rw composefs.digest=v1"}, got); diff != "" || err != nil {
		t.Errorf("error %v, %s", err, diff)
	}
}

func TestUKIPaths(t *testing.T) {
	for path, want := range map[string]bool{
		"/boot/EFI/Linux/a.efi": true, "/boot/EFI/Linux/a.efi.extra.d/b.addon.efi": true, "/boot/loader/addons/x.addon.efi": true,
		"/usr/lib/modules/6.1/6.1.efi": true, "/usr/lib/modules/6.1/a/b.efi": true,
		"/usr/lib/modules/x.efi": false, "/boot/EFI/BOOT/BOOTX64.efi": false, "/boot/EFI/Linux/a.conf": false, "/usr/lib/systemd/boot/efi/a.efi": false,
	} {
		if isUKIPath(path) != want {
			t.Errorf("%s: %v", path, !want)
		}
	}
}

// FuzzUKI: whatever a file is, reading it ends, without much memory.
func FuzzUKI(f *testing.F) {
	f.Add(uki.File([2]string{".cmdline", "a"}))
	f.Add(uki.File([2]string{".linux", "kernel"}, [2]string{".cmdline", "root=x composefs=1\n\x00"}, [2]string{".cmdline", "b"}))
	f.Fuzz(func(t *testing.T, file []byte) {
		cmdlines, _, err := UKICmdlines(bytes.NewReader(file))
		if (err == nil) != (len(cmdlines) > 0) {
			t.Errorf("%q, error %v", cmdlines, err)
		}
		for _, c := range cmdlines {
			if len(c) > len(file) {
				t.Errorf("%d bytes out of %d", len(c), len(file))
			}
		}
	})
}
