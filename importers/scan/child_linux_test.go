package scan

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"cfsverify/canon"
	"cfsverify/canon/fsverity"
	"cfsverify/testdata/files"
	"cfsverify/testdata/oracle"
)

// The names of the environment in which TestScanInChild is the child.
const (
	childDir   = "CFSVERIFY_TEST_SCAN_DIR"
	childFiles = "CFSVERIFY_TEST_SCAN_RLIMIT_NOFILE"
	childProc  = "CFSVERIFY_TEST_SCAN_HIDE_PROC"
)

// inChild scans a directory in a process of its own, and returns the lines
// that scanChild printed.
func inChild(t *testing.T, dir string, attr *syscall.SysProcAttr, env ...string) []string {
	t.Helper()
	cmd := exec.Command("/proc/self/exe", "-test.run=^TestScanInChild$", "-test.count=1")
	cmd.Env = append(os.Environ(), append(env, childDir+"="+dir)...)
	cmd.SysProcAttr = attr
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s%s", err, &stdout, &stderr)
	}
	out, _, ok := strings.Cut(stdout.String(), "\nend\n")
	if !ok {
		t.Fatalf("the child did not end its report:\n%s%s", &stdout, &stderr)
	}
	return strings.Split(out, "\n")
}

func child(t *testing.T, dir string) {
	if limit := os.Getenv(childFiles); limit != "" {
		n, err := strconv.ParseUint(limit, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: n, Max: n}); err != nil {
			t.Fatal(err)
		}
	}
	if os.Getenv(childProc) != "" {
		if err := unix.Mount("none", "/proc", "tmpfs", 0, ""); err != nil {
			t.Fatal(err)
		}
	}
	tree, err := Directory(t.Context(), dir, Options{Hash: fsverity.SHA256})
	var unreadable *UnreadableError
	switch {
	case errors.As(err, &unreadable):
		for _, p := range unreadable.Paths {
			fmt.Printf("%s of %s: %v\n", p.What, p.Path, p.Err)
		}
	case err != nil:
		fmt.Printf("error: %v\n", err)
	default:
		depth := 0
		for n := tree.Root; len(n.Children()) > 0; depth++ {
			n = n.Children()[0].Node
		}
		fmt.Printf("depth %d, %d inodes\n", depth, tree.CountLinks())
	}
	fmt.Println("end")
}

func TestScanInChild(t *testing.T) {
	if dir := os.Getenv(childDir); dir != "" {
		child(t, dir)
		return
	}
	oracle.Root(t)
	t.Run("unprivileged", testScanUnprivileged)
	t.Run("deep", testScanDeep)
	t.Run("without proc", testScanWithoutProc)
}

func testScanUnprivileged(t *testing.T) {
	m := files.New(t, t.TempDir())
	m.Do(os.Chmod(filepath.Dir(m.Dir), 0o755))
	attr := &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	m.Mkdir("closed/below")
	m.Mkdir("listable")
	m.Mkdir("open")
	m.File("empty", "")
	m.File("open/readable", "x")
	m.Symlink("secret", "link")
	if got, want := inChild(t, m.Dir, attr), "depth 2, 8 inodes"; strings.Join(got, "\n") != want {
		t.Fatalf("got %q, want %q", got, want)
	}
	m.File("secret", "x")
	m.Xattr("secret", "user.hidden", "x")
	m.Xattr("secret", "security.shown", "x")
	m.File("listable/a", "")
	m.File("listable/b", "")
	m.Chmod("empty", 0)
	m.Chmod("secret", 0)
	m.Chmod("closed", 0o700)
	m.Chmod("listable", 0o744)
	want := strings.Join([]string{
		"entries of /closed: permission denied",
		"metadata of /listable/a: permission denied",
		"metadata of /listable/b: permission denied",
		"content of /secret: permission denied",
		`xattr "user.hidden" of /secret: permission denied`,
	}, "\n")
	if got := strings.Join(inChild(t, m.Dir, attr), "\n"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	m.Chmod(".", 0)
	if got, want := strings.Join(inChild(t, m.Dir, attr), "\n"), "entries of /: permission denied"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// testScanDeep scans a path of 40,000 bytes, ten times PATH_MAX, with fewer
// descriptors than it has directories.
func testScanDeep(t *testing.T) {
	const depth = 2000
	dir := t.TempDir()
	fd, err := unix.Open(dir, unix.O_PATH, 0)
	if err != nil {
		t.Fatal(err)
	}
	for range depth {
		name := "a-name-of-twenty----"
		if err := unix.Mkdirat(fd, name, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := unix.Mknodat(fd, "last", unix.S_IFREG|0o644, 0); err != nil {
			t.Fatal(err)
		}
		next, err := unix.Openat(fd, name, unix.O_PATH, 0)
		if err != nil {
			t.Fatal(err)
		}
		unix.Close(fd)
		fd = next
	}
	unix.Close(fd)
	got := strings.Join(inChild(t, dir, nil, childFiles+"=100"), "\n")
	if want := fmt.Sprintf("depth %d, %d inodes", depth, 1+2*depth); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func testScanWithoutProc(t *testing.T) {
	attr := &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	got := strings.Join(inChild(t, t.TempDir(), attr, childProc+"=1"), "\n")
	if !strings.HasPrefix(got, "error: /proc is not mounted") {
		t.Errorf("got %s", got)
	}
}

func TestScanErrorsAreShort(t *testing.T) {
	e := &UnreadableError{Root: "/target"}
	var mounts []string
	for i := range 1000 {
		path := fmt.Sprintf("/%03d", i)
		e.Paths = append(e.Paths, UnreadablePath{path, "content", unix.EACCES})
		mounts = append(mounts, path)
	}
	for _, text := range []string{e.Error(), (&MountsError{"/target", mounts}).Error()} {
		if strings.Count(text, "\n") != 11 || !strings.Contains(text, `"/009"`) || !strings.HasSuffix(text, "\n  and 990 more") {
			t.Error(text)
		}
	}
	e.Paths = e.Paths[:1]
	if want := "\n  content of \"/000\": permission denied"; !strings.HasSuffix(e.Error(), want) {
		t.Error(e)
	}
}

func TestScanManyEntries(t *testing.T) {
	m := files.New(t, t.TempDir())
	m.File("0", "x")
	const files, names = 20, 20_000
	for i := 1; i < files; i++ {
		m.File(strconv.Itoa(i), "x")
	}
	for i := files; i < names; i++ {
		m.Link(strconv.Itoa(i%files), strconv.Itoa(i))
	}
	tree := scanOK(t, m.Dir, fsverity.SHA256)
	if n := len(tree.Root.Children()); n != names {
		t.Errorf("%d names", n)
	}
	for _, e := range tree.Root.Children() {
		i, err := strconv.Atoi(e.Name)
		if err != nil || e.Node != tree.Root.Child(strconv.Itoa(i%files)).Node || e.Node.Nlink != names/files {
			t.Fatalf("%q is no hardlink of %d: %+v", e.Name, i%files, e.Node)
		}
		if e.Node.Kind != canon.Regular || string(e.Node.Content.Inline) != "x" {
			t.Fatalf("%q is %+v", e.Name, e.Node)
		}
	}
}

// BenchmarkScan reads a tree of the size of a small distribution: 8,700 entries
// and 170 MB.
func BenchmarkScan(b *testing.B) {
	m := files.New(b, b.TempDir())
	content := strings.Repeat("0123456789abcdef", 26<<10>>4)
	for d := range 300 {
		dir := fmt.Sprintf("d%d/e%d", d%30, d)
		m.Mkdir(dir)
		for f := range 27 {
			m.File(fmt.Sprintf("%s/f%d", dir, f), content[:len(content)*(f+7)/34])
		}
	}
	var bytes int64
	for b.Loop() {
		_, err := Directory(b.Context(), m.Dir, Options{Hash: fsverity.SHA256, Progress: func(_, n int64) { bytes = n }})
		if err != nil {
			b.Fatal(err)
		}
	}
	b.SetBytes(bytes)
}
