package compare

import (
	"encoding/base64"
	"encoding/binary"
	"math"
	"net/url"
	"path"
	"strconv"
	"strings"

	"cfsverify/canon"
)

// xattrEncodings finds xattrs in records that not every reader takes up, names
// that cannot be set, and empty values, which some take for none.
func (s *scene) xattrEncodings() {
	for _, it := range s.items {
		if it.Status != Changed {
			continue
		}
		s.claim(XattrEncoding, it, layerOrigin(it.out), func(c Change) bool {
			return c.Field == Xattr && (isOddXattr(it.in, it.out, c.Xattr) || isOddXattr(it.out, it.in, c.Xattr))
		})
	}
}

// isOddXattr says that an xattr that only the first of two entries has is one
// that may get lost, or that is in the archive of the second in another form.
func isOddXattr(has, lacks *canon.Dirent, name string) bool {
	value, found := has.Node.Xattrs.Get(name)
	if _, both := lacks.Node.Xattrs.Get(name); !found || both {
		return false
	}
	if value == "" || layerOrigin(has) != nil && !isLinuxXattr(name) {
		return true
	}
	origin := layerOrigin(lacks)
	return origin != nil && origin.Header != nil && libarchiveHas(origin.Header.PAX, name, value)
}

// libarchiveHas looks for an xattr as libarchive writes it besides that of
// star, or instead: the name encoded as in URLs, the value in base64 without
// padding (archive_write_set_format_pax.c).
func libarchiveHas(records map[string]string, name, value string) bool {
	for key, encoded := range records {
		encodedName, found := strings.CutPrefix(key, "LIBARCHIVE.xattr.")
		if !found {
			continue
		}
		decodedName, err := url.PathUnescape(encodedName)
		if err != nil || decodedName != name {
			continue
		}
		decoded, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(encoded, "="))
		return err == nil && string(decoded) == value
	}
	return false
}

// isLinuxXattr says that a name can be set: fs/xattr.c refuses other name
// spaces, and names that are nothing else.
func isLinuxXattr(name string) bool {
	for _, space := range [...]string{"user.", "trusted.", "security.", "system.posix_acl_"} {
		if strings.HasPrefix(name, space) && name != space {
			return true
		}
	}
	return false
}

// xattrs goes by name and value: who sets such an attribute.
func (s *scene) xattrs() {
	for _, it := range s.items {
		if it.Status != Changed {
			continue
		}
		origin := layerOrigin(it.out)
		for _, c := range it.Changes {
			if c.Field != Xattr {
				continue
			}
			if cause := s.xattrCause(it, c.Xattr); cause != "" {
				s.claim(cause, it, origin, func(o Change) bool { return o == c })
			}
		}
		s.aclMode(it)
		s.overriddenStat(it)
	}
	s.hiddenByXattr()
}

// overriddenStat finds owners and modes that fuse-overlayfs keeps in an xattr, as
// UID:GID:MODE, instead of giving them to the file.
func (s *scene) overriddenStat(it *item) {
	for _, name := range [...]string{"user.fuseoverlayfs.override_stat", "security.fuseoverlayfs.override_stat", "user.containers.override_stat"} {
		value, has := it.in.Node.Xattrs.Get(name)
		fields := strings.Split(value, ":")
		if !has || len(fields) < 3 {
			continue
		}
		isKept := func(field string, base int, mask, want uint64) bool {
			n, err := strconv.ParseUint(field, base, 32)
			return err == nil && n&mask == want
		}
		out := it.out.Node
		s.claim(OverlayXattr, it, layerOrigin(it.out), func(c Change) bool {
			switch c.Field {
			case UID:
				return isKept(fields[0], 10, math.MaxUint32, uint64(out.UID))
			case GID:
				return isKept(fields[1], 10, math.MaxUint32, uint64(out.GID))
			case Mode:
				return isKept(fields[2], 8, 0o7777, uint64(out.Perm))
			}
			return false
		})
	}
}

// hiddenByXattr finds what overlayfs hides because a layer's archive has its
// mark of opaque directories, which acts on lower layers.
func (s *scene) hiddenByXattr() {
	for _, it := range s.items {
		if !it.onlyOut() {
			continue
		}
		dir := s.out.Lookup(path.Dir(it.Path))
		if dir == nil || layerOrigin(dir) == nil || layerOrigin(it.out) == nil || it.out.Origin.Layer.Index >= dir.Origin.Layer.Index {
			continue
		}
		for _, name := range []string{"trusted.overlay.opaque", "user.overlay.opaque"} {
			if value, has := dir.Node.Xattrs.Get(name); has && value == "y" {
				s.claimAll(OverlayXattr, it, dir.Origin)
			}
		}
	}
}

func (s *scene) xattrCause(it *item, name string) Cause {
	switch {
	case name == canon.CapabilityXattr:
		return s.capabilityCause(it)
	case name == "security.selinux":
		return SELinuxLabel
	case isOverlayXattr(name):
		return OverlayXattr
	case strings.HasPrefix(name, "system.posix_acl_"):
		return ACL
	case strings.HasPrefix(name, "user."):
		return UserXattr
	}
	return HostXattr
}

// overlayXattrs begin the names that overlay file systems, and engines without
// privileges, keep their books with.
var overlayXattrs = [...]string{
	"trusted.overlay.", "user.overlay.", "user.fuseoverlayfs.", "trusted.fuseoverlayfs.",
	"user.containers.", "user.rootlesscontainers", "security.fuseoverlayfs.",
}

func isOverlayXattr(name string) bool {
	for _, prefix := range overlayXattrs {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// capabilityCause is none for capabilities that a scan has and its layers have
// not, and for such as are others.
func (s *scene) capabilityCause(it *item) Cause {
	in, inHas := it.in.Node.Xattrs.Get(canon.CapabilityXattr)
	out, outHas := it.out.Node.Xattrs.Get(canon.CapabilityXattr)
	if inHas != outHas {
		if outHas || !s.directed() {
			return CapabilityLost
		}
		return ""
	}
	capsIn, errIn := canon.ParseCapability(in)
	capsOut, errOut := canon.ParseCapability(out)
	if errIn == nil && errOut == nil && capsIn.Sets == capsOut.Sets {
		return CapabilityVersion
	}
	return ""
}

// aclMode gives group bits to the ACL, whose mask they then are: where it is
// missing, they are those that it has for the group.
func (s *scene) aclMode(it *item) {
	if !it.has(Mode) || (it.in.Node.Perm^it.out.Node.Perm)&^0o070 != 0 {
		return
	}
	in, out := accessACL(it.in), accessACL(it.out)
	switch {
	case in == nil && out == nil:
		return
	case in == nil:
		in = &acl{mask: out.group}
	case out == nil:
		out = &acl{mask: in.group}
	}
	if in.mask == groupBits(it.in) && out.mask == groupBits(it.out) {
		s.claimFields(ACL, it, layerOrigin(it.out), Mode)
	}
}

func groupBits(e *canon.Dirent) uint16 { return e.Node.Perm >> 3 & 7 }

// acl is what an access control list says of the group bits of a mode.
type acl struct{ group, mask uint16 }

// accessACL reads an entry's ACL as the kernel has it, or as its archive does;
// nil if there is none.
func accessACL(e *canon.Dirent) *acl {
	if value, has := e.Node.Xattrs.Get("system.posix_acl_access"); has {
		return parseACL(value)
	}
	if o := layerOrigin(e); o != nil && o.Header != nil {
		if text, has := o.Header.PAX["SCHILY.acl.access"]; has {
			return parseACLText(text)
		}
	}
	return nil
}

// parseACL reads include/uapi/linux/posix_acl_xattr.h: a version, and entries of
// a tag, permissions and an ID. Without a mask the mode has the group's bits.
func parseACL(value string) *acl {
	const (
		groupObj = 0x04
		mask     = 0x10
	)
	data := []byte(value)
	if len(data)%8 != 4 || binary.LittleEndian.Uint32(data) != 2 {
		return nil
	}
	var a acl
	masked := false
	for data = data[4:]; len(data) > 0; data = data[8:] {
		bits := binary.LittleEndian.Uint16(data[2:]) & 7
		switch binary.LittleEndian.Uint16(data) {
		case groupObj:
			a.group = bits
		case mask:
			a.mask, masked = bits, true
		}
	}
	if !masked {
		a.mask = a.group
	}
	return &a
}

// parseACLText reads the form of acl(5) that star and GNU tar write, in which
// commas or newlines end entries.
func parseACLText(text string) *acl {
	var a acl
	masked := false
	for entry := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == ',' || r == '\n' }) {
		fields := strings.Split(entry, ":")
		if len(fields) < 3 || fields[1] != "" {
			continue
		}
		switch fields[0] {
		case "group", "g":
			a.group = aclBits(fields[2])
		case "mask", "m":
			a.mask, masked = aclBits(fields[2]), true
		}
	}
	if !masked {
		a.mask = a.group
	}
	return &a
}

func aclBits(text string) uint16 {
	var bits uint16
	for i, letter := range "xwr" {
		if strings.ContainsRune(text, letter) {
			bits |= 1 << i
		}
	}
	return bits
}
