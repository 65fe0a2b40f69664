package scan

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"cfsverify/canon/fsverity"
)

// rawCase is a file system that cannot be right.
type rawCase struct {
	name  string
	nodes map[uint64]*rawNode
	want  string // how the error begins, with DIR for the mount point
}

func rawBadNames() []rawCase {
	const io = `entries of "DIR": input/output error`
	return []rawCase{
		{"no name", rawNames(rawEntry{"a", 2}, rawEntry{"", 3}), io},
		{"a slash", rawNames(rawEntry{"a", 2}, rawEntry{"a/b", 3}), io},
		{"a way out", rawNames(rawEntry{"../etc", 3}), io},
		{"a NUL byte", rawNames(rawEntry{"a", 2}, rawEntry{"b\x00c", 3}), `"DIR/b" is listed but not there`},
		{"a NUL byte first", rawNames(rawEntry{"a", 2}, rawEntry{"\x00c", 3}), `"DIR": the name is empty`},
		{"256 bytes", rawNames(rawEntry{strings.Repeat("n", 256), 2}), `"DIR/` + strings.Repeat("n", 256) + `": the name has 256 bytes`},
		{"a file twice", rawNames(rawEntry{"a", 2}, rawEntry{"a", 2}), `"DIR/a" is listed twice`},
		{"a name of two files", rawNames(rawEntry{"a", 2}, rawEntry{"b", 2}, rawEntry{"a", 3}), `"DIR/a" is listed twice`},
		{"a directory twice", rawNames(rawEntry{"d", 4}, rawEntry{"d", 4}), `"DIR/d" is listed twice`},
		// Scanned as listed, this would take 2⁵⁰ directories.
		{"directories twice", rawDoubled(50), `"DIR/d" is listed twice`},
	}
}

func rawBadInodes() []rawCase {
	loop := func(nodes ...uint64) map[uint64]*rawNode {
		all := map[uint64]*rawNode{}
		for i, node := range nodes[:len(nodes)-1] {
			all[node] = &rawNode{mode: rawDir, entries: []rawEntry{{"d", nodes[i+1]}}}
		}
		return all
	}
	other := `"DIR/b" has the inode number of another file`
	changed := `"DIR/a" changed while it was scanned`
	from := func(first int, change func(a *fuse.Attr)) func(int, *fuse.Attr) {
		return func(n int, a *fuse.Attr) {
			if n >= first {
				change(a)
			}
		}
	}
	return []rawCase{
		{"in itself", loop(1, 2, 2), `metadata of "DIR/d/d": too many levels of symbolic links`},
		{"in its child", loop(1, 2, 3, 2), `metadata of "DIR/d/d/d": too many levels of symbolic links`},
		{"the root in it", loop(1, 2, 1), `metadata of "DIR/d/d": input/output error`},
		{"one number, other types", rawCollision(func(n *rawNode, a *fuse.Attr) { a.Mode = rawLink }), other},
		{"one number, other modes", rawCollision(func(n *rawNode, a *fuse.Attr) { a.Mode |= 0o4000 }), other},
		{"one number, other sizes", rawCollision(func(n *rawNode, a *fuse.Attr) { a.Size++ }), other},
		{"one number, other owners", rawCollision(func(n *rawNode, a *fuse.Attr) { a.Gid++ }), other},
		{"one number, other mtimes", rawCollision(func(n *rawNode, a *fuse.Attr) { a.Mtime++ }), other},
		{"another type at once", rawOne(rawNode{mode: rawFile, content: "x", stat: from(2, func(a *fuse.Attr) { a.Mode = rawDir })}), `metadata of "DIR/a": input/output error`},
		{"another type later", rawOne(rawNode{mode: rawFile, stat: from(3, func(a *fuse.Attr) { a.Mode = rawDir })}), `metadata of "DIR/a": input/output error`},
		{"no type", rawOne(rawNode{mode: 0o644}), `metadata of "DIR/a": input/output error`},
		{"another inode, empty", rawOne(rawNode{mode: rawFile, stat: func(n int, a *fuse.Attr) { a.Ino = uint64(n) }}), changed},
		{"another inode", rawOne(rawNode{mode: rawFile, content: "x", stat: func(n int, a *fuse.Attr) { a.Ino = uint64(n) }}), changed},
		{"another directory", rawOne(rawNode{mode: rawDir, stat: func(n int, a *fuse.Attr) { a.Ino = uint64(n) + 9 }}), changed},
		{"a directory always new", rawOne(rawNode{mode: rawDir, stat: func(n int, a *fuse.Attr) { a.Ctime = uint64(n) }}), changed},
		{"a symlink to nothing", rawOne(rawNode{mode: rawLink}), `"DIR/a": the symlink has no target`},
	}
}

func rawBadContents() []rawCase {
	const size = 3 << 20
	content := strings.Repeat("0123456789abcdef", size/16)
	changed := `"DIR/a" changed while it was scanned`
	// A file without blocks may have holes, which the scan asks for.
	seek := func(seek func(offset uint64, whence uint32) (uint64, fuse.Status)) map[uint64]*rawNode {
		return rawOne(rawNode{mode: rawFile, content: content, seek: seek})
	}
	sized := func(size uint64, n rawNode) map[uint64]*rawNode {
		n.mode, n.stat = rawFile, func(_ int, a *fuse.Attr) { a.Size = size }
		return rawOne(n)
	}
	return []rawCase{
		{"less than the size, cached", sized(size+100_000, rawNode{content: content, cached: true}), changed},
		{"less than a small size, cached", sized(3, rawNode{content: "x", cached: true}), changed},
		{"less than 2⁶³-1", sized(1<<63-1, rawNode{content: content}), changed},
		{"2⁶⁴-1", sized(1<<64-1, rawNode{}), `metadata of "DIR/a": input/output error`},
		{"shrinks", rawOne(rawNode{mode: rawFile, content: content, stat: func(n int, a *fuse.Attr) {
			if n > 2 {
				a.Size = 5
			}
		}}), changed},
		{"holes unreadable", seek(func(uint64, uint32) (uint64, fuse.Status) { return 0, fuse.EIO }), `content of "DIR/a": input/output error`},
		{"end of data unreadable", seek(func(at uint64, whence uint32) (uint64, fuse.Status) {
			if whence == unix.SEEK_HOLE {
				return 0, fuse.EIO
			}
			return at, fuse.OK
		}), `content of "DIR/a": input/output error`},
		{"data that ends where it begins", seek(func(at uint64, _ uint32) (uint64, fuse.Status) { return at, fuse.OK }), changed},
		{"data always from the start", seek(func(uint64, uint32) (uint64, fuse.Status) { return 0, fuse.OK }), changed},
		{"xattr without a name", rawOne(rawXattrs("user.a", "", "user.b")), `xattrs of "DIR/a": input/output error`},
		{"xattr list without an end", rawOne(rawNode{mode: rawFile, xattrs: "user.a\x00user.b"}), `xattrs of "DIR/a": input/output error`},
		{"xattr name of 256 bytes", rawOne(rawXattrs("user." + strings.Repeat("x", 251))), `xattr "user.xxx`},
		{"ACL that is not supported", rawOne(rawXattrs("system.posix_acl_access")), `xattr "system.posix_acl_access" of "DIR/a": operation not supported`},
		{"xattr list over 64 KiB", rawOne(rawXattrs(strings.Repeat("user."+strings.Repeat("x", 250)+"\x00", 257))), `xattrs of "DIR/a": `},
	}
}

// TestScanHostileFS has file systems for which there is no right tree.
func TestScanHostileFS(t *testing.T) {
	for group, cases := range map[string][]rawCase{"names": rawBadNames(), "inodes": rawBadInodes(), "contents": rawBadContents()} {
		for _, c := range cases {
			t.Run(group+"/"+c.name, func(t *testing.T) {
				dir := mountRaw(t, c.nodes)
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				defer cancel()
				tree, err := Directory(ctx, dir, Options{Hash: fsverity.SHA256})
				if tree != nil || err == nil || !strings.HasPrefix(strings.ReplaceAll(err.Error(), dir, "DIR"), c.want) {
					t.Errorf("error %v\nwant  %s", err, c.want)
				}
				if open := openBelow(t, dir); open != nil {
					t.Errorf("these are still open: %q", open)
				}
			})
		}
	}
}

// TestScanOddFS has file systems that are odd, but which a scan sees as cat,
// readlink and getfattr do.
func TestScanOddFS(t *testing.T) {
	content := strings.Repeat("0123456789abcdef", 3<<16)
	whole := fsverity.SumBytes(fsverity.SHA256, []byte(content))
	for _, c := range []struct {
		name string
		node rawNode
	}{
		{"cached", rawNode{content: content, cached: true}},
		{"no SEEK_DATA", rawNode{content: content}},
		{"data in small parts", rawNode{content: content, seek: func(at uint64, whence uint32) (uint64, fuse.Status) {
			if whence == unix.SEEK_HOLE {
				return at + 12345, fuse.OK
			}
			return at, fuse.OK
		}}},
		{"seeks to an offset below zero", rawNode{content: content, seek: func(uint64, uint32) (uint64, fuse.Status) { return 1<<64 - 1, fuse.OK }}},
		{"an xattr listed twice", rawNode{content: content, xattrs: "user.a\x00user.a\x00"}},
		{"an xattr list of 64 KiB", rawNode{content: content, xattrs: strings.Repeat("user."+strings.Repeat("x", 250)+"\x00", 256)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.node.mode = rawFile
			tree := scanOK(t, mountRaw(t, rawOne(c.node)), fsverity.SHA256)
			n := tree.Lookup("/a").Node
			if n.Content.Digest != whole {
				t.Error("another digest")
			}
			if c.node.xattrs != "" && (len(n.Xattrs) != 1 || n.Xattrs[0].Value != "value") {
				t.Errorf("xattrs %v", n.Xattrs)
			}
		})
	}
}

// TestScanEndlessHoles: a scan in holes of a byte each can be cancelled.
func TestScanEndlessHoles(t *testing.T) {
	node := rawNode{mode: rawFile, seek: func(at uint64, _ uint32) (uint64, fuse.Status) { return at + 1, fuse.OK },
		stat: func(_ int, a *fuse.Attr) { a.Size = 1<<63 - 1 }}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := Directory(ctx, mountRaw(t, rawOne(node)), Options{Hash: fsverity.SHA256}); err != context.DeadlineExceeded {
		t.Errorf("error %v", err)
	}
}
