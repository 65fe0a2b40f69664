package wholefile

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// TestCheck: what Check lets pass, Write can write, and what it refuses, Write cannot.
func TestCheck(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	if err := errors.Join(os.WriteFile(at("file"), nil, 0o600), os.Symlink("file", at("link")), os.Symlink("none/x", at("dangling")), os.Symlink("new", at("made")),
		os.Mkdir(at("dir"), 0o700), unix.Mkfifo(at("pipe"), 0o600)); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]error{
		at("file"): nil, at("link"): nil, at("made"): nil, at("other"): nil, at("dir/file"): nil, "-": nil, "/dev/null": nil, "/dev/stdout": nil,
		"": syscall.ENOENT, at("dir"): syscall.EISDIR, at("none/file"): syscall.ENOENT, at("dangling"): syscall.ENOENT, at("file/x"): syscall.ENOTDIR,
	} {
		if err := Check(name); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", name, err, want)
		}
		if err := Write(name, os.Stderr, text("")); (err == nil) != (want == nil) && name != "/dev/stdout" {
			t.Errorf("%s is written: %v", name, err)
		}
	}
	// To open a pipe waits for a reader.
	if err := Check(at("pipe")); err != nil {
		t.Error(err)
	}
	if os.Geteuid() != 0 {
		if err := os.Chmod(at("dir"), 0o500); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := os.Chmod(at("dir"), 0o700); err != nil {
				t.Error(err)
			}
		})
		if err := Check(at("dir/file")); !errors.Is(err, syscall.EACCES) {
			t.Errorf("without permission: %v", err)
		}
	}
}
