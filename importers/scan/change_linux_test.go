package scan

import (
	"context"
	"errors"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"cfsverify/canon/fsverity"
	"cfsverify/testdata/files"
	"cfsverify/testdata/oracle"
)

// atEntry scans a directory and calls act while the n-th entry is being
// scanned: after it was looked at first, before anything is read of it.
func atEntry(t *testing.T, dir string, n int64, act func()) error {
	t.Helper()
	done := false
	_, err := Directory(t.Context(), dir, Options{Hash: fsverity.SHA256, Progress: func(entries, _ int64) {
		// The next call comes as soon as there is something new.
		time.Sleep(progressInterval)
		if entries == n && !done {
			done = true
			act()
		}
	}})
	if !done {
		t.Fatalf("entry %d was never reached", n)
	}
	return err
}

func TestScanNamesWhatChanged(t *testing.T) {
	const large = 1 << 20
	for _, test := range []struct {
		name  string
		entry int64 // 1 the root, 2 /dir, 3 /dir/file, 4 /dir/link, 5 /last
		act   func(m files.Maker)
		want  string // what the error names, if there is to be one
	}{
		{"nothing", 3, func(files.Maker) {}, ""},
		{"file appended", 3, func(m files.Maker) { m.Do(os.Truncate(m.Path("dir/file"), large+1)) }, "dir/file"},
		{"file truncated", 3, func(m files.Maker) { m.Do(os.Truncate(m.Path("dir/file"), 1)) }, "dir/file"},
		{"file emptied", 3, func(m files.Maker) { m.Do(os.Truncate(m.Path("dir/file"), 0)) }, "dir/file"},
		{"file rewritten in place, mtime put back", 3, func(m files.Maker) {
			info, err := os.Stat(m.Path("dir/file"))
			m.Do(err)
			m.File("dir/file", strings.Repeat("y", large))
			m.Do(os.Chtimes(m.Path("dir/file"), time.Time{}, info.ModTime()))
		}, "dir/file"},
		{"mode of a file", 3, func(m files.Maker) { m.Chmod("dir/file", 0o600) }, "dir/file"},
		{"time of a symlink", 4, func(m files.Maker) { m.Mtime("dir/link", 1, 1) }, "dir/link"},
		{"entry added to the root", 1, func(m files.Maker) { m.File("new", "") }, "."},
		{"entry added to a directory", 2, func(m files.Maker) { m.File("dir/new", "") }, "dir"},
		{"entry removed that was listed", 2, func(m files.Maker) { m.Do(os.Remove(m.Path("dir/link"))) }, "dir/link"},
		{"entry removed that was read", 4, func(m files.Maker) { m.Do(os.Remove(m.Path("dir/file"))) }, "dir"},
		{"file became a FIFO", 2, func(m files.Maker) {
			m.Do(os.Remove(m.Path("dir/file")))
			m.Do(unix.Mkfifo(m.Path("dir/file"), 0o644))
		}, "dir"},
		{"directory moved away", 2, func(m files.Maker) { m.Do(os.Rename(m.Path("dir"), m.Path("gone"))) }, "dir"},
		{"change elsewhere after it was read", 5, func(m files.Maker) { m.File("dir/new", "") }, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			m := files.New(t, t.TempDir())
			m.Mkdir("dir")
			if test.entry <= 3 {
				m.File("dir/file", strings.Repeat("x", large))
			} else {
				// Nobody must read content, and report that, while the act is awaited.
				m.File("dir/file", "")
			}
			m.Symlink("x", "dir/link")
			m.File("last", "")
			err := atEntry(t, m.Dir, test.entry, func() { test.act(m) })
			if test.want == "" {
				m.Do(err)
				return
			}
			want := `"` + m.Path(test.want) + `" changed while it was scanned`
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("error %v, want %s", err, want)
			}
		})
	}
}

func TestScanHardlinkChanged(t *testing.T) {
	m := files.New(t, t.TempDir())
	m.Mkdir("b")
	m.File("a", "")
	m.Link("a", "b/a")
	err := atEntry(t, m.Dir, 3, func() { m.Chmod("a", 0o600) })
	if want := m.Path("b/a"); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v, want one of %s", err, want)
	}
}

// TestScanStopsWithinFile has a file that takes seconds to read: it has no
// holes, but nothing was written to its blocks.
func TestScanStopsWithinFile(t *testing.T) {
	m := files.New(t, t.TempDir())
	m.File("big", "")
	allocate := func() {
		f, err := os.OpenFile(m.Path("big"), os.O_WRONLY, 0)
		m.Do(err)
		defer f.Close()
		m.Do(unix.Fallocate(int(f.Fd()), 0, 0, 2<<30))
	}
	allocate()

	t.Run("truncated", func(t *testing.T) {
		_, err := Directory(t.Context(), m.Dir, Options{Hash: fsverity.SHA256, Progress: func(_, bytes int64) {
			if bytes > 0 {
				m.Do(os.Truncate(m.Path("big"), 100))
			}
		}})
		if err == nil || !strings.Contains(err.Error(), m.Path("big")) {
			t.Errorf("error %v", err)
		}
	})
	allocate()
	t.Run("cancelled", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		_, err := Directory(ctx, m.Dir, Options{Hash: fsverity.SHA256, Progress: func(_, bytes int64) {
			if bytes > 0 {
				cancel()
			}
		}})
		if err != context.Canceled {
			t.Errorf("error %v", err)
		}
	})
	t.Run("deadline", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		if _, err := Directory(ctx, m.Dir, Options{Hash: fsverity.SHA256}); err != context.DeadlineExceeded {
			t.Errorf("error %v", err)
		}
	})
}

func TestScanProgress(t *testing.T) {
	m := files.New(t, t.TempDir())
	m.File("a", strings.Repeat("x", 1000))
	m.File("b", strings.Repeat("x", 10))
	m.Link("a", "c")
	var entries, bytes, calls int64
	var inside atomic.Bool
	_, err := Directory(t.Context(), m.Dir, Options{Hash: fsverity.SHA256, Progress: func(e, b int64) {
		if !inside.CompareAndSwap(false, true) {
			t.Error("called by two goroutines at a time")
		}
		if e < entries || b < bytes {
			t.Errorf("%d, %d after %d, %d", e, b, entries, bytes)
		}
		entries, bytes = e, b
		calls++
		inside.Store(false)
	}})
	if err != nil || entries != 4 || bytes != 1010 || calls < 2 {
		t.Errorf("%d entries and %d bytes in %d calls, error %v", entries, bytes, calls, err)
	}
}

func TestScanClosesDescriptors(t *testing.T) {
	m := files.New(t, t.TempDir())
	for i := range 50 {
		m.Mkdir(strings.Repeat("d/", i+1))
		m.File(strings.Repeat("d/", i)+"file", strings.Repeat("x", 100_000))
	}
	open := func() int {
		fds, err := os.ReadDir("/proc/self/fd")
		m.Do(err)
		return len(fds)
	}
	scanOK(t, m.Dir, fsverity.SHA256)
	before := open()
	scanOK(t, m.Dir, fsverity.SHA256)
	if n := open(); n != before {
		t.Errorf("%d descriptors after a scan, %d before", n, before)
	}
	stopped := 0
	for after := time.Duration(0); after < 10*time.Millisecond; after += 100 * time.Microsecond {
		ctx, cancel := context.WithTimeout(t.Context(), after)
		if _, err := Directory(ctx, m.Dir, Options{Hash: fsverity.SHA256}); err != nil {
			stopped++
		}
		cancel()
		if n := open(); n != before {
			t.Fatalf("%d descriptors after a scan that was stopped after %v, %d before", n, after, before)
		}
	}
	if stopped == 0 {
		t.Error("no scan was stopped")
	}
}

func TestScanXattrTooLarge(t *testing.T) {
	oracle.Root(t)
	m := files.New(t, t.TempDir())
	mount(t, "tmpfs", m.Dir, "tmpfs", "")
	m.File("file", "")
	m.Xattr("file", "trusted.largest", strings.Repeat("x", 65535))
	tree := scanOK(t, m.Dir, fsverity.SHA256)
	if v, _ := tree.Lookup("/file").Node.Xattrs.Get("trusted.largest"); len(v) != 65535 {
		t.Errorf("the value has %d bytes", len(v))
	}
	m.Xattr("file", "trusted.larger", strings.Repeat("x", 65536))
	_, err := Directory(t.Context(), m.Dir, Options{Hash: fsverity.SHA256})
	if err == nil || !strings.Contains(err.Error(), m.Path("file")) || !strings.Contains(err.Error(), `"trusted.larger"`) {
		t.Errorf("error %v", err)
	}
}

func TestScanCannotRead(t *testing.T) {
	d := &directory{}
	s := &scan{path: "/target/"}
	e := entry{d, "file"}
	for _, test := range []struct {
		err  error
		want string
	}{
		{unix.EIO, `xattr "user.a" of "/target/file": input/output error`},
		{unix.EMFILE, "ulimit -n"},
		{unix.ENOENT, `"/target/file" changed`},
		{unix.ESTALE, `"/target/file" changed`},
	} {
		err := s.cannotRead(e, `xattr "user.a"`, test.err)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%v: error %v", test.err, err)
		}
	}
	for _, errno := range []error{unix.EACCES, unix.EPERM, unix.EOVERFLOW} {
		if err := s.cannotRead(e, "content", errno); err != nil {
			t.Error(err)
		}
	}
	var unreadable *UnreadableError
	if err := s.refusal(); !errors.As(err, &unreadable) || len(unreadable.Paths) != 3 || unreadable.Paths[0].Path != "/file" {
		t.Errorf("error %v", err)
	}
}
