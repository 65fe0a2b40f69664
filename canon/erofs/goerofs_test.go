package erofs

import (
	"bytes"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	goerofs "github.com/erofs/go-erofs"

	"cfsverify/canon"
	"cfsverify/canon/fsverity"
)

// fileMode is a node's mode as go-erofs 0.3 has it, which drops setuid, setgid
// and sticky.
func fileMode(n *canon.Node) fs.FileMode {
	return fs.FileMode(n.Perm&0o777) | map[canon.Kind]fs.FileMode{
		canon.Directory: fs.ModeDir, canon.Symlink: fs.ModeSymlink, canon.CharDevice: fs.ModeDevice | fs.ModeCharDevice,
		canon.BlockDevice: fs.ModeDevice, canon.FIFO: fs.ModeNamedPipe, canon.Socket: fs.ModeSocket,
	}[n.Kind]
}

// An EROFS reader that others wrote sees in an image what the tree says.
func TestGoErofsReadsImages(t *testing.T) {
	for _, o := range formats() {
		for name, tree := range map[string]*canon.Tree{
			"everything": everything(fsverity.SHA512), "mixed": parseVector(t, "mixed"), "debian": parseVector(t, "debian-bookworm-minbase"),
		} {
			t.Run(fmt.Sprintf("%s/%d/%v", name, o.Version, o.Writer), func(t *testing.T) {
				Fit(tree, o)
				var img bytes.Buffer
				if err := Write(&img, tree, o); err != nil {
					t.Fatal(err)
				}
				// go-erofs 0.3 reads shared xattrs a block at a time, beyond the end.
				img.Write(make([]byte, blockSize))
				fsys, err := goerofs.Open(bytes.NewReader(img.Bytes()))
				if err != nil {
					t.Fatal(err)
				}
				compareFS(t, tree, fsys)
			})
		}
	}
}

func compareFS(t *testing.T, tree *canon.Tree, fsys fs.FS) {
	links := fsys.(fs.ReadLinkFS)
	for path, e := range tree.All() {
		n, name := e.Node, strings.TrimPrefix(path, "/")
		if name == "" {
			name = "."
		}
		info, err := links.Lstat(name)
		if err != nil {
			t.Fatal(err)
		}
		st := info.Sys().(*goerofs.Stat)
		size := int64(n.Size)
		switch n.Kind {
		case canon.Directory:
			size = info.Size()
		case canon.Symlink:
			size = int64(len(n.Target))
		}
		got := fmt.Sprint(info.Mode(), st.UID, st.GID, int64(st.Mtime), st.MtimeNs, info.Size())
		if want := fmt.Sprint(fileMode(n), n.UID, n.GID, n.Mtime.Sec, n.Mtime.Nsec, size); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
		if n.Kind != canon.Directory && st.Nlink != int(n.Nlink) {
			t.Errorf("%s: %d links, want %d", path, st.Nlink, n.Nlink)
		}
		if n.Kind.IsDevice() && st.Rdev != n.Rdev {
			t.Errorf("%s: device %#x, want %#x", path, st.Rdev, n.Rdev)
		}
		for _, x := range n.Xattrs {
			if value, ok := st.Xattrs[x.Name]; !ok || value != x.Value {
				t.Errorf("%s: xattr %q is %q, want %q", path, x.Name, value, x.Value)
			}
		}
		if c := n.Content; c != nil && c.Inline == nil && !c.Digest.IsZero() {
			if value := st.Xattrs["trusted.overlay.redirect"]; value != "/"+c.Digest.ObjectPath() {
				t.Errorf("%s: redirect %q", path, value)
			}
		}
		if n.Kind == canon.Symlink {
			if target, err := links.ReadLink(name); err != nil || target != n.Target {
				t.Errorf("%s: target %q, %v, want %q", path, target, err, n.Target)
			}
		}
		if n.Content != nil && n.Content.Inline != nil {
			if content, err := fs.ReadFile(fsys, name); err != nil || !bytes.Equal(content, n.Content.Inline) {
				t.Errorf("%s: content %q, %v, want %q", path, content, err, n.Content.Inline)
			}
		}
	}
}
