package blame

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"cfsverify/canon"
	"cfsverify/compare"
)

// overflowID is what the kernel shows for an ID without a mapping,
// /proc/sys/kernel/overflowuid.
const overflowID = 65534

// idMapping finds a map of a user namespace that holds for all entries, not just
// for those that differ.
func (s *scene) idMapping() {
	s.idMap(compare.UID, "uid", func(n *canon.Node) uint32 { return n.UID })
	s.idMap(compare.GID, "gid", func(n *canon.Node) uint32 { return n.GID })
}

func (s *scene) idMap(field compare.Field, name string, id func(*canon.Node) uint32) {
	pairs, ok := s.idPairs(id)
	isUnmapped := func(_, to uint32) bool { return to == overflowID }
	if !ok || !areDistinct(pairs, isUnmapped) {
		return
	}
	ranges := idRanges(pairs)
	if !isShift(ranges) && !isPartialMap(ranges) || !s.scanned && !movesTogether(ranges) {
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

// idPairs maps the IDs of one tree to those of the other, from all paths that both
// have. It returns false if an ID has two partners, or if there are fewer than two
// entries. Directories that an engine makes up do not count, nor do differences that
// have a cause already.
func (s *scene) idPairs(id func(*canon.Node) uint32) (map[uint32]uint32, bool) {
	pairs := map[uint32]uint32{}
	entries := 0
	for p, pair := range s.common() {
		in, out := pair.A, pair.B
		if out.Origin != nil && (out.Origin.Implicit || out.Origin.ImpliedBy != nil) {
			continue
		}
		if it := s.byPath[p]; it != nil && len(it.open) == 0 {
			continue
		}
		a, b := id(out.Node), id(in.Node)
		if was, seen := pairs[a]; seen && was != b {
			return nil, false
		}
		pairs[a] = b
		entries++
	}
	return pairs, entries > 1
}

// areDistinct says that no two IDs become one, apart from those left out. Unpacking
// without privilege gives everything to one user; user namespaces and looking up
// names do not.
func areDistinct(pairs map[uint32]uint32, leaveOut func(from, to uint32) bool) bool {
	taken := map[uint32]bool{}
	for from, to := range pairs {
		if leaveOut(from, to) {
			continue
		}
		if taken[to] {
			return false
		}
		taken[to] = true
	}
	return true
}

// idRange is IDs that move by the same distance.
type idRange struct{ out, last, in uint32 }

func (r idRange) shift() int64     { return int64(r.in) - int64(r.out) }
func (r idRange) isUnmapped() bool { return r.in == overflowID }

// isShift says that every ID moves to one of its own, by two distances at most:
// rootless engines map 0 to the user and all others to a range of subordinate
// IDs (subuid(5)). A lone ID that moves says nothing, unless it is 0: a name may
// have been looked up.
func isShift(ranges []idRange) bool {
	shifts := map[int64]bool{}
	root := false
	for _, r := range ranges {
		root = root || r.out == 0
		if r.isUnmapped() {
			continue
		}
		if r.shift() == 0 {
			return false
		}
		shifts[r.shift()] = true
	}
	return len(shifts) > 0 && len(shifts) <= 2 && (root || movesTogether(ranges))
}

// isPartialMap says that IDs up to a certain one stay, and that two or more above it
// became the overflow ID, which stands for all IDs without a mapping
// (user_namespaces(7)).
func isPartialMap(ranges []idRange) bool {
	mapped, unmapped := 0, 0
	for _, r := range ranges {
		switch {
		case r.out == overflowID:
		case r.isUnmapped():
			unmapped++
		case r.shift() != 0 || unmapped > 0:
			return false
		default:
			mapped++
		}
	}
	return mapped > 0 && unmapped > 1
}

// movesTogether says that two IDs move by the same distance, which only a map of a
// user namespace does.
func movesTogether(ranges []idRange) bool {
	return slices.ContainsFunc(ranges, func(r idRange) bool { return r.last != r.out && r.shift() != 0 })
}

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
		if r.isUnmapped() {
			text += " (not mapped)"
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, ", ")
}

// ownersByName finds IDs that became others everywhere, but not by the same
// distance: tools that look up the names of owners in the host's database do that.
func (s *scene) ownersByName() {
	s.byName(compare.UID, "/etc/passwd", func(n *canon.Node) uint32 { return n.UID })
	s.byName(compare.GID, "/etc/group", func(n *canon.Node) uint32 { return n.GID })
}

// byName does this for users or groups. It does not for two images, nor if the trees'
// own databases differ: an account may have got another number there.
func (s *scene) byName(field compare.Field, database string, id func(*canon.Node) uint32) {
	if it := s.byPath[database]; !s.scanned || it != nil && (it.Status != compare.Changed || compare.HasField(it.Changes, compare.ContentDigest)) {
		return
	}
	pairs, entries := map[uint32]uint32{}, map[uint32]int{}
	for p, pair := range s.common() {
		if it := s.byPath[p]; it != nil && len(it.open) == 0 {
			continue
		}
		a, b := id(pair.B.Node), id(pair.A.Node)
		if was, seen := pairs[a]; seen && was != b {
			return
		}
		pairs[a] = b
		if a != b {
			entries[a]++
		}
	}
	// Root is 0 by any name, and two names are two owners.
	isKept := func(from, to uint32) bool { return from == to }
	if !areDistinct(pairs, isKept) || pairs[0] != 0 || len(entries) == 0 || slices.Max(slices.Collect(maps.Values(entries))) < 2 {
		return
	}
	for _, it := range s.items {
		if it.in != nil && it.out != nil {
			s.claimFields(OwnerByName, it, layerOrigin(it.out), field)
		}
	}
}

// ownersLost finds one owner everywhere where the layers have several: who
// unpacks without privilege owns all.
func (s *scene) ownersLost() {
	s.oneOwner(compare.UID, func(n *canon.Node) uint32 { return n.UID })
	s.oneOwner(compare.GID, func(n *canon.Node) uint32 { return n.GID })
}

func (s *scene) oneOwner(field compare.Field, id func(*canon.Node) uint32) {
	if !s.scanned {
		return
	}
	owners, before := map[uint32]bool{}, map[uint32]bool{}
	for _, pair := range s.common() {
		owners[id(pair.A.Node)], before[id(pair.B.Node)] = true, true
	}
	if len(owners) != 1 || len(before) < 2 {
		return
	}
	claimed := false
	for _, it := range s.items {
		if it.in != nil && it.out != nil {
			claimed = s.claimFields(OwnerLost, it, layerOrigin(it.out), field) || claimed
		}
	}
	for owner := range owners {
		if !claimed {
			break
		}
		s.tell(OwnerLost, Evidence{Text: fmt.Sprintf("the %s of everything in %s is %d", field, s.inName, owner)})
	}
}

// ownerRange finds the ID that chown takes for "do not change it".
func (s *scene) ownerRange() {
	for _, it := range s.items {
		if it.in == nil || it.out == nil {
			continue
		}
		if it.out.Node.UID == math.MaxUint32 {
			s.claimFields(OwnerRange, it, layerOrigin(it.out), compare.UID)
		}
		if it.out.Node.GID == math.MaxUint32 {
			s.claimFields(OwnerRange, it, layerOrigin(it.out), compare.GID)
		}
	}
}

// privilegeBits are the mode bits that chown clears and that need privilege to set.
const privilegeBits = 0o7000

func (s *scene) setuidLost() {
	for _, it := range s.timed(compare.Mode) {
		lost := it.out.Node.Perm &^ it.in.Node.Perm
		gained := it.in.Node.Perm &^ it.out.Node.Perm
		if !s.directed() && lost == 0 {
			lost, gained = gained, 0
		}
		if gained == 0 && lost&^privilegeBits == 0 {
			s.claimFields(SetuidLost, it, layerOrigin(it.out), compare.Mode)
		}
	}
}

// umask finds permission bits that nothing in a whole tree has, and that all
// modes that differ have lost. Tools that apply a umask leave setuid, setgid and
// sticky bits out as well.
func (s *scene) umask() {
	items := s.timed(compare.Mode)
	if len(items) < 2 {
		return
	}
	if s.umaskOf(items, s.in, s.inName) || s.directed() {
		return
	}
	s.umaskOf(items, s.out, s.outName)
}

// umaskOf looks for a umask in the tree that has lost bits. It ignores entries that
// only this tree has, as they did not come from unpacking.
func (s *scene) umaskOf(items []*item, lost *canon.Tree, lostName string) bool {
	var mask uint16
	for _, it := range items {
		had, has := it.out.Node.Perm, it.in.Node.Perm
		if lost == s.out {
			had, has = has, had
		}
		if has&^had != 0 {
			return false
		}
		mask |= had &^ has &^ privilegeBits
	}
	if mask == 0 || mask&^0o077 != 0 {
		return false
	}
	for _, pair := range s.common() {
		e := pair.A
		if lost == s.out {
			e = pair.B
		}
		if e.Node.Kind != canon.Symlink && e.Node.Perm&mask != 0 {
			return false
		}
	}
	for _, it := range items {
		s.claimFields(Umask, it, layerOrigin(it.out), compare.Mode)
	}
	s.tell(Umask, Evidence{Text: fmt.Sprintf("nothing in %s has a bit of %04o, so that was the umask or a part of it", lostName, mask)})
	return true
}
