package importers

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"cfsverify/canon"
	"cfsverify/canon/fsverity"
	"cfsverify/testdata/oracle"
)

// TestScanRaces: while somebody swaps what is in a directory, a scan ends with
// an error, or with what was there at some time; never with what is outside.
func TestScanRaces(t *testing.T) {
	const secret = "the secret of a directory outside, of more than sixty-four bytes, so that it is hashed"
	secretDigest := fsverity.SumBytes(fsverity.SHA256, []byte(secret))
	for _, c := range []struct {
		name string
		// prepare makes what act then swaps, again and again.
		prepare func(m scanMaker)
		act     func(m scanMaker, n int)
	}{
		{"a directory and a symlink that leads out",
			func(m scanMaker) {
				m.mkdir("tree/dir/sub")
				m.file("tree/dir/sub/secret", "inside")
				m.symlink(m.path("outside"), "swap")
			},
			func(m scanMaker, _ int) { exchange(m.path("tree/dir"), m.path("swap")) }},
		{"a file and a symlink that leads out",
			func(m scanMaker) {
				m.file("tree/file", strings.Repeat("inside", 1000))
				m.symlink(m.path("outside/secret"), "swap")
			},
			func(m scanMaker, _ int) { exchange(m.path("tree/file"), m.path("swap")) }},
		{"a file and a FIFO",
			func(m scanMaker) {
				m.file("tree/file", strings.Repeat("inside", 1000))
				m.do(unix.Mkfifo(m.path("swap"), 0o644))
			},
			func(m scanMaker, _ int) { exchange(m.path("tree/file"), m.path("swap")) }},
		{"deep directories that are moved out",
			func(m scanMaker) {
				m.mkdir("tree/top/" + strings.Repeat("d/", 60))
				m.file("tree/top/"+strings.Repeat("d/", 60)+"file", "inside")
			},
			func(m scanMaker, n int) {
				from, to := m.path("tree/top/d/d"), m.path("outside/moved")
				if n%2 == 1 {
					from, to = to, from
				}
				_ = os.Rename(from, to)
			}},
		{"files that come and go",
			func(m scanMaker) { m.mkdir("tree/dir") },
			func(m scanMaker, n int) {
				name := m.path(fmt.Sprintf("tree/dir/file%d", n%50))
				if n%3 == 0 {
					_ = os.Remove(name)
				} else {
					_ = os.WriteFile(name, []byte(strings.Repeat("x", n%200)), 0o644)
				}
				_ = os.Link(name, name+"-link")
				_ = unix.Setxattr(name, "user.x", []byte(fmt.Sprint(n)), 0)
				_ = os.Remove(name + "-link")
			}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := scanMaker{t, t.TempDir()}
			m.mkdir("tree")
			m.mkdir("outside/sub")
			m.file("outside/secret", secret)
			m.file("outside/sub/secret", secret)
			c.prepare(m)
			stop, stopped := make(chan struct{}), make(chan struct{})
			go func() {
				defer close(stopped)
				for n := 0; ; n++ {
					select {
					case <-stop:
						return
					default:
						c.act(m, n)
					}
				}
			}()
			scans, failed := 0, 0
			for end := time.Now().Add(300 * time.Millisecond); time.Now().Before(end) || scans < 20; scans++ {
				tree, err := ScanDirectory(t.Context(), m.path("tree"), ScanOptions{Hash: fsverity.SHA256})
				if err != nil {
					failed++
					if !strings.Contains(err.Error(), m.path("tree")) {
						t.Errorf("the error does not tell where: %v", err)
					}
					continue
				}
				for path, e := range tree.All() {
					if e.Node.Kind == canon.Regular && e.Node.Content != nil && e.Node.Content.Digest == secretDigest {
						t.Fatalf("%s has the content of a file outside", path)
					}
				}
			}
			close(stop)
			<-stopped
			if open := openBelow(t, m.dir); open != nil {
				t.Errorf("these are still open: %q", open)
			}
			t.Logf("%d of %d scans failed", failed, scans)
		})
	}
}

func exchange(a, b string) {
	_ = unix.Renameat2(unix.AT_FDCWD, a, unix.AT_FDCWD, b, unix.RENAME_EXCHANGE)
}

// TestScanOneHugeDirectory has 200,000 names in a directory, on a tmpfs.
func TestScanOneHugeDirectory(t *testing.T) {
	oracle.Root(t)
	const names = 200_000
	dir := t.TempDir()
	scanMount(t, "tmpfs", dir, "tmpfs", fmt.Sprintf("nr_inodes=%d,size=4G", names+1000))
	file := filepath.Join(dir, "first")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	fd, err := unix.Open(dir, unix.O_PATH, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	for i := range names - 1 {
		if err := unix.Mknodat(fd, fmt.Sprint("name", i), unix.S_IFREG|0o644, 0); err != nil {
			t.Fatal(err)
		}
	}
	tree, err := ScanDirectory(t.Context(), dir, ScanOptions{Hash: fsverity.SHA256})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(tree.Root.Children()); n != names {
		t.Errorf("%d names, want %d", n, names)
	}
}

// TestScanBeyondPathMax: no path leads to these files as a whole, and an error
// about one of them is still short enough to read.
func TestScanBeyondPathMax(t *testing.T) {
	m := scanMaker{t, t.TempDir()}
	m.mkdir("tree")
	name := strings.Repeat("n", 255)
	fd, err := unix.Open(m.path("tree"), unix.O_PATH, 0)
	m.do(err)
	for i := range 200 {
		m.do(unix.Mkdirat(fd, name, 0o755))
		m.do(unix.Mknodat(fd, "file", unix.S_IFREG|0o600, 0))
		next, err := unix.Openat(fd, name, unix.O_PATH, 0)
		m.do(err)
		unix.Close(fd)
		fd = next
		if i == 199 {
			m.do(unix.Mkfifoat(fd, "fifo", 0o644))
		}
	}
	unix.Close(fd)
	tree := scanOK(t, m.path("tree"), fsverity.SHA256)
	path := strings.Repeat("/"+name, 200) + "/fifo"
	if e := tree.Lookup(path); e == nil || e.Node.Kind != canon.FIFO {
		t.Errorf("%d bytes of path: %+v", len(path), e)
	}
	files := 0
	for path := range tree.All() {
		if strings.HasSuffix(path, "/file") {
			files++
		}
	}
	if files != 200 {
		t.Errorf("%d files", files)
	}
}

// TestScanOpensNoDevice: a FIFO without a writer, sockets and devices are not
// opened for reading.
func TestScanOpensNoDevice(t *testing.T) {
	oracle.Root(t)
	m := scanMaker{t, t.TempDir()}
	m.do(unix.Mkfifo(m.path("fifo"), 0o644))
	m.mknod("tape", unix.S_IFCHR|0o644, 9, 128)
	m.mknod("disk", unix.S_IFBLK|0o644, 250, 9)
	m.mknod("socket", unix.S_IFSOCK|0o644, 0, 0)
	tree := scanOK(t, m.dir, fsverity.SHA256)
	var kinds []canon.Kind
	for _, e := range tree.Root.Children() {
		kinds = append(kinds, e.Node.Kind)
	}
	if want := []canon.Kind{canon.BlockDevice, canon.FIFO, canon.Socket, canon.CharDevice}; !slices.Equal(kinds, want) {
		t.Errorf("kinds %v, want %v", kinds, want)
	}
}
