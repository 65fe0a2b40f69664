// Package files makes files for tests, and describes directories by the words of tools
// and of trees, so that both can be compared.
package files

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// Maker makes files below a directory and fails the test where it cannot.
type Maker struct {
	testing.TB
	Dir string
}

// New makes files below a directory.
func New(t testing.TB, dir string) Maker { return Maker{t, dir} }

// Do fails the test if there is an error.
func (m Maker) Do(err error) {
	m.Helper()
	if err != nil {
		m.Fatal(err)
	}
}

func (m Maker) Path(name string) string { return filepath.Join(m.Dir, name) }

func (m Maker) Mkdir(name string) { m.Helper(); m.Do(os.MkdirAll(m.Path(name), 0o755)) }

func (m Maker) Symlink(to, name string) { m.Helper(); m.Do(os.Symlink(to, m.Path(name))) }

func (m Maker) Link(from, name string) { m.Helper(); m.Do(os.Link(m.Path(from), m.Path(name))) }

func (m Maker) File(name, content string) {
	m.Helper()
	m.Do(os.WriteFile(m.Path(name), []byte(content), 0o644))
}

func (m Maker) Chmod(name string, mode uint32) {
	m.Helper()
	m.Do(unix.Chmod(m.Path(name), mode))
}

func (m Maker) Mknod(name string, mode, major, minor uint32) {
	m.Helper()
	m.Do(unix.Mknod(m.Path(name), mode, int(unix.Mkdev(major, minor))))
}

func (m Maker) Xattr(name, key, value string) {
	m.Helper()
	m.Do(unix.Lsetxattr(m.Path(name), key, []byte(value), 0))
}

func (m Maker) Mtime(name string, sec, nsec int64) {
	m.Helper()
	at := []unix.Timespec{{Sec: sec, Nsec: nsec}, {Sec: sec, Nsec: nsec}}
	m.Do(unix.UtimesNanoAt(unix.AT_FDCWD, m.Path(name), at, unix.AT_SYMLINK_NOFOLLOW))
}

// A security.capability of version 2 with CAP_NET_BIND_SERVICE permitted and
// effective, see struct vfs_ns_cap_data in include/uapi/linux/capability.h.
const scanCapability = "\x01\x00\x00\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"

// MakeEverything makes at least one of each thing that a file system can hold.
func (m Maker) MakeEverything() {
	m.Helper()
	for _, dir := range []string{"etc/empty", "usr/bin", "dev", "tmp", "names"} {
		m.Mkdir(dir)
	}
	for _, size := range []int{0, 1, 63, 64, 65, 4095, 4096, 4097, 256 << 10, 256<<10 + 1, 600_000} {
		m.File(fmt.Sprintf("etc/size-%d", size), string(bytes.Repeat([]byte("0123456789abcde"), size/15+1)[:size]))
	}
	m.File("usr/bin/tool", strings.Repeat("tool", 100))
	m.Chmod("usr/bin/tool", 0o4755)
	m.Xattr("usr/bin/tool", "security.capability", scanCapability)
	m.Xattr("usr/bin/tool", "user.empty", "")
	m.Xattr("usr/bin/tool", "user.long", strings.Repeat("x", 2000))
	m.Xattr("usr/bin/tool", "trusted.binary", "\x00\xff\n=")
	for i := range 40 {
		m.Xattr("etc/size-64", fmt.Sprintf("user.the-list-of-names-is-longer-than-the-first-buffer-%d", i), "v")
	}
	m.Chmod("tmp", 0o1777)
	m.Xattr("tmp", "user.on-a-directory", "yes")
	m.Xattr(".", "user.on-the-root", "yes")

	m.Symlink("/etc/size-64", "absolute")
	m.Symlink("nowhere\xff", "dangling")
	m.Symlink(strings.Repeat("x/", 2047)+"x", "long")
	m.Symlink("../../..", "usr/outside")
	m.Xattr("dangling", "trusted.on-a-symlink", "yes")
	m.Mknod("dev/null", unix.S_IFCHR|0o666, 1, 3)
	m.Mknod("dev/whiteout", unix.S_IFCHR, 0, 0)
	m.Mknod("dev/large", unix.S_IFBLK|0o660, 4095, 1048575)
	m.Mknod("dev/minor-257", unix.S_IFCHR|0o600, 259, 257)
	m.Mknod("dev/fifo", unix.S_IFIFO|0o620, 0, 0)
	m.Mknod("dev/socket", unix.S_IFSOCK|0o755, 0, 0)
	m.Xattr("dev/fifo", "trusted.on-a-fifo", "yes")
	m.Xattr("dev/null", "security.on-a-device", "yes")

	m.Link("usr/bin/tool", "a-tool")
	m.Link("usr/bin/tool", "etc/tool")
	m.Link("dangling", "usr/dangling")
	m.Link("dev/fifo", "usr/fifo")
	m.Link("dev/socket", "usr/socket")
	m.Link("dev/null", "usr/null")
	m.Link("etc/size-0", "usr/size-0")
	for _, name := range []string{"latin-\xe9", "new\nline", "back\\slash", " ", strings.Repeat("n", 255), "...", "-rf"} {
		m.File("names/"+name, name)
	}
	m.Do(os.Lchown(m.Path("dangling"), 12, 34))
	m.Do(os.Lchown(m.Path("etc/size-65"), 4_000_000_000, 3_000_000))
	m.Chmod("etc/size-63", 0o2070)
	m.Mtime("etc/size-1", -2, 500_000_000)
	m.Mtime("etc/size-63", 1_700_000_000, 1)
	m.Mtime("dangling", 4_000_000_000, 999_999_999)
	m.Mtime("dev/null", -1, 0)
	m.Mtime("usr", 0, 0)
	m.Chmod(".", 0o555)
	m.Do(os.Lchown(m.Dir, 5, 6))
	m.Mtime(".", 1_234_567_890, 123_456_789)
}

func Write(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
}
