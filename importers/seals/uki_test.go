package seals

import (
	"bytes"
	"debug/pe"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
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

func TestReadPE(t *testing.T) {
	one := uki.File([2]string{".cmdline", "root=x"})
	many := [][2]string{{".cmdline", strings.Repeat("x", cmdlineMax)}, {".profile", ""}, {".cmdline", "x"}}
	for name, c := range map[string]struct {
		file []byte
		err  string
	}{
		"no PE":            {[]byte("MZ is not enough"), "it does not begin with MZ"},
		"another file":     {bytes.Repeat([]byte("x"), 1000), "it does not begin with MZ"},
		"no bytes":         {nil, "it does not begin with MZ"},
		"no header":        {patched(bytes.Clone(one), 0x3c, 0xff, 0xff, 0xff, 0xff), "its PE header is not where"},
		"short header":     {bytes.Clone(one[:0x40+10]), "its PE header is truncated"},
		"short optional":   {bytes.Clone(one[:sectionAt-238]), "its PE header is truncated"},
		"short table":      {bytes.Clone(one[:sectionAt+39]), "its section table is truncated"},
		"truncated":        {uki.File([2]string{".cmdline", strings.Repeat("x", 600)})[:700], "is outside of the file"},
		"too long":         {uki.File([2]string{".cmdline", strings.Repeat("x", cmdlineMax+1)}), "have more than 1048576 bytes"},
		"too long at once": {uki.File(many...), "have more than 1048576 bytes"},
		"too many":         {patched(bytes.Clone(one), 0x40+6, 0xff, 0xff), "it has 65535 sections"},
	} {
		checkPassed(t, name, c.file)
		if got, err := readUKI(bytes.NewReader(c.file)); got != nil || err == nil || !strings.Contains(err.Error(), c.err) {
			t.Errorf("%s: error %v, want %q", name, err, c.err)
		}
	}
}

// lines are the ways to boot a file.
func (f *ukiFile) lines() []string {
	var lines []string
	text := func(c *cmdline) string {
		switch {
		case c == nil:
			return "none"
		case c.doubt != nil:
			return "doubt: " + c.doubt.Error()
		}
		return fmt.Sprintf("%q", c.text)
	}
	if f.unbooted != nil {
		lines = append(lines, "unbooted "+text(f.unbooted))
	}
	for _, b := range f.boots {
		line := text(b.cmdline)
		if p := b.profile; p != nil {
			line = fmt.Sprintf("%d %s/%s %s", p.Number, p.ID, p.Title, line)
		}
		if b.uname != "" {
			line += " of " + b.uname
		}
		lines = append(lines, line)
	}
	return lines
}

// TestReadUKI: which command lines are booted, by systemd's src/boot/stub.c and pe.c of
// release 257.
func TestReadUKI(t *testing.T) {
	section := func(name, content string) [2]string { return [2]string{name, content} }
	for name, c := range map[string]struct {
		sections [][2]string
		want     []string
	}{
		"one":        {[][2]string{section(".cmdline", "root=x composefs=1\n\x00")}, []string{`"root=x composefs=1\n\x00"`}},
		"none":       {[][2]string{section(".text", "x")}, []string{"none"}},
		"empty":      {[][2]string{section(".cmdline", "")}, []string{"none"}},
		"no section": {nil, []string{"none"}},
		// Names are not looked up in the table of long ones.
		"a long name": {[][2]string{section("/4", "composefs=1")}, []string{"none"}},
		"another":     {[][2]string{section(".CMDLINE", "composefs=1"), section(".cmdlin", "composefs=1")}, []string{"none"}},
		"twice": {[][2]string{section(".cmdline", "a"), section(".cmdline", "a")},
			[]string{"doubt: it has 2 sections .cmdline where there is to be one: systemd-stub boots the first (release 257) or the last (254): leave one"}},
		"a profile of the whole": {[][2]string{section(".cmdline", "a"), section(".profile", "ID=main\nTITLE=Main system\n")}, []string{`0 main/Main system "a"`}},
		"profiles": {[][2]string{section(".cmdline", "a"), section(".uname", "6.1"), section(".profile", "ID=\"main\"\n#ID=other\n"), section(".profile", "TITLE='Factory reset'\x00"), section(".cmdline", "b"), section(".uname", "6.2")},
			[]string{`0 main/ "a" of 6.1`, `1 /Factory reset "b" of 6.2`}},
		"all with their own": {[][2]string{section(".cmdline", "a"), section(".profile", ""), section(".cmdline", "b"), section(".profile", "ID"), section(".cmdline", "c")},
			[]string{`unbooted "a"`, `0 / "b"`, `1 / "c"`}},
		"one without":      {[][2]string{section(".profile", "ID=a"), section(".cmdline", "b"), section(".profile", "ID=c")}, []string{`0 a/ "b"`, "1 c/ none"}},
		"one that is none": {[][2]string{section(".cmdline", "a"), section(".profile", "ID=b"), section(".profile", "ID=c"), section(".cmdline", "")}, []string{`0 b/ "a"`, "1 c/ none"}},
		"first":            {[][2]string{section(".profile", "ID=a"), section(".cmdline", "b")}, []string{`0 a/ "b"`}},
		"twice in one": {[][2]string{section(".cmdline", "a"), section(".profile", ""), section(".cmdline", ""), section(".cmdline", "b"), section(".profile", "")},
			[]string{"0 / doubt: it has 2 sections .cmdline where there is to be one: systemd-stub boots the first (release 257) or the last (254): leave one", `1 / "a"`}},
		"a long profile": {[][2]string{section(".cmdline", "a"), section(".profile", "ID=a\n"+strings.Repeat("#", profileMax))}, []string{`0 / "a"`}},
	} {
		for _, kernel := range []string{".linux", ".linux2", ".linu"} {
			got, err := readUKI(bytes.NewReader(uki.File(append([][2]string{section(kernel, "kernel")}, c.sections...)...)))
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			if diff := cmp.Diff(c.want, got.lines()); diff != "" {
				t.Errorf("%s: want -, got +\n%s", name, diff)
			}
			if got.isKernel != (kernel != ".linu") || got.isAddon != (kernel != ".linux") {
				t.Errorf("%s: a kernel: %v, an addon: %v", kernel, got.isKernel, got.isAddon)
			}
		}
	}
}

// TestMemory: what is read in the file is what is booted, if nothing else is loaded there.
func TestMemory(t *testing.T) {
	le := binary.LittleEndian
	const sizeAt, addressAt, rawAt = 8, 12, 16
	base := uki.File([2]string{".linux", "kernel"}, [2]string{".cmdline", "root=x"}, [2]string{".data", "data"})
	at := func(section int) int { return sectionAt + 40*section }
	address := func(section int) uint32 { return le.Uint32(base[at(section)+addressAt:]) }
	for name, c := range map[string]struct {
		section, field int
		value          uint32
		want           string
	}{
		"no other":           {2, sizeAt, 0, `"root=x"`},
		"apart":              {1, addressAt, address(1), `"root=x"`},
		"next to each other": {2, addressAt, address(1) + 6, `"root=x"`},
		"the last byte":      {2, addressAt, address(1) + 5, `doubt: its sections .cmdline and ".data" are loaded to the same memory, at 0x2000 and 0x2005,`},
		"a large kernel":     {0, sizeAt, address(1) - address(0) + 1, `doubt: its sections .cmdline and ".linux" are loaded to the same memory, at 0x2000 and 0x1000,`},
		"all memory":         {0, sizeAt, 0xffffffff, `doubt: its sections .cmdline and ".linux" are loaded to the same memory`},
		"the headers":        {1, addressAt, le.Uint32(base[at(0)-240+60:]) - 1, "doubt: its section .cmdline is loaded over the headers"},
		"a kernel over them": {0, addressAt, le.Uint32(base[at(0)-240+60:]) - 1, "doubt: its section .linux is loaded over the headers"},
		"behind the headers": {1, addressAt, le.Uint32(base[at(0)-240+60:]), `"root=x"`},
		"no file":            {1, rawAt, 0, "doubt: its section .cmdline has 6 bytes, of which the file has only 0: systemd-stub reads zeros"},
		"half a file":        {1, rawAt, 5, "doubt: its section .cmdline has 6 bytes, of which the file has only 5"},
	} {
		file := bytes.Clone(base)
		le.PutUint32(file[at(c.section)+c.field:], c.value)
		got, err := readUKI(bytes.NewReader(file))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if lines := got.lines(); len(lines) != 1 || !strings.HasPrefix(lines[0], c.want) {
			t.Errorf("%s: %q, want %q", name, lines, c.want)
		}
	}
	// Without SizeOfHeaders the section table ends the headers.
	file := bytes.Clone(base)
	le.PutUint32(file[at(0)-240+60:], 0)
	le.PutUint32(file[at(1)+addressAt:], uint32(at(3))-1)
	if got, err := readUKI(bytes.NewReader(file)); err != nil || !strings.Contains(got.lines()[0], "over the headers") {
		t.Errorf("%v, error %v", got.lines(), err)
	}
}

// TestShares: a section shares memory if it does with any other, in whatever order they are.
func TestShares(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	shared := 0
	for range 2000 {
		f := &peFile{sections: make([]pe.SectionHeader32, random.IntN(12))}
		for i := range f.sections {
			f.sections[i].VirtualAddress, f.sections[i].VirtualSize = random.Uint32N(40), random.Uint32N(6)
		}
		f.findShares()
		for i, j := range f.shares {
			from, to := f.memory(i)
			overlaps := func(j int) bool {
				begin, end := f.memory(j)
				return i != j && from < to && begin < end && from < end && begin < to
			}
			any := false
			for other := range f.sections {
				any = any || overlaps(other)
			}
			if any != (j >= 0) || j >= 0 && !overlaps(j) {
				t.Fatalf("%d shares with %d: %+v", i, j, f.sections)
			}
			if any {
				shared++
			}
		}
	}
	if shared == 0 {
		t.Error("nothing was shared")
	}
}

// TestKeptBytes: how much of a command line is kept depends on the machine.
func TestKeptBytes(t *testing.T) {
	for machine, want := range map[[2]byte]int{{0x64, 0x86}: 2047, {0x4c, 0x01}: 2047, {0x64, 0xaa}: 2047, {0xc2, 0x01}: 1023, {0x64, 0x50}: 1023, {0x64, 0x62}: 511, {0xff, 0xff}: 511} {
		argument := " composefs=" + strings.Repeat("8b", 64)
		for _, end := range []int{want, want + 1} {
			cmdline := strings.Repeat("x", end-len(argument)) + argument
			file := patched(uki.File([2]string{".linux", "kernel"}, [2]string{".cmdline", cmdline}), 0x44, machine[:]...)
			found, err := OfUKI("x", bytes.NewReader(file))
			if err != nil || len(found) != 1 || (found[0].Err == nil) != (end == want) {
				t.Errorf("%x, %d: %+v, error %v", machine, end, found, err)
			}
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
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{`"rw composefs.digest=v1\n"`}, got.lines()); diff != "" || got.isKernel {
		t.Errorf("a kernel: %v, %s", got.isKernel, diff)
	}
}

func TestUKIPaths(t *testing.T) {
	for path, want := range map[string]bool{
		"/boot/EFI/Linux/a.efi": true, "/boot/EFI/Linux/a.efi.extra.d/b.addon.efi": true, "/boot/loader/addons/x.addon.efi": true,
		"/boot/loader/addons/x.Addon.EFI": true, "/boot/EFI/Linux/a.EFI": false, "/usr/lib/modules/x.addon.EFI": false,
		"/usr/lib/modules/6.1/6.1.efi": true, "/usr/lib/modules/6.1/a/b.efi": true,
		"/usr/lib/modules/x.efi": false, "/boot/EFI/BOOT/BOOTX64.efi": false, "/boot/EFI/Linux/a.conf": false, "/usr/lib/systemd/boot/efi/a.efi": false,
	} {
		if isUKIPath(path) != want {
			t.Errorf("%s: %v", path, !want)
		}
	}
}

// FuzzUKI: whatever a file is, reading it ends, and gives no more than the limits.
func FuzzUKI(f *testing.F) {
	f.Add(uki.File([2]string{".cmdline", "a"}))
	f.Add(uki.File([2]string{".linux", "kernel"}, [2]string{".cmdline", "root=x composefs=1\n\x00"}, [2]string{".cmdline", "b"}))
	f.Add(uki.File([2]string{".linux", "kernel"}, [2]string{".cmdline", "composefs=1"}, [2]string{".profile", "ID=a\nTITLE=b"}, [2]string{".uname", "6.1"}, [2]string{".profile", ""}, [2]string{".cmdline", "b"}))
	f.Fuzz(func(t *testing.T, file []byte) {
		got, err := readUKI(bytes.NewReader(file))
		checkPassed(t, "the file", file)
		if (err == nil) != (got != nil) {
			t.Errorf("%v, error %v", got, err)
		}
		if got == nil {
			return
		}
		size := 0
		for _, c := range got.cmdlines() {
			size += len(c.text)
			if c.text == "" && c.doubt == nil {
				t.Error("an empty command line")
			}
		}
		if size > cmdlineMax || len(got.boots) == 0 || len(got.boots) > sectionsMax {
			t.Errorf("%d bytes in command lines, %d ways to boot", size, len(got.boots))
		}
		for _, b := range got.boots {
			if b.profile != nil && len(b.profile.ID)+len(b.profile.Title) > profileMax {
				t.Errorf("%+v", b.profile)
			}
		}
		p, err := got.program()
		if err != nil {
			return
		}
		if got.isKernel && len(p.seals) == 0 || len(p.seals) > SealsMax || len(p.added) > SealsMax || (p.addition != nil) != (len(p.added) > 0) {
			t.Errorf("%d seals, %d of an addon: %v", len(p.seals), len(p.added), p.addition)
		}
		for _, s := range p.added {
			if s.Err == nil {
				t.Errorf("%+v", s)
			}
		}
	})
}

// TestUKIMemory: sections that lead to the same bytes again and again are not read
// again and again.
func TestUKIMemory(t *testing.T) {
	var sections [][2]string
	for range (sectionsMax - 1) / 2 {
		sections = append(sections, [2]string{".profile", ""}, [2]string{".cmdline", "x"})
	}
	sections = append(sections, [2]string{".text", strings.Repeat("x", 1<<20)})
	file := uki.File(sections...)
	for i := range len(sections) - 1 {
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

// TestUKISealsMax: a command line that many profiles share is parsed once, and its seals
// are counted for each.
func TestUKISealsMax(t *testing.T) {
	sections := [][2]string{{".linux", "kernel"}, {".cmdline", strings.Repeat("composefs= ", SealsMax/500)}}
	for range 500 {
		sections = append(sections, [2]string{".profile", ""})
	}
	found, err := OfUKI("x", bytes.NewReader(uki.File(sections...)))
	if err != nil || len(found) != SealsMax {
		t.Errorf("%d seals, error %v", len(found), err)
	}
	sections = append(sections, [2]string{".profile", ""})
	if _, err := OfUKI("x", bytes.NewReader(uki.File(sections...))); err == nil || !strings.Contains(err.Error(), "more than 10000 seals") {
		t.Errorf("error %v", err)
	}
}
