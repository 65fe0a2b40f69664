package linux

import (
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"cfsverify/canon"
	"cfsverify/testdata/oracle"
)

// aclFile is what the kernel and the model show of a file with ACLs.
type aclFile struct {
	Refused         bool
	Perm            uint16
	Access, Default string
}

// TestACLs: the kernel does to modes and ACLs what the model of the engines does,
// when files are made in a directory with a default ACL, when their modes are
// changed, and when they get ACLs, good ones and bad ones.
func TestACLs(t *testing.T) {
	oracle.Root(t)
	dir, err := os.MkdirTemp("/var/tmp", "cfsverify-acl-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	const umask = 0o022
	before := unix.Umask(umask)
	t.Cleanup(func() { unix.Umask(before) })
	refused, set := 0, 0
	for seed := range uint64(4000) {
		random := rand.New(rand.NewPCG(seed, 0))
		parentACL, name, value := randomACL(random), AccessACL, randomACL(random)
		if random.IntN(3) == 0 {
			name = DefaultACL
		}
		kind := []canon.Kind{canon.Regular, canon.Directory, canon.Directory, canon.FIFO, canon.Symlink}[random.IntN(5)]
		perm := uint16(random.IntN(0o10000))

		parent := Create(&canon.Node{}, canon.Directory, 0o777, umask)
		parentPath := filepath.Join(dir, strconv.FormatUint(seed, 10))
		kernel := aclKernel{t, parentPath}
		oracle.Make(t, kernel.path, canon.Directory.ModeBits())
		want := []aclFile{kernel.set(DefaultACL, parentACL)}
		got := []aclFile{shownACL(parent, SetACL(parent, DefaultACL, parentACL))}

		made := uint16(0)
		if kind == canon.Directory {
			made = 0o777
		}
		child := Create(parent, kind, made, umask)
		kernel.path = filepath.Join(parentPath, "child")
		oracle.Make(t, kernel.path, kind.ModeBits())
		if kind == canon.Directory {
			want, got = append(want, kernel.shown(nil)), append(got, shownACL(child, nil))
		}
		if kind != canon.Symlink {
			Chmod(child, perm)
			kernel.do(unix.Chmod(kernel.path, uint32(perm)))
			want, got = append(want, kernel.shown(nil)), append(got, shownACL(child, nil))
		}
		want = append(want, kernel.set(name, value))
		got = append(got, shownACL(child, SetACL(child, name, value)))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("seed %d: a %v in %q, then %s %q: the kernel (-) and the model (+):\n%s", seed, kind, parentACL, name, value, diff)
		}
		if last := got[len(got)-1]; last.Refused {
			refused++
		} else if last.Access != "" {
			set++
		}
	}
	if refused < 200 || set < 200 {
		t.Errorf("%d ACLs are refused, and %d set", refused, set)
	}
}

// randomACL is one that is valid, and has no mask or one change too many in some
// cases.
func randomACL(random *rand.Rand) string {
	if random.IntN(20) == 0 {
		return []string{"\x02\x00\x00\x00", "\x03\x00\x00\x00", "\x02", "\x02\x00\x00\x00\x01"}[random.IntN(4)]
	}
	value := binary.LittleEndian.AppendUint32(nil, 2)
	add := func(tag uint16, id uint32) {
		value = binary.LittleEndian.AppendUint16(value, tag)
		value = binary.LittleEndian.AppendUint16(value, uint16(random.IntN(8)))
		value = binary.LittleEndian.AppendUint32(value, id)
	}
	users, groups := random.IntN(3), random.IntN(2)
	add(1, 1<<32-1)
	for range users {
		add(2, random.Uint32N(3))
	}
	add(4, random.Uint32())
	for range groups {
		add(8, random.Uint32())
	}
	if users+groups > 0 && random.IntN(8) > 0 || random.IntN(4) == 0 {
		add(0x10, 1<<32-1)
	}
	add(0x20, 1<<32-1)
	if random.IntN(4) == 0 {
		value[4+random.IntN(len(value)-4)] = byte(random.IntN(256))
	}
	return string(value)
}

func shownACL(n *canon.Node, err error) aclFile {
	f := aclFile{Refused: err != nil, Perm: n.Perm}
	f.Access, _ = n.Xattrs.Get(AccessACL)
	f.Default, _ = n.Xattrs.Get(DefaultACL)
	return f
}

// aclKernel does things to a real file.
type aclKernel struct {
	*testing.T
	path string
}

func (k *aclKernel) do(err error) {
	k.Helper()
	if err != nil {
		k.Fatal(err)
	}
}

// set does as engines do: they go on where it is not supported.
func (k *aclKernel) set(name, value string) aclFile {
	err := unix.Lsetxattr(k.path, name, []byte(value), 0)
	if errors.Is(err, unix.ENOTSUP) {
		err = nil
	}
	return k.shown(err)
}

func (k *aclKernel) shown(err error) aclFile {
	var stat unix.Stat_t
	k.do(unix.Lstat(k.path, &stat))
	f := aclFile{Refused: err != nil, Perm: uint16(stat.Mode & 0o7777)}
	for name, to := range map[string]*string{AccessACL: &f.Access, DefaultACL: &f.Default} {
		buf := make([]byte, 4096)
		n, err := unix.Lgetxattr(k.path, name, buf)
		if err == nil {
			*to = string(buf[:n])
		} else if !errors.Is(err, unix.ENODATA) && !errors.Is(err, unix.ENOTSUP) {
			k.Fatal(err)
		}
	}
	return f
}
