package importers

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"cfsverify/canon"
	"cfsverify/canon/fsverity"
	"cfsverify/testdata/oracle"
)

func scanOK(t testing.TB, dir string, alg fsverity.Algorithm) *canon.Tree {
	t.Helper()
	tree, err := ScanDirectory(t.Context(), dir, ScanOptions{Hash: alg})
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

func scanSameAsTools(t testing.TB, dir string, alg fsverity.Algorithm) map[string]scanned {
	t.Helper()
	want := scannedByTools(t, dir, alg.String())
	got := scannedTree(t, scanOK(t, dir, alg))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("the tools (-) and the scan (+) differ:\n%s", diff)
	}
	return got
}

func TestScanAgreesWithTools(t *testing.T) {
	oracle.Root(t)
	m := scanMaker{t, t.TempDir()}
	m.makeEverything()
	for _, alg := range []fsverity.Algorithm{fsverity.SHA256, fsverity.SHA512} {
		got := scanSameAsTools(t, m.dir, alg)
		// Guard the oracle itself: what makes this tree hard must be in it.
		types := map[string]bool{}
		for _, e := range got {
			types[e.Type] = true
		}
		if want := strings.Split("bcdflps", ""); !slices.Equal(slices.Sorted(maps.Keys(types)), want) {
			t.Errorf("the types %v are there, not %v", types, want)
		}
		if e := got["/usr/dangling"]; e.Nlink != 2 || e.FirstName != "/dangling" || e.Xattrs["trusted.on-a-symlink"] == "" {
			t.Errorf("/usr/dangling is %+v", e)
		}
		if e := got["/"]; e.Mtime != "1234567890.123456789" || e.Mode != "555" || e.Xattrs["user.on-the-root"] == "" {
			t.Errorf("/ is %+v", e)
		}
		if e := got["/etc/size-1"]; e.Mtime != "-1.500000000" {
			t.Errorf("/etc/size-1 is %+v", e)
		}
	}
}

func TestScanFollowsTheGivenPathOnly(t *testing.T) {
	m := scanMaker{t, t.TempDir()}
	m.mkdir("tree")
	m.mkdir("outside")
	m.file("outside/file", "x")
	m.symlink("../outside", "tree/link")
	m.symlink("tree", "to-tree")
	m.file("file", "x")
	m.symlink("file", "to-file")
	for _, path := range []string{"tree", "tree/", "to-tree", "to-tree/"} {
		tree := scanOK(t, m.dir+"/"+path, fsverity.SHA256)
		if e := tree.Lookup("/link"); e == nil || e.Node.Kind != canon.Symlink || len(tree.Root.Children()) != 1 {
			t.Errorf("%s: /link is %+v of %d entries", path, e, len(tree.Root.Children()))
		}
	}
	for _, path := range []string{"file", "to-file", "missing", "to-file/"} {
		_, err := ScanDirectory(t.Context(), m.path(path), ScanOptions{Hash: fsverity.SHA256})
		if err == nil || !strings.Contains(err.Error(), m.path(path)) {
			t.Errorf("%s: error %v", path, err)
		}
	}
}

func TestScanOverlay(t *testing.T) {
	oracle.Root(t)
	m := scanMaker{t, t.TempDir()}
	for _, dir := range []string{"lower1/d", "lower2/d", "upper", "work", "merged"} {
		m.mkdir(dir)
	}
	content := strings.Repeat("content ", 100)
	m.file("lower1/d/kept", content)
	m.link("lower1/d/kept", "lower1/kept-too")
	m.file("lower1/d/split", content)
	m.link("lower1/d/split", "lower1/split-too")
	m.link("lower1/d/split", "lower1/split-three")
	m.symlink("x", "lower2/d/symlink")
	m.link("lower2/d/symlink", "lower2/symlink-too")
	m.file("lower2/d/moved", content)
	m.file("lower2/gone", content)
	scanMount(t, "overlay", m.path("merged"), "overlay", "lowerdir="+m.path("lower2")+":"+m.path("lower1")+",upperdir="+m.path("upper")+",workdir="+m.path("work"))
	m.do(os.Chmod(m.path("merged/split-too"), 0o600))
	m.do(os.Remove(m.path("merged/gone")))
	m.file("merged/new", content)
	m.link("merged/new", "merged/d/new")
	// A file that was copied up marks its directory as impure. Once it is gone,
	// the next listing of the directory removes the mark.
	m.do(os.Rename(m.path("merged/d/moved"), m.path("merged/moved")))
	m.mkdir("merged/impure")
	m.do(os.Rename(m.path("merged/moved"), m.path("merged/impure/moved")))
	m.do(os.Remove(m.path("merged/impure/moved")))

	got := scannedTree(t, scanOK(t, m.path("merged"), fsverity.SHA256))
	if diff := cmp.Diff(scannedByTools(t, m.path("merged"), "sha256"), got); diff != "" {
		t.Errorf("the tools (-) and the scan (+) differ:\n%s", diff)
	}
	for path, nlink := range map[string]int{
		"/d/kept": 2, "/d/split": 2, "/split-three": 2, "/split-too": 1, "/d/symlink": 2, "/d/new": 2,
	} {
		if got[path].Nlink != nlink {
			t.Errorf("%s has %d names, want %d", path, got[path].Nlink, nlink)
		}
	}
}

// TestScanPhantomWhiteout: overlayfs lists a whiteout in a directory that only
// the upper layer has, but says that it is not there.
func TestScanPhantomWhiteout(t *testing.T) {
	oracle.Root(t)
	m := scanMaker{t, t.TempDir()}
	for _, dir := range []string{"lower", "upper/d", "work", "merged"} {
		m.mkdir(dir)
	}
	m.do(unix.Mknod(m.path("upper/d/gone"), unix.S_IFCHR, 0))
	scanMount(t, "overlay", m.path("merged"), "overlay", "lowerdir="+m.path("lower")+",upperdir="+m.path("upper")+",workdir="+m.path("work"))
	if names, err := os.ReadDir(m.path("merged/d")); err != nil || len(names) != 1 {
		oracle.Missing(t, "this kernel's overlayfs does not list a whiteout that hides nothing")
	}
	_, err := ScanDirectory(t.Context(), m.path("merged"), ScanOptions{Hash: fsverity.SHA256})
	if err == nil || !strings.Contains(err.Error(), m.path("merged/d/gone")+`" is listed but not there`) {
		t.Errorf("error %v", err)
	}
}

func scanMount(t testing.TB, source, target, fstype, data string) {
	t.Helper()
	flags := uintptr(0)
	if fstype == "" {
		flags = unix.MS_BIND
	}
	if err := unix.Mount(source, target, fstype, flags, data); err != nil {
		oracle.Missing(t, fmt.Sprintf("cannot mount %q at %s: %v", fstype, target, err))
	}
	t.Cleanup(func() {
		if err := unix.Unmount(target, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
}

func TestScanRefusesMounts(t *testing.T) {
	oracle.Root(t)
	m := scanMaker{t, t.TempDir()}
	m.mkdir("tree")
	m.file("hosts", "")
	scanMount(t, "tmpfs", m.path("tree"), "tmpfs", "")
	m.mkdir("tree/proc/deep")
	m.mkdir("tree/same-device")
	m.file("tree/resolv.conf", "")
	scanOK(t, m.path("tree"), fsverity.SHA256)

	scanMount(t, "tmpfs", m.path("tree/proc/deep"), "tmpfs", "")
	scanMount(t, m.path("tree/proc"), m.path("tree/same-device"), "", "")
	scanMount(t, m.path("hosts"), m.path("tree/resolv.conf"), "", "")
	_, err := ScanDirectory(t.Context(), m.path("tree"), ScanOptions{Hash: fsverity.SHA256})
	if err == nil {
		t.Fatal("scanned across mounts")
	}
	for _, want := range []string{`"/proc/deep"`, `"/same-device"`, `"/resolv.conf"`, "no part of the image"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v\nlacks %s", err, want)
		}
	}
}

// TestScanMountPolicies: a scan that skips mounts sees what find sees before
// anything is mounted, one that crosses them what it sees after.
func TestScanMountPolicies(t *testing.T) {
	oracle.Root(t)
	m := scanMaker{t, t.TempDir()}
	m.mkdir("tree/proc/below")
	m.mkdir("other/inner")
	m.file("other/inner/file", "content of the other mount, of more than 64 bytes: it has to be hashed")
	m.file("tree/resolv.conf", "placeholder")
	m.file("tree/proc/below/file", "hidden")
	m.mkdir("tree/deep/deep/deep")
	m.file("hosts", "127.0.0.1")
	before := scannedByTools(t, m.path("tree"), "sha256")
	scanMount(t, m.path("other"), m.path("tree/proc"), "", "")
	scanMount(t, "tmpfs", m.path("tree/proc/inner"), "tmpfs", "")
	scanMount(t, m.path("hosts"), m.path("tree/resolv.conf"), "", "")
	scanMount(t, "tmpfs", m.path("tree/deep/deep/deep"), "tmpfs", "")
	m.file("tree/deep/deep/deep/file", "x")
	after := scannedByTools(t, m.path("tree"), "sha256")
	for policy, want := range map[MountPolicy]map[string]scanned{MountsSkip: before, MountsCross: after} {
		tree, err := ScanDirectory(t.Context(), m.path("tree"), ScanOptions{Hash: fsverity.SHA256, Mounts: policy})
		if err != nil {
			t.Fatal(policy, err)
		}
		if diff := cmp.Diff(want, scannedTree(t, tree)); diff != "" {
			t.Errorf("%s: tools (-) and the scan (+) differ:\n%s", policy, diff)
		}
	}
	if cmp.Equal(before, after) {
		t.Error("nothing is mounted")
	}
}

func TestScanMountWithoutMountRoot(t *testing.T) {
	root := scanInfo{inode: scanInode{dev: 1}}
	for _, test := range []struct {
		dev  uint64
		mode uint32
		want bool
	}{
		{1, unix.S_IFDIR, false},
		{2, unix.S_IFDIR, true},
		{2, unix.S_IFREG, false},
	} {
		info := scanInfo{inode: scanInode{dev: test.dev}, mode: test.mode}
		if info.isMount(root) != test.want {
			t.Errorf("%+v: isMount is %v", test, !test.want)
		}
	}
}

func TestScanRefusesRunningSystem(t *testing.T) {
	m := scanMaker{t, t.TempDir()}
	m.symlink("/", "slash")
	for _, path := range []string{"/", "//", "/..", m.path("slash")} {
		_, err := ScanDirectory(t.Context(), path, ScanOptions{Hash: fsverity.SHA256})
		if err == nil || !strings.Contains(err.Error(), "running system") {
			t.Errorf("%s: error %v", path, err)
		}
	}
}
