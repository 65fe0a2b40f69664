package blame

import (
	"encoding/base64"
	"math"
	"net/url"
	"strconv"
	"strings"

	"cfsverify/canon"
	"cfsverify/canon/linux"
	"cfsverify/compare"
)

// xattrEncodings finds xattrs that get lost on the way: those in PAX records that not
// every tool reads, with names that Linux cannot set, or with empty values, which
// some tools drop.
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

// isOddXattr says that only the first of two entries has an xattr, and that tools may
// lose it, or that the archive of the second has it in a form that not all read.
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

// libarchiveHas looks for an xattr in the form of libarchive, which writes it besides
// star's or instead of it: the name encoded as in URLs, the value in base64 without
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

// xattrs finds out by name and value who sets such an xattr.
func (s *scene) xattrs() {
	lists := accessACLs(s.out)
	for _, it := range s.items {
		if it.Status != compare.Changed {
			continue
		}
		origin := layerOrigin(it.out)
		causes := map[Cause]bool{}
		for _, c := range it.open {
			if c.Field == compare.Xattr {
				causes[s.xattrCause(it, c.Xattr)] = true
			}
		}
		for cause := range causes {
			if cause != "" {
				s.claim(cause, it, origin, func(c compare.Change) bool { return c.Field == compare.Xattr && s.xattrCause(it, c.Xattr) == cause })
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

	// overrideStat ends the names of xattrs that hold UID:GID:MODE of a file, which
	// itself cannot have these.
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

// hiddenByXattr finds names of lower layers that overlayfs hides, because a layer's
// archive has the xattr by which overlayfs marks opaque directories.
func (s *scene) hiddenByXattr() {
	for _, it := range s.items {
		if !it.onlyOut() {
			continue
		}
		dir := s.holder(it.Path).out
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

// overlayXattrs are the prefixes of xattrs in which overlay file systems, and engines
// without privileges, keep their own state.
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

// capabilityCause gives no cause for capabilities that a scan has and the layers do
// not have, and none if both sides have different capabilities.
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
