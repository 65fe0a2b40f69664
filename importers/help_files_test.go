package importers

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// scanMaker makes files below a directory and fails the test where it cannot.
type scanMaker struct {
	testing.TB
	dir string
}

func (m scanMaker) do(err error) {
	m.Helper()
	if err != nil {
		m.Fatal(err)
	}
}

func (m scanMaker) path(name string) string { return filepath.Join(m.dir, name) }

func (m scanMaker) mkdir(name string) { m.Helper(); m.do(os.MkdirAll(m.path(name), 0o755)) }

func (m scanMaker) symlink(to, name string) { m.Helper(); m.do(os.Symlink(to, m.path(name))) }

func (m scanMaker) link(from, name string) { m.Helper(); m.do(os.Link(m.path(from), m.path(name))) }

func (m scanMaker) file(name, content string) {
	m.Helper()
	m.do(os.WriteFile(m.path(name), []byte(content), 0o644))
}

func (m scanMaker) chmod(name string, mode uint32) {
	m.Helper()
	m.do(unix.Chmod(m.path(name), mode))
}

func (m scanMaker) mknod(name string, mode, major, minor uint32) {
	m.Helper()
	m.do(unix.Mknod(m.path(name), mode, int(unix.Mkdev(major, minor))))
}

func (m scanMaker) xattr(name, key, value string) {
	m.Helper()
	m.do(unix.Lsetxattr(m.path(name), key, []byte(value), 0))
}

func (m scanMaker) mtime(name string, sec, nsec int64) {
	m.Helper()
	at := []unix.Timespec{{Sec: sec, Nsec: nsec}, {Sec: sec, Nsec: nsec}}
	m.do(unix.UtimesNanoAt(unix.AT_FDCWD, m.path(name), at, unix.AT_SYMLINK_NOFOLLOW))
}

// A security.capability of version 2 with CAP_NET_BIND_SERVICE permitted and
// effective, see struct vfs_ns_cap_data in include/uapi/linux/capability.h.
const scanCapability = "\x01\x00\x00\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"

// makeEverything makes at least one of each thing that a file system can hold.
func (m scanMaker) makeEverything() {
	m.Helper()
	for _, dir := range []string{"etc/empty", "usr/bin", "dev", "tmp", "names"} {
		m.mkdir(dir)
	}
	for _, size := range []int{0, 1, 63, 64, 65, 4095, 4096, 4097, 256 << 10, 256<<10 + 1, 600_000} {
		m.file(fmt.Sprintf("etc/size-%d", size), string(bytes.Repeat([]byte("0123456789abcde"), size/15+1)[:size]))
	}
	m.file("usr/bin/tool", strings.Repeat("tool", 100))
	m.chmod("usr/bin/tool", 0o4755)
	m.xattr("usr/bin/tool", "security.capability", scanCapability)
	m.xattr("usr/bin/tool", "user.empty", "")
	m.xattr("usr/bin/tool", "user.long", strings.Repeat("x", 2000))
	m.xattr("usr/bin/tool", "trusted.binary", "\x00\xff\n=")
	for i := range 40 {
		m.xattr("etc/size-64", fmt.Sprintf("user.the-list-of-names-is-longer-than-the-first-buffer-%d", i), "v")
	}
	m.chmod("tmp", 0o1777)
	m.xattr("tmp", "user.on-a-directory", "yes")
	m.xattr(".", "user.on-the-root", "yes")

	m.symlink("/etc/size-64", "absolute")
	m.symlink("nowhere\xff", "dangling")
	m.symlink(strings.Repeat("x/", 2047)+"x", "long")
	m.symlink("../../..", "usr/outside")
	m.xattr("dangling", "trusted.on-a-symlink", "yes")
	m.mknod("dev/null", unix.S_IFCHR|0o666, 1, 3)
	m.mknod("dev/whiteout", unix.S_IFCHR, 0, 0)
	m.mknod("dev/large", unix.S_IFBLK|0o660, 4095, 1048575)
	m.mknod("dev/minor-257", unix.S_IFCHR|0o600, 259, 257)
	m.mknod("dev/fifo", unix.S_IFIFO|0o620, 0, 0)
	m.mknod("dev/socket", unix.S_IFSOCK|0o755, 0, 0)
	m.xattr("dev/fifo", "trusted.on-a-fifo", "yes")
	m.xattr("dev/null", "security.on-a-device", "yes")

	m.link("usr/bin/tool", "a-tool")
	m.link("usr/bin/tool", "etc/tool")
	m.link("dangling", "usr/dangling")
	m.link("dev/fifo", "usr/fifo")
	m.link("dev/socket", "usr/socket")
	m.link("dev/null", "usr/null")
	m.link("etc/size-0", "usr/size-0")
	for _, name := range []string{"latin-\xe9", "new\nline", "back\\slash", " ", strings.Repeat("n", 255), "...", "-rf"} {
		m.file("names/"+name, name)
	}
	m.do(os.Lchown(m.path("dangling"), 12, 34))
	m.do(os.Lchown(m.path("etc/size-65"), 4_000_000_000, 3_000_000))
	m.chmod("etc/size-63", 0o2070)
	m.mtime("etc/size-1", -2, 500_000_000)
	m.mtime("etc/size-63", 1_700_000_000, 1)
	m.mtime("dangling", 4_000_000_000, 999_999_999)
	m.mtime("dev/null", -1, 0)
	m.mtime("usr", 0, 0)
	m.chmod(".", 0o555)
	m.do(os.Lchown(m.dir, 5, 6))
	m.mtime(".", 1_234_567_890, 123_456_789)
}

func writeTestFile(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
}
