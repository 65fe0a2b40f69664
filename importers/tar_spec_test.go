package importers

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"cfsverify/canon"
	"cfsverify/canon/fsverity"
)

// An archive spec has one entry a line: TYPE PATH ATTRIBUTE…, where TYPE is
// one of d f l h c b p for the usual types, or a type flag as 'x'. PATH and
// values may be Go strings. Attributes are
//
//	=CONTENT  ->TARGET  mode= uid= gid= mtime= size= dev=MAJOR,MINOR
//	pax:KEY=VALUE  L=NAME  K=TARGET  magic=v7|gnu
//
// layerText writes trees in the same form.
var specTypes = map[string]byte{"d": '5', "f": '0', "l": '2', "h": '1', "c": '3', "b": '4', "p": '6'}

// specEntry is a tar entry to write. It shares nothing with the reader.
type specEntry struct {
	flag                        byte
	name, link, content         string
	mode, uid, gid, size, mtime int64
	major, minor                int64
	magic                       string
	extensions                  []byte
}

func parseSpecLine(line string) specEntry {
	fields := specFields(line)
	e := specEntry{flag: specTypes[fields[0]], name: fields[1], mode: 0o644, size: -1, magic: "ustar\x0000"}
	if e.flag == 0 {
		flag, err := strconv.Unquote(fields[0])
		if err != nil {
			panic("bad type: " + line)
		}
		e.flag = flag[0]
	}
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

// specFields splits at spaces outside of quotes, and unquotes.
func specFields(line string) []string {
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
	e := specEntry{flag: flag, name: "extension", content: data, size: int64(len(data)), magic: magic}
	return e.bytes()
}

func (e *specEntry) bytes() []byte {
	var block [512]byte
	copy(block[0:100], e.name)
	putTarNumber(block[100:108], e.mode)
	putTarNumber(block[108:116], e.uid)
	putTarNumber(block[116:124], e.gid)
	putTarNumber(block[124:136], e.size)
	putTarNumber(block[136:148], e.mtime)
	block[156] = e.flag
	copy(block[157:257], e.link)
	copy(block[257:265], e.magic)
	if e.magic != "" {
		putTarNumber(block[329:337], e.major)
		putTarNumber(block[337:345], e.minor)
	}
	sum := 8 * int(' ')
	for _, c := range block {
		sum += int(c)
	}
	copy(block[148:156], fmt.Sprintf("%06o\x00 ", sum))
	out := append(bytes.Clone(e.extensions), block[:]...)
	out = append(out, e.content...)
	return append(out, make([]byte, (512-len(e.content)%512)%512)...)
}

func putTarNumber(field []byte, n int64) {
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

// tarOf makes an archive of a spec.
func tarOf(spec string) []byte {
	var out []byte
	for line := range strings.Lines(spec) {
		if strings.TrimSpace(line) == "" {
			continue
		}
		e := parseSpecLine(line)
		out = append(out, e.bytes()...)
	}
	return append(out, make([]byte, 1024)...)
}

func readTar(archive []byte, index int) (*LayerEntries, error) {
	layer := &canon.Layer{Index: index, Name: fmt.Sprintf("%d.tar", index)}
	return ReadLayer(context.Background(), bytes.NewReader(archive), layer, ReadOptions{Hash: fsverity.SHA256})
}

// layersOf reads the archives of specs.
func layersOf(t testing.TB, specs ...string) []*LayerEntries {
	t.Helper()
	var layers []*LayerEntries
	for i, spec := range specs {
		l, err := readTar(tarOf(spec), i+1)
		if err != nil {
			t.Fatal(err)
		}
		layers = append(layers, l)
	}
	return layers
}

// layerText writes a tree as a spec, the second name of an inode as a hardlink
// to the first.
func layerText(tree *canon.Tree) string {
	var out strings.Builder
	first := map[*canon.Node]string{}
	for path, e := range tree.All() {
		path = strings.TrimPrefix(path, "/")
		if path == "" {
			path = "/"
		}
		n := e.Node
		if to, ok := first[n]; ok {
			fmt.Fprintf(&out, "h %s ->%s\n", path, to)
			continue
		}
		first[n] = path
		if text := nodeText(path, e); text != "" {
			out.WriteString(text + "\n")
		}
	}
	return out.String()
}

func nodeText(path string, e *canon.Dirent) string {
	n := e.Node
	line := map[canon.Kind]string{
		canon.Regular: "f", canon.Directory: "d", canon.Symlink: "l", canon.CharDevice: "c", canon.BlockDevice: "b", canon.FIFO: "p",
	}[n.Kind] + " " + path
	usual := map[canon.Kind]uint16{canon.Directory: 0o755, canon.Symlink: 0o777}[n.Kind]
	if usual == 0 {
		usual = 0o644
	}
	if path == "/" && n.Perm == 0 && e.Origin == nil {
		return ""
	}
	switch {
	case n.Target != "":
		line += " ->" + n.Target
	case n.Content != nil && n.Content.Inline != nil:
		line += " =" + string(n.Content.Inline)
	case n.Content != nil:
		line += fmt.Sprintf(" size=%d", n.Size)
	case n.Kind.IsDevice():
		line += fmt.Sprintf(" dev=%d,%d", n.Rdev>>8&0xfff, n.Rdev&0xff|n.Rdev>>12&^0xff)
	}
	for _, a := range []struct {
		name  string
		value int64
	}{{"uid", int64(n.UID)}, {"gid", int64(n.GID)}, {"mtime", n.Mtime.Sec}, {"nsec", int64(n.Mtime.Nsec)}} {
		if a.value != 0 {
			line += fmt.Sprintf(" %s=%d", a.name, a.value)
		}
	}
	if n.Perm != usual {
		line += fmt.Sprintf(" mode=%o", n.Perm)
	}
	for _, x := range n.Xattrs {
		line += " " + x.Name + "=" + strconv.Quote(x.Value)
	}
	if e.Origin != nil && e.Origin.Implicit {
		line += " implicit"
	}
	return line
}

// specText trims a spec to what layerText writes.
func specText(spec string) string {
	var out strings.Builder
	for line := range strings.Lines(spec) {
		if line = strings.TrimSpace(line); line != "" {
			out.WriteString(line + "\n")
		}
	}
	return out.String()
}
