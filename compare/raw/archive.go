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
	// Only are the entries that one side alone has, a's and b's.
	Only [2]Paths
	// Moved are those that stand at other places: the fewest that have to be moved
	// to give both sides one order.
	Moved Paths
	// End is what differs behind the last entry.
	End []tarfile.Change
}

// Place is what kind of thing differs first.
type Place string

const (
	// InEntry: both sides have an entry of one path there, and write it differently.
	InEntry Place = "entry"
	// OnlyA and OnlyB: one side has an entry there that the other has nowhere.
	OnlyA Place = "only-in-a"
	OnlyB Place = "only-in-b"
	// Replaced: each side has an entry there that the other has nowhere.
	Replaced Place = "replaced"
	// Order: the entries there are elsewhere on the other side.
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
	// Changes are all that differ in an entry that both have, in the headers of one
	// that was replaced, or at the end, the one that counts first.
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
	// Bytes are some of both files, of which the first Before stand before Offset
	// and are the same.
	Bytes  [2][]byte
	Before int
}

// Count is how many entries differ in a part, in its value or in nothing but how
// it is written, as First does.
type Count struct {
	// First is the change of the first of them.
	First tarfile.Change
	Paths
	// Content is set if the part is the content: that of the first of them.
	Content *Content
}

// pathsKept is how many Paths has by name.
const pathsKept = 10

// Paths are entries, of which the first are there by name.
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
