package linux

import (
	"errors"
	"math"
	"testing"

	"cfsverify/canon"
)

// capability2 has one capability, in version 2.
const capability2 = "\x01\x00\x00\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"

func TestCreateInSetgidDirectory(t *testing.T) {
	plain, setgid := &canon.Node{Kind: canon.Directory, GID: 7}, &canon.Node{Kind: canon.Directory, Perm: 0o2755, GID: 7}
	for _, tt := range []struct {
		parent *canon.Node
		kind   canon.Kind
		perm   uint16
		gid    uint32
	}{
		{plain, canon.Regular, 0o644, 0},
		{plain, canon.Directory, 0o755, 0},
		{setgid, canon.Regular, 0o644, 7},
		{setgid, canon.Directory, 0o2755, 7},
		{setgid, canon.Symlink, 0o777, 7},
	} {
		perm := uint16(0o666)
		if tt.kind == canon.Directory {
			perm = 0o777
		}
		if n := Create(tt.parent, tt.kind, perm, 0o022); n.Kind != tt.kind || n.Perm != tt.perm || n.GID != tt.gid || n.UID != 0 {
			t.Errorf("a %v in a directory of mode %o: %+v", tt.kind, tt.parent.Perm, n)
		}
	}
}

// chown_common of fs/open.c: -1 leaves an ID, and all but directories lose their
// capabilities.
func TestChown(t *testing.T) {
	for _, tt := range []struct {
		kind       canon.Kind
		uid, gid   uint32
		wantU      uint32
		wantG      uint32
		capability bool
	}{
		{canon.Regular, 1, 2, 1, 2, true},
		{canon.Regular, 3, 4, 3, 4, false},
		{canon.Regular, math.MaxUint32, 4, 1, 4, false},
		{canon.Regular, 3, math.MaxUint32, 3, 2, false},
		{canon.Directory, 3, 4, 3, 4, true},
	} {
		n := &canon.Node{Kind: tt.kind, UID: 1, GID: 2}
		n.Xattrs.Set(SecurityCapability, capability2)
		Chown(n, tt.uid, tt.gid)
		if _, has := n.Xattrs.Get(SecurityCapability); n.UID != tt.wantU || n.GID != tt.wantG || has != tt.capability {
			t.Errorf("chown %d:%d of a %v: %+v", tt.uid, tt.gid, tt.kind, n)
		}
	}
}

func TestSetXattr(t *testing.T) {
	version3 := "\x01\x00\x00\x03" + capability2[4:] + "\x00\x00\x00\x00"
	for _, tt := range []struct {
		kind        canon.Kind
		name, value string
		kept        string
		fails       bool
	}{
		{canon.Regular, "user.a", "x", "x", false},
		{canon.FIFO, "user.a", "x", "", true},
		{canon.FIFO, "trusted.a", "x", "x", false},
		{canon.Regular, "trusted.", "x", "", true},
		{canon.Regular, "system.other", "x", "", false},
		{canon.Regular, "noname", "x", "", false},
		{canon.Regular, "lustre.a", "x", "", false},
		{canon.Regular, SecurityCapability, version3, capability2, false},
		{canon.Regular, SecurityCapability, "x", "", true},
		{canon.Regular, DefaultACL, "\x02\x00\x00\x00\x01\x00\x06\x00\xff\xff\xff\xff\x04\x00\x04\x00\xff\xff\xff\xff\x20\x00\x04\x00\xff\xff\xff\xff", "", true},
	} {
		n := &canon.Node{Kind: tt.kind}
		err := SetXattr(n, tt.name, tt.value)
		if kept, _ := n.Xattrs.Get(tt.name); (err != nil) != tt.fails || kept != tt.kept {
			t.Errorf("%s of a %v: %v, %q", tt.name, tt.kind, err, kept)
		}
	}
}

func TestCheckXattr(t *testing.T) {
	for _, tt := range []struct {
		kind canon.Kind
		name string
		want error
	}{
		{canon.Regular, "user.a", nil}, {canon.Directory, "user.a", nil}, {canon.Symlink, "user.a", ErrXattrUserKind}, {canon.Socket, "user.a", ErrXattrUserKind},
		{canon.FIFO, "user.", ErrXattrNoName}, {canon.Regular, "security.", ErrXattrNoName},
		{canon.Symlink, "security.selinux", nil}, {canon.BlockDevice, "trusted.overlay.opaque", nil},
		{canon.Directory, "system.posix_acl_default", nil}, {canon.Directory, "system.posix_acl_other", ErrXattrUnsupported},
		{canon.Regular, "lustre.lov", ErrXattrUnsupported}, {canon.Regular, "user", ErrXattrUnsupported}, {canon.Regular, "", ErrXattrUnsupported},
	} {
		if err := CheckXattr(tt.kind, tt.name); !errors.Is(err, tt.want) {
			t.Errorf("%q of a %v: %v, want %v", tt.name, tt.kind, err, tt.want)
		}
	}
}

func TestCanHaveACL(t *testing.T) {
	for kind := canon.Regular; kind <= canon.Socket; kind++ {
		if got, want := CanHaveACL(kind, AccessACL), kind != canon.Symlink; got != want {
			t.Errorf("an access ACL of a %v: %v", kind, got)
		}
		if got, want := CanHaveACL(kind, DefaultACL), kind == canon.Directory; got != want {
			t.Errorf("a default ACL of a %v: %v", kind, got)
		}
	}
}
