package raw

import (
	"cmp"
	"io"
	"slices"
	"sort"

	"cfsverify/canon"
	"cfsverify/canon/tarfile"
)

// Archives compares two uncompressed archives to their ends. If entry is set, it is
// called for every entry, with the size in bytes of the global headers before it,
// and its error ends the comparison. Errors are EntryErrors.
func Archives(a, b io.Reader, entry func(side int, h *canon.Header, global int64) error) (*Archive, error) {
	t := newTwins(a, b)
	j := &join{twins: t, counts: map[counted]*Count{}}
	for i := range j.sides {
		j.sides[i] = newSide(i, twin{t, i}, entry)
	}
	if err := j.run(); err != nil {
		return nil, err
	}
	j.settle()
	return &j.out, nil
}

// join pairs the entries of two archives by path. As long as both have the same
// order, it keeps no entry in memory.
type join struct {
	twins  *twins
	sides  [2]*side
	out    Archive
	counts map[counted]*Count
	// placed are pairs that may stand in another order.
	placed []placed
	// firstKeys are for a First whose place is not known yet.
	firstKeys [2]string
}

// counted is the key of a Count.
type counted struct {
	kind tarfile.Change
	// same: the values are the same, but written in different ways.
	same bool
}

type placed struct {
	numbers [2]int
	path    string
}

func (j *join) run() error {
	for _, s := range j.sides {
		if err := s.next(); err != nil {
			return err
		}
	}
	a, b := j.sides[0], j.sides[1]
	for a.header != nil || b.header != nil {
		moved, err := j.step()
		if err != nil {
			return err
		}
		for _, s := range moved {
			if err := s.next(); err != nil {
				return err
			}
		}
	}
	return j.end()
}

// step handles one entry, or one of each side, and returns the sides that can go to
// their next entry. A side waits while the other is at an entry that it does not
// have, so that both soon are at the same entries again.
func (j *join) step() ([]*side, error) {
	a, b := j.sides[0], j.sides[1]
	switch {
	case a.header != nil && len(b.held[a.key]) > 0:
		return []*side{a}, j.match(a, b)
	case b.header != nil && len(a.held[b.key]) > 0:
		return []*side{b}, j.match(b, a)
	case a.header != nil && b.header != nil && a.key == b.key:
		return []*side{a, b}, j.compare()
	}
	if j.out.First == nil {
		j.part()
	}
	var moved []*side
	for _, s := range j.sides {
		if s.header == nil {
			continue
		}
		if err := s.hold(); err != nil {
			return nil, err
		}
		moved = append(moved, s)
	}
	return moved, nil
}

// part notes that the archives' first difference is which entries they have.
func (j *join) part() {
	f := j.first()
	for i, s := range j.sides {
		if s.header != nil {
			f.Paths[i], f.Entry, f.EntryOffset = s.header.Name, s.entries, s.tar.Raw().Offset
			j.firstKeys[i] = s.key
		}
	}
	if a, b := j.sides[0], j.sides[1]; a.header != nil && b.header != nil {
		f.Changes = tarfile.Differences(a.tar.Raw(), b.tar.Raw())
	}
}

func (j *join) first() *First {
	j.out.First = &First{Place: InEntry, Offset: j.twins.at, Bytes: j.twins.shown}
	return j.out.First
}

// compare compares the entries that both sides are at.
func (j *join) compare() error {
	a, b := j.sides[0], j.sides[1]
	if a.holds+b.holds > 0 {
		j.placed = append(j.placed, placed{[2]int{a.entries, b.entries}, a.header.Name})
	}
	content, err := j.content()
	if err != nil {
		return err
	}
	for _, s := range j.sides {
		if err := s.tar.End(); err != nil {
			return s.fail(s.header, err)
		}
	}
	changes := j.count(a.tar.Raw(), b.tar.Raw(), a.header.Name, content)
	if j.out.First == nil && j.twins.before(max(a.tar.Offset(), b.tar.Offset())) {
		f := j.first()
		f.Entry, f.EntryOffset = a.entries, a.tar.Raw().Offset
		f.Paths = [2]string{a.header.Name, b.header.Name}
		f.Changes, f.Content = changes, content
	}
	return nil
}

// content compares the content of both entries, as far as it is the same.
func (j *join) content() (*Content, error) {
	for at := int64(0); ; at += bufferSize {
		var got [2][]byte
		for i, s := range j.sides {
			n, err := readFull(s.tar, s.buffer)
			if err != nil && err != io.EOF {
				return nil, s.fail(s.header, err)
			}
			got[i] = s.buffer[:n]
		}
		same := samePrefix(got[0], got[1])
		if same < len(got[0]) || same < len(got[1]) {
			c := &Content{Offset: at + int64(same), Before: min(same, shownBefore), Sizes: [2]int64{j.sides[0].header.Size, j.sides[1].header.Size}}
			for i := range got {
				c.Bytes[i] = slices.Clone(got[i][same-c.Before : min(len(got[i]), same+shownBytes)])
			}
			return c, nil
		}
		if len(got[0]) == 0 {
			return nil, nil
		}
	}
}

// match compares an entry that s is at with one that the other side had before.
func (j *join) match(s, other *side) error {
	now, err := s.read()
	if err != nil {
		return err
	}
	was := other.take(s.key)
	raws := [2]*tarfile.Raw{s.tar.Raw(), unpack(was.raw)}
	pair := [2]held{now, was}
	if s.number == 1 {
		raws[0], raws[1], pair[0], pair[1] = raws[1], raws[0], was, now
	}
	j.placed = append(j.placed, placed{[2]int{pair[0].number, pair[1].number}, pair[0].path})
	var content *Content
	if pair[0].size != pair[1].size || pair[0].content != pair[1].content {
		content = &Content{Offset: -1, Sizes: [2]int64{pair[0].size, pair[1].size}}
	}
	j.count(raws[0], raws[1], pair[0].path, content)
	return nil
}

// count adds the differences of two entries with the same path.
func (j *join) count(a, b *tarfile.Raw, path string, content *Content) []tarfile.Change {
	changes := tarfile.Differences(a, b)
	if content != nil {
		at := len(changes)
		if at > 0 && changes[at-1].Part == tarfile.PartPadding && changes[at-1].Extension == 0 {
			at--
		}
		changes = slices.Insert(changes, at, tarfile.Change{Part: tarfile.PartContent})
	}
	seen := map[counted]bool{}
	for _, c := range changes {
		kind := counted{c.Kind(), c.Part != tarfile.PartContent && c.Same()}
		if seen[kind] {
			continue
		}
		seen[kind] = true
		n := j.counts[kind]
		if n == nil {
			n = &Count{First: c}
			if c.Part == tarfile.PartContent {
				n.Content = content
			}
			j.counts[kind] = n
			j.out.Counts = append(j.out.Counts, n)
		}
		n.add(path)
	}
	return changes
}

// settle fills in what is known only once both archives are read.
func (j *join) settle() {
	a, b := j.sides[0], j.sides[1]
	j.out.Entries = [2]int{a.entries, b.entries}
	for i, s := range j.sides {
		var only []held
		for _, list := range s.held {
			only = append(only, list...)
		}
		slices.SortFunc(only, func(x, y held) int { return cmp.Compare(x.number, y.number) })
		for _, h := range only {
			j.out.Only[i].add(h.path)
		}
	}
	j.moved()
	f := j.out.First
	if f == nil || j.firstKeys == [2]string{} {
		return
	}
	onlyA, onlyB := a.isHeld(j.firstKeys[0], f.Entry), b.isHeld(j.firstKeys[1], f.Entry)
	if onlyA && onlyB {
		f.Place = Replaced
		return
	}
	f.Changes = nil
	switch {
	case onlyA:
		f.Place = OnlyA
	case onlyB:
		f.Place = OnlyB
	default:
		f.Place = Order
	}
}

// moved finds a longest list of pairs that have the same order on both sides; all
// other pairs were moved.
func (j *join) moved() {
	pairs := j.placed
	slices.SortFunc(pairs, func(x, y placed) int { return cmp.Compare(x.numbers[0], y.numbers[0]) })
	// ends has for each length the pair that ends a list of it, the smallest there
	// is; before leads back through the list.
	var ends []int
	before := make([]int, len(pairs))
	for i, p := range pairs {
		at := sort.Search(len(ends), func(k int) bool { return pairs[ends[k]].numbers[1] > p.numbers[1] })
		before[i] = -1
		if at > 0 {
			before[i] = ends[at-1]
		}
		if at == len(ends) {
			ends = append(ends, i)
		} else {
			ends[at] = i
		}
	}
	stays := make([]bool, len(pairs))
	if len(ends) > 0 {
		for i := ends[len(ends)-1]; i >= 0; i = before[i] {
			stays[i] = true
		}
	}
	for i, p := range pairs {
		if !stays[i] {
			j.out.Moved.add(p.path)
		}
	}
}
