package progress

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"cfsverify/importers/limits"
)

// terminal opens a terminal of its own, and what is shown on it.
func terminal(t *testing.T) (tty, shown *os.File) {
	t.Helper()
	shown, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { shown.Close() })
	number, err := unix.IoctlGetInt(int(shown.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(shown.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		tty, err = os.OpenFile(fmt.Sprint("/dev/pts/", number), os.O_RDWR|unix.O_NOCTTY, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tty.Close() })
	return tty, shown
}

// TestTerminal: a terminal hears of work that takes long, with what was read.
func TestTerminal(t *testing.T) {
	tty, shown := terminal(t)
	p := Start(tty)
	p.Add(limits.Progress{Entries: 3, Bytes: 1000})
	p.started = p.started.Add(-delay)
	p.Add(limits.Progress{Entries: 4, Bytes: 1000})
	buf := make([]byte, 4096)
	n, err := shown.Read(buf)
	if text := string(buf[:n]); err != nil || !strings.Contains(text, "reading, 7 entries") || strings.Contains(text, "reading, 3") {
		t.Errorf("%q, %v", text, err)
	}
	p.Stop()
}

// TestNoTerminal: nothing is written to a file.
func TestNoTerminal(t *testing.T) {
	name := filepath.Join(t.TempDir(), "stderr")
	file, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	p := Start(file)
	p.started = p.started.Add(-delay)
	p.Add(limits.Progress{Entries: 1, Bytes: 1})
	p.Stop()
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	if data, err := os.ReadFile(name); err != nil || len(data) > 0 {
		t.Errorf("%q, %v", data, err)
	}
}
