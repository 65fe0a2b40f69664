package seals

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

// patched changes bytes of a file.
func patched(file []byte, at int, bytes ...byte) []byte {
	copy(file[at:], bytes)
	return file
}

// sectionAt is where smallest files of uki.File have the headers of sections.
const sectionAt = 0x40 + 24 + 240

func TestReadUKI(t *testing.T) {
	kernel := [2]string{".linux", "kernel"}
	one := uki.File([2]string{".cmdline", "root=x"})
	for name, c := range map[string]struct {
		file []byte
		want *ukiFile
		err  string
	}{
		"a kernel":         {uki.File(kernel, [2]string{".cmdline", "root=x composefs=1\n\x00"}), &ukiFile{[]string{"root=x composefs=1\n\x00"}, true}, ""},
		"profiles":         {uki.File(kernel, [2]string{".cmdline", "a"}, [2]string{".profile", "x"}, [2]string{".cmdline", "b"}), &ukiFile{[]string{"a", "b"}, true}, ""},
		"an addon":         {uki.File([2]string{".cmdline", "a"}), &ukiFile{[]string{"a"}, false}, ""},
		"a program":        {uki.File([2]string{".text", "x"}), &ukiFile{}, ""},
		"no sections":      {uki.File(), &ukiFile{}, ""},
		"a long name":      {uki.File([2]string{"/4", "composefs=1"}), &ukiFile{}, ""},
		"empty":            {uki.File([2]string{".cmdline", ""}), &ukiFile{[]string{""}, false}, ""},
		"no PE":            {[]byte("MZ is not enough"), nil, "it does not begin with MZ"},
		"another file":     {bytes.Repeat([]byte("x"), 1000), nil, "it does not begin with MZ"},
		"no bytes":         {nil, nil, "it does not begin with MZ"},
		"no header":        {patched(bytes.Clone(one), 0x3c, 0xff, 0xff, 0xff, 0xff), nil, "its PE header is not where"},
		"short header":     {bytes.Clone(one[:0x40+10]), nil, "its PE header is truncated"},
		"short table":      {bytes.Clone(one[:sectionAt+39]), nil, "its section table is truncated"},
		"truncated":        {uki.File([2]string{".cmdline", strings.Repeat("x", 600)})[:700], nil, "is outside of the file"},
		"unloaded":         {patched(bytes.Clone(one), sectionAt+8, 1, 2), nil, "has 513 bytes, of which the file has only 512"},
		"too long":         {uki.File([2]string{".cmdline", strings.Repeat("x", cmdlineMax+1)}), nil, "have more than 1048576 bytes"},
		"too long at once": {uki.File([2]string{".cmdline", strings.Repeat("x", cmdlineMax)}, [2]string{".cmdline", "x"}), nil, "have more than 1048576 bytes"},
		"too many":         {patched(bytes.Clone(one), 0x40+6, 0xff, 0xff), nil, "it has 65535 sections"},
	} {
		got, err := readUKI(bytes.NewReader(c.file))
		if (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%s: error %v, want %q", name, err, c.err)
		}
		if diff := cmp.Diff(c.want, got, cmp.AllowUnexported(ukiFile{})); diff != "" {
			t.Errorf("%s: %s", name, diff)
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
	got, err := readUKI(f)
	if diff := cmp.Diff(&ukiFile{cmdlines: []string{"rw composefs.digest=v1\n"}}, got, cmp.AllowUnexported(ukiFile{})); diff != "" || err != nil {
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

// FuzzUKI: whatever a file is, reading it ends, and gives no more than the limit.
func FuzzUKI(f *testing.F) {
	f.Add(uki.File([2]string{".cmdline", "a"}))
	f.Add(uki.File([2]string{".linux", "kernel"}, [2]string{".cmdline", "root=x composefs=1\n\x00"}, [2]string{".cmdline", "b"}))
	f.Fuzz(func(t *testing.T, file []byte) {
		got, err := readUKI(bytes.NewReader(file))
		if (err == nil) != (got != nil) {
			t.Errorf("%v, error %v", got, err)
		}
		if got == nil {
			return
		}
		size := 0
		for _, c := range got.cmdlines {
			size += len(c)
		}
		if size > cmdlineMax || len(got.cmdlines) > sectionsMax {
			t.Errorf("%d bytes in %d command lines", size, len(got.cmdlines))
		}
	})
}

// TestUKIMemory: sections that lead to the same bytes again and again are not read
// again and again.
func TestUKIMemory(t *testing.T) {
	var sections [][2]string
	for range sectionsMax - 1 {
		sections = append(sections, [2]string{".cmdline", "x"})
	}
	sections = append(sections, [2]string{".text", strings.Repeat("x", 1<<20)})
	file := uki.File(sections...)
	for i := range sectionsMax - 1 {
		// The size in memory and in the file, and relocations without number.
		patched(file, sectionAt+40*i+8, 0, 0, 15, 0)
		patched(file, sectionAt+40*i+16, 0, 0, 15, 0)
		patched(file, sectionAt+40*i+32, 0xff, 0xff)
	}
	allocated := testing.Benchmark(func(b *testing.B) {
		for b.Loop() {
			if _, err := readUKI(bytes.NewReader(file)); err == nil || !strings.Contains(err.Error(), "more than 1048576 bytes") {
				b.Errorf("error %v", err)
			}
		}
	}).AllocedBytesPerOp()
	if allocated > 4<<20 {
		t.Errorf("%d bytes of memory", allocated)
	}
}
