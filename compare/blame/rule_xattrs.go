package blame

import (
	"encoding/base64"
	"math"
	"net/url"
	"path"
	"strconv"
	"strings"

	"cfsverify/canon"
	"cfsverify/canon/linux"
	"cfsverify/compare"
)

// xattrEncodings finds xattrs in records that not every reader takes up, names
// that cannot be set, and empty values, which some take for none.
func (s *scene) xattrEncodings() {
	for _, it := range s.items {
		if it.Status != compare.Changed {
			continue
		}
		s.claim(XattrEncoding, it, layerOrigin(it.out), func(c compare.Change) bool {
			return c.Field == compare.Xattr && (isOddXattr(it.in, it.out, c.Xattr) || isOddXattr(it.out, it.in, c.Xattr))
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
	if value == "" || layerOrigin(has) != nil && linux.CheckXattr(canon.Regular, name) != nil {
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

// xattrs goes by name and value: who sets such an attribute.
func (s *scene) xattrs() {
	lists := accessACLs(s.out)
	for _, it := range s.items {
		if it.Status != compare.Changed {
			continue
		}
		origin := layerOrigin(it.out)
		for _, c := range it.Changes {
			if c.Field != compare.Xattr {
				continue
			}
			if cause := s.xattrCause(it, c.Xattr); cause != "" {
				s.claim(cause, it, origin, func(o compare.Change) bool { return o == c })
			}
		}
		s.aclMode(it, lists)
		s.overriddenStat(it)
	}
	s.hiddenByXattr()
}

// The xattrs of engines: those of fuse-overlayfs (its utils.h), which also writes
// user.containers., and of umoci and PRoot without privileges
// (https://rootlesscontaine.rs).
const (
	userFUSEOverlay        = linux.UserPrefix + "fuseoverlayfs."
	trustedFUSEOverlay     = linux.TrustedPrefix + "fuseoverlayfs."
	securityFUSEOverlay    = linux.SecurityPrefix + "fuseoverlayfs."
	userContainers         = linux.UserPrefix + "containers."
	userRootlessContainers = linux.UserPrefix + "rootlesscontainers"

	// overrideStat has UID:GID:MODE of a file that cannot have them itself.
	overrideStat = "override_stat"
)

// overriddenStat finds owners and modes that fuse-overlayfs keeps in an xattr, as
// UID:GID:MODE, instead of giving them to the file.
func (s *scene) overriddenStat(it *item) {
	for _, name := range [...]string{userFUSEOverlay + overrideStat, securityFUSEOverlay + overrideStat, userContainers + overrideStat} {
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
		s.claim(OverlayXattr, it, layerOrigin(it.out), func(c compare.Change) bool {
			switch c.Field {
			case compare.UID:
				return isKept(fields[0], 10, math.MaxUint32, uint64(out.UID))
			case compare.GID:
				return isKept(fields[1], 10, math.MaxUint32, uint64(out.GID))
			case compare.Mode:
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
		for _, name := range []string{linux.OverlayOpaque, linux.UserOverlayOpaque} {
			if value, has := dir.Node.Xattrs.Get(name); has && value == "y" {
				s.claimAll(OverlayXattr, it, dir.Origin)
			}
		}
	}
}

func (s *scene) xattrCause(it *item, name string) Cause {
	switch {
	case name == linux.SecurityCapability:
		return s.capabilityCause(it)
	case name == linux.SecuritySELinux:
		return SELinuxLabel
	case isOverlayXattr(name):
		return OverlayXattr
	case linux.IsACL(name):
		return ACL
	case strings.HasPrefix(name, linux.UserPrefix):
		return UserXattr
	}
	return HostXattr
}

// overlayXattrs begin the names that overlay file systems, and engines without
// privileges, keep their books with.
var overlayXattrs = [...]string{
	linux.OverlayPrefix, linux.UserOverlayPrefix, userFUSEOverlay, trustedFUSEOverlay, securityFUSEOverlay,
	userContainers, userRootlessContainers,
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
	in, inHas := it.in.Node.Xattrs.Get(linux.SecurityCapability)
	out, outHas := it.out.Node.Xattrs.Get(linux.SecurityCapability)
	if inHas != outHas {
		if outHas || !s.directed() {
			return CapabilityLost
		}
		return ""
	}
	capsIn, errIn := linux.ParseCapability(in)
	capsOut, errOut := linux.ParseCapability(out)
	if errIn == nil && errOut == nil && capsIn.Sets == capsOut.Sets {
		return CapabilityVersion
	}
	return ""
}
