package qemu

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const (
	bootTimeout = 120 * time.Second
	// consoleLines are those that a failure shows of the console.
	consoleLines = 60
)

// Boot starts a virtual machine with these arguments of QEMU, waits until it is
// off, and returns what the guest said: a line "COMMAND: RESULT" for each command.
// A guest that does not come to the end fails the test.
func Boot(tb testing.TB, args ...string) []string {
	tb.Helper()
	dir := tb.TempDir()
	console, answers := filepath.Join(dir, "console"), filepath.Join(dir, "answers")
	ctx, cancel := context.WithTimeout(tb.Context(), bootTimeout)
	defer cancel()
	c := exec.CommandContext(ctx, "qemu-system-x86_64", append([]string{
		"-nodefaults", "-no-user-config", "-machine", "q35", "-m", "512", "-smp", "1",
		// Emulation has cmpxchg16b wrong in QEMU 7.2: kernels crash now and then.
		"-accel", "tcg", "-cpu", "max,cx16=off",
		"-display", "none", "-monitor", "none", "-no-reboot",
		"-serial", "file:" + console, "-serial", "file:" + answers,
	}, args...)...)
	out, err := c.CombinedOutput()
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	said, _ := os.ReadFile(answers)
	// Firmware writes to all serial ports before the guest does.
	_, text, _ := strings.Cut(strings.ReplaceAll(string(said), "\r", ""), "\nbegin\n")
	lines := strings.Split(strings.TrimSpace(text), "\n")
	last := len(lines) - 1
	if err != nil || lines[last] != "done" {
		shown, _ := os.ReadFile(console)
		tb.Fatalf("the guest did not come to its end (%v), but to %q\n%s\n%s", err, lines[last], out, tail(shown))
	}
	return lines[:last]
}

func tail(console []byte) []byte {
	lines := bytes.Split(bytes.TrimSpace(console), []byte("\n"))
	return bytes.Join(lines[max(0, len(lines)-consoleLines):], []byte("\n"))
}

// Cmdline is what the guest's kernel must be told.
const Cmdline = "console=ttyS0 panic=-1"

// Direct are the arguments that boot a kernel without firmware.
func Direct(k Kernel, initramfs string) []string {
	return []string{"-kernel", k.Image, "-initrd", initramfs, "-append", Cmdline}
}

// Disk are the arguments that make a file the guest's next disk: /dev/vda is the
// first.
func Disk(file string) []string {
	return []string{"-drive", "format=raw,if=virtio,cache=unsafe,file=" + file}
}
