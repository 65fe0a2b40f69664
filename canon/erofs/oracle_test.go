package erofs

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"cfsverify/canon"
	"cfsverify/canon/fsverity"
	"cfsverify/testdata/oracle"
)

// everything is a tree with one inode of each kind.
func everything(alg fsverity.Algorithm) *canon.Tree {
	t := canon.NewTree()
	t.Root.Perm = 0o755
	dir := &canon.Node{Kind: canon.Directory, Perm: 0o1777, Mtime: canon.Time{Sec: 5, Nsec: 7}}
	t.Root.Put(canon.Dirent{Name: "dir", Node: dir})
	put := func(name string, n *canon.Node) { dir.Put(canon.Dirent{Name: name, Node: n}) }
	inline := &canon.Node{Kind: canon.Regular, Perm: 0o4755, Size: 5, Content: &canon.Content{Inline: []byte("hello")}}
	put("inline", inline)
	put("again", inline)
	put("external", &canon.Node{Kind: canon.Regular, Perm: 0o644, Size: 100, Content: canon.External(fsverity.SumBytes(alg, make([]byte, 100)))})
	put("empty", &canon.Node{Kind: canon.Regular, UID: 70000, Xattrs: canon.Xattrs{{Name: "user.x", Value: "y"}}})
	put("symlink", &canon.Node{Kind: canon.Symlink, Perm: 0o777, Target: "inline"})
	put("tty", &canon.Node{Kind: canon.CharDevice, Perm: 0o620, Rdev: 5 << 8})
	put("disk", &canon.Node{Kind: canon.BlockDevice, Perm: 0o660, Rdev: 8<<8 | 1})
	put("fifo", &canon.Node{Kind: canon.FIFO, Perm: 0o600})
	put("socket", &canon.Node{Kind: canon.Socket, Perm: 0o700})
	t.CountLinks()
	return t
}

func writeImage(t *testing.T, tree *canon.Tree, o Options) string {
	t.Helper()
	var img bytes.Buffer
	if err := Write(&img, tree, o); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "image.cfs")
	if err := os.WriteFile(name, img.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	return name
}

func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// No vectors have sha512 digests: the image's own is compared with
// fsverity-utils, the one in it with the kernel's struct ovl_metacopy.
func TestSHA512(t *testing.T) {
	tool := oracle.Tool(t, "fsverity", "fsverity")
	tree := everything(fsverity.SHA512)
	image := writeImage(t, tree, Options{Version: V1})
	digest, err := digestOf(tree, Options{Version: V1}, fsverity.SHA512)
	if err != nil {
		t.Fatal(err)
	}
	if want := strings.TrimSpace(run(t, tool, "digest", "--compact", "--hash-alg=sha512", "--block-size=4096", image)); digest.String() != want {
		t.Errorf("digest %v, fsverity says %s", digest, want)
	}

	content := filepath.Join(t.TempDir(), "content")
	if err := os.WriteFile(content, make([]byte, 100), 0o644); err != nil {
		t.Fatal(err)
	}
	verity := strings.TrimSpace(run(t, tool, "digest", "--compact", "--hash-alg=sha512", "--block-size=4096", content))
	mnt := mountImage(t, image)
	for name, want := range map[string]string{
		"trusted.overlay.metacopy": "00440002" + verity,
		"trusted.overlay.redirect": hex.EncodeToString([]byte("/" + verity[:2] + "/" + verity[2:])),
	} {
		value := make([]byte, 256)
		n, err := unix.Getxattr(filepath.Join(mnt, "dir/external"), name, value)
		if err != nil {
			t.Fatal(err)
		}
		if got := hex.EncodeToString(value[:n]); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
}

func mountImage(t *testing.T, image string) string {
	t.Helper()
	oracle.Root(t)
	oracle.Tool(t, "mount", "mount")
	mnt := t.TempDir()
	run(t, "mount", "-t", "erofs", "-o", "loop,ro", image, mnt)
	t.Cleanup(func() { run(t, "umount", mnt) })
	return mnt
}

// The kernel sees in an image what the tree says.
func TestKernelReadsImage(t *testing.T) {
	for _, version := range []Version{V0, V1, V2} {
		tree := everything(fsverity.SHA256)
		o := Options{Version: version}
		Fit(tree, o)
		mnt := mountImage(t, writeImage(t, tree, o))
		for path, e := range tree.All() {
			var st unix.Stat_t
			if err := unix.Lstat(filepath.Join(mnt, path), &st); err != nil {
				t.Fatal(err)
			}
			n := e.Node
			size, nlink := n.Size, uint64(n.Nlink)
			switch n.Kind {
			case canon.Symlink:
				size = uint64(len(n.Target))
			case canon.Directory:
				size, nlink = uint64(st.Size), 2
				if path == "/" {
					nlink = 3
				}
			}
			got := fmt.Sprint(st.Mode, st.Uid, st.Gid, st.Rdev, st.Mtim, uint64(st.Size), st.Nlink)
			want := fmt.Sprint(n.Mode(), n.UID, n.GID, n.Rdev, unix.Timespec{Sec: n.Mtime.Sec, Nsec: int64(n.Mtime.Nsec)}, size, nlink)
			if got != want {
				t.Errorf("version %d, %s: stat %s, want %s", version, path, got, want)
			}
		}
		if content, err := os.ReadFile(filepath.Join(mnt, "dir/inline")); err != nil || string(content) != "hello" {
			t.Errorf("inline content %q, %v", content, err)
		}
		if target, err := os.Readlink(filepath.Join(mnt, "dir/symlink")); err != nil || target != "inline" {
			t.Errorf("target %q, %v", target, err)
		}
	}
}

func TestFsckReadsImages(t *testing.T) {
	fsck := oracle.Tool(t, "fsck.erofs", "erofs-utils")
	for _, name := range []string{"mixed", "debian-bookworm-minbase", "dir-1000", "random-7-011", "xattr-many", "symlinks"} {
		for _, version := range []Version{V0, V1, V2} {
			run(t, fsck, writeImage(t, parseVector(t, name), Options{Version: version}))
		}
	}
}
