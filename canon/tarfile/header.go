package tarfile

import (
	"fmt"
	"path"
	"strconv"
	"strings"

	"cfsverify/canon"
)

const (
	// fieldMax is the size in bytes of the name and linkname fields.
	fieldMax = 100
	// The highest numbers that 7 and 11 octal digits give.
	idMax   = 1<<21 - 1
	timeMax = 1<<33 - 1
	sizeMax = 1<<33 - 1
)

// header is what an entry says.
type header struct {
	typeflag     byte
	path, target string
	mode         uint16
	uid, gid     uint32
	size         uint64
	mtime        canon.Time
	major, minor uint32
}

const (
	// globalName and canonicalKey mark an archive as canonical.
	globalName   = "pax_global_header"
	canonicalKey = "canonical-tar"
)

// extensionBlock is the header of an extended header with so many bytes.
func extensionBlock(typeflag byte, name string, size int) Block {
	h := header{typeflag: typeflag, path: name, mode: 0o644, size: uint64(size)}
	return h.block()
}

// extensionName is that of an entry's extended header.
func (h *header) extensionName() string {
	name := "PaxHeaders.0/" + path.Base(h.path)
	return name[:min(len(name), fieldMax)]
}

// block is the ustar header: POSIX pax, "ustar Interchange Format".
func (h *header) block() Block {
	var b Block
	copy(b[0:fieldMax], h.path)
	octal(b[100:108], uint64(h.mode))
	octal(b[108:116], fitting(uint64(h.uid), idMax))
	octal(b[116:124], fitting(uint64(h.gid), idMax))
	octal(b[124:136], fitting(h.size, sizeMax))
	if h.mtime.Sec > 0 {
		octal(b[136:148], fitting(uint64(h.mtime.Sec), timeMax))
	} else {
		octal(b[136:148], 0)
	}
	b[156] = h.typeflag
	copy(b[157:157+fieldMax], h.target)
	copy(b[257:265], "ustar\x0000")
	octal(b[329:337], uint64(h.major))
	octal(b[337:345], uint64(h.minor))
	copy(b[148:156], b.checksum())
	return b
}

// octal fills a field with digits and a NUL.
func octal(field []byte, n uint64) {
	copy(field, fmt.Sprintf("%0*o\x00", len(field)-1, n))
}

// fitting gives n, or 0 if n is more than most and a PAX record has to state it.
func fitting(n, most uint64) uint64 {
	if n > most {
		return 0
	}
	return n
}

// records are those of the pax extended header, empty if none is needed.
func (h *header) records(xattrs canon.Xattrs) string {
	var r strings.Builder
	if len(h.path) > fieldMax {
		addRecord(&r, "path", h.path)
	}
	if len(h.target) > fieldMax {
		addRecord(&r, "linkpath", h.target)
	}
	if h.size > sizeMax {
		addRecord(&r, "size", strconv.FormatUint(h.size, 10))
	}
	if h.uid > idMax {
		addRecord(&r, "uid", strconv.FormatUint(uint64(h.uid), 10))
	}
	if h.gid > idMax {
		addRecord(&r, "gid", strconv.FormatUint(uint64(h.gid), 10))
	}
	if h.mtime.Sec < 0 || h.mtime.Sec > timeMax || h.mtime.Nsec != 0 {
		addRecord(&r, "mtime", decimal(h.mtime))
	}
	for _, x := range xattrs {
		addRecord(&r, XattrPrefix+x.Name, x.Value)
	}
	return r.String()
}

// addRecord appends "LENGTH KEY=VALUE\n", LENGTH being that of all of it.
func addRecord(r *strings.Builder, key, value string) {
	rest := len(" =\n") + len(key) + len(value)
	length := rest + len(strconv.Itoa(rest))
	// The digits of the length may make it longer by one.
	length = rest + len(strconv.Itoa(length))
	fmt.Fprintf(r, "%d %s=%s\n", length, key, value)
}

// decimal writes a time as a decimal number of seconds.
func decimal(t canon.Time) string {
	sec, nsec, sign := t.Sec, t.Nsec, ""
	if sec < 0 && nsec > 0 {
		// -2 s and 0.75 s are -1.25 s.
		sec, nsec = sec+1, 1_000_000_000-nsec
		if sec == 0 {
			sign = "-"
		}
	}
	text := sign + strconv.FormatInt(sec, 10)
	if nsec > 0 {
		text += "." + strings.TrimRight(fmt.Sprintf("%09d", nsec), "0")
	}
	return text
}
