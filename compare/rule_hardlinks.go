package compare

import (
	"fmt"
	"strings"

	"cfsverify/canon"
)

// linkHeader is a hardlink entry whose header is not what its inode has.
type linkHeader struct {
	node   *canon.Node // as the header says it
	origin *canon.Origin
}

// hardlinkHeaders finds attributes that a hardlink's own header gives, as
// engines that apply it to the inode have them.
func (s *scene) hardlinkHeaders() {
	var headers map[*canon.Node][]linkHeader
	for _, e := range s.out.All() {
		if o := layerOrigin(e); o != nil && o.Header != nil && o.Header.Typeflag == '1' {
			if headers == nil {
				headers = map[*canon.Node][]linkHeader{}
			}
			headers[e.Node] = append(headers[e.Node], linkHeader{nodeOfLink(o.Header), o})
		}
	}
	for _, it := range s.items {
		if it.Status != Changed {
			continue
		}
		for _, h := range headers[it.out.Node] {
			s.claim(HardlinkHeader, it, h.origin, func(c Change) bool { return linkHeaderHas(h, it.in.Node, c) })
		}
	}
}

// nodeOfLink reads what engines apply of a hardlink's header.
func nodeOfLink(h *canon.Header) *canon.Node {
	n := &canon.Node{Perm: uint16(h.Mode & 0o7777), UID: uint32(h.UID), GID: uint32(h.GID), Mtime: h.Mtime}
	for key, value := range h.PAX {
		if name, found := strings.CutPrefix(key, "SCHILY.xattr."); found {
			n.Xattrs.Set(name, value)
		}
	}
	return n
}

func linkHeaderHas(h linkHeader, in *canon.Node, c Change) bool {
	switch c.Field {
	case Mode:
		return h.node.Perm == in.Perm
	case UID:
		return h.node.UID == in.UID
	case GID:
		return h.node.GID == in.GID
	case Mtime, MtimeNsec:
		// Engines make 0 of times before 1970.
		return max(h.node.Mtime.Sec, 0) == max(in.Mtime.Sec, 0) && (h.node.Mtime.Nsec == in.Mtime.Nsec || in.Mtime.Nsec == 0)
	case Xattr:
		value, has := in.Xattrs.Get(c.Xattr)
		own, owns := h.node.Xattrs.Get(c.Xattr)
		return has && owns && value == own
	}
	return false
}

// hardlinks compares which names are one inode. Names that only one side has do
// not count here.
func (s *scene) hardlinks() {
	broken := 0
	for _, it := range s.items {
		if it.Status != Changed || !it.has(Links) {
			continue
		}
		lost, gained := s.linkChanges(it)
		switch {
		case lost > 0:
			s.claimFields(HardlinkBroken, it, layerOrigin(it.out), Links, Nlink)
			broken++
		case gained > 0:
			s.claimFields(HardlinkJoined, it, layerOrigin(it.out), Links, Nlink)
		}
	}
	if broken > 0 && !hasHardlinks(s.in) {
		s.tell(HardlinkBroken, Evidence{Text: fmt.Sprintf("nothing in %s has two names: hardlinks were not kept when it was copied or scanned", s.inName)})
	}
}

func (s *scene) linkChanges(it *item) (lost, gained int) {
	in, out := map[string]bool{}, map[string]bool{}
	for _, p := range it.linksIn {
		in[p] = true
	}
	for _, p := range it.linksOut {
		out[p] = true
		if other := s.byPath[p]; !in[p] && (other == nil || other.Status == Changed) {
			lost++
		}
	}
	for p := range in {
		if other := s.byPath[p]; !out[p] && (other == nil || other.Status == Changed) {
			gained++
		}
	}
	return lost, gained
}

func hasHardlinks(t *canon.Tree) bool {
	seen := map[*canon.Node]bool{}
	for _, e := range t.All() {
		if e.Node.Kind != canon.Directory && seen[e.Node] {
			return true
		}
		seen[e.Node] = true
	}
	return false
}
