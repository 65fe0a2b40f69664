package tarfile_test

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cfsverify/canon"
	"cfsverify/canon/tarfile"
	"cfsverify/testdata/layers"
)

// entry is what a Reader gives for one entry.
type entry struct {
	header  *canon.Header
	quirks  tarfile.Quirks
	raw     *tarfile.Raw
	content string
}

// readAll reads an archive up to its end or the first error.
func readAll(archive []byte) ([]entry, *tarfile.Reader, error) {
	r := tarfile.NewReader(bytes.NewReader(archive))
	r.Record()
	var entries []entry
	for {
		h, quirks, err := r.Next()
		if err == io.EOF {
			return entries, r, nil
		}
		if err != nil {
			return entries, r, err
		}
		content, err := io.ReadAll(r)
		if err != nil {
			return entries, r, err
		}
		if err := r.End(); err != nil {
			return entries, r, err
		}
		raw := *r.Raw()
		entries = append(entries, entry{h, quirks, &raw, string(content)})
	}
}

// readSpec reads the archive of a spec that has one entry.
func readSpec(t *testing.T, spec string) entry {
	t.Helper()
	entries, _, err := readAll(layers.Tar(spec))
	if err != nil || len(entries) != 1 {
		t.Fatalf("%q: %d entries, error %v", spec, len(entries), err)
	}
	return entries[0]
}

// archiveTarHeaders are what archive/tar writes in every format that can hold
// it, with the number of these formats. It rounds a fraction of a second off in
// formats that have none, so headers with one name the format.
var archiveTarHeaders = []struct {
	formats int
	header  tar.Header
}{
	{3, tar.Header{Typeflag: tar.TypeReg, Name: "file", Mode: 0o4755, Uid: 1, Gid: 2, Size: 5, ModTime: time.Unix(7, 0)}},
	{3, tar.Header{Typeflag: tar.TypeReg, Name: "empty", Mode: 0o600}},
	{3, tar.Header{Typeflag: tar.TypeDir, Name: "directory/", Mode: 0o1777}},
	{3, tar.Header{Typeflag: tar.TypeLink, Name: "hardlink", Linkname: "file"}},
	{3, tar.Header{Typeflag: tar.TypeSymlink, Name: "symlink", Linkname: "../other/place", Mode: 0o777}},
	{3, tar.Header{Typeflag: tar.TypeChar, Name: "null", Mode: 0o666, Devmajor: 1, Devminor: 3}},
	{3, tar.Header{Typeflag: tar.TypeBlock, Name: "disk", Mode: 0o660, Devmajor: 259, Devminor: 65537}},
	{3, tar.Header{Typeflag: tar.TypeFifo, Name: "fifo", Mode: 0o644}},
	{3, tar.Header{Typeflag: tar.TypeReg, Name: strings.Repeat("n", 100)}},
	// Up to 255 bytes the prefix field of ustar helps, if there is a slash.
	{3, tar.Header{Typeflag: tar.TypeReg, Name: strings.Repeat("p", 150) + "/" + strings.Repeat("n", 100)}},
	{2, tar.Header{Typeflag: tar.TypeReg, Name: strings.Repeat("n", 101)}},
	{2, tar.Header{Typeflag: tar.TypeReg, Name: strings.Repeat("long/", 200) + "x"}},
	{3, tar.Header{Typeflag: tar.TypeSymlink, Name: "l", Linkname: strings.Repeat("t", 100)}},
	{2, tar.Header{Typeflag: tar.TypeSymlink, Name: "l", Linkname: strings.Repeat("t", 4095)}},
	{2, tar.Header{Typeflag: tar.TypeSymlink, Name: strings.Repeat("n", 300), Linkname: strings.Repeat("t", 300)}},
	{2, tar.Header{Typeflag: tar.TypeReg, Name: "na\u00efve"}},
	{2, tar.Header{Typeflag: tar.TypeReg, Name: "\xff"}},
	{3, tar.Header{Typeflag: tar.TypeReg, Name: "a", Uid: 1<<21 - 1, Gid: 1<<21 - 1}},
	{2, tar.Header{Typeflag: tar.TypeReg, Name: "a", Uid: 1 << 21, Gid: 1<<32 - 2}},
	{3, tar.Header{Typeflag: tar.TypeReg, Name: "a", ModTime: time.Unix(1<<33-1, 0)}},
	{2, tar.Header{Typeflag: tar.TypeReg, Name: "a", ModTime: time.Unix(1<<33, 0)}},
	{2, tar.Header{Typeflag: tar.TypeReg, Name: "a", ModTime: time.Unix(-1, 0)}},
	{1, tar.Header{Typeflag: tar.TypeReg, Name: "a", ModTime: time.Unix(1, 1), Format: tar.FormatPAX}},
	{1, tar.Header{Typeflag: tar.TypeReg, Name: "a", ModTime: time.Unix(-2, 750_000_000), Format: tar.FormatPAX}},
	{1, tar.Header{Typeflag: tar.TypeReg, Name: "a", PAXRecords: map[string]string{"SCHILY.xattr.user.a": "\x01=\n", "comment": "c"}}},
	{3, tar.Header{Typeflag: tar.TypeReg, Name: "a", Uname: "root", Gname: "wheel"}},
}

// TestReadArchiveTar: what archive/tar writes is read as it was meant.
func TestReadArchiveTar(t *testing.T) {
	for _, c := range archiveTarHeaders {
		formats := 0
		for _, format := range []tar.Format{tar.FormatUSTAR, tar.FormatPAX, tar.FormatGNU} {
			h := c.header
			if h.Format != tar.FormatUnknown && h.Format != format {
				continue
			}
			h.Format = format
			content := strings.Repeat("x", int(h.Size))
			var archive bytes.Buffer
			w := tar.NewWriter(&archive)
			if w.WriteHeader(&h) != nil {
				continue
			}
			formats++
			if _, err := io.WriteString(w, content); err != nil {
				t.Fatal(err)
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			entries, r, err := readAll(archive.Bytes())
			if err != nil || len(entries) != 1 || r.NoEnd || r.OneZeroBlock {
				t.Errorf("%v %.20q: %d entries, error %v", format, h.Name, len(entries), err)
				continue
			}
			if diff := cmp.Diff(archiveTarText(&c.header), headerText(entries[0].header)); diff != "" {
				t.Errorf("%v %.20q: archive/tar -, got +\n%s", format, h.Name, diff)
			}
			if entries[0].content != content {
				t.Errorf("%v %.20q: content %q", format, h.Name, entries[0].content)
			}
			for key, value := range h.PAXRecords {
				if got := entries[0].header.PAX[key]; got != value {
					t.Errorf("%v %.20q: record %s is %q, want %q", format, h.Name, key, got, value)
				}
			}
		}
		if formats != c.formats {
			t.Errorf("%.20q: archive/tar writes it in %d formats, want %d", c.header.Name, formats, c.formats)
		}
	}
}

func archiveTarText(h *tar.Header) string {
	sec, nsec := int64(0), 0
	if !h.ModTime.IsZero() {
		sec, nsec = h.ModTime.Unix(), h.ModTime.Nanosecond()
	}
	return fmt.Sprintf("%c %q -> %q mode %o owner %d:%d size %d mtime %d+%d device %d:%d",
		h.Typeflag, h.Name, h.Linkname, h.Mode, h.Uid, h.Gid, h.Size, sec, nsec, h.Devmajor, h.Devminor)
}

func headerText(h *canon.Header) string {
	major, minor := (&canon.Node{Rdev: h.Rdev}).Device()
	return fmt.Sprintf("%c %q -> %q mode %o owner %d:%d size %d mtime %d+%d device %d:%d",
		h.Typeflag, h.Name, h.Linkname, h.Mode, h.UID, h.GID, h.Size, h.Mtime.Sec, h.Mtime.Nsec, major, minor)
}

// TestReadHeaders are headers that archive/tar does not write.
func TestReadHeaders(t *testing.T) {
	file := func(change func(*canon.Header)) canon.Header {
		h := canon.Header{Typeflag: '0', Name: "a", Mode: 0o644}
		change(&h)
		return h
	}
	pax := func(records map[string]string, change func(*canon.Header)) canon.Header {
		return file(func(h *canon.Header) { h.PAX = records; change(h) })
	}
	for _, c := range []struct {
		spec string
		want canon.Header
	}{
		// Nothing about names is cleaned up.
		{"f .//a/../b/", canon.Header{Typeflag: '0', Name: ".//a/../b/", Mode: 0o644}},
		{`f ""`, canon.Header{Typeflag: '0', Mode: 0o644}},
		{`f "a\x00b"`, file(func(*canon.Header) {})},
		// Only ustar has a prefix; GNU tar and old writers have other things there.
		{"f a @345=pre/fix", file(func(h *canon.Header) { h.Name = "pre/fix/a" })},
		{"f a magic=gnu @345=pre/fix", file(func(*canon.Header) {})},
		{"f a magic=v7 @345=pre/fix", file(func(*canon.Header) {})},
		{"f a @263=01", file(func(*canon.Header) {})},
		// GNU long names, and records over them.
		{"f a L=long", file(func(h *canon.Header) { h.Name = "long" })},
		{"f a magic=gnu L=long", file(func(h *canon.Header) { h.Name = "long" })},
		{"'L' L =long\nf a", file(func(h *canon.Header) { h.Name = "long" })},
		{`'L' L ="long\x00\x00"` + "\nf a", file(func(h *canon.Header) { h.Name = "long\x00" })},
		{"f a @345=pre L=long", file(func(h *canon.Header) { h.Name = "long" })},
		{"l a ->x K=y", canon.Header{Typeflag: '2', Name: "a", Linkname: "y", Mode: 0o777}},
		{"f a L=gnu pax:path=pax", pax(map[string]string{"path": "pax"}, func(h *canon.Header) { h.Name = "pax" })},
		{"'x' x =\"12 path=pax\\n\"\n'L' L =gnu\nf a", pax(map[string]string{"path": "pax"}, func(h *canon.Header) { h.Name = "pax" })},
		{"f a pax:path=", pax(map[string]string{"path": ""}, func(h *canon.Header) { h.Name = "" })},
		{"l a ->x K=y pax:linkpath=z", canon.Header{Typeflag: '2', Name: "a", Linkname: "z", Mode: 0o777, PAX: map[string]string{"linkpath": "z"}}},
		// Numbers of PAX records count, and of two records the last one.
		{"f a size=9 uid=1 gid=2 mtime=3 pax:size=0 pax:uid=4294967297 pax:gid=+7 pax:mtime=5", pax(
			map[string]string{"size": "0", "uid": "4294967297", "gid": "+7", "mtime": "5"},
			func(h *canon.Header) { h.UID, h.GID, h.Mtime.Sec = 4294967297, 7, 5 })},
		{"f a pax:uid=1 pax:uid=2", pax(map[string]string{"uid": "2"}, func(h *canon.Header) { h.UID = 2 })},
		{"f a pax:mode=600 pax:uname=x pax:atime=9", pax(map[string]string{"mode": "600", "uname": "x", "atime": "9"}, func(*canon.Header) {})},
		// Numbers in other forms; what must be a number of what has no device.
		{`f a @100="   600 \x00"`, file(func(h *canon.Header) { h.Mode = 0o600 })},
		{"f a mode=107755", file(func(h *canon.Header) { h.Mode = 0o107755 })},
		{"f a mtime=-2", file(func(h *canon.Header) { h.Mtime.Sec = -2 })},
		{"f a uid=4611686018427387903", file(func(h *canon.Header) { h.UID = 1<<62 - 1 })},
		{"f a dev=9999,9999", file(func(*canon.Header) {})},
		{"f a magic=v7 @329=junk", file(func(*canon.Header) {})},
		{"c a magic=gnu dev=1,3", canon.Header{Typeflag: '3', Name: "a", Mode: 0o644, Rdev: 0x103}},
		{"c a dev=4095,1048575", canon.Header{Typeflag: '3', Name: "a", Mode: 0o644, Rdev: 0xffffffff}},
		// Old types.
		{`'\x00' a/ magic=v7`, canon.Header{Typeflag: 0, Name: "a/", Mode: 0o644}},
		{"'7' a =abc", canon.Header{Typeflag: '7', Name: "a", Mode: 0o644, Size: 3}},
		// Global headers are for nobody.
		{"'g' g =\"9 uid=789\\n\"\nf a", file(func(h *canon.Header) { h.Offset = 1024 })},
		{"'g' g =junk\n'g' g\nf a", file(func(h *canon.Header) { h.Offset = 1536 })},
	} {
		if diff := cmp.Diff(&c.want, readSpec(t, c.spec).header); diff != "" {
			t.Errorf("%q: want -, got +\n%s", c.spec, diff)
		}
	}
}

// TestReadTimes: of a fraction nine digits count, rounded down, and one that is
// no number is 0.
func TestReadTimes(t *testing.T) {
	for text, want := range map[string]canon.Time{
		"0": {}, "6": {Sec: 6}, "+6": {Sec: 6}, "006": {Sec: 6}, "6.": {Sec: 6}, "6.5": {Sec: 6, Nsec: 500_000_000}, "6.000000001": {Sec: 6, Nsec: 1},
		"6.0000000009": {Sec: 6}, "6.1234567899": {Sec: 6, Nsec: 123_456_789}, "6.12x": {Sec: 6}, "6.-1": {Sec: 6},
		"-1": {Sec: -1}, "-0.25": {Sec: -1, Nsec: 750_000_000}, "-1.25": {Sec: -2, Nsec: 750_000_000}, "-1.0": {Sec: -1}, "-0": {},
		"9223372036854775806.999999999": {Sec: 1<<63 - 2, Nsec: 999_999_999}, "-9223372036854775806.5": {Sec: -1<<63 + 1, Nsec: 500_000_000},
	} {
		if got := readSpec(t, "f a mtime=77 pax:mtime="+text).header.Mtime; got != want {
			t.Errorf("%s: got %+v, want %+v", text, got, want)
		}
	}
	for _, text := range []string{"", ".5", "-", "-.5", "1e3", " 1", "1 ", "-+1", "+-1", "--1", "0x1", "9223372036854775807", "9223372036854775808"} {
		_, _, err := readAll(layers.Tar("f a pax:\"mtime=" + text + `"`))
		if want := fmt.Sprintf("the PAX mtime %q is no number of seconds", text); err == nil || err.Error() != want {
			t.Errorf("%q: error %v", text, err)
		}
	}
}

// TestReadContent: a content has the size of its header and ends there, whatever
// follows. Types without content have none, even if a size is stated.
func TestReadContent(t *testing.T) {
	for _, size := range []int{0, 1, 511, 512, 513, 70_000} {
		content := strings.Repeat("x", size)
		entries, _, err := readAll(layers.Tar("f a =" + content + "\n'0' b size=0 pax:size=" + fmt.Sprint(size) + " =" + content + "\nf c =end"))
		if err != nil || len(entries) != 3 || entries[0].content != content || entries[1].content != content || entries[2].content != "end" {
			t.Errorf("%d bytes: %d entries, error %v", size, len(entries), err)
		}
	}
	for _, flag := range []string{"h", "l", "c", "b", "d", "p"} {
		entries, _, err := readAll(layers.Tar(flag + " a ->x size=1000\nf b =end"))
		if err != nil || len(entries) != 2 || entries[0].content != "" || entries[1].content != "end" {
			t.Errorf("type %s: %d entries, error %v", flag, len(entries), err)
		}
	}
}

// TestSkipContent: what of a content was not read is skipped.
func TestSkipContent(t *testing.T) {
	archive := layers.Tar("f a =" + strings.Repeat("x", 100_000) + "\nf b")
	for _, read := range []int{0, 1, 512, 65_536, 99_999} {
		r := tarfile.NewReader(bytes.NewReader(archive))
		if _, _, err := r.Next(); err != nil {
			t.Fatal(err)
		}
		if n, err := io.ReadFull(r, make([]byte, read)); n != read {
			t.Fatal(err)
		}
		if h, _, err := r.Next(); err != nil || h.Name != "b" || r.Offset() != 512+100_352+512 {
			t.Errorf("after %d bytes: %+v, error %v, at %d", read, h, err, r.Offset())
		}
	}
}

// TestQuirks: what only composefs-rs refuses or reads otherwise, and what is close to it.
func TestQuirks(t *testing.T) {
	const base256 = `"\x80\x00\x00\x00\x00\x00\x00\x01"`
	for spec, want := range map[string]tarfile.Quirks{
		"f a mtime=0": 0, "f a mtime=-1": 0, "f a pax:mtime=-0.5": tarfile.NegativeMtime, "f a pax:mtime=-0": tarfile.NegativeMtime,
		"f a mtime=5 pax:mtime=0": 0, "f a mtime=-5 pax:mtime=1": 0,
		"c a @329=" + base256: tarfile.BinaryDevice, "f a @337=" + base256: tarfile.BinaryDevice, "f a magic=gnu @329=" + base256: tarfile.BinaryDevice,
		"f a magic=v7 @329=" + base256: 0, "f a @263=x @329=" + base256: 0, "f a uid=2097152": 0,
		"d a": 0, "f a =abc": 0, "'7' a =abc": 0,
		"d a size=4096": tarfile.SizeWithoutContent, "l a ->b size=1": tarfile.SizeWithoutContent, "h a ->b pax:size=1": tarfile.SizeWithoutContent,
		"p a size=1": tarfile.SizeWithoutContent, "c a size=1": tarfile.SizeWithoutContent, "b a size=1": tarfile.SizeWithoutContent,
		"f a pax:\"k\u00e9y=\xff\"": 0, `f a pax:"\xff=x"`: tarfile.KeyNotUTF8,
		// Of two records of one key the last counts, and composefs-rs reads both.
		"f a pax:mtime=1.5 pax:mtime=2.5": 0, "f a pax:mtime=1.5 pax:mtime=2.7": tarfile.FirstNanoseconds, "f a pax:mtime=1 pax:mtime=2.7": tarfile.FirstNanoseconds,
		"f a pax:mtime=1.5 pax:mtime=2": tarfile.FirstNanoseconds, "f a pax:mtime=1.5 pax:mtime=2.7 pax:mtime=3.5": 0, "f a pax:mtime=1.x pax:mtime=2": 0,
		"f a pax:mtime=x pax:mtime=2": tarfile.OverriddenNumber, "f a pax:mtime=-1.5 pax:mtime=2.5": tarfile.OverriddenNumber, "f a pax:mtime= pax:mtime=2": tarfile.OverriddenNumber,
		"f a pax:uid=x pax:uid=5": tarfile.OverriddenNumber, "f a pax:gid=-1 pax:gid=5": tarfile.OverriddenNumber, "f a pax:size=x pax:size=0": tarfile.OverriddenNumber,
		"f a pax:uid=7 pax:uid=5 pax:comment=x pax:comment=y": 0,
		`d a size=1 pax:mtime=-1 pax:"\xff=x"`:                tarfile.NegativeMtime | tarfile.SizeWithoutContent | tarfile.KeyNotUTF8,
	} {
		if got := readSpec(t, spec).quirks; got != want {
			t.Errorf("%q: quirks %b, want %b", spec, got, want)
		}
	}
}
