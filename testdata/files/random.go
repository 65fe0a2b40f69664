package files

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// MakeRandom makes up to 60 files of all types below etc, and below usr, run, boot and
// sysroot, of which some may be missing or no directories. They have odd names, modes,
// owners, times and xattrs. What is left out is what layers.RandomVaried leaves out.
func (m Maker) MakeRandom(r *rand.Rand) {
	m.Helper()
	m.Mkdir("etc")
	made, dirs := []string{"etc"}, []string{"etc"}
	var leaves []string
	for _, name := range []string{"usr", "run", "boot", "sysroot"} {
		switch r.IntN(40) {
		case 0:
			continue
		case 1:
			m.File(name, "")
			leaves = append(leaves, name)
		default:
			m.Mkdir(name)
			dirs = append(dirs, name)
		}
		made = append(made, name)
	}
	for i := range 10 + r.IntN(50) {
		names := []string{fmt.Sprintf("n%d", i), fmt.Sprintf("\xff%d", i), fmt.Sprintf("new\nline%d", i), strings.Repeat("l", 250) + fmt.Sprint(i), fmt.Sprintf(" \\%d=", i)}
		name := filepath.Join(dirs[r.IntN(len(dirs))], names[r.IntN(len(names))])
		if len(leaves) > 0 && r.IntN(6) == 0 {
			m.Link(leaves[r.IntN(len(leaves))], name)
			continue
		}
		leaf := true
		switch r.IntN(10) {
		case 0, 1, 2:
			m.Mkdir(name)
			dirs, leaf = append(dirs, name), false
		case 3, 4, 5:
			sizes := []int{0, 1, 63, 64, 65, 4095, 4096, 4097, 70_000}
			m.File(name, strings.Repeat("c", sizes[r.IntN(len(sizes))]))
		case 6:
			m.Symlink(strings.Repeat("t/", r.IntN(500))+"t", name)
		case 7:
			m.Mknod(name, []uint32{unix.S_IFCHR, unix.S_IFBLK}[r.IntN(2)], uint32(1+r.IntN(4095)), uint32(r.IntN(1<<20)))
		case 8:
			m.Mknod(name, []uint32{unix.S_IFIFO, unix.S_IFSOCK}[r.IntN(2)], 0, 0)
		case 9:
			// It has no other name.
			m.Mknod(name, unix.S_IFCHR, 0, 0)
			leaf = false
		}
		if leaf {
			leaves = append(leaves, name)
		}
		made = append(made, name)
	}
	// Last come the times, of directories behind what is in them.
	for i := len(made) - 1; i >= 0; i-- {
		m.randomMetadata(r, made[i])
	}
	m.randomMetadata(r, ".")
}

func (m Maker) randomMetadata(r *rand.Rand, name string) {
	m.Helper()
	owners := []int{0, 0, 1000, 65535, 65536, 4_000_000_000}
	m.Do(os.Lchown(m.Path(name), owners[r.IntN(len(owners))], owners[r.IntN(len(owners))]))
	info, err := os.Lstat(m.Path(name))
	m.Do(err)
	if info.Mode()&os.ModeSymlink == 0 {
		modes := []uint32{0o755, 0o644, 0, 0o7777, 0o4711, 0o2770, 0o1777}
		m.Chmod(name, modes[r.IntN(len(modes))])
	}
	for r.IntN(3) == 0 {
		// Only files and directories have user.*.
		keys := []string{"trusted.a", "trusted.b", "security.c", "user.a", "user.b", "user." + strings.Repeat("n", 250), "security.capability"}
		key := keys[r.IntN(3)]
		if info.Mode().IsRegular() || info.IsDir() {
			key = keys[r.IntN(len(keys))]
		}
		value := []string{"", "1", "\x00\xff=\n", strings.Repeat("v", 300)}[r.IntN(4)]
		if key == "security.capability" {
			value = scanCapability
		}
		m.Xattr(name, key, value)
	}
	nanoseconds := []int64{0, 1, 500_000_000, 999_999_999}
	seconds := []int64{0, 1, 1_700_000_000, 1 << 31, 1 << 33}
	m.Mtime(name, seconds[r.IntN(len(seconds))], nanoseconds[r.IntN(len(nanoseconds))])
}
