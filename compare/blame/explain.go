package blame

import (
	"slices"

	"cfsverify/canon"
	"cfsverify/canon/policy"
	"cfsverify/compare"
)

// Comparison is what Explain needs to know.
type Comparison struct {
	A, B *canon.Tree
	// NameA and NameB are what evidence calls the sides.
	NameA, NameB string
	// Differences are those of the trees, as compare.Trees gives them.
	Differences []compare.Difference
	// Policy is what was applied to both trees.
	Policy policy.Policy
	// WrittenA and WrittenB are what had been done to the trees before they were written;
	// words that are not known are empty. Labelled says that the tree has labels.
	WrittenA, WrittenB policy.Policy
}

// rules are tried in this order: a change goes to the first rule that explains it.
var rules = [...]func(*scene){
	(*scene).otherPolicies,
	(*scene).labels,
	(*scene).pathsThroughSymlinks,
	(*scene).whiteoutDevices,
	(*scene).lateLayers,
	(*scene).whiteoutsInScan,
	(*scene).engineFiles,
	(*scene).idMapping,
	(*scene).derived,
	(*scene).rootMetadata,
	(*scene).bootNanoseconds,
	(*scene).implicitParents,
	(*scene).hardlinkHeaders,
	(*scene).duplicates,
	(*scene).markers,
	(*scene).constantMtime,
	(*scene).clampedMtimes,
	(*scene).mtimeRange,
	(*scene).hardlinkRelink,
	(*scene).symlinkMetadata,
	(*scene).unpackTimes,
	(*scene).roundedMtimes,
	(*scene).subsecondMtimes,
	(*scene).hardlinks,
	(*scene).xattrEncodings,
	(*scene).xattrs,
	(*scene).ownerRange,
	(*scene).ownersLost,
	(*scene).ownersByName,
	(*scene).setuidLost,
	(*scene).umask,
	(*scene).sockets,
	(*scene).devices,
	(*scene).names,
	(*scene).forms,
	(*scene).contents,
	(*scene).buildTimes,
	(*scene).followers,
	(*scene).unexplained,
}

// Explain gives every difference, change by change, to a cause. The findings
// are in the order of Causes.
func Explain(c Comparison) []Finding {
	if len(c.Differences) == 0 {
		return nil
	}
	s := newScene(c)
	for _, rule := range rules {
		rule(s)
	}
	return s.result()
}

// item is a difference, seen from the scanned side.
type item struct {
	*compare.Difference
	in, out           *canon.Dirent
	linksIn, linksOut []string
	// open are the changes that have no cause so far; for a path on one side only
	// one change without a field.
	open []compare.Change
}

func (it *item) onlyIn() bool  { return it.out == nil }
func (it *item) onlyOut() bool { return it.in == nil }

// has says that a change of the field is open.
func (it *item) has(f compare.Field) bool {
	return slices.ContainsFunc(it.open, func(c compare.Change) bool { return c.Field == f })
}

func (it *item) isDir() bool {
	return it.in != nil && it.out != nil && it.in.Node.Kind == canon.Directory && it.out.Node.Kind == canon.Directory
}

// part is what a finding claims of an item.
type part struct {
	changes []compare.Change
	source  *canon.Origin
}

// draft is a finding in the making.
type draft struct {
	parts    map[*item]*part
	evidence []Evidence
}

// claim assigns the open changes for which take is true to a cause, and says whether
// there were any.
func (s *scene) claim(cause Cause, it *item, source *canon.Origin, take func(compare.Change) bool) bool {
	var taken, left []compare.Change
	for _, c := range it.open {
		if take(c) {
			taken = append(taken, c)
		} else {
			left = append(left, c)
		}
	}
	if len(taken) == 0 {
		return false
	}
	it.open = left
	d := s.draft(cause)
	p := d.parts[it]
	if p == nil {
		p = &part{}
		d.parts[it] = p
	}
	p.changes = append(p.changes, taken...)
	if p.source == nil {
		p.source = source
	}
	if slices.ContainsFunc(taken, func(c compare.Change) bool { return c.Field == "" || c.Field == compare.Type }) {
		s.causes[it] = cause
	}
	return true
}

func (s *scene) claimAll(cause Cause, it *item, source *canon.Origin) bool {
	return s.claim(cause, it, source, func(compare.Change) bool { return true })
}

func (s *scene) claimFields(cause Cause, it *item, source *canon.Origin, fields ...compare.Field) bool {
	return s.claim(cause, it, source, func(c compare.Change) bool { return slices.Contains(fields, c.Field) })
}

func (s *scene) draft(cause Cause) *draft {
	d := s.drafts[cause]
	if d == nil {
		d = &draft{parts: map[*item]*part{}}
		s.drafts[cause] = d
	}
	return d
}

// tell adds evidence to a finding.
func (s *scene) tell(cause Cause, e Evidence) {
	d := s.draft(cause)
	d.evidence = append(d.evidence, e)
}

func (s *scene) result() []Finding {
	var list []Finding
	for _, cause := range Causes() {
		d := s.drafts[cause]
		if d == nil {
			continue
		}
		f := Finding{Cause: cause, Evidence: d.evidence}
		for _, it := range s.items {
			if p := d.parts[it]; p != nil {
				e := Entry{Difference: it.Difference, Origin: p.source}
				if it.Status == compare.Changed {
					e.Explained = inOrder(it.Changes, p.changes)
				}
				f.Entries = append(f.Entries, e)
			}
		}
		list = append(list, f)
	}
	return list
}

// inOrder gives some of all changes in the order of all.
func inOrder(all, some []compare.Change) []compare.Change {
	if len(some) == len(all) {
		return slices.Clone(all)
	}
	isSome := map[compare.Change]bool{}
	for _, c := range some {
		isSome[c] = true
	}
	return slices.DeleteFunc(slices.Clone(all), func(c compare.Change) bool { return !isSome[c] })
}
