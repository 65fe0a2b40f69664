package linux

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"cfsverify/canon"
	"cfsverify/testdata/oracle"
)

// TestXattrNamesAgreeWithKernel: the kernel refuses the names that CheckXattr
// refuses, with the errno that its errors stand for.
func TestXattrNamesAgreeWithKernel(t *testing.T) {
	oracle.Root(t)
	dir, err := os.MkdirTemp("/var/tmp", "cfsverify-xattr-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	for _, kind := range []canon.Kind{canon.Regular, canon.Directory, canon.Symlink, canon.FIFO, canon.CharDevice} {
		path := filepath.Join(dir, kind.String())
		oracle.Make(t, path, kind.ModeBits())
		for _, name := range []string{"user.a", "user.", "trusted.a", "trusted.", "security.a", "security.", "system.other", "lustre.a", "other.a", "user"} {
			var want error
			switch err := CheckXattr(kind, name); {
			case errors.Is(err, ErrXattrUnsupported):
				want = unix.ENOTSUP
			case errors.Is(err, ErrXattrNoName) && name == UserPrefix && kind != canon.Regular && kind != canon.Directory:
				// Both are wrong. The kernel looks at the inode first.
				want = unix.EPERM
			case errors.Is(err, ErrXattrNoName):
				want = unix.EINVAL
			case errors.Is(err, ErrXattrUserKind):
				want = unix.EPERM
			}
			if got := unix.Lsetxattr(path, name, []byte("x"), 0); !errors.Is(got, want) {
				t.Errorf("%s of a %v: the kernel says %v, the model %v", name, kind, got, want)
			}
		}
	}
}

// TestChownAgreesWithKernel: capabilities get lost where the model loses them.
func TestChownAgreesWithKernel(t *testing.T) {
	oracle.Root(t)
	dir, err := os.MkdirTemp("/var/tmp", "cfsverify-chown-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	for _, ids := range [][2]int{{1, 2}, {-1, 2}, {1, -1}} {
		path := filepath.Join(dir, "file")
		if err := os.WriteFile(path, nil, 0o755); err != nil {
			t.Fatal(err)
		}
		n := &canon.Node{Kind: canon.Regular}
		for _, err := range []error{
			unix.Lsetxattr(path, SecurityCapability, []byte(capability2), 0), SetXattr(n, SecurityCapability, capability2), unix.Lchown(path, ids[0], ids[1]),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
		Chown(n, uint32(ids[0]), uint32(ids[1]))
		var stat unix.Stat_t
		if err := unix.Lstat(path, &stat); err != nil {
			t.Fatal(err)
		}
		_, err := unix.Lgetxattr(path, SecurityCapability, make([]byte, 64))
		_, has := n.Xattrs.Get(SecurityCapability)
		if stat.Uid != n.UID || stat.Gid != n.GID || has != (err == nil) {
			t.Errorf("chown %v: the kernel has %d:%d and capabilities %v, the model %+v", ids, stat.Uid, stat.Gid, err, n)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
}
