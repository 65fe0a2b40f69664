package blame

import (
	"iter"
	"path"

	"cfsverify/canon"
	"cfsverify/canon/policy"
	"cfsverify/compare"
)

// scene is a comparison as the rules see it: one tree as scanned, the other as
// the layers made it.
type scene struct {
	in, out         *canon.Tree
	inName, outName string
	policy          policy.Policy
	// inWritten and outWritten are Comparison's.
	inWritten, outWritten policy.Policy
	// layered says that out comes from layers, scanned that in does not.
	layered, scanned bool
	// newest is the newest mtime of out.
	newest canon.Time
	items  []*item
	byPath map[string]*item
	drafts map[Cause]*draft
	places map[string]*place
	hiding *markers
	// entries are those of out's layers, made when they are needed.
	entries *layerEntries
	// partners are made when they are needed.
	partners *linkPartners
	// causes has the cause of items that are on one side only or have another type.
	causes map[*item]Cause
}

func newScene(c Comparison) *scene {
	s := &scene{
		in: c.A, out: c.B, inName: c.NameA, outName: c.NameB, policy: c.Policy, inWritten: c.WrittenA, outWritten: c.WrittenB,
		byPath: map[string]*item{}, drafts: map[Cause]*draft{}, causes: map[*item]Cause{}, places: map[string]*place{},
	}
	layersA, layersB := hasLayers(c.A), hasLayers(c.B)
	swap := layersA && !layersB
	if layersA == layersB {
		// An unpacked tree is newer than the one it was unpacked from.
		swap = !layersA && newestMtime(c.A).Compare(newestMtime(c.B)) < 0
	}
	if swap {
		s.in, s.out, s.inName, s.outName = c.B, c.A, c.NameB, c.NameA
		s.inWritten, s.outWritten = c.WrittenB, c.WrittenA
	}
	s.layered, s.scanned = layersA || layersB, !layersA || !layersB
	s.newest, s.hiding = newestMtime(s.out), newMarkers(s.out)
	for i := range c.Differences {
		d := &c.Differences[i]
		it := &item{Difference: d, in: d.A, out: d.B, linksIn: d.LinksA, linksOut: d.LinksB, open: append([]compare.Change(nil), d.Changes...)}
		if swap {
			it.in, it.out, it.linksIn, it.linksOut = d.B, d.A, d.LinksB, d.LinksA
		}
		if d.Status != compare.Changed {
			it.open = []compare.Change{{}}
		}
		s.items = append(s.items, it)
		s.byPath[d.Path] = it
	}
	return s
}

// common yields the paths below the root that both trees have: A is in's, B out's.
func (s *scene) common() iter.Seq2[string, canon.Pair] {
	return func(yield func(string, canon.Pair) bool) {
		for p, pair := range canon.Pairs(s.in, s.out) {
			if p != "/" && pair.A != nil && pair.B != nil && !yield(p, pair) {
				return
			}
		}
	}
}

func hasLayers(t *canon.Tree) bool {
	if t.RootOrigin != nil {
		return true
	}
	for _, e := range t.Root.Children() {
		if e.Origin != nil && e.Origin.Layer != nil {
			return true
		}
	}
	return false
}

// newestMtime is the newest mtime but for the root's, which engines and policies make
// up.
func newestMtime(t *canon.Tree) canon.Time {
	var newest canon.Time
	for p, e := range t.All() {
		if p != "/" && e.Node.Mtime.Compare(newest) > 0 {
			newest = e.Node.Mtime
		}
	}
	return newest
}

// stamped says that the scan has a time newer than all times of the layers: that of
// unpacking, or a later one.
func (s *scene) stamped(it *item) bool {
	return s.scanned && it.in != nil && it.in.Node.Mtime.Compare(s.newest) > 0
}

// parentOf gives the item of the directory that holds an item.
func (s *scene) parentOf(it *item) *item { return s.byPath[path.Dir(it.Path)] }

// onlyMtime says that nothing but the time is open.
func (it *item) onlyMtime() bool {
	for _, c := range it.open {
		if !isMtime(c) {
			return false
		}
	}
	return len(it.open) > 0
}
