package raw

import (
	"fmt"

	"cfsverify/canon/tarfile"
)

// Archive is how two uncompressed archives differ.
type Archive struct {
	// Entries and Sizes (in bytes) are those of a and b.
	Entries [2]int
	Sizes   [2]int64
	// First is where they first differ, nil if all bytes are the same.
	First *First
	// Counts are all parts that differ in entries of one path, in the order in
	// which they were found.
	Counts []*Count
	// Only are the entries that only a has, and those that only b has.
	Only [2]Paths
	// Moved are the entries that stand at other places: the fewest that have to move
	// for both sides to have the same order.
	Moved Paths
	// End is what differs behind the last entry.
	End []tarfile.Change
}

// Place says where the first difference lies.
type Place string

const (
	// InEntry: both sides have an entry of one path there, and write it differently.
	InEntry Place = "entry"
	// OnlyA and OnlyB: one side has an entry there that the other has nowhere.
	OnlyA Place = "only-in-a"
	OnlyB Place = "only-in-b"
	// Replaced: each side has an entry there that the other has nowhere.
	Replaced Place = "replaced"
	// Order: each side has an entry there that the other has elsewhere.
	Order Place = "order"
	// AtEnd: all entries are the same, but not what follows them.
	AtEnd Place = "end"
)

// First is the first difference of two archives. Up to there all bytes are the
// same, and so are offsets and numbers of entries.
type First struct {
	Place Place
	// Offset is the first byte that differs, in the archive.
	Offset int64
	// Entry counts as canon.Origin.Entry does, 0 at the end; EntryOffset is where it
	// begins.
	Entry       int
	EntryOffset int64
	// Paths are the entry's, as each side writes them; empty where there is none.
	Paths [2]string
	// Changes are the parts that differ, the most important first: of an entry that
	// both have, of the headers of a replaced entry, or of the end.
	Changes []tarfile.Change
	// Content is set if the entry's content differs.
	Content *Content
	// Bytes are some of both archives from Offset on.
	Bytes [2][]byte
}

// Content is how the content of a file differs.
type Content struct {
	// Offset is the first byte in the file that differs, -1 if that is not known:
	// the file does not stand at one place of the archives.
	Offset int64
	Sizes  [2]int64
	// Bytes are some bytes of both files. The first Before of them stand before
	// Offset, and are the same.
	Bytes  [2][]byte
	Before int
}

// Count is how many entries differ in one part: all of them in the value, or all
// only in how it is written.
type Count struct {
	// First is the change of the first of them.
	First tarfile.Change
	Paths
	// Content is set if the part is the content: that of the first of them.
	Content *Content
}

// pathsKept is how many Paths has by name.
const pathsKept = 10

// Paths counts entries, and names the first of them.
type Paths struct {
	Number int
	First  []string
}

func (p *Paths) add(path string) {
	if p.Number++; len(p.First) < pathsKept {
		p.First = append(p.First, path)
	}
}

// EntryError says where an archive cannot be read.
type EntryError struct {
	// Side is 0 for a, 1 for b.
	Side int
	// Entry counts as canon.Origin.Entry does.
	Entry int
	// Path is the entry's, as far as it is known.
	Path string
	Err  error
}

func (e *EntryError) Error() string { return fmt.Sprintf("entry %d %q: %v", e.Entry, e.Path, e.Err) }
func (e *EntryError) Unwrap() error { return e.Err }
