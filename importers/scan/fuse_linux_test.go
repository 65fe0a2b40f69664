package scan

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"cfsverify/canon/fsverity"
	"cfsverify/testdata/oracle"
)

// faultyFS is a file system of a few files that can be told to fail. What is
// asked of a path is counted.
type faultyFS struct {
	mu    *sync.Mutex
	calls map[string]int
	// fail is asked before each operation, which is "getattr", "readdir",
	// "entry", "open", "read", "readlink", "listxattr" or "getxattr".
	fail func(operation, path string, n int) syscall.Errno
	// attr and names change what stat and readdir say, read what a file holds,
	// xattr what there is.
	attr  func(path string, reads int, out *fuse.Attr)
	names func(path string, n int) []string
	read  func(path string, off int64, size int) []byte
	xattr func(path string, n int) map[string]string
	// endless directories each have another one.
	endless bool
}

func (f *faultyFS) call(operation, path string) (int, syscall.Errno) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls[operation+path]++
	n := f.calls[operation+path]
	if f.fail == nil {
		return n, 0
	}
	return n, f.fail(operation, path, n)
}

// faultyNode is a file or directory of a faultyFS.
type faultyNode struct {
	fs.Inode
	fs      *faultyFS
	path    string
	mode    uint32
	content []byte
}

const fuseContent = 300_000

func (n *faultyNode) OnAdd(ctx context.Context) {
	if n.path != "" {
		return
	}
	dir := n.add(ctx, "dir", syscall.S_IFDIR|0o755, nil)
	dir.add(ctx, "file", syscall.S_IFREG|0o644, bytes.Repeat([]byte("0123456789"), fuseContent/10))
	dir.add(ctx, "inner", syscall.S_IFDIR|0o755, nil)
	n.add(ctx, "link", syscall.S_IFLNK|0o777, []byte("dir/file"))
	n.add(ctx, "small", syscall.S_IFREG|0o600, []byte("small"))
}

func (n *faultyNode) child(name string, mode uint32, content []byte) *faultyNode {
	return &faultyNode{fs: n.fs, path: n.path + "/" + name, mode: mode, content: content}
}

func (n *faultyNode) add(ctx context.Context, name string, mode uint32, content []byte) *faultyNode {
	c := n.child(name, mode, content)
	n.AddChild(name, n.NewPersistentInode(ctx, c, fs.StableAttr{Mode: mode & syscall.S_IFMT}), false)
	return c
}

func (n *faultyNode) Lookup(ctx context.Context, name string, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	if n.fs.endless && n.mode&syscall.S_IFMT == syscall.S_IFDIR && name == "d" {
		c := n.child(name, syscall.S_IFDIR|0o755, nil)
		inode := n.NewInode(ctx, c, fs.StableAttr{Mode: syscall.S_IFDIR})
		return inode, c.fill(&out.Attr)
	}
	inode := n.GetChild(name)
	if inode == nil {
		return nil, syscall.ENOENT
	}
	return inode, inode.Operations().(*faultyNode).fill(&out.Attr)
}

func (n *faultyNode) Getattr(_ context.Context, _ fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	return n.fill(&out.Attr)
}

func (n *faultyNode) fill(out *fuse.Attr) syscall.Errno {
	if _, errno := n.fs.call("getattr", n.path); errno != 0 {
		return errno
	}
	out.Mode, out.Size, out.Mtime, out.Ctime, out.Nlink = n.mode, uint64(len(n.content)), 1700000000, 1700000000, 1
	out.Blocks = out.Size/512 + 1
	out.Ino = n.StableAttr().Ino
	if n.fs.attr != nil {
		n.fs.mu.Lock()
		reads := n.fs.calls["read"+n.path]
		n.fs.mu.Unlock()
		n.fs.attr(n.path, reads, out)
	}
	return 0
}

// faultyStream fails before an entry if it is told to.
type faultyStream struct {
	node  *faultyNode
	names []string
}

func (s *faultyStream) HasNext() bool { return len(s.names) > 0 }
func (s *faultyStream) Close()        {}
func (s *faultyStream) Next() (fuse.DirEntry, syscall.Errno) {
	if _, errno := s.node.fs.call("entry", s.node.path); errno != 0 {
		return fuse.DirEntry{}, errno
	}
	name := s.names[0]
	s.names = s.names[1:]
	return fuse.DirEntry{Name: name, Mode: syscall.S_IFREG, Ino: 99}, 0
}

func (n *faultyNode) Readdir(context.Context) (fs.DirStream, syscall.Errno) {
	count, errno := n.fs.call("readdir", n.path)
	if errno != 0 {
		return nil, errno
	}
	var names []string
	for name := range n.Children() {
		names = append(names, name)
	}
	slices.Sort(names)
	if n.fs.endless {
		names = []string{"d"}
	}
	if n.fs.names != nil {
		if other := n.fs.names(n.path, count); other != nil {
			names = other
		}
	}
	return &faultyStream{n, names}, 0
}

func (n *faultyNode) Open(context.Context, uint32) (fs.FileHandle, uint32, syscall.Errno) {
	_, errno := n.fs.call("open", n.path)
	return nil, fuse.FOPEN_DIRECT_IO, errno
}

func (n *faultyNode) Read(_ context.Context, _ fs.FileHandle, dest []byte, off int64) (fuse.ReadResult, syscall.Errno) {
	if _, errno := n.fs.call("read", n.path); errno != 0 {
		return nil, errno
	}
	content := n.content[min(off, int64(len(n.content))):]
	if n.fs.read != nil {
		if other := n.fs.read(n.path, off, len(dest)); other != nil {
			content = other
		}
	}
	return fuse.ReadResultData(content[:min(len(dest), len(content))]), 0
}

func (n *faultyNode) Readlink(context.Context) ([]byte, syscall.Errno) {
	_, errno := n.fs.call("readlink", n.path)
	return n.content, errno
}

func answerXattr(dest []byte, value string) (uint32, syscall.Errno) {
	if len(dest) < len(value) {
		return uint32(len(value)), syscall.ERANGE
	}
	return uint32(copy(dest, value)), 0
}

func (n *faultyNode) Listxattr(_ context.Context, dest []byte) (uint32, syscall.Errno) {
	count, errno := n.fs.call("listxattr", n.path)
	if errno != 0 || n.fs.xattr == nil {
		return 0, errno
	}
	list := ""
	for name := range n.fs.xattr(n.path, count) {
		list += name + "\x00"
	}
	return answerXattr(dest, list)
}

func (n *faultyNode) Getxattr(_ context.Context, name string, dest []byte) (uint32, syscall.Errno) {
	count, errno := n.fs.call("getxattr", n.path)
	if errno != 0 {
		return 0, errno
	}
	if n.fs.xattr == nil {
		return 0, syscall.ENODATA
	}
	value, ok := n.fs.xattr(n.path, count)[name]
	if !ok {
		return 0, syscall.ENODATA
	}
	return answerXattr(dest, value)
}

// mountFaulty mounts the file system.
func mountFaulty(t *testing.T, f *faultyFS) string {
	t.Helper()
	oracle.Root(t)
	if _, err := os.Stat("/dev/fuse"); err != nil {
		oracle.Missing(t, "/dev/fuse")
	}
	f.calls, f.mu = map[string]int{}, &sync.Mutex{}
	dir := t.TempDir()
	root := &faultyNode{fs: f, mode: syscall.S_IFDIR | 0o755}
	uncached := time.Duration(0)
	server, err := fs.Mount(dir, root, &fs.Options{EntryTimeout: &uncached, AttrTimeout: &uncached, MountOptions: fuse.MountOptions{DirectMountStrict: true, FsName: "faulty", Options: []string{"default_permissions"}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Unmount(); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// every says when an operation on a path fails.
func every(operation, path string, errno syscall.Errno) func(string, string, int) syscall.Errno {
	return func(o, p string, _ int) syscall.Errno {
		if o == operation && p == path {
			return errno
		}
		return 0
	}
}

func TestScanFaultyFS(t *testing.T) {
	whole := fsverity.SumBytes(fsverity.SHA256, bytes.Repeat([]byte("0123456789"), fuseContent/10))
	type testCase struct {
		name string
		fs   faultyFS
		// want is a part of the error; empty if the scan succeeds.
		want string
	}
	var cases []testCase
	for _, errno := range []syscall.Errno{syscall.EIO, syscall.ESTALE} {
		text := map[syscall.Errno]string{syscall.EIO: "input/output error", syscall.ESTALE: "changed while it was scanned"}[errno]
		for _, c := range [][2]string{
			{"getattr", "/dir"}, {"getattr", "/dir/file"}, {"getattr", "/link"}, {"readdir", "/dir"}, {"entry", "/dir"}, {"open", "/dir/file"},
			{"open", "/small"}, {"read", "/dir/file"}, {"read", "/small"}, {"readlink", "/link"}, {"listxattr", "/dir"}, {"listxattr", "/dir/file"},
		} {
			cases = append(cases, testCase{fmt.Sprintf("%v of %s %s", errno, c[0], c[1]), faultyFS{fail: every(c[0], c[1], errno)}, text})
		}
		cases = append(cases,
			testCase{fmt.Sprintf("%v in the middle of a file", errno), faultyFS{fail: func(o, p string, n int) syscall.Errno {
				if o == "read" && p == "/dir/file" && n >= 2 {
					return errno
				}
				return 0
			}}, text},
			testCase{fmt.Sprintf("%v after some entries", errno), faultyFS{fail: func(o, p string, n int) syscall.Errno {
				if o == "entry" && p == "/dir" && n == 2 {
					return errno
				}
				return 0
			}}, text},
			testCase{fmt.Sprintf("%v of getxattr", errno), faultyFS{fail: every("getxattr", "/small", errno),
				xattr: func(path string, _ int) map[string]string {
					return map[string]map[string]string{"/small": {"user.x": "1"}}[path]
				}}, text},
		)
	}
	file := func(change func(reads int, out *fuse.Attr)) func(string, int, *fuse.Attr) {
		return func(path string, reads int, out *fuse.Attr) {
			if path == "/dir/file" {
				change(reads, out)
			}
		}
	}
	small := func(xattrs func(n int) map[string]string) func(string, int) map[string]string {
		return func(path string, n int) map[string]string {
			if path != "/small" {
				return nil
			}
			return xattrs(n)
		}
	}
	cases = append(cases, []testCase{
		{"nothing", faultyFS{}, ""},
		{"short reads", faultyFS{read: func(path string, off int64, size int) []byte {
			if path != "/dir/file" {
				return nil
			}
			return bytes.Repeat([]byte("0123456789"), 2)[off%10 : min(off%10+7, off%10+fuseContent-off)]
		}}, ""},
		{"less than the size", faultyFS{read: func(path string, off int64, _ int) []byte {
			if path == "/dir/file" && off >= 131072 {
				return []byte{}
			}
			return nil
		}}, `/dir/file" changed while it was scanned`},
		{"a size that is too small", faultyFS{attr: file(func(_ int, out *fuse.Attr) { out.Size = 100_000 })}, `/dir/file" changed while it was scanned`},
		{"a file that grows", faultyFS{attr: file(func(reads int, out *fuse.Attr) { out.Size += uint64(reads) })}, `/dir/file" changed while it was scanned`},
		{"an mtime that moves", faultyFS{attr: file(func(reads int, out *fuse.Attr) { out.Mtime += uint64(reads) })}, `/dir/file" changed while it was scanned`},
		{"a ctime that moves", faultyFS{attr: file(func(reads int, out *fuse.Attr) { out.Ctimensec += uint32(reads) })}, `/dir/file" changed while it was scanned`},
		{"another mode", faultyFS{attr: file(func(reads int, out *fuse.Attr) { out.Mode ^= uint32(min(reads, 1)) })}, `/dir/file" changed while it was scanned`},
		{"a hole that is none", faultyFS{attr: file(func(_ int, out *fuse.Attr) { out.Blocks = 0 })}, ""},
		{"a name that is not there", faultyFS{names: func(path string, _ int) []string {
			if path == "/dir" {
				return []string{"file", "inner", "nowhere"}
			}
			return nil
		}}, `/dir/nowhere" is listed but not there`},
		{"a name twice", faultyFS{names: func(path string, _ int) []string {
			if path == "/dir" {
				return []string{"file", "file", "inner"}
			}
			return nil
		}}, `/dir/file" is listed twice`},
		{"an xattr that grows", faultyFS{xattr: small(func(n int) map[string]string { return map[string]string{"user.x": strings.Repeat("v", 600*n)} })}, ""},
		{"an xattr that is gone once", faultyFS{xattr: small(func(n int) map[string]string {
			if n == 1 {
				return map[string]string{"user.gone": "1"}
			}
			return map[string]string{"user.x": "1"}
		})}, ""},
		{"an xattr that is never there", faultyFS{fail: every("getxattr", "/small", syscall.ENODATA),
			xattr: small(func(int) map[string]string { return map[string]string{"user.gone": "1"} })}, `/small": xattr "user.gone" is listed but has no value`},
		{"xattrs over all limits", faultyFS{xattr: small(func(int) map[string]string {
			names := map[string]string{}
			for i := range 1000 {
				names[fmt.Sprintf("user.%0200d", i)] = "1"
			}
			return names
		})}, `xattrs of "`},
		{"directories without end", faultyFS{endless: true}, "nested more than 2048 deep"},
	}...)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			dir := mountFaulty(t, &c.fs)
			tree, err := Directory(t.Context(), dir, Options{Hash: fsverity.SHA256})
			if open := openBelow(t, dir); open != nil {
				t.Errorf("these are still open: %q", open)
			}
			switch {
			case c.want != "":
				if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), dir) || len(err.Error()) > 500 {
					t.Errorf("error %v\nwant  %s", err, c.want)
				}
			case err != nil:
				t.Error(err)
			case tree.Lookup("/dir/file").Node.Content.Digest != whole:
				t.Error("another digest")
			}
		})
	}
}

// openBelow lists the descriptors of what is in a directory.
func openBelow(t *testing.T, dir string) []string {
	t.Helper()
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	var open []string
	for _, fd := range fds {
		if to, err := os.Readlink("/proc/self/fd/" + fd.Name()); err == nil && strings.HasPrefix(to, dir) {
			open = append(open, to)
		}
	}
	return open
}

// TestScanEndlessDirectory: only a cancelled context ends it.
func TestScanEndlessDirectory(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	f := &faultyFS{}
	f.names = func(path string, _ int) []string {
		if path != "/dir" {
			return nil
		}
		names := make([]string, 1_000_000)
		for i := range names {
			names[i] = fmt.Sprint("name", i)
		}
		return names
	}
	f.fail = func(operation, path string, n int) syscall.Errno {
		if operation == "entry" && path == "/dir" && n == 10_000 {
			cancel()
		}
		return 0
	}
	if _, err := Directory(ctx, mountFaulty(t, f), Options{Hash: fsverity.SHA256}); err != context.Canceled {
		t.Errorf("error %v", err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if n := f.calls["entry/dir"]; n > 500_000 {
		t.Errorf("%d entries were read", n)
	}
}
