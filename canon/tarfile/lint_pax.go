package tarfile

import (
	"bytes"
	"slices"
	"strings"
	"unicode/utf8"

	"cfsverify/canon"
)

// xattrs are the entry's xattrs for which the canonical header has records.
func (l *linter) xattrs() canon.Xattrs {
	if l.want.typeflag == '1' {
		return nil
	}
	return Xattrs(l.raw.Header.PAX).Without(func(x canon.Xattr) bool { return !Holds(x.Name) })
}

// pax compares the entry's extended header.
func (l *linter) pax() {
	x := l.raw.extension('x')
	if x == nil {
		return
	}
	// The reader has read them before.
	records, _ := paxRecords(x.Data)
	wanted, _ := paxRecords(l.want.records(l.xattrs()))
	texts := map[string]string{}
	for _, r := range wanted {
		texts[r.key] = r.text
	}
	var needless, foreign, forms, order []string
	there := map[string]bool{}
	for _, r := range records {
		if !utf8.ValidString(r.key) {
			l.add(PAXKey, "%q", r.key)
		}
		text, needed := texts[r.key]
		switch {
		case IsForeignXattr(r.key):
			foreign = append(foreign, r.key)
		case !needed:
			needless = append(needless, r.key)
		case there[r.key]:
			forms = append(forms, r.key+" is there twice")
		default:
			if text != r.text {
				forms = append(forms, r.key+" has another form")
			}
			there[r.key] = true
			order = append(order, r.key)
		}
	}
	for _, key := range foreign {
		l.add(XattrEncoding, "%q", key)
	}
	if len(needless) > 0 {
		l.add(NeedlessPAX, "%q", strings.Join(needless, ", "))
	}
	if len(records) == 0 {
		forms = append(forms, "it is empty")
	}
	inOrder := slices.DeleteFunc(wanted, func(r paxRecord) bool { return !there[r.key] })
	if !slices.EqualFunc(inOrder, order, func(r paxRecord, key string) bool { return r.key == key }) {
		forms = append(forms, "the order is another one")
	}
	if len(forms) > 0 {
		l.add(PAXForm, "%s", quoted(strings.Join(forms, "; ")))
	}
	l.paxHeader(x)
}

// paxHeader compares the header of the extended header.
func (l *linter) paxHeader(x *Extension) {
	want := extensionBlock('x', l.want.extensionName(), len(x.Data))
	var wrong []string
	for _, f := range Fields() {
		got := f.Of(&x.Block)
		expected := f.Of(&want)
		if f.Name == "checksum" {
			expected = x.Block.checksum()
		}
		if bytes.Equal(got, expected) {
			continue
		}
		if f.Name == "name" {
			wrong = append(wrong, "name "+quoted(string(untilNUL(got))))
			continue
		}
		wrong = append(wrong, f.Name)
	}
	if len(wrong) > 0 {
		l.add(PAXHeader, "%s", strings.Join(wrong, ", "))
	}
	if x.DirtyPadding {
		l.add(Padding, "behind the PAX records")
	}
}

// IsForeignXattr says that a PAX record of that key is an xattr or access control
// list in a form that container engines do not read: that of libarchive, star or Red
// Hat's tar.
func IsForeignXattr(key string) bool {
	for _, prefix := range []string{"LIBARCHIVE.xattr.", "SCHILY.acl.", "SCHILY.fflags", "RHT.security."} {
		if strings.HasPrefix(key, prefix) {
			return true
		}
	}
	return false
}

// Mark checks the global headers before an entry. first says that the entry is the
// first of the archive; marked is then whether the archive is marked as canonical.
func (r *Raw) Mark(first bool) (found []Departure, marked bool) {
	for i := range r.Extensions {
		x := &r.Extensions[i]
		if x.Typeflag() != 'g' {
			continue
		}
		records, err := paxRecords(x.Data)
		isMark := err == nil && len(records) == 1 && records[0].value == "1" && first && i == 0
		switch {
		case isMark && records[0].key == canonicalKey:
			marked = true
			if want := extensionBlock('g', globalName, len(x.Data)); x.Block != want {
				found = append(found, Departure{Rule: PAXHeader, Detail: "that of the mark"})
			}
		case isMark && records[0].key == "composefs."+canonicalKey:
			marked = true
			found = append(found, Departure{Rule: CanonicalMark, Detail: quoted(records[0].key) + ", the key of February 2026"})
		default:
			found = append(found, Departure{Rule: GlobalHeader, Detail: quoted(strings.TrimSpace(x.Data))})
		}
		if x.DirtyPadding {
			found = append(found, Departure{Rule: Padding, Detail: "behind a global PAX header"})
		}
	}
	return found, marked
}
