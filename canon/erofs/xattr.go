package erofs

import (
	"bytes"
	"cmp"
	"slices"
	"strings"

	"cfsverify/canon/linux"
)

// prefixTable has the name prefixes that are stored as a number; the first
// that fits counts.
type prefixTable []struct {
	index  uint8
	prefix string
}

func mkcomposefsPrefixes() prefixTable {
	return prefixTable{
		{1, linux.UserPrefix},
		{2, linux.AccessACL},
		{3, linux.DefaultACL},
		{4, linux.TrustedPrefix},
		{6, linux.SecurityPrefix},
	}
}

// legacyPrefixes are all that EROFS has.
func legacyPrefixes() prefixTable {
	return append(mkcomposefsPrefixes(), prefixTable{{5, linux.LustrePrefix}}...)
}

// split gives a name's prefix number and the rest of it.
func (p prefixTable) split(name string) (index uint8, suffix string) {
	for _, p := range p {
		if suffix, ok := strings.CutPrefix(name, p.prefix); ok {
			return p.index, suffix
		}
	}
	return 0, name
}

// entrySize is the size of struct erofs_xattr_entry with name and value.
func (p prefixTable) entrySize(name string, valueLen int) uint64 {
	_, suffix := p.split(name)
	return roundUp(uint64(xattrEntryHeader+len(suffix)+valueLen), 4)
}

func (p prefixTable) appendEntry(b []byte, x xattr) []byte {
	index, suffix := p.split(x.name)
	start := len(b)
	b = append(b, uint8(len(suffix)), index)
	b = le.AppendUint16(b, uint16(len(x.value)))
	b = append(b, suffix...)
	b = append(b, x.value...)
	for (len(b)-start)%4 != 0 {
		b = append(b, 0)
	}
	return b
}

// filter is the bloom filter of an inode's xattr names, in which a cleared bit
// says that a name may be there (struct erofs_xattr_ibody_header).
func (p prefixTable) filter(xattrs []xattr) uint32 {
	filter := uint32(0xffffffff)
	for _, x := range xattrs {
		index, suffix := p.split(x.name)
		filter &^= 1 << (xxh32(suffix, xattrFilterSeed+uint32(index)) % 32)
	}
	return filter
}

type xattr struct {
	name  string
	value []byte
}

// xattrList has the xattrs of one inode after the other, to use its memory
// again: what it holds is good until it is filled for the next inode.
type xattrList struct {
	all    []xattr
	values []byte

	// The rest is set by image.splitShared.
	shared []uint64 // offsets in the shared table
	own    []xattr
}

func (l *xattrList) reset() {
	l.all, l.values = l.all[:0], l.values[:0]
}

// value keeps a value. It may move the bytes of values, but those of earlier
// ones stay where they are.
func (l *xattrList) value(v string) []byte {
	return l.appended(func(b []byte) []byte { return append(b, v...) })
}

// appended keeps a value that a function appends.
func (l *xattrList) appended(add func(b []byte) []byte) []byte {
	start := len(l.values)
	l.values = add(l.values)
	return l.values[start:len(l.values):len(l.values)]
}

func (l *xattrList) add(name string, value []byte) {
	l.all = append(l.all, xattr{name, value})
}

// insert adds an xattr to a list that is sorted by name, and of one name by the
// length of the value and then its bytes.
func (l *xattrList) insert(name string, value []byte) {
	i, _ := slices.BinarySearchFunc(l.all, xattr{name, value}, func(x, y xattr) int {
		return cmp.Or(strings.Compare(x.name, y.name), cmp.Compare(len(x.value), len(y.value)), bytes.Compare(x.value, y.value))
	})
	l.all = slices.Insert(l.all, i, xattr{name, value})
}

// set adds an xattr to a list that is sorted by name, or replaces its value.
func (l *xattrList) set(name string, value []byte) {
	i, ok := slices.BinarySearchFunc(l.all, name, func(x xattr, name string) int { return strings.Compare(x.name, name) })
	if ok {
		l.all[i].value = value
		return
	}
	l.all = slices.Insert(l.all, i, xattr{name, value})
}
