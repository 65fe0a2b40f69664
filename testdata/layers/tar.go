package layers

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// Tar makes an archive of a spec, which has one entry a line: TYPE PATH
// ATTRIBUTE…, where TYPE is one of d f l h c b p for the usual types, or a type
// flag as 'x'. PATH and values may be Go strings. Attributes are
//
//	=CONTENT  <FILE  ->TARGET  mode= uid= gid= mtime= size= dev=MAJOR,MINOR
//	pax:KEY=VALUE  L=NAME  K=TARGET  magic=v7|gnu  @OFFSET=BYTES
//
// <FILE takes the content from a file. @OFFSET=BYTES overwrites a part of the
// entry's header block; the checksum is that of the changed block, unless the
// bytes overwrite it too. A spec that is not of this form is a bug of the test
// that has it: Tar panics.
func Tar(spec string) []byte {
	var out []byte
	for line := range strings.Lines(spec) {
		if strings.TrimSpace(line) == "" {
			continue
		}
		e := parseLine(line)
		out = append(out, e.bytes()...)
	}
	return append(out, make([]byte, 1024)...)
}

// entry is a tar entry to write. It shares nothing with the reader.
type entry struct {
	flag                        byte
	name, link, content         string
	mode, uid, gid, size, mtime int64
	major, minor                int64
	magic                       string
	extensions                  []byte
	patches                     []patch
}

// patch overwrites a part of a header block.
type patch struct {
	offset int
	bytes  string
}

func parseLine(line string) entry {
	fields := splitFields(line)
	e := entry{flag: typeflagOf(fields[0]), name: fields[1], mode: 0o644, size: -1, magic: "ustar\x0000"}
	switch e.flag {
	case '5':
		e.mode = 0o755
	case '2':
		e.mode = 0o777
	}
	pax := ""
	for _, f := range fields[2:] {
		key, value, _ := strings.Cut(f, "=")
		number, _ := strconv.ParseInt(value, 0, 64)
		switch {
		case strings.HasPrefix(f, "="):
			e.content = f[1:]
		case strings.HasPrefix(f, "<"):
			e.content = contentOf(f[1:])
		case strings.HasPrefix(f, "@"):
			e.patches = append(e.patches, parsePatch(key[1:], value))
		case strings.HasPrefix(f, "->"):
			e.link = f[2:]
		case strings.HasPrefix(f, "pax:"):
			pax += paxRecord(strings.TrimPrefix(f, "pax:"))
		case key == "mode":
			e.mode, _ = strconv.ParseInt(value, 8, 64)
		case key == "uid":
			e.uid = number
		case key == "gid":
			e.gid = number
		case key == "mtime":
			e.mtime = number
		case key == "size":
			e.size = number
		case key == "dev":
			if _, err := fmt.Sscanf(value, "%d,%d", &e.major, &e.minor); err != nil {
				panic(err)
			}
		case key == "magic":
			e.magic = map[string]string{"v7": "", "gnu": "ustar  \x00"}[value]
		case key == "L" || key == "K":
			e.extensions = append(e.extensions, extensionEntry(key[0], value+"\x00", e.magic)...)
		default:
			panic("bad attribute: " + f)
		}
	}
	if pax != "" {
		e.extensions = append(e.extensions, extensionEntry('x', pax, e.magic)...)
	}
	if e.size < 0 {
		e.size = int64(len(e.content))
	}
	return e
}

func contentOf(file string) string {
	content, err := os.ReadFile(file)
	if err != nil {
		panic(err)
	}
	return string(content)
}

func parsePatch(offset, bytes string) patch {
	at, err := strconv.Atoi(offset)
	if err != nil || at+len(bytes) > 512 {
		panic("bad patch: @" + offset + "=" + bytes)
	}
	return patch{at, bytes}
}

func typeflagOf(name string) byte {
	if i := strings.Index("dflhcbp", name); i >= 0 && len(name) == 1 {
		return "5021346"[i]
	}
	flag, err := strconv.Unquote(name)
	if err != nil || len(flag) != 1 {
		panic("bad type: " + name)
	}
	return flag[0]
}

// splitFields splits at spaces outside of quotes, and unquotes.
func splitFields(line string) []string {
	var fields []string
	for line = strings.TrimSpace(line); line != ""; line = strings.TrimSpace(line) {
		before := strings.IndexAny(line, "\" ")
		if before < 0 || line[before] == ' ' {
			field, rest, _ := strings.Cut(line, " ")
			fields, line = append(fields, field), rest
			continue
		}
		quoted, err := strconv.QuotedPrefix(line[before:])
		if err != nil {
			panic("bad quotes: " + line)
		}
		text, _ := strconv.Unquote(quoted)
		fields, line = append(fields, line[:before]+text), line[before+len(quoted):]
	}
	return fields
}

func paxRecord(keyValue string) string {
	n := len(keyValue) + 3
	for len(strconv.Itoa(n))+1+len(keyValue)+1 != n {
		n++
	}
	return strconv.Itoa(n) + " " + keyValue + "\n"
}

func extensionEntry(flag byte, data, magic string) []byte {
	e := entry{flag: flag, name: "extension", content: data, size: int64(len(data)), magic: magic}
	return e.bytes()
}

func (e *entry) bytes() []byte {
	var block [512]byte
	copy(block[0:100], e.name)
	putNumber(block[100:108], e.mode)
	putNumber(block[108:116], e.uid)
	putNumber(block[116:124], e.gid)
	putNumber(block[124:136], e.size)
	putNumber(block[136:148], e.mtime)
	block[156] = e.flag
	copy(block[157:257], e.link)
	copy(block[257:265], e.magic)
	if e.magic != "" {
		putNumber(block[329:337], e.major)
		putNumber(block[337:345], e.minor)
	}
	e.patch(&block)
	copy(block[148:156], "        ")
	sum := 0
	for _, c := range block {
		sum += int(c)
	}
	copy(block[148:156], fmt.Sprintf("%06o\x00 ", sum))
	e.patch(&block)
	out := append(bytes.Clone(e.extensions), block[:]...)
	out = append(out, e.content...)
	return append(out, make([]byte, (512-len(e.content)%512)%512)...)
}

// patch is called before the checksum is taken, and once more in case a patch
// is of the checksum itself.
func (e *entry) patch(block *[512]byte) {
	for _, p := range e.patches {
		copy(block[p.offset:], p.bytes)
	}
}

func putNumber(field []byte, n int64) {
	octal := strconv.FormatInt(n, 8)
	if n >= 0 && len(octal) < len(field) {
		copy(field, strings.Repeat("0", len(field)-1-len(octal))+octal)
		return
	}
	for i := len(field) - 1; i >= 0; i-- {
		field[i] = byte(n)
		n >>= 8
	}
	field[0] |= 0x80
}
