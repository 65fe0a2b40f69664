package compare

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"cfsverify/canon"
)

// overflowID is what the kernel shows for an ID without a mapping,
// /proc/sys/kernel/overflowuid.
const overflowID = 65534

// idMapping finds a map of a user namespace that holds for all entries, not just
// for those that differ.
func (s *scene) idMapping() {
	s.idMap(UID, "uid", func(n *canon.Node) uint32 { return n.UID })
	s.idMap(GID, "gid", func(n *canon.Node) uint32 { return n.GID })
}

func (s *scene) idMap(field Field, name string, id func(*canon.Node) uint32) {
	pairs, ok := s.idPairs(id)
	if !ok {
		return
	}
	ranges := idRanges(pairs)
	shifts := map[int64]bool{}
	for _, r := range ranges {
		if r.in != overflowID {
			shifts[int64(r.in)-int64(r.out)] = true
		}
	}
	if len(shifts) > 2 || len(shifts) == 0 {
		return
	}
	claimed := false
	for _, it := range s.items {
		if it.in != nil && it.out != nil {
			claimed = s.claimFields(IDMapping, it, layerOrigin(it.out), field) || claimed
		}
	}
	if claimed {
		s.tell(IDMapping, Evidence{Text: fmt.Sprintf("%ss of %s, and what they are in %s: %s", name, s.outName, s.inName, rangesText(ranges))})
	}
}

// idPairs maps the IDs of one tree to those of the other. It must be a function,
// of two entries or more, that moves every ID, as user namespaces move 0 as well.
// Directories that an engine makes up do not count.
func (s *scene) idPairs(id func(*canon.Node) uint32) (map[uint32]uint32, bool) {
	pairs := map[uint32]uint32{}
	entries := 0
	for p, out := range s.out.All() {
		in := s.in.Lookup(p)
		if p == "/" || in == nil || out.Origin != nil && (out.Origin.Implicit || out.Origin.ImpliedBy != nil) {
			continue
		}
		a, b := id(out.Node), id(in.Node)
		if was, seen := pairs[a]; seen && was != b {
			return nil, false
		}
		if a == b && a != overflowID {
			return nil, false
		}
		pairs[a] = b
		entries++
	}
	return pairs, entries > 1
}

// idRange is IDs that move by the same distance.
type idRange struct{ out, last, in uint32 }

func idRanges(pairs map[uint32]uint32) []idRange {
	var ids []uint32
	for id := range pairs {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	var list []idRange
	for _, id := range ids {
		to := pairs[id]
		if n := len(list); n > 0 && int64(to)-int64(list[n-1].in) == int64(id)-int64(list[n-1].out) {
			list[n-1].last = id
			continue
		}
		list = append(list, idRange{out: id, last: id, in: to})
	}
	return list
}

func rangesText(ranges []idRange) string {
	var parts []string
	for _, r := range ranges {
		text := fmt.Sprintf("%d to %d", r.out, r.in)
		if r.last != r.out {
			text = fmt.Sprintf("%d-%d to %d-%d", r.out, r.last, r.in, r.in+(r.last-r.out))
		}
		if r.in == overflowID {
			text += " (not mapped)"
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, ", ")
}

// ownersByName finds IDs that are others wherever they stand, but do not move
// together: tools that look names up in the host's own user database do that.
func (s *scene) ownersByName() {
	s.byName(UID, func(n *canon.Node) uint32 { return n.UID })
	s.byName(GID, func(n *canon.Node) uint32 { return n.GID })
}

func (s *scene) byName(field Field, id func(*canon.Node) uint32) {
	pairs := map[uint32]uint32{}
	for p, out := range s.out.All() {
		in := s.in.Lookup(p)
		if in == nil || p == "/" {
			continue
		}
		a, b := id(out.Node), id(in.Node)
		if was, seen := pairs[a]; seen && was != b {
			return
		}
		pairs[a] = b
	}
	entries := map[uint32]int{}
	for _, it := range s.items {
		if it.in != nil && it.out != nil && it.has(field) {
			entries[id(it.out.Node)]++
		}
	}
	// Root is 0 by any name.
	if len(entries) == 0 || pairs[0] != 0 || slices.Max(slices.Collect(maps.Values(entries))) < 2 {
		return
	}
	for _, it := range s.items {
		if it.in != nil && it.out != nil {
			s.claimFields(OwnerByName, it, layerOrigin(it.out), field)
		}
	}
}

// ownerRange finds the ID that chown takes for "leave it".
func (s *scene) ownerRange() {
	for _, it := range s.items {
		if it.in == nil || it.out == nil {
			continue
		}
		if it.out.Node.UID == math.MaxUint32 {
			s.claimFields(OwnerRange, it, layerOrigin(it.out), UID)
		}
		if it.out.Node.GID == math.MaxUint32 {
			s.claimFields(OwnerRange, it, layerOrigin(it.out), GID)
		}
	}
}

// privilegeBits are those that chown clears, and that need privilege to set.
const privilegeBits = 0o7000

func (s *scene) setuidLost() {
	for _, it := range s.timed(Mode) {
		in, out := it.in.Node.Perm, it.out.Node.Perm
		if in&^privilegeBits == out&^privilegeBits && out&privilegeBits != 0 && in&^out == 0 {
			s.claimFields(SetuidLost, it, layerOrigin(it.out), Mode)
		}
	}
}

// umask finds permission bits that nothing in the whole scan has, and that all
// modes that differ have lost. Tools that apply a umask leave setuid, setgid and
// sticky bits out as well.
func (s *scene) umask() {
	items := s.timed(Mode)
	var mask uint16
	for _, it := range items {
		in, out := it.in.Node.Perm, it.out.Node.Perm
		if in&^out != 0 {
			return
		}
		mask |= out &^ in &^ privilegeBits
	}
	if len(items) < 2 || mask == 0 || mask&^0o077 != 0 {
		return
	}
	for p, e := range s.in.All() {
		if p != "/" && e.Node.Kind != canon.Symlink && e.Node.Perm&mask != 0 {
			return
		}
	}
	for _, it := range items {
		s.claimFields(Umask, it, layerOrigin(it.out), Mode)
	}
	s.tell(Umask, Evidence{Text: fmt.Sprintf("nothing in %s has a bit of %04o, so that was the umask or a part of it", s.inName, mask)})
}
