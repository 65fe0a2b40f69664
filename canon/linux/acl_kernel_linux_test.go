package linux

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"cfsverify/testdata/oracle"
)

// TestACLKernel: the kernel takes the lists that are valid, gives a file the mode
// that they say, keeps them unless they are minimal, and changes them by chmod as
// WithPerm does.
func TestACLKernel(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	do := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	kept := func() string {
		value := make([]byte, 1024)
		n, err := unix.Getxattr(path, AccessACL, value)
		if errors.Is(err, unix.ENODATA) {
			return ""
		}
		do(err)
		return string(value[:n])
	}
	mode := func() uint16 {
		info, err := os.Stat(path)
		do(err)
		return uint16(info.Mode().Perm())
	}
	random := rand.New(rand.NewPCG(5, 6))
	refused, set, minimal := 0, 0, 0
	for range 2000 {
		do(os.WriteFile(path, nil, 0o644))
		acl := randomList(random)
		value := acl.Value()
		err := unix.Setxattr(path, AccessACL, []byte(value), 0)
		if errors.Is(err, unix.EOPNOTSUPP) {
			oracle.Missing(t, "the file system of "+path+" has no ACLs")
		}
		if valid := acl.Validate(); (err == nil) != (valid == nil) {
			t.Fatalf("%v: the kernel says %v, Validate %v", acl, err, valid)
		}
		if err != nil {
			refused++
			continue
		}
		if mode() != acl.Perm() {
			t.Fatalf("%v: the kernel sets the mode %04o, want %04o", acl, mode(), acl.Perm())
		}
		want := value
		if acl.IsMinimal() {
			minimal++
			want = ""
		}
		if got := kept(); got != want {
			t.Fatalf("%v: the kernel keeps %q, want %q", acl, got, want)
		}
		perm := uint16(random.IntN(0o1000))
		do(os.Chmod(path, os.FileMode(perm)))
		if got := kept(); want != "" && got != acl.WithPerm(perm).Value() {
			t.Fatalf("%v: after chmod %04o the kernel has %q, want %q", acl, perm, got, acl.WithPerm(perm).Value())
		}
		if want != "" {
			set++
		}
		do(os.Remove(path))
	}
	if refused < 100 || set < 100 || minimal < 100 {
		t.Errorf("%d lists are refused, %d set, %d minimal", refused, set, minimal)
	}
}

// randomList is most often valid.
func randomList(random *rand.Rand) ACL {
	named, group := random.IntN(3), random.IntN(2)
	var acl ACL
	add := func(tag ACLTag, id uint32) { acl = append(acl, ACLEntry{tag, uint16(random.IntN(8)), id}) }
	add(ACLOwner, nobody)
	for range named {
		add(ACLNamedUser, random.Uint32N(5))
	}
	add(ACLGroup, nobody)
	for range group {
		add(ACLNamedGroup, random.Uint32N(5))
	}
	if named+group > 0 || random.IntN(3) == 0 {
		add(ACLMask, nobody)
	}
	add(ACLOther, nobody)
	switch random.IntN(8) {
	case 0:
		random.Shuffle(len(acl), func(i, j int) { acl[i], acl[j] = acl[j], acl[i] })
	case 1:
		acl = append(acl[:1], acl[2:]...)
	case 2:
		acl[random.IntN(len(acl))].Perm += 8
	}
	return acl
}
