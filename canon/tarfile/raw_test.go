package tarfile_test

import (
	"bytes"
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cfsverify/canon"
	"cfsverify/canon/tarfile"
	"cfsverify/testdata/layers"
)

// rawBytes puts an archive together from what Raw says of its entries.
func rawBytes(entries []entry) []byte {
	var out bytes.Buffer
	padded := func(content, padding string) {
		out.WriteString(content)
		if padding == "" {
			padding = string(make([]byte, -len(content)&511))
		}
		out.WriteString(padding)
	}
	for _, e := range entries {
		for i := range e.raw.Extensions {
			x := &e.raw.Extensions[i]
			out.Write(x.Block[:])
			padded(x.Data, x.Padding)
		}
		out.Write(e.raw.Block[:])
		padded(e.content, e.raw.Padding)
	}
	return out.Bytes()
}

// rawArchives are archives of many forms, some of which a Reader refuses.
func rawArchives() [][]byte {
	archives := [][]byte{layers.Tar(cutArchive), layers.Tar("f a L=b K=c pax:d=e =f\n'g' g =x\n'g' g\nf a magic=gnu @345=x\n'\\x00' a magic=v7")}
	for _, image := range layers.Hostile() {
		for _, spec := range image.Layers {
			archives = append(archives, layers.Tar(spec))
		}
	}
	return archives
}

// TestRawIsWhole: Raw leaves out no byte of an entry, padding that is not zero
// included.
func TestRawIsWhole(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	read := 0
	for _, archive := range rawArchives() {
		for range 20 {
			archive := bytes.Clone(archive)
			// Bytes that are in headers are most often refused then.
			archive[rng.IntN(len(archive)-1024)] ^= byte(rng.IntN(256))
			entries, _, err := readAll(archive)
			if err != nil {
				continue
			}
			read++
			got := rawBytes(entries)
			if !bytes.Equal(got, archive[:len(archive)-1024]) {
				t.Fatalf("%d bytes come of %d:\n%q\nof\n%q", len(got), len(archive)-1024, got, archive)
			}
			for i, e := range entries {
				if want := int64(len(rawBytes(entries[:i]))); e.raw.Offset != want {
					t.Errorf("entry %d begins at %d, want %d", i+1, e.raw.Offset, want)
				}
			}
		}
	}
	if read < 500 {
		t.Errorf("only %d archives could be read", read)
	}
}

// TestRaw: where the parts of an entry stand, and which of them have padding that
// is not zero.
func TestRaw(t *testing.T) {
	archive := layers.Tar("'g' g =\"9 p=path\\n\"\nf a L=long pax:mtime=1.5 =abc\nf b =" + string(bytes.Repeat([]byte("x"), 512)) + "\nf c")
	archive[1023] = 1     // behind the global header's records
	archive[1024+600] = 2 // behind the GNU long name
	archive[3584+3] = 3   // behind the first content
	entries, r, err := readAll(archive)
	if err != nil {
		t.Fatal(err)
	}
	var got []rawSummary
	for _, e := range entries {
		got = append(got, summarize(e.raw))
	}
	want := []rawSummary{
		{Offset: 0, Content: 3584, Extensions: "g\"9 p=path\\n\"!L\"long\\x00\"!x\"13 mtime=1.5\\n\"", Dirty: true, Name: "long"},
		{Offset: 4096, Content: 4608, Name: "b"},
		{Offset: 5120, Content: 5632, Name: "c"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("want -, got +\n%s", diff)
	}
	if h := entries[0].header; h.Offset != 1024 {
		t.Errorf("the header's offset, without global headers, is %d", h.Offset)
	}
	if raw := r.Raw(); raw.Header != nil || raw.Offset != 5632 || len(raw.Extensions) != 0 {
		t.Errorf("at the end: %+v", raw)
	}
}

type rawSummary struct {
	Offset, Content int64
	Extensions      string // each with its type flag, and a "!" if its padding is dirty
	Dirty           bool
	Name            string
}

func summarize(raw *tarfile.Raw) rawSummary {
	s := rawSummary{Offset: raw.Offset, Content: raw.Content, Dirty: raw.DirtyPadding, Name: raw.Header.Name}
	for i := range raw.Extensions {
		x := &raw.Extensions[i]
		s.Extensions += string(x.Typeflag()) + strconv.Quote(x.Data)
		if x.DirtyPadding {
			s.Extensions += "!"
		}
	}
	return s
}

// TestRawAtEnd: global headers behind the last entry are told as well.
func TestRawAtEnd(t *testing.T) {
	_, r, err := readAll(layers.Tar("f a\n'g' g =\"9 p=path\\n\""))
	if err != nil {
		t.Fatal(err)
	}
	if raw := r.Raw(); raw.Offset != 512 || raw.Header != nil || len(raw.Extensions) != 1 || raw.Extensions[0].Data != "9 p=path\n" {
		t.Errorf("%+v", raw)
	}
}

func TestRawWithoutRecord(t *testing.T) {
	r := tarfile.NewReader(bytes.NewReader(layers.Tar(cutArchive)))
	if _, _, err := r.Next(); err != nil || r.Raw() != nil {
		t.Errorf("%+v, error %v", r.Raw(), err)
	}
}

// TestXattrs: only SCHILY.xattr records hold xattrs, whatever their values are.
func TestXattrs(t *testing.T) {
	got := tarfile.Xattrs(map[string]string{
		"SCHILY.xattr.user.b": "2", "SCHILY.xattr.user.a": "\x00=\n", "SCHILY.xattr.user.empty": "", "SCHILY.xattr.": "no name",
		"SCHILY.xattr": "x", "LIBARCHIVE.xattr.user.c": "eA==", "SCHILY.acl.access": "x", "mtime": "1", "schily.xattr.user.d": "x",
	})
	want := canon.Xattrs{{Name: "", Value: "no name"}, {Name: "user.a", Value: "\x00=\n"}, {Name: "user.b", Value: "2"}, {Name: "user.empty"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("want -, got +\n%s", diff)
	}
	if got := tarfile.Xattrs(nil); got != nil {
		t.Errorf("of no records: %v", got)
	}
}

// TestKeys: the keys of records in their order, up to one that is not valid.
func TestKeys(t *testing.T) {
	for data, want := range map[string][]string{
		"":                      nil,
		"9 p=path\n":            {"p"},
		"6 b=2\n6 a=1\n6 b=3\n": {"b", "a", "b"},
		"19 mtime=1.25=x y\n\n20 SCHILY.xattr.a=\x00\n": {"mtime", "SCHILY.xattr.a"},
		"5 a=\n": {"a"},
		"junk":   nil,
	} {
		if diff := cmp.Diff(want, tarfile.Keys(data)); diff != "" {
			t.Errorf("%q: want -, got +\n%s", data, diff)
		}
	}
}

// TestFields: the fields are those of the standard, one behind the other.
func TestFields(t *testing.T) {
	// POSIX pax, "ustar Interchange Format": octet offset and length, and the 12
	// bytes behind them.
	want := []struct {
		name         string
		offset, size int
	}{
		{"name", 0, 100}, {"mode", 100, 8}, {"uid", 108, 8}, {"gid", 116, 8}, {"size", 124, 12}, {"mtime", 136, 12}, {"checksum", 148, 8},
		{"typeflag", 156, 1}, {"linkname", 157, 100}, {"magic", 257, 6}, {"version", 263, 2}, {"uname", 265, 32}, {"gname", 297, 32},
		{"devmajor", 329, 8}, {"devminor", 337, 8}, {"prefix", 345, 155}, {"unused", 500, 12},
	}
	fields := tarfile.Fields()
	if len(fields) != len(want) {
		t.Fatalf("%d fields, want %d", len(fields), len(want))
	}
	var block tarfile.Block
	for i := range block {
		block[i] = byte(i)
	}
	for i, f := range fields {
		if w := want[i]; f.Name != w.name || f.Start != w.offset || f.End != w.offset+w.size || !bytes.Equal(f.Of(&block), block[w.offset:w.offset+w.size]) {
			t.Errorf("%+v, want %+v", f, w)
		}
	}
}
