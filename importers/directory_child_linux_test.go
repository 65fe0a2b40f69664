package importers

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
	"cfsverify/testdata/oracle"
)

// The names of the environment in which TestScanInChild is the child.
const (
	scanChildDir   = "CFSVERIFY_TEST_SCAN_DIR"
	scanChildFiles = "CFSVERIFY_TEST_SCAN_RLIMIT_NOFILE"
	scanChildProc  = "CFSVERIFY_TEST_SCAN_HIDE_PROC"
)

// scanInChild scans a directory in a process of its own, and returns the lines
// that scanChild printed.
func scanInChild(t *testing.T, dir string, attr *syscall.SysProcAttr, env ...string) []string {
	t.Helper()
	cmd := exec.Command("/proc/self/exe", "-test.run=^TestScanInChild$", "-test.count=1")
	cmd.Env = append(os.Environ(), append(env, scanChildDir+"="+dir)...)
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

func scanChild(t *testing.T, dir string) {
	if limit := os.Getenv(scanChildFiles); limit != "" {
		n, err := strconv.ParseUint(limit, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: n, Max: n}); err != nil {
			t.Fatal(err)
		}
	}
	if os.Getenv(scanChildProc) != "" {
		if err := unix.Mount("none", "/proc", "tmpfs", 0, ""); err != nil {
			t.Fatal(err)
		}
	}
	tree, err := ScanDirectory(t.Context(), dir, ScanOptions{Hash: fsverity.SHA256})
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
	if dir := os.Getenv(scanChildDir); dir != "" {
		scanChild(t, dir)
		return
	}
	oracle.Root(t)
	t.Run("unprivileged", testScanUnprivileged)
	t.Run("deep", testScanDeep)
	t.Run("without proc", testScanWithoutProc)
}

func testScanUnprivileged(t *testing.T) {
	m := scanMaker{t, t.TempDir()}
	m.do(os.Chmod(filepath.Dir(m.dir), 0o755))
	attr := &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	m.mkdir("closed/below")
	m.mkdir("listable")
	m.mkdir("open")
	m.file("empty", "")
	m.file("open/readable", "x")
	m.symlink("secret", "link")
	if got, want := scanInChild(t, m.dir, attr), "depth 2, 8 inodes"; strings.Join(got, "\n") != want {
		t.Fatalf("got %q, want %q", got, want)
	}
	m.file("secret", "x")
	m.xattr("secret", "user.hidden", "x")
	m.xattr("secret", "security.shown", "x")
	m.file("listable/a", "")
	m.file("listable/b", "")
	m.chmod("empty", 0)
	m.chmod("secret", 0)
	m.chmod("closed", 0o700)
	m.chmod("listable", 0o744)
	want := strings.Join([]string{
		"entries of /closed: permission denied",
		"metadata of /listable/a: permission denied",
		"metadata of /listable/b: permission denied",
		"content of /secret: permission denied",
		`xattr "user.hidden" of /secret: permission denied`,
	}, "\n")
	if got := strings.Join(scanInChild(t, m.dir, attr), "\n"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	m.chmod(".", 0)
	if got, want := strings.Join(scanInChild(t, m.dir, attr), "\n"), "entries of /: permission denied"; got != want {
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
	got := strings.Join(scanInChild(t, dir, nil, scanChildFiles+"=100"), "\n")
	if want := fmt.Sprintf("depth %d, %d inodes", depth, 1+2*depth); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func testScanWithoutProc(t *testing.T) {
	attr := &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	got := strings.Join(scanInChild(t, t.TempDir(), attr, scanChildProc+"=1"), "\n")
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
	m := scanMaker{t, t.TempDir()}
	m.file("0", "x")
	const files, names = 20, 20_000
	for i := 1; i < files; i++ {
		m.file(strconv.Itoa(i), "x")
	}
	for i := files; i < names; i++ {
		m.link(strconv.Itoa(i%files), strconv.Itoa(i))
	}
	tree := scanOK(t, m.dir, fsverity.SHA256)
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
	m := scanMaker{b, b.TempDir()}
	content := strings.Repeat("0123456789abcdef", 26<<10>>4)
	for d := range 300 {
		dir := fmt.Sprintf("d%d/e%d", d%30, d)
		m.mkdir(dir)
		for f := range 27 {
			m.file(fmt.Sprintf("%s/f%d", dir, f), content[:len(content)*(f+7)/34])
		}
	}
	var bytes int64
	for b.Loop() {
		_, err := ScanDirectory(b.Context(), m.dir, ScanOptions{Hash: fsverity.SHA256, Progress: func(_, n int64) { bytes = n }})
		if err != nil {
			b.Fatal(err)
		}
	}
	b.SetBytes(bytes)
}
