package cmd

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"cfsverify/canon"
	"cfsverify/canon/erofs"
	"cfsverify/canon/fsverity"
	"cfsverify/cmd/wholefile"
	"cfsverify/compare"
	"cfsverify/importers/scan"
	"cfsverify/testdata/oracle"
)

func runTool(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
}

// makeRoot makes a directory with files of all kinds.
func makeRoot(t *testing.T) string {
	t.Helper()
	root := filepath.Join(t.TempDir(), "root")
	runTool(t, "sh", "-ec", `
		mkdir -p -m 0755 "$1/usr/bin" "$1/empty" "$1/usr/deep/er"
		cd "$1"
		head -c 100000 /dev/urandom >usr/bin/tool
		chmod 4755 usr/bin/tool
		setfattr -n security.capability -v 0x0100000200040000000000000000000000000000 usr/bin/tool
		setfattr -n user.note -v hello usr/deep
		setfattr -n trusted.note -v hello usr/deep/er
		ln usr/bin/tool usr/deep/again
		head -c 64 /dev/urandom >usr/inline
		head -c 65 /dev/urandom >usr/external
		: >usr/nothing
		ln -s ../inline usr/deep/link
		mkfifo usr/fifo
		mknod usr/char c 5 1
		mknod usr/block b 7 300
		chown 70000:5 usr/external
		touch -d '2001-02-03 04:05:06.789' usr/bin/tool
		touch "usr/$(printf 'caf\303\251')" "usr/$(printf 'a\nb')"
	`, "sh", root)
	return root
}

// A full composefs mount of what mkfs --objects wrote, as a system boots it, is
// the tree that it was made of, content included, and xattrs that the image uses itself.
func TestComposefsMount(t *testing.T) {
	oracle.Root(t)
	oracle.Tool(t, "setfattr", "attr")
	root := makeRoot(t)
	runTool(t, "sh", "-ec", `
		cd "$1/usr"
		mkdir marked
		: >marked/empty
		setfattr -n trusted.overlay.whiteout -v y inline
		setfattr -n trusted.overlay.redirect -v elsewhere external
		for name in trusted.overlay.whiteouts user.overlay.whiteouts; do setfattr -n $name marked; done
		for name in trusted.overlay.opaque user.overlay.opaque; do setfattr -n $name -v x marked; done
		for name in trusted.overlay.whiteout user.overlay.whiteout; do setfattr -n $name marked/empty; done
	`, "sh", root)
	want, err := scan.Directory(t.Context(), root, scan.Options{Hash: fsverity.SHA256})
	if err != nil {
		t.Fatal(err)
	}
	for _, version := range []string{"0", "1"} {
		dir := t.TempDir()
		image, store := filepath.Join(dir, "image.cfs"), filepath.Join(dir, "store")
		null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		status := Main([]string{"mkfs", "--policy=raw", "--hash=sha256", "--erofs-version=" + version, "--objects=" + store, root, image},
			Streams{In: null, Out: null, Err: os.Stderr})
		if err := null.Close(); err != nil || status != statusSame {
			t.Fatalf("mkfs ends with status %d, %v", status, err)
		}
		meta, merged := filepath.Join(dir, "meta"), filepath.Join(dir, "merged")
		for _, d := range []string{meta, merged} {
			if err := os.Mkdir(d, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		runTool(t, "mount", "-t", "erofs", "-o", "loop,ro", image, meta)
		t.Cleanup(func() { runTool(t, "umount", meta) })
		runTool(t, "mount", "-t", "overlay", "-o", "ro,metacopy=on,redirect_dir=on,lowerdir="+meta+"::"+store, "overlay", merged)
		t.Cleanup(func() { runTool(t, "umount", merged) })

		got, err := scan.Directory(t.Context(), merged, scan.Options{Hash: fsverity.SHA256})
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range compare.Trees(want, got) {
			t.Errorf("version %s: %q %s %v", version, d.Path, d.Status, d.Changes)
		}
		checkStore(t, store, want)
	}
}

// checkStore wants every object of the tree, complete, and nothing else.
func checkStore(t *testing.T, store string, tree *canon.Tree) {
	t.Helper()
	objects := map[string]fsverity.Digest{}
	for e := range tree.Dirents() {
		if c := e.Node.Content; c != nil && c.Inline == nil {
			objects[c.Digest.ObjectPath()] = c.Digest
		}
	}
	err := filepath.WalkDir(store, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(store, path)
		if err != nil {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if want, ok := objects[name]; !ok || fsverity.SumBytes(fsverity.SHA256, content) != want {
			t.Errorf("the store has %s with digest %v", name, fsverity.SumBytes(fsverity.SHA256, content))
		}
		delete(objects, name)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for name := range objects {
		t.Errorf("the store lacks %s", name)
	}
}

// The kernel's view of an image alone: all but what lies in the content store.
func TestKernelScanOfImage(t *testing.T) {
	oracle.Root(t)
	oracle.Tool(t, "setfattr", "attr")
	tree, err := scan.Directory(t.Context(), makeRoot(t), scan.Options{Hash: fsverity.SHA512})
	if err != nil {
		t.Fatal(err)
	}
	for _, version := range []erofs.Version{erofs.V0, erofs.V1, erofs.V2} {
		dir, o := t.TempDir(), erofs.Options{Version: version}
		image, mnt := filepath.Join(dir, "image.cfs"), filepath.Join(dir, "mnt")
		if err := os.Mkdir(mnt, 0o755); err != nil {
			t.Fatal(err)
		}
		err := wholefile.Write(image, os.Stdout, func(w io.Writer) error { return erofs.Write(w, tree, o) })
		if err != nil {
			t.Fatal(err)
		}
		runTool(t, "mount", "-t", "erofs", "-o", "loop,ro", image, mnt)
		t.Cleanup(func() { runTool(t, "umount", mnt) })
		got, err := scan.Directory(t.Context(), mnt, scan.Options{Hash: fsverity.SHA512})
		if err != nil {
			t.Fatal(err)
		}
		erofs.Fit(tree, o)
		dropOverlay(got)
		for _, d := range compare.Trees(tree, got) {
			if d.Status == compare.Changed && isExternal(d) || len(filepath.Base(d.Path)) == 2 && d.B != nil && d.B.Node.IsWhiteout() {
				continue
			}
			t.Errorf("version %d: %q %s %v", version, d.Path, d.Status, d.Changes)
		}
	}
}

// dropOverlay removes the xattrs that the image adds.
func dropOverlay(tree *canon.Tree) {
	for e := range tree.Dirents() {
		var own canon.Xattrs
		for _, x := range e.Node.Xattrs {
			if len(x.Name) < 16 || x.Name[:16] != "trusted.overlay." {
				own = append(own, x)
			}
		}
		e.Node.Xattrs = own
	}
}

// isExternal says that nothing but content differs: in an image alone such a
// file is a hole.
func isExternal(d compare.Difference) bool {
	c := d.A.Node.Content
	return c != nil && c.Inline == nil && len(d.Changes) == 1 && d.Changes[0].Field == compare.ContentDigest
}
