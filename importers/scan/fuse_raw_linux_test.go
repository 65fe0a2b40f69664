package scan

import (
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"cfsverify/testdata/oracle"
)

// rawFS answers the kernel without the checks of go-fuse's package fs: an inode
// may have any names, and two may have one number.
type rawFS struct {
	fuse.RawFileSystem
	mu    sync.Mutex
	nodes map[uint64]*rawNode // by the kernel's node id; the root is 1
}

type rawNode struct {
	mode    uint32
	content string // or a symlink's target
	cached  bool   // is read through the page cache
	entries []rawEntry
	xattrs  string // the list; each value is "value"
	// stat changes what the n-th stat says: an inode number that is the node's
	// id, the size of content, no blocks, and the second 1.
	stat func(n int, a *fuse.Attr)
	seek func(offset uint64, whence uint32) (uint64, fuse.Status)

	stats int // guarded by rawFS.mu
}

// rawEntry is what readdir lists, and the node that a lookup of it finds.
type rawEntry struct {
	name string
	node uint64
}

func (f *rawFS) attr(id uint64, a *fuse.Attr) fuse.Status {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := f.nodes[id]
	n.stats++
	*a = fuse.Attr{Ino: id, Mode: n.mode, Nlink: 1, Mtime: 1, Ctime: 1, Size: uint64(len(n.content))}
	if n.stat != nil {
		n.stat(n.stats, a)
	}
	return fuse.OK
}

func (f *rawFS) Lookup(_ <-chan struct{}, header *fuse.InHeader, name string, out *fuse.EntryOut) fuse.Status {
	for _, e := range f.nodes[header.NodeId].entries {
		if e.name == name {
			out.NodeId = e.node
			return f.attr(e.node, &out.Attr)
		}
	}
	return fuse.ENOENT
}

func (f *rawFS) GetAttr(_ <-chan struct{}, in *fuse.GetAttrIn, out *fuse.AttrOut) fuse.Status {
	return f.attr(in.NodeId, &out.Attr)
}

func (f *rawFS) OpenDir(<-chan struct{}, *fuse.OpenIn, *fuse.OpenOut) fuse.Status { return fuse.OK }

func (f *rawFS) ReadDir(_ <-chan struct{}, in *fuse.ReadIn, out *fuse.DirEntryList) fuse.Status {
	entries := f.nodes[in.NodeId].entries
	for i := in.Offset; i < uint64(len(entries)); i++ {
		if !out.AddDirEntry(fuse.DirEntry{Name: entries[i].name, Ino: entries[i].node, Off: i + 1}) {
			break
		}
	}
	return fuse.OK
}

func (f *rawFS) Open(_ <-chan struct{}, in *fuse.OpenIn, out *fuse.OpenOut) fuse.Status {
	if !f.nodes[in.NodeId].cached {
		out.OpenFlags = fuse.FOPEN_DIRECT_IO
	}
	return fuse.OK
}

func (f *rawFS) Read(_ <-chan struct{}, in *fuse.ReadIn, _ []byte) (fuse.ReadResult, fuse.Status) {
	content := f.nodes[in.NodeId].content
	from := min(in.Offset, uint64(len(content)))
	to := min(from+uint64(in.Size), uint64(len(content)))
	return fuse.ReadResultData([]byte(content[from:to])), fuse.OK
}

func (f *rawFS) Lseek(_ <-chan struct{}, in *fuse.LseekIn, out *fuse.LseekOut) (status fuse.Status) {
	seek := f.nodes[in.NodeId].seek
	if seek == nil {
		return fuse.ENOSYS
	}
	out.Offset, status = seek(in.Offset, in.Whence)
	return status
}

func (f *rawFS) Readlink(_ <-chan struct{}, header *fuse.InHeader) ([]byte, fuse.Status) {
	return []byte(f.nodes[header.NodeId].content), fuse.OK
}

func (f *rawFS) ListXAttr(_ <-chan struct{}, header *fuse.InHeader, dest []byte) (uint32, fuse.Status) {
	n, errno := answerXattr(dest, f.nodes[header.NodeId].xattrs)
	return n, fuse.Status(errno)
}

func (f *rawFS) GetXAttr(_ <-chan struct{}, _ *fuse.InHeader, _ string, dest []byte) (uint32, fuse.Status) {
	n, errno := answerXattr(dest, "value")
	return n, fuse.Status(errno)
}

func mountRaw(t *testing.T, nodes map[uint64]*rawNode) string {
	t.Helper()
	oracle.Root(t)
	if _, err := os.Stat("/dev/fuse"); err != nil {
		oracle.Missing(t, "/dev/fuse is missing")
	}
	dir := t.TempDir()
	f := &rawFS{RawFileSystem: fuse.NewDefaultRawFileSystem(), nodes: nodes}
	server, err := fuse.NewServer(f, dir, &fuse.MountOptions{DirectMountStrict: true, FsName: "raw", DisableReadDirPlus: true})
	if err != nil {
		t.Fatal(err)
	}
	go server.Serve()
	if err := server.WaitMount(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Unmount(); err != nil {
			t.Error(err)
		}
	})
	return dir
}

const (
	rawDir  = unix.S_IFDIR | 0o755
	rawFile = unix.S_IFREG | 0o644
	rawLink = unix.S_IFLNK | 0o777
)

// rawOne has a node as /a.
func rawOne(n rawNode) map[uint64]*rawNode {
	return map[uint64]*rawNode{1: {mode: rawDir, entries: []rawEntry{{"a", 2}}}, 2: &n}
}

// rawNames has these entries in the root: 2 and 3 are files, 4 is a directory.
func rawNames(entries ...rawEntry) map[uint64]*rawNode {
	return map[uint64]*rawNode{
		1: {mode: rawDir, entries: entries},
		2: {mode: rawFile, content: "two"},
		3: {mode: rawFile, content: "three"},
		4: {mode: rawDir},
	}
}

// rawCollision has two files of one inode number, which differ as change says.
func rawCollision(change func(n *rawNode, a *fuse.Attr)) map[uint64]*rawNode {
	nodes := rawNames(rawEntry{"a", 2}, rawEntry{"b", 3})
	nodes[3].content = "two"
	nodes[3].stat = func(_ int, a *fuse.Attr) {
		a.Ino = 2
		change(nodes[3], a)
	}
	return nodes
}

// rawDoubled has directories in each other, each of which is listed twice.
func rawDoubled(depth uint64) map[uint64]*rawNode {
	nodes := map[uint64]*rawNode{depth + 1: {mode: rawDir}}
	for id := uint64(1); id <= depth; id++ {
		nodes[id] = &rawNode{mode: rawDir, entries: []rawEntry{{"d", id + 1}, {"d", id + 1}}}
	}
	return nodes
}

func rawXattrs(list ...string) rawNode {
	return rawNode{mode: rawFile, xattrs: strings.Join(list, "\x00") + "\x00"}
}
