package lint

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"cfsverify/canon/tarfile"
	"cfsverify/importers/layer"
	"cfsverify/testdata/layers"
	"cfsverify/testdata/oracle"
)

// xattrSizeSpecs are files whose xattrs are growing until ext4 has no room for
// them, by the number that is put in.
var xattrSizeSpecs = []string{
	"f a pax:SCHILY.xattr.user.a=VALUE",
	"f a pax:SCHILY.xattr.trusted.abcd=VALUE",
	"f a pax:SCHILY.xattr.user.abcde=VALUE pax:SCHILY.xattr.trusted.x=1",
	"d a pax:SCHILY.xattr.user.a=VALUE pax:SCHILY.xattr.user.b=12345 pax:SCHILY.xattr.user.empty=",
	"l a ->x pax:SCHILY.xattr.trusted.a=VALUE pax:SCHILY.xattr.security.b=12345",
	`f a mode=755 pax:SCHILY.xattr.user.a=VALUE pax:"SCHILY.xattr.security.capability=\x01\x00\x00\x02` + strings.Repeat(`\x00`, 16) + `"`,
	"f a mode=664 pax:SCHILY.xattr.user.a=VALUE " + layers.ACL("access", "u=7 U:1=4 U:2=4 U:3=4 g=6 m=6 o=4"),
	"d a mode=775 pax:SCHILY.xattr.user.a=VALUE " + layers.ACL("access", "u=7 g=6 m=6 o=4") + " " + layers.ACL("default", "u=7 U:1=4 g=6 G:2=4 m=6 o=4"),
}

// TestLintXattrSize: what lint says of the size of xattrs is what ext4 takes, to
// the byte if it has no room in inodes, and a little more if it has.
func TestLintXattrSize(t *testing.T) {
	oracle.Root(t)
	plain, wide := newExt4(t, 128), newExt4(t, 256)
	for _, spec := range xattrSizeSpecs {
		refused := 0
		for length := 3500; length < 4200; length++ {
			text := strings.Replace(spec, "VALUE", strings.Repeat("v", length), 1)
			read, found, err := lintArchives(layers.Tar(text))
			if err != nil {
				t.Fatal(err)
			}
			said := slices.ContainsFunc(found, func(d tarfile.Departure) bool { return d.Rule == tarfile.XattrSize })
			fits := takesXattrs(t, plain, &read[0].List[0])
			if said == fits {
				t.Fatalf("%d bytes: ext4 takes them is %v, lint tells that they are too large is %v: %.80s", length, fits, said, spec)
			}
			if !fits {
				refused++
			}
			if takesMore := takesXattrs(t, wide, &read[0].List[0]); fits && !takesMore || refused > 100 && takesMore {
				t.Fatalf("%d bytes: with larger inodes ext4 takes them is %v: %.80s", length, takesMore, spec)
			}
		}
		if refused == 0 {
			t.Errorf("all fits: %.80s", spec)
		}
	}
}

// newExt4 mounts a new file system with blocks of 4 KiB and inodes of some
// bytes, of which 128 leave no room.
func newExt4(t *testing.T, inode int) string {
	t.Helper()
	dir := t.TempDir()
	image, mnt := filepath.Join(dir, "image"), filepath.Join(dir, "mnt")
	if err := errors.Join(os.WriteFile(image, nil, 0o600), os.Truncate(image, 64<<20), os.Mkdir(mnt, 0o755)); err != nil {
		t.Fatal(err)
	}
	run := func(program string, args ...string) {
		if out, err := exec.Command(program, args...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v: %s", program, err, out)
		}
	}
	run(oracle.Tool(t, "mkfs.ext4", "e2fsprogs"), "-q", "-b", "4096", "-I", fmt.Sprint(inode), image)
	run("mount", "-o", "loop", image, mnt)
	t.Cleanup(func() { run("umount", mnt) })
	return mnt
}

// takesXattrs sets an entry's xattrs on a new file.
func takesXattrs(t *testing.T, dir string, e *layer.Entry) bool {
	t.Helper()
	path := filepath.Join(dir, "file")
	oracle.Make(t, path, e.Node.Kind.ModeBits())
	defer os.Remove(path)
	for _, x := range tarfile.Xattrs(e.Header.PAX) {
		if x.Value == "" {
			continue
		}
		if err := unix.Lsetxattr(path, x.Name, []byte(x.Value), 0); errors.Is(err, unix.ENOSPC) {
			return false
		} else if err != nil {
			t.Fatal(err)
		}
	}
	return true
}
