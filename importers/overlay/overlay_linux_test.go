package overlay

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"cfsverify/canon"
	"cfsverify/canon/fsverity"
	"cfsverify/canon/overlayfs"
	"cfsverify/importers/scan"
	"cfsverify/testdata/files"
	"cfsverify/testdata/oracle"
)

// userLayers are layers that need no privilege, the topmost first, below a directory.
func userLayers(t *testing.T, names ...string) (files.Maker, []Layer) {
	t.Helper()
	m := files.New(t, t.TempDir())
	var layers []Layer
	for _, name := range names {
		m.Mkdir(name)
		layers = append(layers, Layer{Dir: m.Path(name)})
	}
	return m, layers
}

func scanUser(ctx context.Context, layers []Layer, progress func(entries, bytes int64)) (*canon.Tree, error) {
	return Scan(ctx, layers, Options{Hash: fsverity.SHA256, Progress: progress, Rules: overlayfs.Rules{UserXattrs: true}})
}

func TestReadsOnlyWhatShows(t *testing.T) {
	m, layers := userLayers(t, "1", "2")
	m.File("1/f", strings.Repeat("x", 1000))
	m.Link("1/f", "1/f-too")
	m.Link("1/f", "2/g")
	m.File("2/f", strings.Repeat("y", 50_000))
	var entries, read int64
	tree, err := scanUser(t.Context(), layers, func(e, b int64) { entries, read = e, b })
	if err != nil {
		t.Fatal(err)
	}
	if entries != 6 || read != 1000 {
		t.Errorf("%d entries, %d bytes read, want 6 and 1000", entries, read)
	}
	want := fsverity.SumBytes(fsverity.SHA256, []byte(strings.Repeat("x", 1000)))
	for _, path := range []string{"/f", "/f-too", "/g"} {
		if n := tree.Lookup(path).Node; n.Content == nil || n.Content.Digest != want || n.Nlink != 3 {
			t.Errorf("%s is %+v", path, n)
		}
	}
}

func TestNoLayers(t *testing.T) {
	tree, err := scanUser(t.Context(), nil, nil)
	if err == nil || !strings.Contains(err.Error(), "no layer") {
		t.Errorf("%v, error %v", tree, err)
	}
}

func TestMissingDirectory(t *testing.T) {
	m, layers := userLayers(t, "1")
	_, err := scanUser(t.Context(), append(layers, Layer{Dir: m.Path("2")}), nil)
	if err == nil || !strings.Contains(err.Error(), m.Path("2")) || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error %v", err)
	}
}

// TestUnprivileged runs itself as a user who may not read all of a layer, and does not
// see trusted xattrs.
func TestUnprivileged(t *testing.T) {
	const childDir = "CFSVERIFY_TEST_OVERLAY_DIR"
	if dir := os.Getenv(childDir); dir != "" {
		layers := []Layer{{Dir: dir + "/1"}, {Dir: dir + "/2"}}
		_, err := scanUser(t.Context(), layers, nil)
		var unreadable *scan.UnreadableError
		if !errors.As(err, &unreadable) || unreadable.Root != layers[1].Dir || len(unreadable.Paths) != 1 || unreadable.Paths[0].Path != "/d" {
			t.Errorf("error %v", err)
		}
		if _, err := Scan(t.Context(), layers, Options{Hash: fsverity.SHA256}); !errors.Is(err, ErrNoTrusted) {
			t.Errorf("error %v", err)
		}
		return
	}
	oracle.Root(t)
	m, layers := userLayers(t, "1", "2")
	m.Do(os.Chmod(filepath.Dir(m.Dir), 0o755))
	m.File("1/f", "x")
	m.Mkdir("2/d")
	m.Chmod("2/d", 0)
	if _, err := scanUser(t.Context(), layers, nil); err != nil {
		t.Error(err)
	}
	cmd := exec.Command("/proc/self/exe", "-test.run=^TestUnprivileged$", "-test.count=1")
	cmd.Env = append(os.Environ(), childDir+"="+m.Dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestRaces: while somebody swaps a directory for a symlink that leads out, the view is
// an error, or has what was there at some time.
func TestRaces(t *testing.T) {
	secret := strings.Repeat("secret", 100)
	secretDigest := fsverity.SumBytes(fsverity.SHA256, []byte(secret))
	m, layers := userLayers(t, "1", "2")
	m.Mkdir("1/dir")
	m.Mkdir("2/dir/sub")
	m.Mkdir("outside/sub")
	m.File("2/dir/sub/secret", strings.Repeat("inside", 100))
	m.File("outside/sub/secret", secret)
	m.Symlink(m.Path("outside"), "swap")
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
				_ = unix.Renameat2(unix.AT_FDCWD, m.Path("2/dir"), unix.AT_FDCWD, m.Path("swap"), unix.RENAME_EXCHANGE)
			}
		}
	}()
	for end := time.Now().Add(300 * time.Millisecond); time.Now().Before(end); {
		tree, err := scanUser(t.Context(), layers, nil)
		if err != nil {
			if !strings.Contains(err.Error(), layers[1].Dir) {
				t.Errorf("the error does not tell where: %v", err)
			}
			continue
		}
		if e := tree.Lookup("/dir/sub/secret"); e != nil && e.Node.Content.Digest == secretDigest {
			t.Fatal("it has the content of a file outside")
		}
	}
	close(stop)
	<-stopped
}

func TestStops(t *testing.T) {
	m, layers := userLayers(t, "1", "2")
	m.File("1/small", "x")
	f, err := os.Create(m.Path("2/big"))
	m.Do(err)
	m.Do(unix.Fallocate(int(f.Fd()), 0, 0, 1<<30))
	m.Do(f.Close())
	fds := func() int {
		open, err := os.ReadDir("/proc/self/fd")
		m.Do(err)
		return len(open)
	}
	before := fds()
	for _, after := range []int64{1, 1 << 20} {
		ctx, cancel := context.WithCancel(t.Context())
		_, err := scanUser(ctx, layers, func(entries, bytes int64) {
			if entries+bytes >= after {
				cancel()
			}
		})
		cancel()
		if err != context.Canceled {
			t.Errorf("error %v", err)
		}
		if n := fds(); n != before {
			t.Errorf("%d descriptors are open, %d were before", n, before)
		}
	}
}

// TestBeyondPathMax: no path leads to the file as a whole.
func TestBeyondPathMax(t *testing.T) {
	m, layers := userLayers(t, "1", "2")
	name := strings.Repeat("n", 255)
	fd, err := unix.Open(layers[1].Dir, unix.O_PATH, 0)
	m.Do(err)
	for range 50 {
		m.Do(unix.Mkdirat(fd, name, 0o755))
		next, err := unix.Openat(fd, name, unix.O_PATH, 0)
		m.Do(err)
		unix.Close(fd)
		fd = next
	}
	file, err := unix.Openat(fd, "file", unix.O_WRONLY|unix.O_CREAT, 0o644)
	m.Do(err)
	_, err = unix.Write(file, []byte("content"))
	m.Do(errors.Join(err, unix.Close(file), unix.Close(fd)))
	tree, err := scanUser(t.Context(), layers, nil)
	m.Do(err)
	e := tree.Lookup(strings.Repeat("/"+name, 50) + "/file")
	if e == nil || string(e.Node.Content.Inline) != "content" {
		t.Errorf("the file is %+v", e)
	}
}

// TestTooDeep: redirects put together what no layer has.
func TestTooDeep(t *testing.T) {
	s := newStack(t, overlayfs.Rules{}, "1", "2")
	half := strings.Repeat("/d", scan.DepthMax/2)
	s.redirect("1"+half, "/below")
	s.Mkdir("2/below" + half)
	if _, err := s.byReading(); err == nil || !strings.Contains(err.Error(), "nested more than 2048 deep") {
		t.Errorf("error %v", err)
	}
}
