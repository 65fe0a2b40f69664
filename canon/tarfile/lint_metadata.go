package tarfile

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"cfsverify/canon"
)

// lastMtime is the latest that 64 bits of nanoseconds since 1970 hold, as
// container engines keep times.
var lastMtime = canon.Time{Sec: math.MaxInt64 / 1_000_000_000, Nsec: math.MaxInt64 % 1_000_000_000}

// metadata looks for what engines cannot set, or keep in another form.
func (l *linter) metadata() {
	h := l.raw.Header
	if h.Mtime.Nsec != 0 {
		l.add(SubsecondMtime, "%s", decimal(h.Mtime))
	}
	if h.Mtime.Sec < 0 || h.Mtime.Compare(lastMtime) > 0 {
		l.add(MtimeRange, "%s", decimal(h.Mtime))
	}
	for _, id := range []int64{h.UID, h.GID} {
		if id >= math.MaxUint32 {
			l.add(OwnerRange, "%d:%d", h.UID, h.GID)
			break
		}
	}
	if h.Typeflag == '2' && h.Mode&0o7777 != 0o777 {
		l.add(SymlinkMode, "%04o", h.Mode&0o7777)
	}
	if h.Typeflag == '3' && h.Rdev == 0 {
		l.add(WhiteoutDevice, "")
	}
	if !utf8.ValidString(l.path) {
		l.add(NameEncoding, "")
	}
	for _, x := range Xattrs(h.PAX) {
		l.xattr(x)
	}
}

// xattr looks at what Linux and engines make of one. Those that engines take for
// the host's are set by a security module or overlayfs, and read back as such.
func (l *linter) xattr(x canon.Xattr) {
	name := quoted(x.Name)
	namespace, rest, _ := strings.Cut(x.Name, ".")
	isACL := x.Name == "system.posix_acl_access" || x.Name == "system.posix_acl_default"
	switch {
	case slices.Contains([]string{"security.selinux", "security.ima", "security.evm", "security.apparmor"}, x.Name),
		strings.HasPrefix(x.Name, "security.SMACK64"), strings.HasPrefix(x.Name, "trusted.overlay."), strings.HasPrefix(x.Name, "user.overlay."):
		l.add(XattrHost, "%s", name)
	case isACL:
	case !slices.Contains([]string{"user", "trusted", "security"}, namespace):
		l.add(XattrUnsettable, "%s: Linux knows no such namespace", name)
	case rest == "":
		l.add(XattrUnsettable, "%s: it has no name in its namespace", name)
	case namespace == "user" && strings.IndexByte("2346", l.want.typeflag) >= 0:
		l.add(XattrUnsettable, "%s: only files and directories have user xattrs", name)
	case x.Name == "security.capability":
		l.capability(x.Value)
		return
	}
	if x.Value == "" {
		l.add(XattrEmpty, "%s", name)
	}
}

// capability checks struct vfs_cap_data and vfs_ns_cap_data of
// include/uapi/linux/capability.h.
func (l *linter) capability(value string) {
	const (
		version2, size2 = 2, 20
		version3, size3 = 3, 24
	)
	version := 0
	if len(value) >= 4 {
		version = int(value[3])
	}
	switch {
	case version == version2 && len(value) == size2:
	case version == version3 && len(value) == size3:
		if value[20:] == "\x00\x00\x00\x00" {
			l.add(CapabilityVersion, "of version 3, for the root user of the first user namespace, which the kernel stores as version 2")
		} else {
			l.add(CapabilityVersion, "of version 3, for another user namespace")
		}
	default:
		l.add(XattrUnsettable, "\"security.capability\": %d bytes that are no file capability of version 2 or 3", len(value))
	}
}

func quoted(s string) string { return strconv.Quote(s) }
