package scan

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
	"cfsverify/testdata/files"
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
		prepare func(m files.Maker)
		act     func(m files.Maker, n int)
	}{
		{"a directory and a symlink that leads out",
			func(m files.Maker) {
				m.Mkdir("tree/dir/sub")
				m.File("tree/dir/sub/secret", "inside")
				m.Symlink(m.Path("outside"), "swap")
			},
			func(m files.Maker, _ int) { exchange(m.Path("tree/dir"), m.Path("swap")) }},
		{"a file and a symlink that leads out",
			func(m files.Maker) {
				m.File("tree/file", strings.Repeat("inside", 1000))
				m.Symlink(m.Path("outside/secret"), "swap")
			},
			func(m files.Maker, _ int) { exchange(m.Path("tree/file"), m.Path("swap")) }},
		{"a file and a FIFO",
			func(m files.Maker) {
				m.File("tree/file", strings.Repeat("inside", 1000))
				m.Do(unix.Mkfifo(m.Path("swap"), 0o644))
			},
			func(m files.Maker, _ int) { exchange(m.Path("tree/file"), m.Path("swap")) }},
		{"deep directories that are moved out",
			func(m files.Maker) {
				m.Mkdir("tree/top/" + strings.Repeat("d/", 60))
				m.File("tree/top/"+strings.Repeat("d/", 60)+"file", "inside")
			},
			func(m files.Maker, n int) {
				from, to := m.Path("tree/top/d/d"), m.Path("outside/moved")
				if n%2 == 1 {
					from, to = to, from
				}
				_ = os.Rename(from, to)
			}},
		{"files that come and go",
			func(m files.Maker) { m.Mkdir("tree/dir") },
			func(m files.Maker, n int) {
				name := m.Path(fmt.Sprintf("tree/dir/file%d", n%50))
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
			m := files.New(t, t.TempDir())
			m.Mkdir("tree")
			m.Mkdir("outside/sub")
			m.File("outside/secret", secret)
			m.File("outside/sub/secret", secret)
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
				tree, err := Directory(t.Context(), m.Path("tree"), Options{Hash: fsverity.SHA256})
				if err != nil {
					failed++
					if !strings.Contains(err.Error(), m.Path("tree")) {
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
			if open := openBelow(t, m.Dir); open != nil {
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
	if testing.Short() {
		t.Skip("it takes seconds")
	}
	oracle.Root(t)
	const names = 200_000
	dir := t.TempDir()
	mount(t, "tmpfs", dir, "tmpfs", fmt.Sprintf("nr_inodes=%d,size=4G", names+1000))
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
	tree, err := Directory(t.Context(), dir, Options{Hash: fsverity.SHA256})
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
	m := files.New(t, t.TempDir())
	m.Mkdir("tree")
	name := strings.Repeat("n", 255)
	fd, err := unix.Open(m.Path("tree"), unix.O_PATH, 0)
	m.Do(err)
	for i := range 200 {
		m.Do(unix.Mkdirat(fd, name, 0o755))
		m.Do(unix.Mknodat(fd, "file", unix.S_IFREG|0o600, 0))
		next, err := unix.Openat(fd, name, unix.O_PATH, 0)
		m.Do(err)
		unix.Close(fd)
		fd = next
		if i == 199 {
			m.Do(unix.Mkfifoat(fd, "fifo", 0o644))
		}
	}
	unix.Close(fd)
	tree := scanOK(t, m.Path("tree"), fsverity.SHA256)
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
	m := files.New(t, t.TempDir())
	m.Do(unix.Mkfifo(m.Path("fifo"), 0o644))
	m.Mknod("tape", unix.S_IFCHR|0o644, 9, 128)
	m.Mknod("disk", unix.S_IFBLK|0o644, 250, 9)
	m.Mknod("socket", unix.S_IFSOCK|0o644, 0, 0)
	tree := scanOK(t, m.Dir, fsverity.SHA256)
	var kinds []canon.Kind
	for _, e := range tree.Root.Children() {
		kinds = append(kinds, e.Node.Kind)
	}
	if want := []canon.Kind{canon.BlockDevice, canon.FIFO, canon.Socket, canon.CharDevice}; !slices.Equal(kinds, want) {
		t.Errorf("kinds %v, want %v", kinds, want)
	}
}
