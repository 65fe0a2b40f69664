package mutants

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"cfsverify/testdata/layers"
)

// archive is a tar archive in units: a header block with what follows it.
type archive struct {
	units [][]byte
	end   []byte
}

const block = 512

// parseArchive parts an archive by package layers, whose numbers are octal or base 256.
func parseArchive(data []byte) *archive {
	a := &archive{}
	for data[0] != 0 {
		size := uint64(0)
		if field := data[124:136]; field[0] == 0x80 {
			size = binary.BigEndian.Uint64(field[4:])
		} else if n, err := strconv.ParseUint(string(field[:11]), 8, 64); err == nil {
			size = n
		}
		switch data[156] {
		case '1', '2', '3', '4', '5', '6':
			// What states a size here has no content.
			size = 0
		}
		end := min(block+(size+block-1)/block*block, uint64(len(data)))
		a.units = append(a.units, slices.Clone(data[:end]))
		if data = data[end:]; len(data) == 0 {
			return a
		}
	}
	a.end = slices.Clone(data)
	return a
}

func (a *archive) bytes() []byte { return append(bytes.Join(a.units, nil), a.end...) }

// changeArchive changes one thing, and says what.
func (m *maker) changeArchive(a *archive) string {
	i := m.IntN(len(a.units))
	if len(a.units[i]) < block {
		return "nothing"
	}
	switch m.IntN(12) {
	case 0:
		return m.changeOrder(a, i)
	case 1:
		return m.changeEnd(a, i)
	case 2, 3, 4:
		return m.addExtension(a, i)
	case 5:
		return m.changeExtension(a)
	}
	return fmt.Sprintf("unit %d: %s", i, m.changeHeader(a, i))
}

func (m *maker) changeOrder(a *archive, i int) string {
	j := m.IntN(len(a.units))
	switch m.IntN(3) {
	case 0:
		a.units[i], a.units[j] = a.units[j], a.units[i]
		return fmt.Sprintf("units %d and %d change places", i, j)
	case 1:
		a.units = slices.Insert(a.units, j, slices.Clone(a.units[i]))
		return fmt.Sprintf("unit %d is at %d as well", i, j)
	}
	if len(a.units) > 1 {
		a.units = slices.Delete(a.units, i, i+1)
	}
	return fmt.Sprintf("unit %d is gone", i)
}

func (m *maker) changeEnd(a *archive, i int) string {
	switch m.IntN(6) {
	case 0:
		a.units = slices.Insert(a.units, i, make([]byte, block*(1+m.IntN(2))))
		return fmt.Sprintf("zero blocks before unit %d", i)
	case 1:
		a.end = a.end[:block*m.IntN(2)]
		return fmt.Sprintf("%d bytes of zeros at the end", len(a.end))
	case 2:
		a.end = append(a.end, bytes.Repeat([]byte{byte(m.IntN(2))}, 1+m.IntN(2000))...)
		return "bytes behind the end"
	case 3:
		last := len(a.units) - 1
		a.units[last] = a.units[last][:m.IntN(len(a.units[last]))]
		a.end = nil
		return "the archive is cut"
	case 4:
		a.end = append(bytes.Clone(a.end), bytes.Join(a.units, nil)...)
		return "all units come again behind the end"
	}
	u := a.units[i]
	u[m.IntN(len(u))] ^= 1 << m.IntN(8)
	layers.Resum(u[:block])
	return fmt.Sprintf("a bit of unit %d", i)
}

// field is a part of a header.
type field struct {
	name     string
	at, size int
}

const typeflags = "\x0001234567xgLKSDMNVAZ\xff"

var numberFields = []field{{"mode", 100, 8}, {"uid", 108, 8}, {"gid", 116, 8}, {"size", 124, 12}, {"mtime", 136, 12}, {"devmajor", 329, 8}, {"devminor", 337, 8}}

func (m *maker) changeHeader(a *archive, i int) string {
	head := a.units[i][:block]
	what := ""
	switch m.IntN(8) {
	case 0:
		head[156] = typeflags[m.IntN(len(typeflags))]
		what = fmt.Sprintf("type %q", head[156])
	case 1, 2:
		f := numberFields[m.IntN(len(numberFields))]
		number := m.number(f.size)
		copy(head[f.at:f.at+f.size], number)
		what = fmt.Sprintf("%s %q", f.name, number)
	case 3, 4:
		name := m.name(a)
		clear(head[:100])
		copy(head[:100], name)
		what = fmt.Sprintf("name %q", name)
	case 5:
		name := m.name(a)
		clear(head[157:257])
		copy(head[157:257], name)
		what = fmt.Sprintf("linkname %q", name)
	case 6:
		magic := m.pick("ustar\x0000", "ustar  \x00", "\x00\x00\x00\x00\x00\x00\x00\x00", "ustar\x00\x00\x00", "USTAR\x0000", "ustar\x0001", "ustar 00")
		copy(head[257:265], magic)
		if prefix := m.name(a); m.IntN(2) == 0 {
			copy(head[345:500], prefix)
			what = fmt.Sprintf("prefix %q, ", prefix)
		}
		what += fmt.Sprintf("magic %q", magic)
	case 7:
		return m.changeChecksum(head)
	}
	layers.Resum(head)
	return what
}

// changeChecksum writes it in another form, or another one.
func (m *maker) changeChecksum(head []byte) string {
	unsigned, signed := 8*int(' '), 8*int(' ')
	for i, c := range head {
		if i < 148 || i >= 156 {
			unsigned, signed = unsigned+int(c), signed+int(int8(c))
		}
	}
	form := m.pick("%06o\x00 ", "%07o\x00", "%06o  ", "%6o\x00 ", "%5o\x00\x00\x00", "%08o", " %05o\x00 ", "+%05o\x00 ", "%06o\x008", "0%06o ")
	sum := unsigned
	switch m.IntN(5) {
	case 0:
		sum = signed
	case 1:
		sum++
	}
	text := fmt.Sprintf(form, sum)
	copy(head[148:156], text)
	return fmt.Sprintf("checksum %q", text)
}

// number fills a field of a header.
func (m *maker) number(size int) []byte {
	field := make([]byte, size)
	n := []uint64{0, 1, 7, 511, 512, 513, 4096, 1 << 20, 0o777777, 0o7777777, 0o17777777777, 1 << 31, 1<<32 - 1, 1 << 32, 1<<63 - 1, 1 << 63, 1<<64 - 1}[m.IntN(17)]
	octal := strconv.FormatUint(n, 8)
	switch m.IntN(12) {
	case 0, 1, 2:
		copy(field, fmt.Sprintf("%0*s\x00", size-1, octal))
	case 3:
		copy(field, fmt.Sprintf("%0*s", size, octal))
	case 4:
		copy(field, fmt.Sprintf("%*s ", size-1, octal))
	case 5:
		copy(field, octal)
	case 6:
		copy(field, m.pick("-1", "+7", "0x1", "8", "1 2", "1\x002", "\t7", "7\n", "\xa07", "\u20037", "٣", "1_0", "7.", "\v7\f", "\x007")+"\x00")
	case 7:
		// Blank or empty.
		copy(field, m.pick("", strings.Repeat(" ", size), "  "))
	case 8, 9, 10:
		// Base 256, below zero in half of the cases, and wider than 64 bits in some.
		binary.BigEndian.PutUint64(field[max(0, size-8):], n)
		if size > 8 {
			copy(field[:size-8], m.pick("\x80\x00\x00\x00", "\xff\xff\xff\xff", "\x80\x00\x00\x01", "\xc0\x00\x00\x00", "\xbf\xff\xff\xff"))
		} else {
			field[0] = m.pick("\x80", "\xff", "\xc0", "\x81", "\xbf")[0]
		}
	case 11:
		for i := range field {
			field[i] = byte(m.IntN(256))
		}
	}
	return field
}

// name is one of an entry's, in some form, or an odd one.
func (m *maker) name(a *archive) string {
	some := func() string {
		u := a.units[m.IntN(len(a.units))]
		name, _, _ := strings.Cut(string(u[:min(100, len(u))]), "\x00")
		return name
	}
	name, other := some(), some()
	dir, base := "", name
	if i := strings.LastIndex(strings.TrimRight(name, "/"), "/"); i >= 0 {
		dir, base = name[:i+1], name[i+1:]
	}
	return m.pick(name, other, name+"/", name+"/"+other, "./"+name, "/"+name, name+"/.", name+"/..", name+"//x", dir+".wh."+base, dir+".wh..wh..opq", name+"/.wh..wh..opq",
		dir+".wh.", dir+".wh..", dir+".wh..wh.x", "..", "../x", "", ".", "/", "./", "usr", "usr/", "usr/x", "run/x", "\xff\xfe", "a\nb", "a\x01", name+" ", strings.ToUpper(name),
		strings.Repeat("n", 100), "usr/"+strings.Repeat("d/", 40)+"x", "con\u202exa", "a\\b")
}

var paxKeys = []string{"path", "linkpath", "size", "uid", "gid", "mtime", "atime", "ctime", "uname", "comment", "hdrcharset", "charset", "realtime.x", "mode", "devmajor",
	"SCHILY.xattr.user.a", "SCHILY.xattr.security.capability", "SCHILY.xattr.security.selinux", "SCHILY.xattr.trusted.overlay.opaque", "SCHILY.xattr.trusted.overlay.whiteout", "SCHILY.xattr.", "SCHILY.xattr.user.a=b",
	"SCHILY.acl.access", "LIBARCHIVE.xattr.user.b", "GNU.sparse.name", "GNU.sparse.realsize", "GNU.sparse.size", "GNU.sparse.major", "GNU.sparse.map", "SUN.holesdata", "", "Path", "\xff", "path ", " path"}

// record is a PAX record, of the right form in most cases.
func (m *maker) record(a *archive) string {
	key := paxKeys[m.IntN(len(paxKeys))]
	if m.IntN(2) == 0 {
		key = paxKeys[m.IntN(6)]
	}
	value := m.pick("0", "1", "512", "5", "+5", "-5", " 5", "5 ", "05", "0x5", "5e0", "1.5", "-1.5", "1.", ".5", "1.+5", "1.-5", "1.0000000001", "1.5x", "", "\x00", "5\x00", "4294967296", "9223372036854775807",
		"9223372036854775808", "18446744073709551616", "\xff", "٣", "nan", "binary", "x=y", "x\ny")
	if m.IntN(3) == 0 || key == "path" || key == "linkpath" {
		value = m.name(a)
	}
	text := key + "=" + value + "\n"
	length := len(text) + 2
	for len(strconv.Itoa(length))+1+len(text) != length {
		length++
	}
	switch m.IntN(25) {
	case 0:
		return fmt.Sprintf("%d %s", length+1, text)
	case 1:
		return fmt.Sprintf("%d %s", length-1, text)
	case 2:
		return fmt.Sprintf("0%d %s", length+1, text)
	case 3:
		return fmt.Sprintf("+%d %s", length+1, text)
	case 4:
		return fmt.Sprintf("%d\t%s", length, text)
	case 5:
		return m.pick(text, "0 ", " ", "\n", "\x00", "99999999999999999999 "+text, "3 =", "5 a\n\n", "5 a=\n")
	}
	return fmt.Sprintf("%d %s", length, text)
}

// addExtension puts an extension header before unit i.
func (m *maker) addExtension(a *archive, i int) string {
	flag := m.pick("x", "x", "x", "x", "g", "L", "K", "X", "xx", "xg", "gx", "Lx", "xL", "LK", "KL")
	var what strings.Builder
	for j := range len(flag) {
		data := m.name(a) + m.pick("\x00", "", "\x00junk", strings.Repeat("/n", 80)+"\x00")
		if c := flag[j]; c != 'L' && c != 'K' {
			data = m.record(a)
			for m.IntN(3) == 0 {
				data += m.record(a)
			}
		}
		head := make([]byte, block)
		copy(head, m.pick("PaxHeaders/x", "././@LongLink", "", "../x"))
		copy(head[100:], fmt.Sprintf("%07o\x00%07o\x00%07o\x00%011o\x00%011o\x00", 0o644, 0, 0, len(data), 0))
		head[156] = flag[j]
		copy(head[257:], m.pick("ustar\x0000", "ustar  \x00", ""))
		layers.Resum(head)
		data += strings.Repeat("\x00", -len(data)&(block-1))
		a.units = slices.Insert(a.units, i+j, append(head, data...))
		fmt.Fprintf(&what, "%q %q ", flag[j:j+1], strings.TrimRight(data, "\x00"))
	}
	return fmt.Sprintf("before unit %d: %s", i, what.String())
}

// changeExtension changes bytes in one that is there.
func (m *maker) changeExtension(a *archive) string {
	for i, u := range a.units {
		if len(u) > block && strings.IndexByte("xgLK", u[156]) >= 0 && m.IntN(2) == 0 {
			at := block + m.IntN(len(u)-block)
			u[at] = byte(m.pick("\x00", "\n", "=", " ", "0", "9", "\xff", "/", ".", "-")[0])
			return fmt.Sprintf("unit %d: byte %d is %q", i, at, u[at])
		}
	}
	return m.addExtension(a, m.IntN(len(a.units)))
}
