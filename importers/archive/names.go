package archive

import (
	"archive/tar"
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"
)

// nameTable has the names of an archive's entries, to find those that tools do not agree
// on.
type nameTable []entryName

// entryName is one of them.
type entryName struct {
	// path has a NUL for each slash, so that what is below a directory follows it when
	// they are sorted.
	path   string
	name   string // as it is written
	number int    // counted from 1
	dir    bool
}

// add takes names as tools do that unpack archives below a directory.
func (t *nameTable) add(number int, h *tar.Header) {
	if h.Typeflag == tar.TypeXGlobalHeader {
		return
	}
	inside := strings.TrimPrefix(path.Clean("/"+h.Name), "/")
	*t = append(*t, entryName{strings.ReplaceAll(inside, "/", "\x00"), h.Name, number, h.Typeflag == tar.TypeDir})
}

// check refuses two entries of one name, of which tools take either one, and entries
// below what is no directory, which some tools put where a symlink leads. Directories
// may be there often.
func (t nameTable) check() error {
	slices.SortStableFunc(t, func(a, b entryName) int { return cmp.Compare(a.path, b.path) })
	for i := range t[:max(len(t)-1, 0)] {
		a, b := t[i], t[i+1]
		below := a.path + "\x00"
		if a.path == "" {
			below = ""
		}
		switch {
		case a.path == b.path && !(a.dir && b.dir):
			return fmt.Errorf("entry %d (%q) and entry %d (%q) have one name, and tools differ about which counts", a.number, a.name, b.number, b.name)
		case !a.dir && strings.HasPrefix(b.path, below):
			return fmt.Errorf("entry %d (%q) is below entry %d (%q), which is no directory", b.number, b.name, a.number, a.name)
		}
	}
	return nil
}
