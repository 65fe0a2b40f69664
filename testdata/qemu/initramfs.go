package qemu

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Initramfs writes an initramfs whose init runs the commands of testdata/qemu/init,
// one after the other, and returns where it is.
func Initramfs(tb testing.TB, k Kernel, commands []string) string {
	tb.Helper()
	dir := tb.TempDir()
	program := filepath.Join(dir, "init")
	build := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", program, "cfsverify/testdata/qemu/init")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=amd64")
	if out, err := build.CombinedOutput(); err != nil {
		tb.Fatalf("%v: %v\n%s", build, err, out)
	}
	var archive bytes.Buffer
	addFile(tb, &archive, "init", program)
	var modules []string
	for _, module := range k.Modules {
		addFile(tb, &archive, filepath.Base(module), module)
		modules = append(modules, filepath.Base(module))
	}
	addEntry(&archive, "modules", []byte(strings.Join(modules, "\n")))
	addEntry(&archive, "commands", []byte(strings.Join(commands, "\n")))
	addEntry(&archive, "TRAILER!!!", nil)
	file := filepath.Join(dir, "initramfs")
	if err := os.WriteFile(file, archive.Bytes(), 0o644); err != nil {
		tb.Fatal(err)
	}
	return file
}

func addFile(tb testing.TB, archive *bytes.Buffer, name, file string) {
	tb.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		tb.Fatal(err)
	}
	addEntry(archive, name, content)
}

// addEntry adds a regular file to a cpio archive of the "newc" form, in which
// names and contents begin at multiples of 4 (cpio(5)).
func addEntry(archive *bytes.Buffer, name string, content []byte) {
	archive.WriteString("070701")
	for _, field := range []int{0, 0o100755, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name) + 1, 0} {
		fmt.Fprintf(archive, "%08x", field)
	}
	for _, part := range []string{name + "\x00", string(content)} {
		archive.WriteString(part)
		archive.Write(make([]byte, -archive.Len()&3))
	}
}
