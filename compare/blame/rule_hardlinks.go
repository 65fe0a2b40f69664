package blame

import (
	"fmt"
	"slices"
	"strings"

	"cfsverify/canon"
	"cfsverify/canon/tarfile"
	"cfsverify/compare"
)

// linkHeader is the header of a hardlink's entry.
type linkHeader struct {
	node   *canon.Node // as the header says it
	origin *canon.Origin
}

// hardlinkHeaders finds attributes that come from the header of a hardlink, which
// some engines apply to the inode. If both sides are images, each may be what such
// an engine made of the other.
func (s *scene) hardlinkHeaders() {
	headers := linkHeaders(s.out)
	var headersIn map[*canon.Node][]linkHeader
	if !s.scanned {
		headersIn = linkHeaders(s.in)
	}
	for _, it := range s.items {
		if it.Status != compare.Changed {
			continue
		}
		for _, h := range headers[it.out.Node] {
			s.claim(HardlinkHeader, it, h.origin, func(c compare.Change) bool {
				return linkHeaderHas(h, it.in.Node, c) && !(c.Field == compare.Mode && permOf(it.out) == it.in.Node.Perm)
			})
		}
		for _, h := range headersIn[it.in.Node] {
			s.claim(HardlinkHeader, it, h.origin, func(c compare.Change) bool { return linkHeaderHas(h, it.out.Node, c) })
		}
	}
}

func linkHeaders(t *canon.Tree) map[*canon.Node][]linkHeader {
	var headers map[*canon.Node][]linkHeader
	for e := range t.Dirents() {
		if o := layerOrigin(e); o != nil && o.Header != nil && o.Header.Typeflag == '1' {
			if headers == nil {
				headers = map[*canon.Node][]linkHeader{}
			}
			headers[e.Node] = append(headers[e.Node], linkHeader{nodeOfLink(o.Header), o})
		}
	}
	return headers
}

// nodeOfLink reads the attributes that engines apply of a hardlink's header.
func nodeOfLink(h *canon.Header) *canon.Node {
	n := &canon.Node{Perm: uint16(h.Mode & 0o7777), UID: uint32(h.UID), GID: uint32(h.GID), Mtime: h.Mtime}
	for key, value := range h.PAX {
		if name, found := strings.CutPrefix(key, tarfile.XattrPrefix); found {
			n.Xattrs.Set(name, value)
		}
	}
	n.Perm = permOf(&canon.Dirent{Node: n})
	return n
}

// linkHeaderHas says that an inode has what a hardlink's header states.
func linkHeaderHas(h linkHeader, in *canon.Node, c compare.Change) bool {
	switch c.Field {
	case compare.Mtime, compare.MtimeNsec:
		// Engines make 0 of times before 1970.
		return max(h.node.Mtime.Sec, 0) == max(in.Mtime.Sec, 0) && (h.node.Mtime.Nsec == in.Mtime.Nsec || in.Mtime.Nsec == 0)
	case compare.Xattr:
		// A header without the xattr states nothing of it.
		_, has := h.node.Xattrs.Get(c.Xattr)
		return has && !c.Differs(h.node, in)
	case compare.Mode, compare.UID, compare.GID:
		return !c.Differs(h.node, in)
	}
	return false
}

// hardlinks compares which names are one inode. It ignores names that only one side
// has. Without layers it is not known which side is the copy: then it takes the side
// with fewer links for it, as copying loses links rather than makes them.
func (s *scene) hardlinks() {
	broken := 0
	for _, it := range s.items {
		if it.Status != compare.Changed || !it.has(compare.Links) {
			continue
		}
		lost, gained := s.linkChanges(it)
		switch {
		case len(lost) > 0, len(gained) > 0 && !s.directed():
			s.claimFields(HardlinkBroken, it, layerOrigin(it.out), compare.Links, compare.Nlink)
			broken++
		case s.areJoined(it, gained):
			s.claimJoined(it, gained)
		}
	}
	if broken == 0 {
		return
	}
	name, inHas := s.inName, s.in.Hardlinks().Len() > 0
	if !s.directed() && inHas {
		name = s.outName
	}
	if !inHas || !s.directed() && s.out.Hardlinks().Len() == 0 {
		s.tell(HardlinkBroken, Evidence{Text: fmt.Sprintf("nothing in %s has two names: hardlinks were not kept when it was copied or scanned", name)})
	}
}

// linkChanges gives the other names of an item's inode that only one side has as
// names of this inode, though both sides have them: lost are those of out, gained
// those of in.
func (s *scene) linkChanges(it *item) (lost, gained []string) {
	return s.linksWithout(it.linksOut, it.linksIn), s.linksWithout(it.linksIn, it.linksOut)
}

func (s *scene) linksWithout(links, others []string) []string {
	isOther := map[string]bool{}
	for _, p := range others {
		isOther[p] = true
	}
	var list []string
	for _, p := range links {
		if it := s.byPath[p]; !isOther[p] && (it == nil || it.Status == compare.Changed) {
			list = append(list, p)
		}
	}
	return list
}

// areJoined says that the names which an inode gained had the same content before.
func (s *scene) areJoined(it *item, gained []string) bool {
	for _, p := range gained {
		e := s.out.Lookup(p)
		if e == nil || slices.ContainsFunc(compare.Changes(it.out.Node, e.Node), isContent) {
			return false
		}
	}
	return len(gained) > 0
}

func isContent(c compare.Change) bool {
	return slices.Contains([]compare.Field{compare.Type, compare.Size, compare.ContentDigest, compare.Target, compare.Rdev}, c.Field)
}

// claimJoined claims the links, and all that the inode took over from the names that
// it gained.
func (s *scene) claimJoined(it *item, gained []string) {
	s.claim(HardlinkJoined, it, layerOrigin(it.out), func(c compare.Change) bool {
		return c.Field == compare.Links || c.Field == compare.Nlink || slices.ContainsFunc(gained, func(p string) bool {
			return !c.Differs(it.in.Node, s.out.Lookup(p).Node)
		})
	})
}
