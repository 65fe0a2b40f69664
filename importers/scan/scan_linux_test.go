package scan

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
	"cfsverify/testdata/files"
	"cfsverify/testdata/oracle"
)

func scanOK(t testing.TB, dir string, alg fsverity.Algorithm) *canon.Tree {
	t.Helper()
	tree, err := Directory(t.Context(), dir, Options{Hash: alg})
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

func sameAsTools(t testing.TB, dir string, alg fsverity.Algorithm) map[string]files.Described {
	t.Helper()
	want := files.ByTools(t, dir, alg.String())
	got := files.OfTree(t, scanOK(t, dir, alg))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("the tools (-) and the scan (+) differ:\n%s", diff)
	}
	return got
}

func TestScanAgreesWithTools(t *testing.T) {
	oracle.Root(t)
	m := files.New(t, t.TempDir())
	m.MakeEverything()
	for _, alg := range []fsverity.Algorithm{fsverity.SHA256, fsverity.SHA512} {
		got := sameAsTools(t, m.Dir, alg)
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
	m := files.New(t, t.TempDir())
	m.Mkdir("tree")
	m.Mkdir("outside")
	m.File("outside/file", "x")
	m.Symlink("../outside", "tree/link")
	m.Symlink("tree", "to-tree")
	m.File("file", "x")
	m.Symlink("file", "to-file")
	for _, path := range []string{"tree", "tree/", "to-tree", "to-tree/"} {
		tree := scanOK(t, m.Dir+"/"+path, fsverity.SHA256)
		if e := tree.Lookup("/link"); e == nil || e.Node.Kind != canon.Symlink || len(tree.Root.Children()) != 1 {
			t.Errorf("%s: /link is %+v of %d entries", path, e, len(tree.Root.Children()))
		}
	}
	for _, path := range []string{"file", "to-file", "missing", "to-file/"} {
		_, err := Directory(t.Context(), m.Path(path), Options{Hash: fsverity.SHA256})
		if err == nil || !strings.Contains(err.Error(), m.Path(path)) {
			t.Errorf("%s: error %v", path, err)
		}
	}
}

func TestScanOverlay(t *testing.T) {
	oracle.Root(t)
	m := files.New(t, t.TempDir())
	for _, dir := range []string{"lower1/d", "lower2/d", "upper", "work", "merged"} {
		m.Mkdir(dir)
	}
	content := strings.Repeat("content ", 100)
	m.File("lower1/d/kept", content)
	m.Link("lower1/d/kept", "lower1/kept-too")
	m.File("lower1/d/split", content)
	m.Link("lower1/d/split", "lower1/split-too")
	m.Link("lower1/d/split", "lower1/split-three")
	m.Symlink("x", "lower2/d/symlink")
	m.Link("lower2/d/symlink", "lower2/symlink-too")
	m.File("lower2/d/moved", content)
	m.File("lower2/gone", content)
	mount(t, "overlay", m.Path("merged"), "overlay", "lowerdir="+m.Path("lower2")+":"+m.Path("lower1")+",upperdir="+m.Path("upper")+",workdir="+m.Path("work"))
	m.Do(os.Chmod(m.Path("merged/split-too"), 0o600))
	m.Do(os.Remove(m.Path("merged/gone")))
	m.File("merged/new", content)
	m.Link("merged/new", "merged/d/new")
	// A file that was copied up marks its directory as impure. Once it is gone,
	// the next listing of the directory removes the mark.
	m.Do(os.Rename(m.Path("merged/d/moved"), m.Path("merged/moved")))
	m.Mkdir("merged/impure")
	m.Do(os.Rename(m.Path("merged/moved"), m.Path("merged/impure/moved")))
	m.Do(os.Remove(m.Path("merged/impure/moved")))

	got := files.OfTree(t, scanOK(t, m.Path("merged"), fsverity.SHA256))
	if diff := cmp.Diff(files.ByTools(t, m.Path("merged"), "sha256"), got); diff != "" {
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
	m := files.New(t, t.TempDir())
	for _, dir := range []string{"lower", "upper/d", "work", "merged"} {
		m.Mkdir(dir)
	}
	m.Do(unix.Mknod(m.Path("upper/d/gone"), unix.S_IFCHR, 0))
	mount(t, "overlay", m.Path("merged"), "overlay", "lowerdir="+m.Path("lower")+",upperdir="+m.Path("upper")+",workdir="+m.Path("work"))
	if names, err := os.ReadDir(m.Path("merged/d")); err != nil || len(names) != 1 {
		oracle.Missing(t, "this kernel's overlayfs does not list a whiteout that hides nothing")
	}
	_, err := Directory(t.Context(), m.Path("merged"), Options{Hash: fsverity.SHA256})
	if err == nil || !strings.Contains(err.Error(), m.Path("merged/d/gone")+`" is listed but not there`) {
		t.Errorf("error %v", err)
	}
}

func mount(t testing.TB, source, target, fstype, data string) {
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
	m := files.New(t, t.TempDir())
	m.Mkdir("tree")
	m.File("hosts", "")
	mount(t, "tmpfs", m.Path("tree"), "tmpfs", "")
	m.Mkdir("tree/proc/deep")
	m.Mkdir("tree/same-device")
	m.File("tree/resolv.conf", "")
	scanOK(t, m.Path("tree"), fsverity.SHA256)

	mount(t, "tmpfs", m.Path("tree/proc/deep"), "tmpfs", "")
	mount(t, m.Path("tree/proc"), m.Path("tree/same-device"), "", "")
	mount(t, m.Path("hosts"), m.Path("tree/resolv.conf"), "", "")
	_, err := Directory(t.Context(), m.Path("tree"), Options{Hash: fsverity.SHA256})
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
	m := files.New(t, t.TempDir())
	m.Mkdir("tree/proc/below")
	m.Mkdir("other/inner")
	m.File("other/inner/file", "content of the other mount, of more than 64 bytes: it has to be hashed")
	m.File("tree/resolv.conf", "placeholder")
	m.File("tree/proc/below/file", "hidden")
	m.Mkdir("tree/deep/deep/deep")
	m.File("hosts", "127.0.0.1")
	before := files.ByTools(t, m.Path("tree"), "sha256")
	mount(t, m.Path("other"), m.Path("tree/proc"), "", "")
	mount(t, "tmpfs", m.Path("tree/proc/inner"), "tmpfs", "")
	mount(t, m.Path("hosts"), m.Path("tree/resolv.conf"), "", "")
	mount(t, "tmpfs", m.Path("tree/deep/deep/deep"), "tmpfs", "")
	m.File("tree/deep/deep/deep/file", "x")
	after := files.ByTools(t, m.Path("tree"), "sha256")
	for policy, want := range map[MountPolicy]map[string]files.Described{MountsSkip: before, MountsCross: after} {
		tree, err := Directory(t.Context(), m.Path("tree"), Options{Hash: fsverity.SHA256, Mounts: policy})
		if err != nil {
			t.Fatal(policy, err)
		}
		if diff := cmp.Diff(want, files.OfTree(t, tree)); diff != "" {
			t.Errorf("%s: tools (-) and the scan (+) differ:\n%s", policy, diff)
		}
	}
	if cmp.Equal(before, after) {
		t.Error("nothing is mounted")
	}
}

func TestScanMountWithoutMountRoot(t *testing.T) {
	root := info{inode: inode{dev: 1}}
	for _, test := range []struct {
		dev  uint64
		mode uint32
		want bool
	}{
		{1, unix.S_IFDIR, false},
		{2, unix.S_IFDIR, true},
		{2, unix.S_IFREG, false},
	} {
		info := info{inode: inode{dev: test.dev}, mode: test.mode}
		if info.isMount(root) != test.want {
			t.Errorf("%+v: isMount is %v", test, !test.want)
		}
	}
}

func TestScanRefusesRunningSystem(t *testing.T) {
	m := files.New(t, t.TempDir())
	m.Symlink("/", "slash")
	for _, path := range []string{"/", "//", "/..", m.Path("slash")} {
		_, err := Directory(t.Context(), path, Options{Hash: fsverity.SHA256})
		if err == nil || !strings.Contains(err.Error(), "running system") {
			t.Errorf("%s: error %v", path, err)
		}
	}
}
