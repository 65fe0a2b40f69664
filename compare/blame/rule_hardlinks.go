package blame

import (
	"fmt"
	"slices"
	"strings"

	"cfsverify/canon"
	"cfsverify/canon/tarfile"
	"cfsverify/compare"
)

// hardlinkHeaders finds attributes that come from the header of a hardlink, which
// some engines apply to the inode. If both sides are images, each may be what such
// an engine made of the other.
func (s *scene) hardlinkHeaders() {
	headers := linkHeaders(s.out)
	var headersIn map[*canon.Node]*linkHeaderIndex
	if !s.scanned {
		headersIn = linkHeaders(s.in)
	}
	for _, it := range s.items {
		if it.Status != compare.Changed {
			continue
		}
		if h := headers[it.out.Node]; h != nil {
			keepsMode := permOf(it.out) == it.in.Node.Perm
			s.claimFromHeaders(it, h, it.in.Node, func(c compare.Change) bool { return c.Field == compare.Mode && keepsMode })
		}
		if h := headersIn[it.in.Node]; h != nil {
			s.claimFromHeaders(it, h, it.out.Node, func(compare.Change) bool { return false })
		}
	}
}

// claimFromHeaders claims what an inode has of headers, but for some changes. The source
// is the first header that explains one.
func (s *scene) claimFromHeaders(it *item, headers *linkHeaderIndex, has *canon.Node, except func(compare.Change) bool) {
	first := len(headers.origins)
	for _, c := range it.open {
		if number, found := headers.find(c, has); found && !except(c) {
			first = min(first, number)
		}
	}
	if first == len(headers.origins) {
		return
	}
	s.claim(HardlinkHeader, it, headers.origins[first], func(c compare.Change) bool {
		_, found := headers.find(c, has)
		return found && !except(c)
	})
}

// linkHeaderIndex has what the headers of the hardlinks to an inode state, and which of
// them states it first. Names of an inode have a header each, and ask for all of them.
type linkHeaderIndex struct {
	origins []*canon.Origin
	first   map[stated]int
}

// stated is what a header states of a field, in the form that an inode has it.
type stated struct {
	field  compare.Field
	number uint32
	// time is the mtime, of which anyNsec leaves the fraction out.
	time    canon.Time
	anyNsec bool
	xattr   canon.Xattr
}

func (x *linkHeaderIndex) add(n *canon.Node, origin *canon.Origin) {
	number := len(x.origins)
	x.origins = append(x.origins, origin)
	note := func(is stated) {
		if _, found := x.first[is]; !found {
			x.first[is] = number
		}
	}
	for _, field := range [...]compare.Field{compare.Mode, compare.UID, compare.GID} {
		note(statedBy(n, compare.Change{Field: field}))
	}
	exact := statedBy(n, compare.Change{Field: compare.Mtime})
	exact.anyNsec = false
	note(exact)
	note(stated{field: compare.Mtime, time: canon.Time{Sec: exact.time.Sec}, anyNsec: true})
	for _, a := range n.Xattrs {
		note(stated{field: compare.Xattr, xattr: a})
	}
}

// statedBy is what a header has to state for an inode to have it from there.
func statedBy(n *canon.Node, c compare.Change) stated {
	is := stated{field: c.Field}
	switch c.Field {
	case compare.Mode:
		is.number = uint32(n.Perm)
	case compare.UID:
		is.number = n.UID
	case compare.GID:
		is.number = n.GID
	case compare.Mtime, compare.MtimeNsec:
		// Engines make 0 of times before 1970, and may drop the fraction.
		is.field, is.time, is.anyNsec = compare.Mtime, canon.Time{Sec: max(n.Mtime.Sec, 0), Nsec: n.Mtime.Nsec}, n.Mtime.Nsec == 0
	case compare.Xattr:
		// A header without the xattr states nothing of it.
		value, _ := n.Xattrs.Get(c.Xattr)
		is.xattr = canon.Xattr{Name: c.Xattr, Value: value}
	}
	return is
}

// find gives the number of the first header that states what an inode has in the field
// of a change.
func (x *linkHeaderIndex) find(c compare.Change, has *canon.Node) (int, bool) {
	if c.Field == compare.Xattr {
		if _, set := has.Xattrs.Get(c.Xattr); !set {
			return 0, false
		}
	}
	number, found := x.first[statedBy(has, c)]
	return number, found
}

func linkHeaders(t *canon.Tree) map[*canon.Node]*linkHeaderIndex {
	var headers map[*canon.Node]*linkHeaderIndex
	for e := range t.Dirents() {
		if o := layerOrigin(e); o != nil && o.Header != nil && o.Header.Typeflag == '1' {
			if headers == nil {
				headers = map[*canon.Node]*linkHeaderIndex{}
			}
			if headers[e.Node] == nil {
				headers[e.Node] = &linkHeaderIndex{first: map[stated]int{}}
			}
			headers[e.Node].add(nodeOfLink(o.Header), o)
		}
	}
	return headers
}

// nodeOfLink reads the attributes that engines apply of a hardlink's header.
func nodeOfLink(h *canon.Header) *canon.Node {
	n := &canon.Node{Perm: uint16(h.Mode & 0o7777), UID: uint32(h.UID), GID: uint32(h.GID), Mtime: h.Mtime}
	for key, value := range h.PAX {
		if name, found := strings.CutPrefix(key, tarfile.XattrPrefix); found {
			n.Xattrs = append(n.Xattrs, canon.Xattr{Name: name, Value: value})
		}
	}
	slices.SortFunc(n.Xattrs, func(a, b canon.Xattr) int { return strings.Compare(a.Name, b.Name) })
	n.Perm = permOf(&canon.Dirent{Node: n})
	return n
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
		case lost, gained && !s.directed():
			s.claimFields(HardlinkBroken, it, layerOrigin(it.out), compare.Links, compare.Nlink)
			broken++
		case gained:
			s.claimJoined(it)
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

// contentDiffers says that two inodes differ in more than their metadata.
func contentDiffers(a, b *canon.Node) bool {
	return slices.ContainsFunc([]compare.Field{compare.Type, compare.Size, compare.ContentDigest, compare.Target, compare.Rdev}, func(f compare.Field) bool {
		return compare.Change{Field: f}.Differs(a, b)
	})
}

// claimJoined claims the links, and all that the inode took over from the names that
// it gained, if these had the same content before.
func (s *scene) claimJoined(it *item) {
	in, _ := s.partnersOf(it)
	if !in.haveContentOf(it.out.Node) {
		return
	}
	s.claim(HardlinkJoined, it, layerOrigin(it.out), func(c compare.Change) bool {
		return c.Field == compare.Links || c.Field == compare.Nlink || in.othersHave(it.in.Node, c)
	})
}
