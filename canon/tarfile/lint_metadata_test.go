package tarfile_test

import (
	"strconv"
	"strings"
	"testing"

	"cfsverify/testdata/layers"
)

// metadataCases depart in what the entry is, in canonical form.
var metadataCases = []lintCase{
	{spec: x("mtime=1.000000001") + "f ./a mtime=1", want: []string{"subsecond-mtime: 1.000000001"}},
	{spec: x("mtime=1.5") + "f ./a mtime=1", want: []string{"subsecond-mtime: 1.5"}},
	// 2^63 - 1 nanoseconds are 9223372036.854775807 s.
	{spec: x("mtime=9223372036") + "f ./a"},
	{spec: x("mtime=9223372037") + "f ./a", want: []string{"mtime-range: 9223372037"}},
	{spec: x("mtime=9223372036.854775807") + "f ./a", want: []string{"subsecond-mtime: 9223372036.854775807"}},
	{spec: x("mtime=9223372036.854775808") + "f ./a", want: []string{"subsecond-mtime: 9223372036.854775808", "mtime-range: 9223372036.854775808"}},
	{spec: x("mtime=-1") + "f ./a", want: []string{"mtime-range: -1"}},
	{spec: x("mtime=-0.5") + "f ./a", want: []string{"subsecond-mtime: -0.5", "mtime-range: -0.5"}},
	{spec: x("mtime=-1.25") + "f ./a", want: []string{"subsecond-mtime: -1.25", "mtime-range: -1.25"}},
	{spec: x("uid=4294967294", "gid=4294967294") + "f ./a"},
	{spec: x("uid=4294967295") + "f ./a", want: []string{"owner-range: 4294967295:0"}},
	{spec: x("gid=4294967295") + "f ./a", want: []string{"owner-range: 0:4294967295"}},
	// A number of more than 32 bits is cut, so no record is canonical.
	{spec: x("uid=4294967296") + "f ./a gid=7", want: []string{`needless-pax: "uid"`, "owner-range: 4294967296:7"}},
	{spec: "l ./a ->x mode=755", want: []string{"symlink-mode: 0755"}},
	{spec: "l ./a ->x mode=1777", want: []string{"symlink-mode: 1777"}},
	{spec: "l ./a ->x mode=120777", want: []string{"mode-bits: 120777"}},
	{spec: "c ./a dev=0,0", want: []string{"whiteout-device"}},
	{spec: "b ./a dev=0,0"},
	{spec: "c ./a dev=0,1"},
	{spec: `f "./\xff"`, path: "\xff", want: []string{"name-encoding"}},
	{spec: "f ./\u00e9", path: "\u00e9"},
}

func TestLintOfMetadata(t *testing.T) { checkLint(t, metadataCases) }

var (
	capability2 = "\x01\x00\x00\x02" + strings.Repeat("\x00", 16)
	capability3 = "\x01\x00\x00\x03" + strings.Repeat("\x00", 16)
)

// xattrCases depart in their xattrs, in canonical form.
var xattrCases = []lintCase{
	// What Linux takes, and on what: xattr(7), user_namespaces(7).
	{spec: x("SCHILY.xattr.user.a=1") + "d ./a/"},
	{spec: x("SCHILY.xattr.user.a=1") + "l ./a ->x", want: []string{`xattr-unsettable: "user.a": only files and directories have user xattrs`}},
	{spec: x("SCHILY.xattr.user.a=1") + "p ./a", want: []string{`xattr-unsettable: "user.a": only files and directories have user xattrs`}},
	{spec: x("SCHILY.xattr.user.a=1") + "c ./a dev=1,3", want: []string{`xattr-unsettable: "user.a": only files and directories have user xattrs`}},
	{spec: x("SCHILY.xattr.user.a=1") + "b ./a dev=1,3", want: []string{`xattr-unsettable: "user.a": only files and directories have user xattrs`}},
	{spec: x("SCHILY.xattr.security.b=1", "SCHILY.xattr.trusted.a=1") + "p ./a"},
	{spec: x("SCHILY.xattr.other.a=1") + "f ./a", want: []string{`xattr-unsettable: "other.a": Linux knows no such namespace`}},
	{spec: x("SCHILY.xattr.system.other=1") + "f ./a", want: []string{`xattr-unsettable: "system.other": Linux knows no such namespace`}},
	{spec: x("SCHILY.xattr.users.a=1") + "f ./a", want: []string{`xattr-unsettable: "users.a": Linux knows no such namespace`}},
	{spec: x("SCHILY.xattr.user=1") + "f ./a", want: []string{`xattr-unsettable: "user": it has no name in its namespace`}},
	{spec: x("SCHILY.xattr.user.=1") + "f ./a", want: []string{`xattr-unsettable: "user.": it has no name in its namespace`}},
	{spec: x("SCHILY.xattr.trusted.=1") + "f ./a", want: []string{`xattr-unsettable: "trusted.": it has no name in its namespace`}},
	{spec: x("SCHILY.xattr.user.a=") + "f ./a", want: []string{`xattr-empty: "user.a"`}},
	{spec: x("SCHILY.xattr.trusted.=") + "f ./a", want: []string{`xattr-unsettable: "trusted.": it has no name in its namespace`, `xattr-empty: "trusted."`}},
	// What belongs to a host.
	{spec: x("SCHILY.xattr.security.apparmor=1", "SCHILY.xattr.security.evm=1", "SCHILY.xattr.security.ima=1", "SCHILY.xattr.security.selinux=1") + "f ./a",
		want: []string{`xattr-host: "security.apparmor"`, `xattr-host: "security.evm"`, `xattr-host: "security.ima"`, `xattr-host: "security.selinux"`}},
	{spec: x("SCHILY.xattr.security.SMACK64EXEC=1") + "f ./a", want: []string{`xattr-host: "security.SMACK64EXEC"`}},
	{spec: x("SCHILY.xattr.trusted.overlay.opaque=y", "SCHILY.xattr.user.overlay.origin=x") + "d ./a/", want: []string{`xattr-host: "trusted.overlay.opaque"`, `xattr-host: "user.overlay.origin"`}},
	{spec: x("SCHILY.xattr.security.selinuxes=1", "SCHILY.xattr.trusted.overlay=1", "SCHILY.xattr.trusted.overlayfs.a=1") + "f ./a"},
	// Capabilities, struct vfs_cap_data and vfs_ns_cap_data.
	{spec: x("SCHILY.xattr.security.capability="+capability2) + "f ./a"},
	{spec: x("SCHILY.xattr.security.capability="+capability3+"\x00\x00\x00\x00") + "f ./a",
		want: []string{"capability-version: of version 3, for the root user of the first user namespace, which the kernel stores as version 2"}},
	{spec: x("SCHILY.xattr.security.capability="+capability3+"\xe8\x03\x00\x00") + "f ./a", want: []string{"capability-version: of version 3, for another user namespace"}},
	{spec: x("SCHILY.xattr.security.capability="+capability3) + "f ./a", want: []string{`xattr-unsettable: "security.capability": 20 bytes that are no file capability of version 2 or 3`}},
	{spec: x("SCHILY.xattr.security.capability=") + "f ./a", want: []string{`xattr-unsettable: "security.capability": 0 bytes that are no file capability of version 2 or 3`}},
	// The ext4 block of 4096 bytes has a header of 32, the end mark of 4, and for
	// each xattr 16 bytes, its name without the namespace and its value, both
	// rounded up to 4 (fs/ext4/xattr.h): 32 + 4 + 16 + 4 + 4040 is all of it.
	{spec: x("SCHILY.xattr.user.a="+strings.Repeat("x", 4040)) + "f ./a"},
	{spec: x("SCHILY.xattr.user.a="+strings.Repeat("x", 4041)) + "f ./a", want: []string{"xattr-size: 4100 bytes, of which there are 4096"}},
	{spec: x("SCHILY.xattr.user.abcd="+strings.Repeat("x", 4040)) + "f ./a"},
	{spec: x("SCHILY.xattr.user.abcde="+strings.Repeat("x", 4037)) + "f ./a", want: []string{"xattr-size: 4100 bytes, of which there are 4096"}},
	{spec: x("SCHILY.xattr.trusted.b=1", "SCHILY.xattr.user.a="+strings.Repeat("x", 4016)) + "f ./a"},
	{spec: x("SCHILY.xattr.trusted.b=1", "SCHILY.xattr.user.a="+strings.Repeat("x", 4017)) + "f ./a", want: []string{"xattr-size: 4100 bytes, of which there are 4096"}},
	{spec: x("SCHILY.xattr.trusted.b=", "SCHILY.xattr.user.a="+strings.Repeat("x", 4040)) + "f ./a", want: []string{`xattr-empty: "trusted.b"`}},
}

// acl is the PAX record of an ACL in the words of layers.ACL.
func acl(name, entries string) string {
	record, err := strconv.Unquote(strings.TrimPrefix(layers.ACL(name, entries), "pax:"))
	if err != nil {
		panic(err)
	}
	return record
}

// aclCases have ACLs. Linux gives a file the mode that its list says, keeps no
// list that says no more than that, and refuses lists that are not valid:
// posix_acl_equiv_mode and posix_acl_valid of fs/posix_acl.c.
var aclCases = []lintCase{
	{spec: x(acl("access", "u=6 U:5=4 g=4 m=4 o=4")) + "f ./a", want: []string{`acl: "system.posix_acl_access"`}},
	{spec: x(acl("access", "u=6 U:5=4 g=7 m=4 o=4")) + "f ./a", want: []string{`acl: "system.posix_acl_access"`}},
	{spec: x(acl("access", "u=6 U:5=4 g=4 m=7 o=4")) + "f ./a", want: []string{`acl: "system.posix_acl_access": the mode becomes 0674`}},
	{spec: x(acl("access", "u=6 g=4 o=4")) + "f ./a", want: []string{`acl: "system.posix_acl_access": it says no more than the mode, and is not kept`}},
	{spec: x(acl("access", "u=6 g=4 o=4")) + "f ./a mode=4600", want: []string{`acl: "system.posix_acl_access": the mode becomes 4644`}},
	{spec: x(acl("default", "u=6 g=4 o=4")) + "d ./a/", want: []string{`acl: "system.posix_acl_default"`}},
	{spec: x(acl("default", "u=7 U:5=7 g=5 m=7 o=5")) + "d ./a/", want: []string{`acl: "system.posix_acl_default"`}},
	{spec: x(acl("default", "u=6 g=4 o=4")) + "f ./a", want: []string{`xattr-unsettable: "system.posix_acl_default": only directories have a default ACL`, `acl: "system.posix_acl_default"`}},
	{spec: x(acl("access", "u=6 g=4 o=4")) + "l ./a ->x", want: []string{`xattr-unsettable: "system.posix_acl_access": symlinks have no ACL`, `acl: "system.posix_acl_access"`}},
	{spec: x(acl("access", "u=6 U:5=4 g=4 o=4")) + "f ./a",
		want: []string{`xattr-unsettable: "system.posix_acl_access": the ACL lacks the entry of the owner, the group, the mask or all others`, `acl: "system.posix_acl_access"`}},
	{spec: x(acl("default", "u=6 o=4")) + "d ./a/",
		want: []string{`xattr-unsettable: "system.posix_acl_default": the ACL lacks the entry of the owner, the group, the mask or all others`, `acl: "system.posix_acl_default"`}},
	{spec: x("SCHILY.xattr.system.posix_acl_access=acl") + "f ./a", want: []string{`xattr-unsettable: "system.posix_acl_access": 3 bytes are no ACL`, `acl: "system.posix_acl_access"`}},
	// A list without entries removes an ACL, and is none.
	{spec: x(acl("access", "")) + "l ./a ->x", want: []string{`acl: "system.posix_acl_access"`}},
	{spec: x("SCHILY.xattr.system.posix_acl_default=") + "f ./a", want: []string{`acl: "system.posix_acl_default"`, `xattr-empty: "system.posix_acl_default"`}},
	// fs/ext4/acl.h: ext4 keeps an ACL without its name as 4 bytes, and 4 for each
	// entry, 8 if it has an ID: 16 + 4 + 5 * 4 + 4 of an xattr's.
	{spec: x(acl("access", "u=6 U:5=4 g=4 m=4 o=4"), "SCHILY.xattr.user.a="+strings.Repeat("x", 3996)) + "f ./a", want: []string{`acl: "system.posix_acl_access"`}},
	{spec: x(acl("access", "u=6 U:5=4 g=4 m=4 o=4"), "SCHILY.xattr.user.a="+strings.Repeat("x", 3997)) + "f ./a",
		want: []string{`acl: "system.posix_acl_access"`, "xattr-size: 4100 bytes, of which there are 4096"}},
}

func TestLintOfACLs(t *testing.T) { checkLint(t, aclCases) }

func TestLintOfXattrs(t *testing.T) { checkLint(t, xattrCases) }
