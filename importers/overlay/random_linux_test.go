package overlay

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"cfsverify/canon/overlayfs"
)

// stacks is how many random stacks of each kind are tried: CFSVERIFY_STACKS, or a few.
func stacks() uint64 {
	if n, err := strconv.ParseUint(os.Getenv("CFSVERIFY_STACKS"), 10, 64); err == nil {
		return n
	}
	return 8
}

// TestRandomStacks compares the view of layers with what a scan of their mount gives.
// The kernel itself makes the layers, from random changes.
func TestRandomStacks(t *testing.T) {
	for _, kind := range []struct {
		name  string
		rules overlayfs.Rules
		// upper are the mount options with which the layers are made.
		upper string
	}{
		{"plain", overlayfs.Rules{}, "redirect_dir=off,metacopy=off"},
		{"redirect_dir", overlayfs.Rules{}, "redirect_dir=on,metacopy=off"},
		{"metacopy", overlayfs.Rules{Metacopy: true}, "redirect_dir=on,metacopy=on"},
		{"userxattr", overlayfs.Rules{UserXattrs: true}, "userxattr"},
	} {
		t.Run(kind.name, func(t *testing.T) {
			for seed := range stacks() {
				t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
					r := rand.New(rand.NewPCG(seed, 22))
					s := newStack(t, kind.rules)
					for i := range 2 + r.IntN(3) {
						s.layers = append([]string{fmt.Sprint("layer", i)}, s.layers...)
						s.randomLayer(r, kind.upper)
					}
					s.sameAsKernel()
				})
			}
		})
	}
}

// randomLayer makes the topmost layer by random changes of what those below show.
func (s stack) randomLayer(r *rand.Rand, options string) {
	s.Helper()
	top := s.layers[0]
	s.Mkdir(top)
	s.Mkdir("work-" + top)
	unmount := mounted(s, "overlay", "overlay", s.Path("merged"),
		s.lowerdir(s.layers[1:])+",upperdir="+s.Path(top)+",workdir="+s.Path("work-"+top)+",index=off,volatile,"+options)
	defer unmount()
	changed := 0
	for range 25 {
		if s.randomChange(r) == nil {
			changed++
		}
	}
	if changed == 0 {
		s.Fatal("nothing was changed")
	}
}

// randomChange does something to what is mounted, or fails at it.
func (s stack) randomChange(r *rand.Rand) error {
	s.Helper()
	var names []string
	s.Do(filepath.WalkDir(s.Path("merged"), func(path string, _ fs.DirEntry, err error) error {
		names = append(names, path)
		return err
	}))
	old := names[r.IntN(len(names))]
	dir := names[r.IntN(len(names))]
	if info, err := os.Lstat(dir); err != nil || !info.IsDir() {
		dir = filepath.Dir(dir)
	}
	if len(dir) < len(s.Path("merged")) {
		dir = s.Path("merged")
	}
	name := filepath.Join(dir, string(rune('a'+r.IntN(6))))
	isSymlink := false
	if info, err := os.Lstat(old); err == nil {
		isSymlink = info.Mode()&fs.ModeSymlink != 0
	}
	switch r.IntN(20) {
	case 0, 1, 2, 3:
		return os.Mkdir(name, 0o755)
	case 4, 5, 6:
		f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
		if err != nil {
			return err
		}
		_, err = f.WriteString(strings.Repeat(fmt.Sprint(r.IntN(1000)), r.IntN(300)))
		return errors.Join(err, f.Close())
	case 7:
		return os.Symlink([]string{"a", "/b", "../c"}[r.IntN(3)], name)
	case 8:
		return unix.Mknod(name, []uint32{unix.S_IFIFO, unix.S_IFSOCK, unix.S_IFCHR, unix.S_IFBLK}[r.IntN(4)]|0o600, int(unix.Mkdev(250, uint32(r.IntN(300)))))
	case 9, 10, 11, 12:
		if old == s.Path("merged") {
			return unix.EBUSY
		}
		return os.Rename(old, name)
	case 13:
		return os.Link(old, name)
	case 14:
		if old == s.Path("merged") {
			return unix.EBUSY
		}
		return os.RemoveAll(old)
	case 15:
		// What is new in place of something old is opaque.
		if old == s.Path("merged") {
			return unix.EBUSY
		}
		if err := os.RemoveAll(old); err != nil {
			return err
		}
		return os.Mkdir(old, 0o711)
	case 16:
		if isSymlink {
			return unix.ELOOP
		}
		return os.Chmod(old, fs.FileMode(r.IntN(0o1000)))
	case 17:
		return os.Lchown(old, r.IntN(100_000), r.IntN(100_000))
	case 18:
		at := unix.Timespec{Sec: int64(r.IntN(2_000_000_000)), Nsec: int64(r.IntN(1_000_000_000))}
		return unix.UtimesNanoAt(unix.AT_FDCWD, old, []unix.Timespec{at, at}, unix.AT_SYMLINK_NOFOLLOW)
	default:
		key := []string{"user.x", "trusted.y", "trusted.overlay.z", "user.overlay.z", "security.w"}[r.IntN(5)]
		return unix.Lsetxattr(old, key, []byte(strings.Repeat("v", r.IntN(100))), 0)
	}
}
