package wholefile

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"cfsverify/testdata/oracle"
)

func text(s string) func(io.Writer) error {
	return func(w io.Writer) error { _, err := io.WriteString(w, s); return err }
}

func wantContent(t *testing.T, file, want string) {
	t.Helper()
	if got, err := os.ReadFile(file); err != nil || string(got) != want {
		t.Errorf("%s: %q, %v, want %q", file, got, err, want)
	}
}

// TestWrite: a file is there when all is written, with the permissions that it had,
// and behind the symlinks that lead to it.
func TestWrite(t *testing.T) {
	dir := t.TempDir()
	file, link, second := filepath.Join(dir, "file"), filepath.Join(dir, "link"), filepath.Join(dir, "second")
	if err := Write(file, nil, text("new")); err != nil {
		t.Fatal(err)
	}
	wantContent(t, file, "new")
	if err := errors.Join(os.Chmod(file, 0o600), os.Symlink("file", link), os.Symlink(link, second)); err != nil {
		t.Fatal(err)
	}
	if err := Write(second, nil, text("again")); err != nil {
		t.Fatal(err)
	}
	wantContent(t, file, "again")
	info, err := os.Stat(file)
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if target, err := os.Readlink(second); err != nil || target != link {
		t.Errorf("the symlink leads to %q, %v", target, err)
	}
}

// TestFailure: what fails leaves the old file, and no other.
func TestFailure(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	broken := errors.New("broken")
	fails := func(w io.Writer) error { _, err := io.WriteString(w, "half"); return errors.Join(err, broken) }
	if err := Write(file, nil, fails); !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
	wantContent(t, file, "old")
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("%v, %v", left, err)
	}
	missing := filepath.Join(dir, "none", "file")
	if err := Write(missing, nil, text("x")); !errors.Is(err, unix.ENOENT) || !strings.Contains(err.Error(), "cannot be written") {
		t.Errorf("%v", err)
	}
}

// TestNotReplaced: stdout, a pipe, and what is open already are written to as they are.
func TestNotReplaced(t *testing.T) {
	var stdout strings.Builder
	if err := Write("-", &stdout, text("out")); err != nil || stdout.String() != "out" {
		t.Errorf("%q, %v", stdout.String(), err)
	}
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	if err := unix.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	read := make(chan string)
	go func() {
		data, err := os.ReadFile(pipe)
		if err != nil {
			t.Error(err)
		}
		read <- string(data)
	}()
	if err := Write(pipe, nil, text("through")); err != nil {
		t.Fatal(err)
	}
	if got := <-read; got != "through" {
		t.Errorf("%q", got)
	}
	open, err := os.Create(filepath.Join(dir, "open"))
	if err != nil {
		t.Fatal(err)
	}
	defer open.Close()
	if err := Write(fmt.Sprint("/proc/self/fd/", open.Fd()), nil, text("kept")); err != nil {
		t.Fatal(err)
	}
	wantContent(t, open.Name(), "kept")
	if err := Write(filepath.Join(dir, "pipe", "x"), nil, text("")); err == nil {
		t.Error("a file below a pipe was written")
	}
}

// TestMakes: what is a device, a pipe or open already is not replaced.
func TestMakes(t *testing.T) {
	dir := t.TempDir()
	file, link, pipe := filepath.Join(dir, "file"), filepath.Join(dir, "link"), filepath.Join(dir, "pipe")
	if err := errors.Join(os.WriteFile(file, nil, 0o600), os.Symlink("file", link), unix.Mkfifo(pipe, 0o600)); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{file: true, link: true, filepath.Join(dir, "none"): true, pipe: false, dir: false, "-": false, "/dev/null": false, "/dev/stdin": false} {
		if got := Makes(name); got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
}

// TestForeignLinks: in a directory of all, no file is written through what another user put
// there, and none gets the permissions of his.
func TestForeignLinks(t *testing.T) {
	oracle.Root(t)
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	const other = 4711
	if err := errors.Join(os.Chmod(dir, os.ModeSticky|0o777), os.WriteFile(at("victim"), []byte("old"), 0o600), os.WriteFile(at("file"), nil, 0o600),
		os.Symlink("victim", at("link")), os.Symlink("new", at("dangling")), unix.Mkfifo(at("pipe"), 0o600),
		os.Chmod(at("file"), 0o666), os.Lchown(at("file"), other, other), os.Lchown(at("link"), other, other), os.Lchown(at("dangling"), other, other), os.Lchown(at("pipe"), other, other)); err != nil {
		t.Fatal(err)
	}
	for name, what := range map[string]string{"link": "symlink", "dangling": "symlink", "pipe": "pipe"} {
		want := fmt.Sprintf("%q cannot be written: %q is a %s of user %d in a directory that others can write to, and is not trusted: remove it, or choose another path", at(name), at(name), what, other)
		for _, err := range []error{Check(at(name)), Write(at(name), nil, text("new"))} {
			if err == nil || err.Error() != want {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	wantContent(t, at("victim"), "old")
	if _, err := os.Lstat(at("new")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("what the symlink leads to was made: %v", err)
	}
	if err := Write(at("file"), nil, text("new")); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(at("file")); err != nil || info.Mode().Perm()&0o022 != 0 {
		t.Errorf("the file is %v, %v", info.Mode(), err)
	}
	// Root's own symlink is followed.
	if err := os.Symlink("victim", at("own")); err != nil {
		t.Fatal(err)
	}
	if err := Write(at("own"), nil, text("new")); err != nil {
		t.Fatal(err)
	}
	wantContent(t, at("victim"), "new")
}
