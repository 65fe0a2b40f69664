package importers

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
	"cfsverify/testdata/oracle"
)

// scanAtEntry scans a directory and calls act while the n-th entry is being
// scanned: after it was looked at first, before anything is read of it.
func scanAtEntry(t *testing.T, dir string, n int64, act func()) error {
	t.Helper()
	done := false
	_, err := ScanDirectory(t.Context(), dir, ScanOptions{Hash: fsverity.SHA256, Progress: func(entries, _ int64) {
		// The next call comes as soon as there is something new.
		time.Sleep(scanProgressInterval)
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
		act   func(m scanMaker)
		want  string // what the error names, if there is to be one
	}{
		{"nothing", 3, func(scanMaker) {}, ""},
		{"file appended", 3, func(m scanMaker) { m.do(os.Truncate(m.path("dir/file"), large+1)) }, "dir/file"},
		{"file truncated", 3, func(m scanMaker) { m.do(os.Truncate(m.path("dir/file"), 1)) }, "dir/file"},
		{"file emptied", 3, func(m scanMaker) { m.do(os.Truncate(m.path("dir/file"), 0)) }, "dir/file"},
		{"file rewritten in place, mtime put back", 3, func(m scanMaker) {
			info, err := os.Stat(m.path("dir/file"))
			m.do(err)
			m.file("dir/file", strings.Repeat("y", large))
			m.do(os.Chtimes(m.path("dir/file"), time.Time{}, info.ModTime()))
		}, "dir/file"},
		{"mode of a file", 3, func(m scanMaker) { m.chmod("dir/file", 0o600) }, "dir/file"},
		{"time of a symlink", 4, func(m scanMaker) { m.mtime("dir/link", 1, 1) }, "dir/link"},
		{"entry added to the root", 1, func(m scanMaker) { m.file("new", "") }, "."},
		{"entry added to a directory", 2, func(m scanMaker) { m.file("dir/new", "") }, "dir"},
		{"entry removed that was listed", 2, func(m scanMaker) { m.do(os.Remove(m.path("dir/link"))) }, "dir/link"},
		{"entry removed that was read", 4, func(m scanMaker) { m.do(os.Remove(m.path("dir/file"))) }, "dir"},
		{"file became a FIFO", 2, func(m scanMaker) {
			m.do(os.Remove(m.path("dir/file")))
			m.do(unix.Mkfifo(m.path("dir/file"), 0o644))
		}, "dir"},
		{"directory moved away", 2, func(m scanMaker) { m.do(os.Rename(m.path("dir"), m.path("gone"))) }, "dir"},
		{"change elsewhere after it was read", 5, func(m scanMaker) { m.file("dir/new", "") }, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			m := scanMaker{t, t.TempDir()}
			m.mkdir("dir")
			if test.entry <= 3 {
				m.file("dir/file", strings.Repeat("x", large))
			} else {
				// Nobody must read content, and report that, while the act is awaited.
				m.file("dir/file", "")
			}
			m.symlink("x", "dir/link")
			m.file("last", "")
			err := scanAtEntry(t, m.dir, test.entry, func() { test.act(m) })
			if test.want == "" {
				m.do(err)
				return
			}
			want := `"` + m.path(test.want) + `" changed while it was scanned`
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("error %v, want %s", err, want)
			}
		})
	}
}

func TestScanHardlinkChanged(t *testing.T) {
	m := scanMaker{t, t.TempDir()}
	m.mkdir("b")
	m.file("a", "")
	m.link("a", "b/a")
	err := scanAtEntry(t, m.dir, 3, func() { m.chmod("a", 0o600) })
	if want := m.path("b/a"); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v, want one of %s", err, want)
	}
}

// TestScanStopsWithinFile has a file that takes seconds to read: it has no
// holes, but nothing was written to its blocks.
func TestScanStopsWithinFile(t *testing.T) {
	m := scanMaker{t, t.TempDir()}
	m.file("big", "")
	allocate := func() {
		f, err := os.OpenFile(m.path("big"), os.O_WRONLY, 0)
		m.do(err)
		defer f.Close()
		m.do(unix.Fallocate(int(f.Fd()), 0, 0, 2<<30))
	}
	allocate()

	t.Run("truncated", func(t *testing.T) {
		_, err := ScanDirectory(t.Context(), m.dir, ScanOptions{Hash: fsverity.SHA256, Progress: func(_, bytes int64) {
			if bytes > 0 {
				m.do(os.Truncate(m.path("big"), 100))
			}
		}})
		if err == nil || !strings.Contains(err.Error(), m.path("big")) {
			t.Errorf("error %v", err)
		}
	})
	allocate()
	t.Run("cancelled", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		_, err := ScanDirectory(ctx, m.dir, ScanOptions{Hash: fsverity.SHA256, Progress: func(_, bytes int64) {
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
		if _, err := ScanDirectory(ctx, m.dir, ScanOptions{Hash: fsverity.SHA256}); err != context.DeadlineExceeded {
			t.Errorf("error %v", err)
		}
	})
}

func TestScanProgress(t *testing.T) {
	m := scanMaker{t, t.TempDir()}
	m.file("a", strings.Repeat("x", 1000))
	m.file("b", strings.Repeat("x", 10))
	m.link("a", "c")
	var entries, bytes, calls int64
	var inside atomic.Bool
	_, err := ScanDirectory(t.Context(), m.dir, ScanOptions{Hash: fsverity.SHA256, Progress: func(e, b int64) {
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
	m := scanMaker{t, t.TempDir()}
	for i := range 50 {
		m.mkdir(strings.Repeat("d/", i+1))
		m.file(strings.Repeat("d/", i)+"file", strings.Repeat("x", 100_000))
	}
	open := func() int {
		fds, err := os.ReadDir("/proc/self/fd")
		m.do(err)
		return len(fds)
	}
	scanOK(t, m.dir, fsverity.SHA256)
	before := open()
	scanOK(t, m.dir, fsverity.SHA256)
	if n := open(); n != before {
		t.Errorf("%d descriptors after a scan, %d before", n, before)
	}
	stopped := 0
	for after := time.Duration(0); after < 10*time.Millisecond; after += 100 * time.Microsecond {
		ctx, cancel := context.WithTimeout(t.Context(), after)
		if _, err := ScanDirectory(ctx, m.dir, ScanOptions{Hash: fsverity.SHA256}); err != nil {
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
	m := scanMaker{t, t.TempDir()}
	scanMount(t, "tmpfs", m.dir, "tmpfs", "")
	m.file("file", "")
	m.xattr("file", "trusted.largest", strings.Repeat("x", 65535))
	tree := scanOK(t, m.dir, fsverity.SHA256)
	if v, _ := tree.Lookup("/file").Node.Xattrs.Get("trusted.largest"); len(v) != 65535 {
		t.Errorf("the value has %d bytes", len(v))
	}
	m.xattr("file", "trusted.larger", strings.Repeat("x", 65536))
	_, err := ScanDirectory(t.Context(), m.dir, ScanOptions{Hash: fsverity.SHA256})
	if err == nil || !strings.Contains(err.Error(), m.path("file")) || !strings.Contains(err.Error(), `"trusted.larger"`) {
		t.Errorf("error %v", err)
	}
}

func TestScanCannotRead(t *testing.T) {
	d := &scanDir{}
	s := &dirScan{path: "/target/"}
	e := scanEntry{d, "file"}
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
