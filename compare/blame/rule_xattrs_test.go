package blame

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cfsverify/testdata/oracle"
)

// TestXattrFaults: what programs and the kernel do to an unpacked tree, in ways
// that differ from those of TestFaults.
func TestXattrFaults(t *testing.T) {
	for name, tt := range map[string]struct {
		source, fault string
		want          []string
	}{
		"a label changed": {"setfattr -n security.selinux -v system_u:object_r:usr_t:s0 usr/lib/a", "setfattr -n security.selinux -v system_u:object_r:container_file_t:s0 usr/lib/a",
			[]string{"selinux-label /usr/lib/a xattrsecurity.selinux"}},
		"capabilities of two namespaces": {"setcap -n 2000 cap_net_raw+ep usr/bin/ping", "setcap -n 1000 cap_net_raw+ep usr/bin/ping",
			[]string{"capability-version /usr/bin/ping xattrsecurity.capability"}},
		"other capabilities of another namespace": {"true", "setcap -n 1000 cap_net_admin+ep usr/bin/ping",
			[]string{"unexplained /usr/bin/ping xattrsecurity.capability"}},
		"permitted but not effective": {"true", "setcap cap_net_raw+p usr/bin/ping",
			[]string{"unexplained /usr/bin/ping xattrsecurity.capability"}},
		"capability that only the scan has": {"true", "setcap cap_net_raw+ep usr/bin/su",
			[]string{"unexplained /usr/bin/su xattrsecurity.capability"}},
		"capability lost by writing": {"true", "printf pong >>usr/bin/ping",
			[]string{"capability-lost /usr/bin/ping xattrsecurity.capability", "content-change /usr/bin/ping mtime mtime-nsec size content"}},
		"value changed": {"setfattr -n user.x -v 1 usr/lib/a", "setfattr -n user.x -v 2 usr/lib/a",
			[]string{"user-xattr /usr/lib/a xattruser.x"}},
		"no value on one side": {"setfattr -n user.x usr/lib/a", "setfattr -x user.x usr/lib/a",
			[]string{"xattr-encoding /usr/lib/a xattruser.x"}},
		"another value in place of none": {"setfattr -n user.x usr/lib/a", "setfattr -n user.x -v 1 usr/lib/a",
			[]string{"user-xattr /usr/lib/a xattruser.x"}},
		"names of the host": {"true", "setfattr -n security.ima -v 1 usr/lib/a; setfattr -n trusted.overlayfs -v 1 usr/lib/b",
			[]string{"host-xattr /usr/lib/a xattrsecurity.ima", "host-xattr /usr/lib/b xattrtrusted.overlayfs"}},
		"an ACL and its mask": {"chmod 0640 usr/lib/a", "setfacl -m u:5:rwx usr/lib/a",
			[]string{"acl /usr/lib/a mode xattrsystem.posix_acl_access"}},
		"an ACL and another mode": {"chmod 0640 usr/lib/a", "chmod 0600 usr/lib/a; setfacl -m u:5:rwx usr/lib/a",
			[]string{"acl /usr/lib/a xattrsystem.posix_acl_access", "unexplained /usr/lib/a mode"}},
		"an ACL and a mode for others": {"chmod 0640 usr/lib/a", "setfacl -m u:5:rwx,o::r usr/lib/a",
			[]string{"acl /usr/lib/a xattrsystem.posix_acl_access", "unexplained /usr/lib/a mode"}},
		"another mask": {"setfacl -m u:5:rwx usr/lib/a", "chmod g-w usr/lib/a",
			[]string{"acl /usr/lib/a mode xattrsystem.posix_acl_access"}},
		"an ACL removed": {"setfacl -m u:5:rwx usr/lib/a", "setfacl -b usr/lib/a",
			[]string{"acl /usr/lib/a mode xattrsystem.posix_acl_access"}},
		"a default ACL": {"true", "setfacl -d -m u:5:rwx usr/share",
			[]string{"acl /usr/share xattrsystem.posix_acl_default"}},
		"other group bits without an ACL": {"true", "chmod g-r usr/lib/a",
			[]string{"unexplained /usr/lib/a mode"}},
	} {
		t.Run(name, func(t *testing.T) {
			u := newUnpacking(t)
			oracle.Tool(t, "setfattr", "attr")
			oracle.Tool(t, "setfacl", "acl")
			u.sh(u.source, tt.source)
			u.pack()
			u.unpack()
			u.sh(u.root, tt.fault)
			checkExplained(t, load(t, "dir:"+u.root), load(t, "tar:"+u.archive), tt.want)
		})
	}
}

// TestACLOfArchive: GNU tar has ACLs as text, which only some tools take up. With
// the ACL the group bits are its mask.
func TestACLOfArchive(t *testing.T) {
	for name, tt := range map[string]struct {
		unpack string
		want   []string
	}{
		"taken up":                    {"tar -p --acls -xf layer.tar -C root", []string{"acl /a xattrsystem.posix_acl_access"}},
		"taken up by bsdtar":          {"bsdtar -p --acls -xf layer.tar -C root", []string{"acl /a xattrsystem.posix_acl_access"}},
		"not taken up":                {"tar -p -xf layer.tar -C root", nil},
		"taken up and removed":        {"tar -p --acls -xf layer.tar -C root; setfacl -b root/a", []string{"acl /a mode"}},
		"not taken up and other bits": {"tar -p -xf layer.tar -C root; chmod 0600 root/a", []string{"unexplained /a mode"}},
	} {
		t.Run(name, func(t *testing.T) {
			oracle.Root(t)
			oracle.Tool(t, "setfacl", "acl")
			oracle.Tool(t, "bsdtar", "libarchive-tools")
			u := unpacking{t: t, dir: t.TempDir()}
			u.sh(u.dir, "mkdir -m 755 source root; echo a >source/a; chmod 0640 source/a; setfacl -m u:5:rwx source/a; touch -d @5 source/a source; tar --format=pax --acls -cf layer.tar -C source .; "+tt.unpack+"; touch -d @5 root")
			checkExplained(t, load(t, "dir:"+filepath.Join(u.dir, "root")), load(t, "tar:"+filepath.Join(u.dir, "layer.tar")), tt.want)
		})
	}
}

// TestLibarchiveRecords: bsdtar writes both forms of records if not told
// otherwise, and then there is no excuse for losing an xattr. It encodes names in
// either form, and decodes those of its own form only.
func TestLibarchiveRecords(t *testing.T) {
	const odd = "xattruser.a b%41"
	for name, tt := range map[string]struct {
		headers, fault string
		want           []string
	}{
		"its own records only": {"LIBARCHIVE", "true",
			[]string{"xattr-encoding /usr/bin/ping xattrsecurity.capability", "xattr-encoding /usr/lib/a " + odd + " xattruser.plain"}},
		"its own with another value": {"LIBARCHIVE", "setfattr -n user.plain -v 2 usr/lib/a",
			[]string{"xattr-encoding /usr/bin/ping xattrsecurity.capability", "xattr-encoding /usr/lib/a " + odd, "user-xattr /usr/lib/a xattruser.plain"}},
		"both": {"ALL", "true", []string{"xattr-encoding /usr/lib/a " + odd}},
		"both and lost since": {"ALL", "setcap -r usr/bin/ping; setfattr -x user.plain usr/lib/a",
			[]string{"xattr-encoding /usr/lib/a " + odd, "capability-lost /usr/bin/ping xattrsecurity.capability", "user-xattr /usr/lib/a xattruser.plain"}},
	} {
		t.Run(name, func(t *testing.T) {
			u := newUnpacking(t)
			oracle.Tool(t, "setfattr", "attr")
			u.sh(u.source, "setfattr -n 'user.a b%41' -v 1 usr/lib/a; setfattr -n user.plain -v 1 usr/lib/a")
			oracle.Run(t, "libarchive-tools", "bsdtar", "--format=pax", "--options", "xattrheader="+tt.headers, "-C", u.source, "-cf", u.archive, ".")
			oracle.Run(t, "libarchive-tools", "bsdtar", "-p", "-C", u.root, "-xf", u.archive)
			u.sh(u.root, tt.fault+"; touch -r "+u.source+" .")
			inside, outside := load(t, "dir:"+u.root), load(t, "tar:"+u.archive)
			checkExplained(t, inside, outside, tt.want)
		})
	}
}

// TestEngineXattrs: containers/storage sets neither empty values, labels nor
// names that Linux does not have.
func TestEngineXattrs(t *testing.T) {
	inside, outside := unpackedBy(t, "containers-storage",
		"d a mtime=1 pax:SCHILY.xattr.trusted.overlay.opaque=y\nf a/empty mtime=2 pax:SCHILY.xattr.user.empty=\nf a/label mtime=3 pax:SCHILY.xattr.security.selinux=x\nf a/other mtime=4 pax:SCHILY.xattr.other.name=1")
	checkExplained(t, inside, outside, []string{"root-metadata / mode mtime mtime-nsec",
		"xattr-encoding /a/empty xattruser.empty", "xattr-encoding /a/other xattrother.name", "selinux-label /a/label xattrsecurity.selinux", "overlay-xattr /a xattrtrusted.overlay.opaque"})
}

// TestHiddenByOpaqueXattr: overlayfs hides what lower layers have, down to the
// bottom, and nothing of the layer itself.
func TestHiddenByOpaqueXattr(t *testing.T) {
	specs := []string{"d a mtime=1\nd a/old mtime=2\nf a/old/x mtime=3", "d a mtime=4 pax:SCHILY.xattr.trusted.overlay.opaque=y\nf a/new mtime=5"}
	inside, outside := unpackedBy(t, "containers-storage", specs...)
	checkExplained(t, inside, outside, []string{"root-metadata / mode mtime mtime-nsec",
		"overlay-xattr /a xattrtrusted.overlay.opaque", "overlay-xattr /a/old", "overlay-xattr /a/old/x"})
	_, inside = layerOf(t, "d a mtime=4")
	checkExplained(t, withoutOrigins(inside), outside, []string{"overlay-xattr /a xattrtrusted.overlay.opaque", "overlay-xattr /a/old", "overlay-xattr /a/old/x",
		"unexplained /a/new"})
}

// TestFuseOverlayfs: it keeps modes in xattrs, of which its lower files then
// have the real ones.
func TestFuseOverlayfs(t *testing.T) {
	oracle.Root(t)
	oracle.Tool(t, "fuse-overlayfs", "fuse-overlayfs")
	if _, err := os.Stat("/dev/fuse"); err != nil {
		oracle.Missing(t, "the device /dev/fuse is missing")
	}
	dir, err := os.MkdirTemp("/var/tmp", "cfsverify-rules-")
	if err != nil {
		t.Fatal(err)
	}
	u := unpacking{t: t, dir: dir}
	t.Cleanup(func() { os.RemoveAll(dir) })
	u.sh(dir, `mkdir -m 755 lower upper work merged
		fuse-overlayfs -o lowerdir=lower,upperdir=upper,workdir=work,xattr_permissions=2 merged 2>log
		cd merged; echo a >a; chmod 4711 a; touch -d @5 a
		tar --format=pax -cf ../layer.tar a
		cd ..; umount merged; touch -d @5 upper`)
	inside, outside := load(t, "dir:"+filepath.Join(dir, "upper")), load(t, "tar:"+filepath.Join(dir, "layer.tar"))
	var got []string
	for _, line := range explained(t, inside, outside) {
		if !strings.HasPrefix(line, string(RootMetadata)) {
			got = append(got, line)
		}
	}
	want := []string{"overlay-xattr /a mode xattruser.fuseoverlayfs.override_stat"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestOverriddenStat: owners and modes that the xattr does not have are not of
// its making.
func TestOverriddenStat(t *testing.T) {
	const spec = "f a mode=4711 uid=3 gid=4 mtime=1"
	for value, want := range map[string][]string{
		"3:4:104711":   {"overlay-xattr /a mode uid gid xattruser.containers.override_stat"},
		"3:4:0104711":  {"overlay-xattr /a mode uid gid xattruser.containers.override_stat"},
		"3:5:100711":   {"overlay-xattr /a uid xattruser.containers.override_stat", "unexplained /a mode gid"},
		"3":            {"overlay-xattr /a xattruser.containers.override_stat", "unexplained /a mode uid gid"},
		"-1:x:9999999": {"overlay-xattr /a xattruser.containers.override_stat", "unexplained /a mode uid gid"},
	} {
		_, outside := layerOf(t, spec)
		_, inside := layerOf(t, "f a mode=755 mtime=1 pax:SCHILY.xattr.user.containers.override_stat="+value)
		checkExplained(t, withoutOrigins(inside), outside, want)
	}
}

// TestXattrsOfHosts: names that file systems list, and layers cannot set.
func TestXattrsOfHosts(t *testing.T) {
	for name, want := range map[string]string{
		"btrfs.compression": "host-xattr", "system.nfs4_acl": "host-xattr", "security.SMACK64": "host-xattr", "user.any": "user-xattr",
		"user.overlay.origin": "overlay-xattr", "user.rootlesscontainers": "overlay-xattr", "user.overlayfs": "user-xattr",
	} {
		_, outside := layerOf(t, "f a mtime=1")
		_, inside := layerOf(t, "f a mtime=1 pax:SCHILY.xattr."+name+"=1")
		checkExplained(t, withoutOrigins(inside), outside, []string{want + " /a xattr" + name})
	}
}

// TestCapabilitiesWithoutDirection: of two images or dumps either may have lost
// them.
func TestCapabilitiesWithoutDirection(t *testing.T) {
	const capability = `\x01\x00\x00\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00`
	_, a := layerOf(t, "f a mtime=1")
	_, b := layerOf(t, fmt.Sprintf(`f a mtime=1 pax:"SCHILY.xattr.security.capability=%s"`, capability))
	want := []string{"capability-lost /a xattrsecurity.capability"}
	checkExplained(t, a, b, want)
	checkExplained(t, withoutOrigins(a), withoutOrigins(b), want)
}

// TestParseACL: what is cut short or of another version is none.
func TestParseACL(t *testing.T) {
	const minimal = "\x02\x00\x00\x00\x01\x00\x06\x00\xff\xff\xff\xff\x04\x00\x04\x00\xff\xff\xff\xff\x20\x00\x00\x00\xff\xff\xff\xff"
	if got := parseACL(minimal); got == nil || *got != (acl{group: 4, mask: 4}) {
		t.Errorf("a minimal ACL gives %+v", got)
	}
	for _, value := range []string{"", "\x02", minimal[:len(minimal)-1], "\x03" + minimal[1:]} {
		if got := parseACL(value); got != nil {
			t.Errorf("%q gives %+v", value, got)
		}
	}
	for text, want := range map[string]acl{
		"user::rw-,user:5:rwx,group::r--,mask::rwx,other::---": {4, 7}, "user::rwx\ngroup::r-x\nother::r--\n": {5, 5}, "u::rwx,g::--x,m::rw-": {1, 6}, "group:7:rwx,x": {},
	} {
		if got := parseACLText(text); *got != want {
			t.Errorf("%q gives %+v, want %+v", text, *got, want)
		}
	}
}
