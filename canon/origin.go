package canon

import (
	"fmt"
	"strings"

	"cfsverify/canon/printable"
)

// Origin says where a name of a tree comes from. Names that a directory scan
// or a dump file gave have none.
type Origin struct {
	Layer *Layer
	// Header is the entry's tar header, nil if the reader was not asked for it.
	Header *Header
	// Entry counts the layer's tar entries from 1, extension headers not
	// counted.
	Entry int32
	// Implicit is set for a directory that no layer has an entry for. Layer,
	// Entry and Header are then those of the first entry that needed it.
	Implicit bool
	// ImpliedBy is set for a directory into which a layer above Layer puts something
	// without having an entry for the directory. It is the first entry, markers
	// included, by which the topmost such layer does that. An engine that unpacks
	// each layer into a directory of its own makes a new directory there, and that
	// one shows.
	ImpliedBy *Origin
}

// Marker is a whiteout or an opaque marker of a layer.
type Marker struct {
	// Path is what is hidden: a name, or all names in an Opaque directory.
	Path   string
	Opaque bool
	Origin *Origin
}

// Superseded is an entry whose name a later entry of the same layer has too.
type Superseded struct {
	Path string
	// Dirent is what the earlier entry made, without what was in it.
	Dirent Dirent
}

// Layer is one layer of an image.
type Layer struct {
	// Index counts from 1, the lowest layer.
	Index int
	// DiffID is the digest of the uncompressed archive, "sha256:…".
	DiffID string
	// Digest is the digest of the blob as it is stored, empty for bare files.
	Digest string
	// Name is the file name of a layer that was named by its file, else empty.
	Name string
}

// String names a layer by its number and what else it is known by, as text that can be
// printed.
func (l *Layer) String() string {
	for _, name := range []string{l.Name, shortDigest(l.Digest), shortDigest(l.DiffID)} {
		if name != "" {
			return fmt.Sprintf("layer %d (%s)", l.Index, printable.Text(name))
		}
	}
	return fmt.Sprintf("layer %d", l.Index)
}

// shortDigest keeps as many digits as container engines show.
func shortDigest(digest string) string {
	algorithm, digits, found := strings.Cut(digest, ":")
	if !found || len(digits) <= 12 {
		return digest
	}
	return algorithm + ":" + digits[:12]
}

// Header is a tar header as it stands in the archive, after its extension
// headers were applied and before anything was normalised.
type Header struct {
	// Offset is where the entry's first header block, extensions included,
	// begins in the uncompressed archive, in bytes.
	Offset   int64
	Typeflag byte
	Name     string
	Linkname string
	Mode     int64
	UID, GID int64
	Size     int64
	Mtime    Time
	Rdev     uint32
	// PAX are the records of the entry's extended header by key, nil without one.
	PAX map[string]string
}
