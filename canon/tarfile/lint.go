package tarfile

import (
	"bytes"
	"fmt"
	"strings"

	"cfsverify/canon"
)

// Lint compares how the entry is written with how a canonical tar writes it, and
// looks for metadata that tools keep differently. path is the path of the entry in
// the image, target that of a hardlink's target, both without a slash in front.
// Rules about several entries are not checked here.
func (r *Raw) Lint(path, target string) []Departure {
	l := linter{raw: r, want: wanted(r.Header, path, target), path: "/" + path}
	l.extensions()
	l.names()
	l.fields()
	l.pax()
	l.metadata()
	l.rest()
	return l.found
}

// wanted is the header that a canonical tar has for an entry. Hardlinks and markers
// keep the metadata that their entries state.
func wanted(h *canon.Header, path, target string) header {
	w := header{
		typeflag: h.Typeflag, path: "./" + path, mode: uint16(h.Mode & 0o7777), uid: uint32(h.UID), gid: uint32(h.GID), mtime: h.Mtime,
	}
	switch h.Typeflag {
	case 0, '0', '7':
		w.typeflag, w.size = '0', uint64(h.Size)
	case '1':
		w.target = "./" + target
	case '2':
		w.target = h.Linkname
	case '3', '4':
		device := canon.Node{Rdev: h.Rdev}
		w.major, w.minor = device.Device()
	case '5':
		if path != "" {
			w.path += "/"
		}
	}
	return w
}

type linter struct {
	raw   *Raw
	want  header
	path  string
	found []Departure
}

func (l *linter) add(rule Rule, format string, args ...any) {
	l.found = append(l.found, Departure{Rule: rule, Path: l.path, Detail: fmt.Sprintf(format, args...)})
}

func (l *linter) has(rule Rule) bool {
	for _, d := range l.found {
		if d.Rule == rule {
			return true
		}
	}
	return false
}

// extension finds the extension header of a type, nil if there is none.
func (r *Raw) extension(typeflag byte) *Extension {
	for i := range r.Extensions {
		if x := &r.Extensions[i]; x.Typeflag() == typeflag {
			return x
		}
	}
	return nil
}

func (l *linter) extensions() {
	if l.raw.extension('L') != nil {
		l.add(GNUExtension, "a GNU long name")
	}
	if l.raw.extension('K') != nil {
		l.add(GNUExtension, "a GNU long link target")
	}
	if l.raw.DirtyPadding {
		l.add(Padding, "behind the content")
	}
}

// names compares paths, however they are written.
func (l *linter) names() {
	h := l.raw.Header
	if h.Name != l.want.path {
		l.add(PathForm, "%q instead of %q", h.Name, l.want.path)
	}
	if h.Typeflag == '1' && h.Linkname != l.want.target {
		l.add(PathForm, "the target %q instead of %q", h.Linkname, l.want.target)
	}
	b := &l.raw.Block
	if prefix := untilNUL(b[345:500]); b.isUstar() && len(prefix) > 0 {
		l.add(PrefixField, "%q", prefix)
	}
	if h.Typeflag == 0 && strings.HasSuffix(h.Name, "/") {
		l.add(TrailingSlash, "%q", h.Name)
	}
}

// fields compares the parts of the entry's own header.
func (l *linter) fields() {
	want := l.want.block()
	var numbers []string
	for _, f := range Fields() {
		got := f.Of(&l.raw.Block)
		if f.Name == "checksum" {
			if !bytes.Equal(got, l.raw.Block.checksum()) {
				numbers = append(numbers, f.Name)
			}
			continue
		}
		if !bytes.Equal(got, f.Of(&want)) && l.field(f, got) {
			numbers = append(numbers, f.Name)
		}
	}
	if len(numbers) > 0 {
		l.add(NumberForm, "%s", strings.Join(numbers, ", "))
	}
}

// field reports a header field that differs from the canonical one. For a number
// that means the same but is written in another form it only returns true, as all
// of these are reported together.
func (l *linter) field(f Field, got []byte) (number bool) {
	h := l.raw.Header
	switch f.Name {
	case "mode":
		if h.Mode == h.Mode&0o7777 {
			return true
		}
		l.add(ModeBits, "%o", h.Mode)
	case "uid", "gid", "mtime":
		return true
	case "size":
		if l.want.typeflag == '0' || h.Size == 0 {
			return true
		}
		l.add(SizeOfNothing, "%d", h.Size)
	case "typeflag":
		if h.Typeflag == '7' {
			l.add(ContiguousFile, "")
		} else {
			l.add(TypeFlag, "%q instead of '0'", h.Typeflag)
		}
	case "linkname":
		if h.Typeflag != '1' && h.Typeflag != '2' && len(untilNUL(got)) > 0 {
			l.add(LinkField, "%q", untilNUL(got))
		}
	case "magic", "version":
		if !l.has(TarFormat) {
			l.add(TarFormat, "%s", l.raw.Block.format())
		}
	case "uname", "gname":
		if name := untilNUL(got); len(name) > 0 {
			l.add(OwnerName, "%s %q", f.Name, name)
		}
	case "devmajor", "devminor":
		if l.want.typeflag == '3' || l.want.typeflag == '4' {
			return true
		}
		if !l.has(DeviceField) {
			l.add(DeviceField, "%s %q", f.Name, got)
		}
	case "unused":
		if !l.raw.Block.isGNU() {
			l.add(UnusedBytes, "%q", got)
		}
	}
	return false
}

func (b *Block) format() string {
	switch {
	case b.isGNU():
		return "that of GNU tar"
	case b.isUstar():
		return fmt.Sprintf("ustar, version %q", b[263:265])
	}
	return "the one before ustar"
}

// rest makes sure that a header which is not canonical never passes without a
// departure: it reports the bytes that differ if no other rule has.
func (l *linter) rest() {
	var wrong []string
	want := l.want.block()
	for _, f := range Fields() {
		if f.Name != "checksum" && !bytes.Equal(f.Of(&l.raw.Block), f.Of(&want)) {
			wrong = append(wrong, f.Name)
		}
	}
	x, records := l.raw.extension('x'), l.want.records(l.xattrs())
	if (x == nil) != (records == "") || x != nil && x.Data != records {
		wrong = append(wrong, "PAX header")
	}
	if len(wrong) == 0 {
		return
	}
	for _, d := range l.found {
		if !d.Rule.InCanonical() {
			return
		}
	}
	l.add(HeaderBytes, "%s", strings.Join(wrong, ", "))
}
