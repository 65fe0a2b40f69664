package importers

import (
	"bytes"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cfsverify/testdata/oracle"
)

// smallPE is a PE file without code, by the PE format's specification, with
// sections of these names and contents.
func smallPE(sections ...[2]string) []byte {
	le := binary.LittleEndian
	out := make([]byte, 0x40)
	copy(out, "MZ")
	le.PutUint32(out[0x3c:], 0x40)
	out = append(out, "PE\x00\x00"...)
	out = le.AppendUint16(out, 0x8664)
	out = le.AppendUint16(out, uint16(len(sections)))
	out = append(out, make([]byte, 12)...)
	const optional = 240
	out = le.AppendUint16(out, optional)
	out = le.AppendUint16(out, 0x22)
	header := make([]byte, optional)
	le.PutUint16(header, 0x20b)
	le.PutUint32(header[108:], 16)
	out = append(out, header...)
	data := len(out) + 40*len(sections)
	var content []byte
	for _, s := range sections {
		name := make([]byte, 8)
		copy(name, s[0])
		out = append(out, name...)
		padded := append([]byte(s[1]), make([]byte, -len(s[1])&511)...)
		for _, n := range []int{len(s[1]), 0x1000, len(padded), data + len(content)} {
			out = le.AppendUint32(out, uint32(n))
		}
		out = append(out, make([]byte, 16)...)
		content = append(content, padded...)
	}
	return append(out, content...)
}

func TestUKICmdlines(t *testing.T) {
	for name, c := range map[string]struct {
		file []byte
		want []string
		err  string
	}{
		"one":          {smallPE([2]string{".linux", "kernel"}, [2]string{".cmdline", "root=x composefs=1\n\x00"}), []string{"root=x composefs=1"}, ""},
		"profiles":     {smallPE([2]string{".cmdline", "a"}, [2]string{".cmdline", "b"}), []string{"a", "b"}, ""},
		"none":         {smallPE([2]string{".linux", "kernel"}), nil, "no .cmdline section"},
		"no PE":        {[]byte("MZ is not enough"), nil, "no PE file"},
		"empty":        {nil, nil, "no PE file"},
		"truncated":    {smallPE([2]string{".cmdline", strings.Repeat("x", 600)})[:500], nil, "truncated"},
		"beyond limit": {smallPE([2]string{".cmdline", strings.Repeat("x", cmdlineMax+1)}), nil, "the limit is"},
	} {
		got, err := UKICmdlines(bytes.NewReader(c.file))
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
	cmdline, uki := filepath.Join(dir, "cmdline"), filepath.Join(dir, "uki.efi")
	if err := os.WriteFile(cmdline, []byte("rw composefs.digest=v1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(objcopy, "--add-section", ".cmdline="+cmdline, "--change-section-vma", ".cmdline=0x30000", stub, uki).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	f, err := os.Open(uki)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	got, err := UKICmdlines(f)
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
	f.Add(smallPE([2]string{".cmdline", "a"}))
	f.Add(smallPE([2]string{".linux", "kernel"}, [2]string{".cmdline", "root=x composefs=1\n\x00"}, [2]string{".cmdline", "b"}))
	f.Fuzz(func(t *testing.T, file []byte) {
		cmdlines, err := UKICmdlines(bytes.NewReader(file))
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
