package seals_test

import (
	"bytes"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cfsverify/canon/seal"
	"cfsverify/importers/seals"
	"cfsverify/testdata/oracle"
	"cfsverify/testdata/qemu"
)

// TestStub: what systemd's stub passes to Debian's kernel, of a file made by ukify, is what
// its seals say, profile by profile; and where they say that it cannot be told, the file
// has another text, or another release of the stub boots another one.
func TestStub(t *testing.T) {
	if testing.Short() {
		t.Skip("boots virtual machines: not with -short")
	}
	oracle.Tool(t, "qemu-system-x86_64", "qemu-system-x86")
	kernel, ukify := qemu.Debian(t), oracle.FindUkify(t)
	initramfs := qemu.Initramfs(t, kernel, []string{"cmdline"})
	digest := func(digit string) string { return "composefs=" + hexOf(digit) }
	build := func(stub string, options ...string) string {
		return ukify.Build(t, append([]string{"--stub", stub, "--linux", kernel.Image, "--initrd", initramfs}, options...)...)
	}
	profile := func(options ...string) string {
		return ukify.Build(t, append([]string{"--stub", ukify.AddonStub, "--sbat="}, options...)...)
	}
	boot := func(args []string) string {
		got := qemu.Boot(t, args...)
		text, found := strings.CutPrefix(got[0], "cmdline: ")
		if len(got) != 1 || !found {
			t.Fatalf("the guest said %q", got)
		}
		// Of a command without a result the guest says that it is done.
		return strings.TrimPrefix(text, "ok")
	}

	t.Run("a profile with what addons add", func(t *testing.T) {
		file := build(ukify.Stub, "--cmdline", "com\U0001f427posefs="+hexOf("1")+"\x01x "+digest("2"), "--uname", kernel.Release, "--profile", "ID=main")
		addon := func(cmdline, release string) string {
			return ukify.Build(t, "--stub", ukify.AddonStub, "--cmdline", cmdline, "--uname", release)
		}
		extra := qemu.BootProgram + ".extra.d/"
		got := boot(qemu.Firmware(t, map[string]string{
			qemu.BootProgram: file, "loader/addons/g.addon.efi": addon("for=all", kernel.Release),
			extra + "a.addon.efi": addon(digest("3"), kernel.Release[:4]), extra + "b.Addon.EFI": addon("in=upper-case", kernel.Release),
			extra + "c.addon.efi": addon("of=another-release", kernel.Release+"x"), extra + "d.efi": addon("no=addon", kernel.Release),
		}))
		want := digest("1") + " x " + digest("2") + " for=all " + digest("3") + " in=upper-case"
		if got != want {
			t.Errorf("it booted %q, want %q", got, want)
		}
		wantSeals(t, file, "@0main: its command line has control characters or characters above U+FFFF, which systemd-stub turns into spaces or leaves out: the kernel gets other composefs arguments than composefs-rs reads there: remove them")
	})

	// In the second profile one digest ends at the last byte that the kernel keeps.
	until := func(end int, argument string) string {
		return strings.Repeat("x", end-len(argument)-1) + " " + argument
	}
	file := build(ukify.Stub, "--cmdline", digest("1"), "--profile", "ID=a", "--join-profile", profile("--profile", "ID=b", "--cmdline", until(2047, digest("2"))+" "+digest("3")),
		"--join-profile", profile("--profile", "ID=c", "--cmdline", until(2048, digest("4"))), "--join-profile", profile("--profile", "ID=d", "--cmdline", "empty"))
	content := read(t, file)
	// Nobody makes an empty section by name.
	le := binary.LittleEndian
	at := bytes.LastIndex(content[:4096], []byte(".cmdline"))
	le.PutUint32(content[at+8:], 0)
	file = write(t, content)
	kept := func(keeps string) string {
		return ": it ends at byte " + keeps + " of the command line, of which the kernel keeps 2047: move it to the front, or shorten what is before it"
	}
	wantSeals(t, file, "@0a composefs = 1…", "@1b composefs = 2…", "@1b composefs = 3…"+kept("2186"), "@2c composefs = 4…"+kept("2048"),
		"@3d: it has no .cmdline section, or an empty one: systemd-stub boots it with what the boot loader passes, with Secure Boot too: give it a command line with a digest")
	for options, want := range map[string]string{"@1": until(2047, digest("2")), "@3": ""} {
		t.Run("profile "+options, func(t *testing.T) {
			if got := boot(qemu.FirmwareOptions(t, file, options)); got != want {
				t.Errorf("it booted %q, want %q", got, want)
			}
		})
	}

	for release, c := range map[string]struct{ stub, want string }{"257": {ukify.Stub, digest("1")}, "252": {qemu.Stub(t), digest("2")}} {
		t.Run("two command lines and stub "+release, func(t *testing.T) {
			if !bytes.Contains(read(t, c.stub), []byte("systemd-stub "+release)) {
				oracle.Missing(t, c.stub+" is not of release "+release+", as Debian has it")
			}
			file := withCmdlines(t, c.stub, kernel.Image, initramfs, digest("1"), digest("2"))
			if got := boot(qemu.FirmwareOptions(t, file, "")); got != c.want {
				t.Errorf("it booted %q, want %q", got, c.want)
			}
			wantSeals(t, file, ": it has 2 sections .cmdline where there is to be one: systemd-stub boots the first (release 257) or the last (254): leave one")
		})
	}

	t.Run("sections in the same memory", func(t *testing.T) {
		content := read(t, build(ukify.Stub, "--cmdline", digest("1"), "--section", ".other:"+digest("2")))
		header := func(name string) []byte { return content[bytes.Index(content, []byte(name+"\x00")):] }
		copy(header(".other")[12:16], content[bytes.Index(content, []byte(".cmdline"))+12:][:4])
		file := write(t, content)
		if got, want := boot(qemu.FirmwareOptions(t, file, "")), digest("2"); got != want {
			t.Errorf("it booted %q, want %q", got, want)
		}
		found := sealsOfFile(t, file)
		if len(found) != 1 || found[0].Err == nil || !strings.Contains(found[0].Err.Error(), `its sections .cmdline and ".other" are loaded to the same memory`) {
			t.Errorf("%q", sealLines(found))
		}
	})
}

// withCmdlines adds two command lines to a stub, which neither ukify nor objcopy do by name.
func withCmdlines(t *testing.T, stub, kernel, initramfs, first, second string) string {
	t.Helper()
	size := func(file string) int64 { return int64(len(read(t, file))) }
	arguments := qemu.ObjcopyArguments(t, stub, []qemu.Section{
		{Name: ".cmdline", File: write(t, []byte(first)), Size: int64(len(first))},
		{Name: ".cmdlin2", File: write(t, []byte(second)), Size: int64(len(second))},
		{Name: ".initrd", File: initramfs, Size: size(initramfs)},
		{Name: ".linux", File: kernel, Size: size(kernel)},
	})
	file := filepath.Join(t.TempDir(), "x.efi")
	if out, err := exec.Command(oracle.Tool(t, "objcopy", "binutils"), append(strings.Fields(arguments), stub, file)...).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return write(t, bytes.ReplaceAll(read(t, file), []byte(".cmdlin2"), []byte(".cmdline")))
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func write(t *testing.T, content []byte) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "x.efi")
	if err := os.WriteFile(file, content, 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

func sealsOfFile(t *testing.T, file string) []seal.Seal {
	t.Helper()
	found, err := seals.OfUKI("", bytes.NewReader(read(t, file)))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// wantSeals are the lines of the seals of a file, without their beginning.
func wantSeals(t *testing.T, file string, want ...string) {
	t.Helper()
	got := sealLines(sealsOfFile(t, file))
	for i := range got {
		got[i] = strings.TrimPrefix(strings.TrimPrefix(got[i], "uki"), " ")
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("want -, got +\n%s", diff)
	}
}
