package cmd

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"cfsverify/testdata/layers"
	"cfsverify/testdata/oracle"
	"cfsverify/testdata/uki"
)

// smallTemporary has TMPDIR be a file system of so many MiB.
func smallTemporary(t *testing.T, mebibytes int) string {
	t.Helper()
	oracle.Root(t)
	disk := t.TempDir()
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, fmt.Sprintf("size=%dm", mebibytes)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(disk, 0); err != nil {
			t.Error(err)
		}
	})
	t.Setenv("TMPDIR", disk)
	return disk
}

// largeImage has a kernel image of 16 MiB, and a file as large that begins like one.
func largeImage(t *testing.T) string {
	t.Helper()
	large := strings.Repeat("x", 16<<20)
	kernel := uki.File([2]string{".linux", large}, [2]string{".cmdline", "composefs=" + strings.Repeat("0", 128)})
	dir := filepath.Join(t.TempDir(), "image")
	spec := fmt.Sprintf("d usr mtime=1\nd boot\nd boot/EFI\nd boot/EFI/Linux\nf boot/EFI/Linux/a.efi %q\nf usr/a.efi %q\n", "="+string(kernel), "=MZ"+large)
	if err := (layers.Image{Layers: []string{spec}}).WriteLayout(dir, "t"); err != nil {
		t.Fatal(err)
	}
	return "oci:" + dir
}

// TestTemporarySpace: seal check puts no program into TMPDIR, and what goes there of other
// commands leaves some of it free, and is told.
func TestTemporarySpace(t *testing.T) {
	image, disk, to := largeImage(t), smallTemporary(t, 8), t.TempDir()
	out, err := program("seal", "check", image).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "unknown: uki /boot/EFI/Linux/a.efi, composefs\n  says      000") {
		t.Errorf("%v: %s", err, out)
	}
	for _, args := range [][]string{{"tar", "-o", to + "/tar", image}, {"repair", image, "-o", "oci:" + to + "/layout"}} {
		cmd := program(args...)
		out, _ := cmd.CombinedOutput()
		want := fmt.Sprintf("the content of files is staged in %q, where there is no more space for it: set TMPDIR to a directory with more room\n", disk)
		if status := cmd.ProcessState.ExitCode(); status != statusTrouble || !strings.HasSuffix(string(out), want) {
			t.Errorf("%q: status %d, %s", args, status, out)
		}
	}
	if left := append(filesIn(t, disk), filesIn(t, to)...); len(left) > 0 {
		t.Errorf("left are %q", left)
	}
}

// TestLeftInTemporary: what a killed run left is removed when it is a day old, and that of
// one which runs is not.
func TestLeftInTemporary(t *testing.T) {
	temporary, fifo := t.TempDir(), filepath.Join(t.TempDir(), "fifo")
	t.Setenv("TMPDIR", temporary)
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	waits := program("tar", "tar:"+fifo)
	if err := waits.Start(); err != nil {
		t.Fatal(err)
	}
	for len(filesIn(t, temporary)) == 0 {
		time.Sleep(10 * time.Millisecond)
	}
	left := filepath.Join(temporary, filesIn(t, temporary)[0])
	ages := func() {
		old := time.Now().Add(-25 * time.Hour)
		if err := os.Chtimes(left, old, old); err != nil {
			t.Fatal(err)
		}
	}
	next := func() {
		if out, err := program("tar", "-o", filepath.Join(t.TempDir(), "tar"), "oci:"+bigImage(t)).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	ages()
	next()
	if _, err := os.Stat(left); err != nil {
		t.Errorf("what the run needs is gone: %v", err)
	}
	if err := errors.Join(waits.Process.Kill(), os.WriteFile(filepath.Join(left, "x"), nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	_ = waits.Wait()
	next()
	if _, err := os.Stat(left); err != nil {
		t.Errorf("it is gone before its time: %v", err)
	}
	ages()
	next()
	if files := filesIn(t, temporary); len(files) > 0 {
		t.Errorf("left are %q", files)
	}
}
