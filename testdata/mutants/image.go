package mutants

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"

	"cfsverify/canon"
	"cfsverify/canon/erofs"
	"cfsverify/canon/fsverity"
	"cfsverify/canon/linux"
	"cfsverify/testdata/trees"
)

// Image is a composefs image, of some ten KiB.
type Image struct {
	Data    []byte
	Options erofs.Options
	// Changes say what was done to it, nothing to one of eight.
	Changes []string
}

// NewImage makes the mutant of a seed: the image of a small random tree, with changes to
// its superblock, inodes, dirents, xattrs or length.
func NewImage(seed uint64) *Image {
	m := &imageMaker{Rand: rand.New(rand.NewPCG(22, seed))}
	g := trees.Generator{Rand: m.Rand, Algorithm: fsverity.SHA256}
	for {
		tree := []func() *canon.Tree{g.Spaces, g.CornerTree}[m.IntN(2)]()
		// What is no ACL makes the kernel refuse to open the file.
		for e := range tree.Dirents() {
			e.Node.Xattrs = e.Node.Xattrs.Without(func(x canon.Xattr) bool { return linux.IsACL(x.Name) })
		}
		m.image.Options = erofs.Options{Version: erofs.Version(m.IntN(3))}
		if m.image.Options.Version != erofs.V2 && m.IntN(2) == 0 {
			m.image.Options.Writer = erofs.Mkcomposefs
		}
		var out bytes.Buffer
		if err := erofs.Write(&out, tree, m.image.Options); err == nil && out.Len() < 1<<17 {
			m.image.Data = out.Bytes()
			break
		}
	}
	m.findAll()
	if m.IntN(8) > 0 {
		for changes := 1; changes > 0 || m.IntN(4) == 0; changes-- {
			m.image.Changes = append(m.image.Changes, m.change())
		}
	}
	return &m.image
}

type imageMaker struct {
	*rand.Rand
	image Image
	// inodes, dirents and xattrs are where these begin.
	inodes, dirents, xattrs []int
	bodies                  []int // of xattrs
}

var le = binary.LittleEndian

const super = 1024

// findAll finds the parts of an image that is as it should be.
func (m *imageMaker) findAll() {
	data := m.image.Data
	seen := map[uint64]bool{}
	queue := []uint64{uint64(le.Uint16(data[super+14:]))}
	for len(queue) > 0 {
		nid := queue[0]
		queue = queue[1:]
		if seen[nid] {
			continue
		}
		seen[nid] = true
		at := int(nid) * 32
		m.inodes = append(m.inodes, at)
		format, size, head := le.Uint16(data[at:]), int(le.Uint32(data[at+8:])), 32
		if format&1 == 1 {
			head = 64
		}
		tail := at + head
		if count := int(le.Uint16(data[at+2:])); count > 0 {
			tail += 12 + 4*(count-1)
			m.findXattrs(at+head, tail)
		}
		if le.Uint16(data[at+4:])&0o170000 != 0o040000 {
			continue
		}
		whole := size
		if format>>1 == 2 {
			whole = size / 4096 * 4096
			queue = append(queue, m.findDirents(tail, size-whole)...)
		}
		for i := 0; i < whole; i += 4096 {
			queue = append(queue, m.findDirents(int(le.Uint32(data[at+16:]))*4096+i, min(4096, whole-i))...)
		}
	}
}

func (m *imageMaker) findXattrs(start, end int) {
	m.bodies = append(m.bodies, start)
	for at := start + 12 + 4*int(m.image.Data[start+4]); at < end; {
		m.xattrs = append(m.xattrs, at)
		at += (4 + int(m.image.Data[at]) + int(le.Uint16(m.image.Data[at+2:])) + 3) &^ 3
	}
}

func (m *imageMaker) findDirents(start, size int) (nids []uint64) {
	if size == 0 {
		return nil
	}
	for i := range int(le.Uint16(m.image.Data[start+8:])) / 12 {
		m.dirents = append(m.dirents, start+12*i)
		nids = append(nids, le.Uint64(m.image.Data[start+12*i:]))
	}
	return nids
}

// part is a field, by its place in what it is of.
type part struct {
	name     string
	at, size int
}

var (
	superParts = []part{{"magic", 0, 4}, {"checksum", 4, 4}, {"compatible features", 8, 4}, {"block bits", 12, 1}, {"slots", 13, 1}, {"root", 14, 2}, {"inodes", 16, 8},
		{"time", 24, 8}, {"nanoseconds", 32, 4}, {"blocks", 36, 4}, {"meta block", 40, 4}, {"xattr block", 44, 4}, {"uuid", 48, 4}, {"volume", 64, 4}, {"incompatible features", 80, 4},
		{"algorithms", 84, 2}, {"devices", 86, 2}, {"device slot", 88, 2}, {"directory block bits", 90, 1}, {"long prefixes", 91, 1}, {"prefix start", 92, 4}, {"packed inode", 96, 8}, {"xattr filter", 104, 1}}
	composefsParts = []part{{"composefs magic", 0, 4}, {"header version", 4, 4}, {"flags", 8, 4}, {"composefs version", 12, 4}, {"unused", 16, 4}}
	inodeParts     = []part{{"format", 0, 2}, {"format", 0, 1}, {"xattr count", 2, 2}, {"mode", 4, 2}, {"links or reserved", 6, 2}, {"size", 8, 4}, {"size or reserved", 12, 4}, {"union", 16, 4}, {"number", 20, 4}, {"owner", 24, 2}, {"group or owner", 26, 2}, {"reserved or group", 28, 4}}
	extendedParts  = []part{{"time", 32, 8}, {"nanoseconds", 40, 4}, {"links", 44, 4}, {"reserved", 48, 8}}
	direntParts    = []part{{"nid", 0, 8}, {"name offset", 8, 2}, {"type", 10, 1}, {"reserved", 11, 1}}
	bodyParts      = []part{{"filter", 0, 4}, {"shared count", 4, 1}, {"reserved", 5, 4}, {"first id", 12, 4}, {"second id", 16, 4}}
	xattrParts     = []part{{"name length", 0, 1}, {"name index", 1, 1}, {"value size", 2, 2}, {"name", 4, 1}, {"name", 5, 1}}
)

// change changes one thing, and says what.
func (m *imageMaker) change() string {
	data := m.image.Data
	switch m.IntN(16) {
	case 0:
		return "superblock: " + m.set(super, superParts)
	case 1:
		return "header: " + m.set(0, composefsParts)
	case 2, 3, 4, 5:
		at := m.some(m.inodes)
		parts := inodeParts
		if data[at]&1 == 1 {
			parts = slices.Concat(parts, extendedParts)
		}
		return fmt.Sprintf("inode at %d: %s", at, m.set(at, parts))
	case 6, 7, 8:
		at := m.some(m.dirents)
		if m.IntN(3) == 0 {
			to := m.some(m.dirents)
			copy(data[at:at+8], data[to:to+8])
			data[at+10] = data[to+10]
			return fmt.Sprintf("dirent at %d: leads to where that at %d does", at, to)
		}
		return fmt.Sprintf("dirent at %d: %s", at, m.set(at, direntParts))
	case 9, 10:
		if at := m.some(m.bodies); at > 0 {
			return fmt.Sprintf("xattrs at %d: %s", at, m.set(at, bodyParts))
		}
	case 11, 12:
		if at := m.some(m.xattrs); at > 0 {
			return fmt.Sprintf("xattr at %d: %s", at, m.set(at, xattrParts))
		}
	case 13:
		return m.changeLength()
	}
	at := super + m.IntN(len(data)-super)
	if m.IntN(2) == 0 {
		// Most of the data is behind the metadata.
		at = super + m.IntN(min(4096, len(data)-super))
	}
	data[at] ^= 1 << m.IntN(8)
	return fmt.Sprintf("a bit at %d", at)
}

// some gives one of what is still in the image, 0 if that is nothing.
func (m *imageMaker) some(from []int) int {
	from = slices.DeleteFunc(slices.Clone(from), func(at int) bool { return at+32 > len(m.image.Data) })
	if len(from) == 0 {
		return 0
	}
	return from[m.IntN(len(from))]
}

// set gives one of the parts of what begins at at another value.
func (m *imageMaker) set(at int, parts []part) string {
	p := parts[m.IntN(len(parts))]
	at += p.at
	if at+p.size > len(m.image.Data) {
		return "nothing"
	}
	field := m.image.Data[at : at+p.size]
	var eight [8]byte
	copy(eight[:], field)
	value := le.Uint64(eight[:])
	switch m.IntN(6) {
	case 0:
		value++
	case 1:
		value--
	case 2:
		value ^= 1 << m.IntN(8*p.size)
	case 3:
		value = m.Uint64()
	case 4:
		value = []uint64{0, 1, 2, 4, 5, 12, 255, 256, 4095, 4096, 4097, 65535, 1 << 31, 1<<32 - 1, 1 << 63}[m.IntN(15)]
	case 5:
		other := m.some(m.inodes)
		value = uint64(other / 32)
	}
	le.PutUint64(eight[:], value)
	copy(field, eight[:])
	return fmt.Sprintf("%s %d", p.name, value)
}

// changeLength adds or removes blocks.
func (m *imageMaker) changeLength() string {
	data := m.image.Data
	switch m.IntN(4) {
	case 0:
		data = append(data, make([]byte, 4096)...)
	case 1:
		data = data[:max(4096, len(data)-4096)]
	case 2:
		data = data[:max(super+128, len(data)-1-m.IntN(4095))]
	case 3:
		data = append(data, 0)
	}
	what := fmt.Sprintf("%d bytes", len(data))
	if m.IntN(2) == 0 {
		le.PutUint32(data[super+36:], uint32(len(data)/4096))
		what += ", which the superblock states"
	}
	m.image.Data = data
	return what
}
