package objects

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"cfsverify/canon/fsverity"
	"cfsverify/testdata/oracle"
)

// TestSpace: a temporary store leaves a twentieth of a file system free, and goes.
func TestSpace(t *testing.T) {
	oracle.Root(t)
	disk := t.TempDir()
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=40m"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(disk, 0); err != nil {
			t.Error(err)
		}
	})
	t.Setenv("TMPDIR", disk)
	for mebibytes, want := range map[int]bool{30: true, 39: false} {
		s, err := Temporary()
		if err != nil {
			t.Fatal(err)
		}
		h := NewHasher(fsverity.SHA256, s)
		if err := h.Start(true); err != nil {
			t.Fatal(err)
		}
		block := make([]byte, 64<<10)
		for i := 0; err == nil && i < mebibytes<<4; i++ {
			_, err = h.Write(block)
		}
		var full *SpaceError
		if is := errors.As(err, &full); is == want || is && full.Dir != disk {
			t.Errorf("%d MiB: error %v", mebibytes, err)
		}
		var stat unix.Statfs_t
		if err := unix.Statfs(disk, &stat); err != nil || stat.Bavail*20 < stat.Blocks {
			t.Errorf("%d MiB: %d of %d blocks are free, %v", mebibytes, stat.Bavail, stat.Blocks, err)
		}
		if err := errors.Join(h.drop(), s.Close()); err != nil {
			t.Error(err)
		}
		if left, err := os.ReadDir(disk); err != nil || len(left) > 0 {
			t.Errorf("left are %v, %v", left, err)
		}
	}
}

// TestLinks: nothing is written through symlinks in a store.
func TestLinks(t *testing.T) {
	dir, outside := t.TempDir(), t.TempDir()
	d := fsverity.SumBytes(fsverity.SHA256, []byte("content"))
	link := filepath.Join(dir, filepath.Dir(d.ObjectPath()))
	for _, target := range []string{outside, "inside"} {
		if err := errors.Join(os.MkdirAll(filepath.Join(dir, "inside"), 0o755), os.Symlink(target, link)); err != nil {
			t.Fatal(err)
		}
		s := open(t, dir)
		put(t, s, "content")
		if err := s.Commit(tree(external(d))); err == nil || !strings.HasPrefix(err.Error(), `"`+link+`" is a symlink, through which nothing is written`) {
			t.Errorf("%s: error %v", target, err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if found := lies(t, outside); len(found) > 0 {
			t.Errorf("outside are %v", found)
		}
		if _, err := os.Stat(filepath.Join(dir, "inside", filepath.Base(d.ObjectPath()))); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("it was written inside: %v", err)
		}
		if err := os.Remove(link); err != nil {
			t.Fatal(err)
		}
	}
}

// TestFull: that a disk is full is told of a temporary store, and left as it is of others.
func TestFull(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	temporary, err := Temporary()
	if err != nil {
		t.Fatal(err)
	}
	defer temporary.Close()
	full := &os.PathError{Op: "write", Path: "new-1", Err: unix.ENOSPC}
	want := `the content of files is staged in "` + os.TempDir() + `", where there is no more space for it`
	if err := temporary.full(full); err == nil || err.Error() != want {
		t.Errorf("error %v", err)
	}
	other := &os.PathError{Op: "write", Path: "new-1", Err: unix.EIO}
	if err := temporary.full(other); err != other {
		t.Errorf("error %v", err)
	}
	if err := open(t, t.TempDir()).full(full); err != full {
		t.Errorf("error %v", err)
	}
}
