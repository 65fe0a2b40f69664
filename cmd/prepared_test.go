package cmd

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"cfsverify/testdata/oracle"
)

// preparedRoot makes the files of an image with an SELinux policy, by which the names of a
// hardlink have two labels, and with content where preparing for booting leaves none.
const preparedRoot = `
	mkdir -p "$1"
	cd "$1"
	mkdir -p boot/EFI/Linux sysroot/ostree run/lock usr/bin usr/lib etc/selinux/small/contexts/files
	echo kernel >boot/EFI/Linux/kernel.efi
	echo repo >sysroot/ostree/repo
	echo pid >run/lock/pid
	echo true >usr/bin/true
	ln usr/bin/true usr/lib/true
	ln usr/bin/true usr/bin/again
	setfattr -n user.note -v x usr/bin/true
	setfattr -n security.capability -v 0x0100000200040000000000000000000000000000 usr/bin/true
	printf '# %080d\nSELINUXTYPE=small\n' 0 >etc/selinux/config
	printf '# %080d\n/.* s:all\n/ -d s:root\n/usr(/.*)? s:usr\n/usr/bin/.* -- s:bin\n' 0 >etc/selinux/small/contexts/files/file_contexts
	touch -d '2026-03-05 06:07:08.123456789 UTC' boot
	touch -d '2026-03-05 06:07:09.223456789 UTC' sysroot
	touch -d '2026-03-05 06:07:10.987654321 UTC' usr
`

// TestPreparedByCfsctl: dump files that cfsctl wrote of trees that it had prepared for
// booting are recognised, and are the same as their image.
func TestPreparedByCfsctl(t *testing.T) {
	const recognised = "was prepared for booting before it was written (/boot and /sysroot are empty; their mtime is that of /usr with its nanoseconds"
	oracle.Root(t)
	oracle.Tool(t, "setfattr", "attr")
	oracle.Tool(t, "umoci", "umoci")
	dir := t.TempDir()
	root, image := filepath.Join(dir, "root"), "oci:"+filepath.Join(dir, "image")
	runTool(t, "sh", "-ec", preparedRoot, "sh", root)
	base, late := filepath.Join(dir, "base.tar"), filepath.Join(dir, "late.tar")
	runTool(t, "tar", "--xattrs", "--xattrs-include=*", "--format=pax", "--sort=name", "-C", root, "-cf", base, ".")
	r := newRepository(t, "sha512")
	inside, plain := r.dump(t, dir, "inside", "create-dumpfile", "--bootable", root), r.dump(t, dir, "plain", "create-dumpfile", root)

	for _, dump := range []string{inside, plain} {
		if out := prepared(t, statusSame, "diff", root, dump); strings.Contains(out, "recognised: b "+recognised) != (dump == inside) {
			t.Errorf("%s and its directory:\n%s", dump, out)
		}
	}

	runTool(t, "sh", "-ec", `cd "$1"; echo false >usr/lib/false; echo more >boot/more; echo more >run/more; touch -d '2026-03-05 06:07:10.987654321 UTC' usr`, "sh", root)
	runTool(t, "tar", "--format=pax", "--no-recursion", "-C", root, "-cf", late, "usr/lib/false", "boot/more", "run/more")
	runTool(t, "sh", "-ec", `
		umoci init --layout "$1"
		umoci new --image "$1:1"
		umoci raw add-layer --image "$1:1" "$2"
		umoci tag --image "$1:1" 2
		umoci raw add-layer --image "$1:2" "$3"
	`, "sh", filepath.Join(dir, "image"), base, late)
	r.run(t, "oci", "pull", image+":1", "image")
	outside := r.dump(t, dir, "outside", "oci", "dump", "--bootable", "image")

	for _, dump := range []string{inside, outside} {
		out := prepared(t, statusSame, "inside-vs-outside", dump, image+":1")
		for _, want := range []string{"SAME", "recognised: inside " + recognised, "names have SELinux labels", "--boot-mtime ns", "bootable with mtimes in ns"} {
			if !strings.Contains(out, want) {
				t.Errorf("%s: no %q in\n%s", dump, want, out)
			}
		}
		out = prepared(t, statusDifferent, "inside-vs-outside", dump, image+":2")
		if !strings.Contains(out, "DIFFERENT: 1 entry differs, for 1 cause") || !strings.Contains(out, "/usr/lib/false") {
			t.Errorf("%s: one difference was planted:\n%s", dump, out)
		}
		out = prepared(t, statusDifferent, "inside-vs-outside", "--bootable=false", dump, image+":1")
		if !strings.Contains(out, "for 1 cause") || !strings.Contains(out, "\nother-policy: ") {
			t.Errorf("%s: only what was prepared differs:\n%s", dump, out)
		}
	}
	if out := prepared(t, statusSame, "inside-vs-outside", plain, image+":1"); strings.Contains(out, "recognised") {
		t.Errorf("nobody prepared this:\n%s", out)
	}
}

// dump writes what cfsctl prints into a file.
func (r repository) dump(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	file := filepath.Join(dir, name+".dump")
	if err := os.WriteFile(file, []byte(r.run(t, args...)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// prepared is what cfsverify prints when it ends with a status.
func prepared(t *testing.T, status int, args ...string) string {
	t.Helper()
	c := exec.Command("cfsverify", args...)
	out, err := c.CombinedOutput()
	if c.ProcessState == nil || c.ProcessState.ExitCode() != status {
		t.Fatalf("%v: %v, want status %d\n%s", c, err, status, out)
	}
	return string(out)
}

// TestDumpsAreRead: cfsctl reads the dump files that are written here, and none with a
// comment, so that a record of how a dump file was made is a file of its own.
func TestDumpsAreRead(t *testing.T) {
	program := oracle.Cfsctl(t)
	dir := t.TempDir()
	root, file := filepath.Join(dir, "root"), filepath.Join(dir, "x.dump")
	oracle.Root(t)
	oracle.Tool(t, "setfattr", "attr")
	runTool(t, "sh", "-ec", preparedRoot, "sh", root)
	prepared(t, statusSame, "dump", "--hash", "sha256", "--bootable", "-o", file, root)
	if _, err := os.Stat(file + ".policy"); err != nil {
		t.Error(err)
	}
	want := strings.TrimSpace(prepared(t, statusSame, "digest", "--hash", "sha256", file))
	out, err := exec.Command(program, "mkcomposefs", "--from-file", "--min-version=1", "--print-digest-only", file).CombinedOutput()
	if got := strings.TrimSpace(string(out)); err != nil || got != want {
		t.Errorf("cfsctl makes %s of %s: %v", got, want, err)
	}
	dump, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"first": "# policy composefs-rs\n" + string(dump), "last": string(dump) + "# policy composefs-rs\n"} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command(program, "mkcomposefs", "--from-file", "--min-version=1", "--print-digest-only", file).Output(); err == nil {
			t.Errorf("cfsctl reads a dump file with a comment %s: %s", name, out)
		}
	}
}
