package blame

import (
	"fmt"
	"path"
	"slices"

	"cfsverify/canon"
	"cfsverify/compare"
)

// timed gives the items that both sides have with an open change of one of these
// fields of the mtime.
func (s *scene) timed(fields ...compare.Field) []*item {
	var list []*item
	for _, it := range s.items {
		if it.in == nil || it.out == nil {
			continue
		}
		if slices.ContainsFunc(fields, it.has) {
			list = append(list, it)
		}
	}
	return list
}

func (s *scene) claimMtime(cause Cause, it *item) {
	s.claimFields(cause, it, layerOrigin(it.out), compare.Mtime, compare.MtimeNsec)
}

// constantMtime is for scans of trees that keep no times, as ostree's.
func (s *scene) constantMtime() {
	items := s.timed(compare.Mtime)
	if len(items) < 2 || !s.scanned {
		return
	}
	constant := items[0].in.Node.Mtime
	if constant.Nsec != 0 {
		return
	}
	for p, e := range s.in.All() {
		if p != "/" && e.Node.Mtime != constant {
			return
		}
	}
	for _, it := range items {
		s.claimMtime(ConstantMtime, it)
	}
	s.tell(ConstantMtime, Evidence{Text: fmt.Sprintf("every entry of %s has the mtime %d", s.inName, constant.Sec)})
}

// clampedMtimes finds mtimes that were set back to one time in whole seconds, such
// as SOURCE_DATE_EPOCH. If the other side's times for them all lie within one
// moment, they may be those of unpacking: then there must be older ones that stayed.
func (s *scene) clampedMtimes() {
	items := s.timed(compare.Mtime)
	var times []canon.Time
	files := 0
	for _, it := range items {
		if it.out.Node.Mtime != s.newest || !s.stamped(it) || it.has(compare.ContentDigest) || it.has(compare.Target) || it.has(compare.Type) {
			return
		}
		if it.out.Node.Kind != canon.Directory {
			files++
		}
		times = append(times, it.in.Node.Mtime)
	}
	if len(items) < 2 || files == 0 || s.newest.Nsec != 0 {
		return
	}
	if spread(times) <= oneMoment && !s.hasOlder() {
		return
	}
	for _, it := range items {
		s.claimMtime(ClampedMtime, it)
	}
	s.tell(ClampedMtime, Evidence{Text: fmt.Sprintf("all that is newer in %s has the mtime %d in %s, the newest there is", s.inName, s.newest.Sec, s.outName)})
}

// oneMoment is how many seconds unpacking takes at most.
const oneMoment = 3600

// spread is the number of seconds from the first to the last of some times.
func spread(times []canon.Time) int64 {
	first, last := slices.MinFunc(times, canon.Time.Compare), slices.MaxFunc(times, canon.Time.Compare)
	return last.Sec - first.Sec
}

// hasOlder says that the layers have times before their newest.
func (s *scene) hasOlder() bool {
	for p, e := range s.out.All() {
		if p != "/" && e.Node.Mtime.Compare(s.newest) < 0 {
			return true
		}
	}
	return false
}

// Limits of what holds mtimes, in seconds.
const (
	max32 = 1<<31 - 1         // ext2, ext3, XFS without bigtime
	max34 = 1<<34 - 1<<31 - 1 // ext4: two more bits, counted from 1901
	max64 = 9223372036        // a 64-bit number of nanoseconds
)

// mtimeRange finds times outside of what common file systems can hold, and times
// that became a limit, or 0, because they lay outside.
func (s *scene) mtimeRange() {
	for _, it := range s.timed(compare.Mtime) {
		in, out := it.in.Node.Mtime.Sec, it.out.Node.Mtime.Sec
		bound := in == 0 || in == max32 || in == max34 || in == max64 || in == -1<<31
		if out < -1<<31 || out > max34 || bound && (out < 0 || out > max32) {
			s.claimMtime(MtimeRange, it)
		}
	}
}

// hardlinkRelink finds that just the directories that hold hardlinks were
// touched after unpacking (container-libs issue 1172).
func (s *scene) hardlinkRelink() {
	holders := map[string]bool{}
	for p := range s.out.Hardlinks().All() {
		holders[path.Dir(p)] = true
	}
	delete(holders, "/")
	var touched []*item
	for _, it := range s.timed(compare.Mtime) {
		if it.isDir() && it.Path != "/" && s.stamped(it) {
			if !holders[it.Path] {
				return
			}
			touched = append(touched, it)
		}
	}
	if len(touched) == 0 || len(touched) != len(holders) {
		return
	}
	for _, it := range touched {
		s.claimMtime(HardlinkRelink, it)
	}
	s.tell(HardlinkRelink, Evidence{Text: "all directories that hold hardlinks were touched, and no others"})
}

// symlinkMetadata finds modes of symlinks, which Linux does not have, and times
// where only symlinks have other ones.
func (s *scene) symlinkMetadata() {
	isSymlink := func(it *item) bool {
		return it.in.Node.Kind == canon.Symlink && it.out.Node.Kind == canon.Symlink
	}
	for _, it := range s.timed(compare.Mode) {
		if isSymlink(it) {
			s.claimFields(SymlinkMetadata, it, layerOrigin(it.out), compare.Mode)
		}
	}
	// A symlink with another target was made anew.
	items := s.timed(compare.Mtime)
	if slices.ContainsFunc(items, func(it *item) bool { return !isSymlink(it) || !s.stamped(it) || it.has(compare.Target) }) {
		return
	}
	for _, it := range items {
		s.claimMtime(SymlinkMetadata, it)
	}
}

// unpackTimes finds times that are newer than all times of the layers. If only
// directories in which something changed have such times, the changes explain them.
func (s *scene) unpackTimes() {
	changed := s.directoriesWithChanges()
	cause := DirectoryChanged
	var items []*item
	for _, it := range s.timed(compare.Mtime) {
		// A file of other content has its own reason to be newer.
		if !s.stamped(it) || it.has(compare.ContentDigest) || it.has(compare.Target) || it.has(compare.Type) {
			continue
		}
		items = append(items, it)
		if !changed[it.Path] {
			cause = UnpackTimeMtime
		}
	}
	for _, it := range items {
		s.claimMtime(cause, it)
	}
	s.clusteredTimes()
}

// clusteredTimes are times of unpacking of layers from the future: three or more
// directories whose times lie within an hour, and have fractions that the layers
// do not have.
func (s *scene) clusteredTimes() {
	var items []*item
	var times []canon.Time
	for _, it := range s.timed(compare.Mtime) {
		in, out := it.in.Node.Mtime, it.out.Node.Mtime
		if s.scanned && it.isDir() && in.Nsec != 0 && out.Nsec == 0 {
			items, times = append(items, it), append(times, in)
		}
	}
	if len(items) < 3 || spread(times) > oneMoment {
		return
	}
	for _, it := range items {
		s.claimMtime(UnpackTimeMtime, it)
	}
}

// roundedMtimes finds times that Go's archive/tar rounded, as it does in formats
// without fractions of seconds.
func (s *scene) roundedMtimes() {
	for _, it := range s.timed(compare.Mtime) {
		a, b := it.in.Node.Mtime, it.out.Node.Mtime
		if a.Nsec == 0 {
			a, b = b, a
		}
		if b.Nsec == 0 && a.Nsec >= 500_000_000 && b.Sec == a.Sec+1 {
			s.claimMtime(RoundedMtime, it)
		}
	}
}

func (s *scene) subsecondMtimes() {
	var wholeOut, wholeIn, coarse, top, all int
	layers := 0
	for _, it := range s.timed(compare.MtimeNsec) {
		if compare.HasField(it.Changes, compare.Mtime) {
			continue
		}
		in, out := it.in.Node.Mtime.Nsec, it.out.Node.Mtime.Nsec
		switch {
		case out == 0:
			wholeOut++
		case in == 0:
			wholeIn++
		case in == out-out%1000 || in == out-out%100:
			coarse++
		default:
			continue
		}
		all++
		if o := layerOrigin(it.out); o != nil {
			switch {
			case o.Layer.Index > layers:
				layers, top = o.Layer.Index, 1
			case o.Layer.Index == layers:
				top++
			}
		}
		s.claimFields(SubsecondMtime, it, layerOrigin(it.out), compare.MtimeNsec)
	}
	s.tellCount(SubsecondMtime, wholeOut, "have nanoseconds in "+s.inName+" and whole seconds in "+s.outName)
	s.tellCount(SubsecondMtime, wholeIn, "have whole seconds in "+s.inName+" and nanoseconds in "+s.outName)
	s.tellCount(SubsecondMtime, coarse, "have micro- or 100 nanoseconds in "+s.inName+", as coarser file systems and tools do")
	if all > 0 && top == all && layers > 1 && wholeOut == all {
		s.tell(SubsecondMtime, Evidence{Text: "all of them come from the same layer: the stage was scanned before that layer was committed"})
	}
}

// tellCount adds evidence that holds for n entries of a finding.
func (s *scene) tellCount(cause Cause, n int, text string) {
	if n > 0 {
		s.tell(cause, Evidence{Text: fmt.Sprintf("%d %s", n, text)})
	}
}
