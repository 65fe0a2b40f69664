package compare

import (
	"encoding/binary"
	"path"
	"strings"
)

// xattrEncodings finds xattrs in records that not every reader takes up, names
// that cannot be set, and empty values, which some take for none.
func (s *scene) xattrEncodings() {
	for _, it := range s.items {
		if it.Status != Changed {
			continue
		}
		origin := layerOrigin(it.out)
		s.claim(XattrEncoding, it, origin, func(c Change) bool {
			if c.Field != Xattr {
				return false
			}
			in, inHas := it.in.Node.Xattrs.Get(c.Xattr)
			out, outHas := it.out.Node.Xattrs.Get(c.Xattr)
			if inHas != outHas && (in+out == "" || !isLinuxXattr(c.Xattr)) {
				return true
			}
			if origin == nil || origin.Header == nil {
				return false
			}
			_, libarchive := origin.Header.PAX["LIBARCHIVE.xattr."+c.Xattr]
			return libarchive
		})
	}
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
			if cause := xattrCause(it, c.Xattr); cause != "" {
				s.claim(cause, it, origin, func(o Change) bool { return o == c })
			}
		}
		s.aclMode(it)
	}
	s.hiddenByXattr()
}

// hiddenByXattr finds what overlayfs hides because a layer's archive has its
// mark of opaque directories.
func (s *scene) hiddenByXattr() {
	for _, it := range s.items {
		if !it.onlyOut() {
			continue
		}
		dir := s.out.Lookup(path.Dir(it.Path))
		if dir == nil {
			continue
		}
		for _, name := range []string{"trusted.overlay.opaque", "user.overlay.opaque"} {
			if value, has := dir.Node.Xattrs.Get(name); has && value == "y" {
				s.claimAll(OverlayXattr, it, layerOrigin(dir))
			}
		}
	}
}

func xattrCause(it *item, name string) Cause {
	switch {
	case name == "security.capability":
		return capabilityCause(it)
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

func capabilityCause(it *item) Cause {
	in, inHas := it.in.Node.Xattrs.Get("security.capability")
	out, outHas := it.out.Node.Xattrs.Get("security.capability")
	switch {
	case outHas && !inHas:
		return CapabilityLost
	case inHas && outHas:
		capsIn, okIn := parseCapability(in)
		capsOut, okOut := parseCapability(out)
		if okIn && okOut && capsIn.sets == capsOut.sets && capsIn.revision != capsOut.revision {
			return CapabilityVersion
		}
	}
	return ""
}

// capability is a value of security.capability, struct vfs_ns_cap_data of
// linux/capability.h.
type capability struct {
	revision uint32
	// sets are the flags and the permitted and inheritable sets.
	sets   string
	rootid uint32
}

func parseCapability(value string) (capability, bool) {
	if len(value) != 20 && len(value) != 24 {
		return capability{}, false
	}
	data := []byte(value)
	magic := binary.LittleEndian.Uint32(data)
	c := capability{revision: magic >> 24, sets: string(data[0:3]) + value[4:20]}
	if len(data) == 24 {
		c.rootid = binary.LittleEndian.Uint32(data[20:])
	}
	return c, c.revision == 2 && len(data) == 20 || c.revision == 3 && len(data) == 24
}

// aclMode gives group bits to the ACL, whose mask they then are.
func (s *scene) aclMode(it *item) {
	if !it.has(Mode) || (it.in.Node.Perm^it.out.Node.Perm)&^0o070 != 0 {
		return
	}
	const access = "system.posix_acl_access"
	_, in := it.in.Node.Xattrs.Get(access)
	_, out := it.out.Node.Xattrs.Get(access)
	origin := layerOrigin(it.out)
	inHeader := false
	if origin != nil && origin.Header != nil {
		_, inHeader = origin.Header.PAX["SCHILY.acl.access"]
	}
	if in || out || inHeader {
		s.claimFields(ACL, it, origin, Mode)
	}
}
