package overlay

import (
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"cfsverify/canon"
	"cfsverify/canon/fsverity"
	"cfsverify/canon/overlayfs"
	"cfsverify/importers/scan"
	"cfsverify/testdata/oracle"
)

const override = "user.containers.override_stat"

// byFuse scans a mount of fuse-overlayfs.
func (s stack) byFuse() *canon.Tree {
	s.Helper()
	program := oracle.Tool(s, "fuse-overlayfs", "fuse-overlayfs")
	if unix.Access("/dev/fuse", unix.R_OK|unix.W_OK) != nil {
		oracle.Missing(s, "/dev/fuse is missing")
	}
	out, err := exec.Command(program, "-o", s.lowerdir(s.layers), s.Path("merged")).CombinedOutput()
	if err != nil {
		s.Fatalf("%v: %s", err, out)
	}
	defer func() { s.Do(unix.Unmount(s.Path("merged"), unix.MNT_DETACH)) }()
	tree, err := scan.Directory(s.Context(), s.Path("merged"), scan.Options{Hash: fsverity.SHA256})
	s.Do(err)
	return tree
}

func (s stack) sameAsFuse() {
	s.Helper()
	want := s.byFuse()
	got, err := s.byReading()
	s.Do(err)
	if diff := cmp.Diff(rawDump(s, want), rawDump(s, got)); diff != "" {
		s.Errorf("the scan of the mount (-) and the view (+) differ:\n%s", diff)
	}
}

func TestFuse(t *testing.T) {
	s := newStack(t, overlayfs.Rules{Fuse: true}, "1", "2", "3")
	s.file("1/.wh.gone")
	s.file("1/d/.wh.gone")
	s.file("1/d/new")
	s.file("1/only/.wh.nothing")
	s.file("2/gone")
	s.file("2/d/gone")
	s.file("2/d/kept")
	s.file("2/opaque/.wh..wh..opq")
	s.file("2/opaque/new")
	s.file("3/opaque/old")
	s.file("2/opaque-xattr/new")
	s.Xattr("2/opaque-xattr", "user.fuseoverlayfs.opaque", "y")
	s.file("3/opaque-xattr/old")
	s.whiteout("2/device")
	s.file("3/device")
	s.file("1/f")
	s.Link("1/f", "1/f-too")
	for _, x := range []string{"user.overlay.x", "trusted.overlay.x", "user.fuseoverlayfs.x", "user.x", "trusted.x", "user.containers.x"} {
		s.Xattr("1/f", x, "v")
		s.Xattr("1", x, "v")
	}
	s.redirect("1/redirect", "/d")
	// What is hidden in the middle does not come back deeper down.
	s.dir("1/again/b")
	s.file("2/.wh.again")
	s.file("3/again/b/c")
	s.file("1/through-opaque/b/new")
	s.file("2/through-opaque/.wh..wh..opq")
	s.file("3/through-opaque/b/old")
	s.dir("1/through-file/b")
	s.file("2/through-file")
	s.file("3/through-file/b/old")
	s.sameAsFuse()
}

func TestFuseForceMask(t *testing.T) {
	s := newStack(t, overlayfs.Rules{Fuse: true}, "1", "2")
	for i, layer := range s.layers {
		s.Xattr(layer, override, fmt.Sprintf("%d:0:0755", i))
		s.file(layer + "/f" + layer)
		s.Chmod(layer+"/f"+layer, 0o700)
		s.Xattr(layer+"/f"+layer, override, "1000:2000:04751")
		s.file(layer + "/d/f" + layer)
		s.Xattr(layer+"/d", override, "1:2:01777")
		s.Xattr(layer+"/d/f"+layer, override, "3:4:0")
		s.Mknod(layer+"/fifo"+layer, unix.S_IFIFO|0o600, 0, 0)
		s.Symlink("f", layer+"/l"+layer)
	}
	// Only the root of a layer says that the xattr counts.
	s.layers = append(s.layers, "3")
	s.file("3/real")
	s.Xattr("3/real", override, "5:6:0700")
	s.sameAsFuse()
}

// TestFuseRandom takes layers that are written as an engine writes them.
func TestFuseRandom(t *testing.T) {
	for seed := range stacks() {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 23))
			s := newStack(t, overlayfs.Rules{Fuse: true}, "1", "2", "3")
			for _, layer := range s.layers {
				for range 12 {
					s.randomFuse(r, layer)
				}
				if r.IntN(2) == 0 {
					s.randomOverrides(r, layer)
				}
			}
			s.sameAsFuse()
		})
	}
}

// randomFuse makes a file in a layer, or a whiteout of what the layer does not have.
func (s stack) randomFuse(r *rand.Rand, layer string) {
	s.Helper()
	name := layer
	for range r.IntN(3) {
		name += "/" + string(rune('a'+r.IntN(3)))
	}
	if os.MkdirAll(s.Path(name), 0o755) != nil {
		return // a file is in the way
	}
	base := string(rune('a' + r.IntN(4)))
	for _, there := range []string{base, ".wh." + base} {
		if _, err := os.Lstat(s.Path(path.Join(name, there))); err == nil {
			return
		}
	}
	switch r.IntN(6) {
	case 0, 1:
		s.File(name+"/.wh."+base, "")
	case 2:
		s.File(name+"/.wh..wh..opq", "")
	case 3:
		s.dir(name + "/" + base)
	default:
		s.File(name+"/"+base, strings.Repeat(layer+base, r.IntN(100)))
	}
}

// randomOverrides states owners and modes of all that a layer has: fuse-overlayfs 1.10
// refuses a layer of which only some inodes have the xattr.
func (s stack) randomOverrides(r *rand.Rand, layer string) {
	s.Helper()
	s.Do(filepath.WalkDir(s.Path(layer), func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		stat := fmt.Sprintf("%d:%d:0%o", r.IntN(1000), r.IntN(1000), r.IntN(0o10000))
		return unix.Setxattr(path, override, []byte(stat), 0)
	}))
}
