package tarfile_test

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"cfsverify/canon/tarfile"
	"cfsverify/testdata/layers"
)

// TestReadErrors: an error says which field or record is wrong and what stands
// there. With it comes the header as far as it is known, so that a caller can
// name the entry; known is empty if there is none.
func TestReadErrors(t *testing.T) {
	for _, c := range []struct{ spec, known, want string }{
		// The checksum, and versions of ustar that make a difference.
		{"f a @148=junk", "", `block at byte 0: this is no tar header: the checksum "junk`},
		{"f a @148=000000", "", "block at byte 0: this is no tar header: its checksum is "},
		{"f a @263=01 @345=prefix", "", `block at byte 0: the version "01" of the ustar format is not known`},
		{"c a dev=1,3 @263=01", "", `the version "01" of the ustar format is not known`},
		{"b a dev=1,3 @263=01", "", `the version "01" of the ustar format is not known`},
		{"'x' x @263=01\nf a", "", `the version "01" of the ustar format is not known`},
		// Numbers.
		{"f a @100=0o644", "a", `the mode "0o644`},
		{"f a @100=8", "a", `the mode "8`},
		{`f a @108="\x000000001"`, "a", `the uid "\x000000001" is no octal number`},
		{`f a @116=" 1 1 "`, "a", `the gid " 1 1 `},
		{"f a mode=-1", "a", "the mode is -1, below zero"},
		{"f a uid=-1", "a", "the uid is -1, below zero"},
		{"f a gid=-2", "a", "the gid is -2, below zero"},
		{`f a @124="\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"`, "a", "the size is -1, below zero"},
		{`f a @124="\x80\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00"`, "a", "the size 80 00 00 01 00 00 00 00 00 00 00 00 is out of range"},
		{"f a @136=junk", "a", `the mtime "junk`},
		{"f a pax:size=9223372036854775807", "a", "the size 9223372036854775807 is out of range"},
		{"f a pax:uid=x", "a", `the PAX uid "x" is no decimal number of 63 bits`},
		{"f a pax:gid=-1", "a", `the PAX gid "-1" is no decimal number of 63 bits`},
		{"f a pax:size=", "a", `the PAX size "" is no decimal number of 63 bits`},
		{"f a pax:uid=9223372036854775808", "a", `the PAX uid "9223372036854775808"`},
		// Devices.
		{"f a @329=0x", "a", `the devmajor "0x`},
		{"f a @337=9", "a", `the devminor "9`},
		{"c a magic=v7", "a", "a device without a number"},
		{"b a magic=v7", "a", "a device without a number"},
		{"c a dev=4096,0", "a", "the device number 4096:0 does not fit"},
		{"b a dev=0,1048576", "a", "the device number 0:1048576 does not fit"},
		// Types.
		{"'S' a", "a", "sparse files are not supported"},
		{"f a pax:GNU.sparse.map=0,1", "", "sparse files are not supported"},
		{"'V' a", "a", "entries of type 'V' are not supported"},
		{"'s' a", "a", "entries of type 's' are not supported"},
		{"'x' a magic=v7", "a", "entries of type 'x' are not supported"},
		{"'L' a magic=v7", "a", "entries of type 'L' are not supported"},
		// Extension headers.
		{"f a L=b L=c", "", "two extension headers of type 'L' for one entry"},
		{"l a K=b K=c", "", "two extension headers of type 'K' for one entry"},
		{"'x' x =\"9 p=path\\n\"\nf a pax:path=b", "", "two extension headers of type 'x' for one entry"},
		{"'x' x =\"9 p=path\\n\"\n'g' g\nf a", "", "a global PAX header stands between an entry and its extension headers"},
		{"'L' L =b\n'g' g\nf a", "", "a global PAX header stands between an entry and its extension headers"},
		{"'x' x =\"9 p=path\\n\"", "", "the archive ends after extension headers, without the entry that they are for"},
		{"'x' x @124=-1\nf a", "", `the size "-1`},
		{`'x' x @124="\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"` + "\nf a", "", "the size is -1, below zero"},
		// PAX records.
		{"'x' x =\"11 p=path\\n\"\nf a", "", "a PAX record is not valid: its length is wrong"},
		{"'x' x =\"1 p=path\\n\"\nf a", "", "a PAX record is not valid: its length is wrong"},
		{"'x' x =\"-9 p=path\\n\"\nf a", "", "a PAX record is not valid: its length is wrong"},
		{"'x' x =\"9999999999 p=path\\n\"\nf a", "", "a PAX record is not valid: its length is wrong"},
		{"'x' x =\"9 p=path\\n\\x00\"\nf a", "", "a PAX record is not valid: its length is wrong"},
		{"'x' x =\"8 p=path\\n\"\nf a", "", `the PAX record "p=path" is not valid: it must be KEY=VALUE and a newline`},
		{"'x' x =\"6 =ab\\n\"\nf a", "", `the PAX record "=ab" is not valid`},
		{"'x' x =\"9 nothing\\n\"\nf a", "", `the PAX record "nothing" is not valid`},
	} {
		r := tarfile.NewReader(bytes.NewReader(layers.Tar(c.spec)))
		h, _, err := r.Next()
		if err == nil || !strings.HasPrefix(err.Error(), c.want) && !strings.HasPrefix(err.Error(), "block at byte 0: "+c.want) {
			t.Errorf("%q: error %v, want %s", c.spec, err, c.want)
		}
		if known := h != nil && h.Name != ""; known != (c.known != "") || known && h.Name != c.known {
			t.Errorf("%q: header %+v, want that of %q", c.spec, h, c.known)
		}
	}
}

// TestSignedChecksum: old writers summed signed bytes. Each byte above 0x7f makes
// a difference of 256. The entry of an extension header has the quirk too.
func TestSignedChecksum(t *testing.T) {
	name := "\xe9\xe8"
	var sum int
	if _, err := fmt.Sscanf(string(layers.Tar(fmt.Sprintf("f %q", name))[148:154]), "%o", &sum); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		less   int
		ok     bool
		quirks tarfile.Quirks
	}{{0, true, 0}, {512, true, tarfile.SignedChecksum}, {256, false, 0}, {1, false, 0}} {
		archive := layers.Tar(fmt.Sprintf("f %q @148=%06o", name, sum-c.less))
		entries, _, err := readAll(archive)
		if (err == nil) != c.ok || c.ok && (entries[0].header.Name != name || entries[0].quirks != c.quirks) {
			t.Errorf("%d less: entries %+v, error %v", c.less, entries, err)
		}
	}
	long := fmt.Sprintf("'L' %q =b", name)
	if _, err := fmt.Sscanf(string(layers.Tar(long)[148:154]), "%o", &sum); err != nil {
		t.Fatal(err)
	}
	entries, _, err := readAll(layers.Tar(fmt.Sprintf("%s @148=%06o\nf a\nf c", long, sum-512)))
	if err != nil || len(entries) != 2 || entries[0].header.Name != "b" || entries[0].quirks != tarfile.SignedChecksum || entries[1].quirks != 0 {
		t.Errorf("entries %+v, error %v", entries, err)
	}
}

// TestBinaryChecksum: only other numbers are in base 256. Neither archive/tar nor
// composefs-rs knows such checksums.
func TestBinaryChecksum(t *testing.T) {
	archive := layers.Tar(`f a @148="\x80\x00\x00\x00\x00\x00\x00\x01"`)
	if _, _, err := readAll(archive); err == nil || !strings.Contains(err.Error(), "is no octal number") {
		t.Errorf("error %v", err)
	}
	if _, err := tar.NewReader(bytes.NewReader(archive)).Next(); err == nil {
		t.Error("archive/tar reads it")
	}
}

// cutArchive has every kind of header and content, and what its blocks are: in
// a header (h), behind an extension header (x), behind a whole entry (e).
const cutArchive = "'g' g =\"9 p=path\\n\"\nd d\nf d/f L=d/long pax:mtime=1.5 =abc\nl l ->d/f\nf z =" + "0123456789"

// TestCutAnywhere: an archive that ends early is told from a whole one. Without a
// zero block it can end behind an entry; everywhere else that is an error.
func TestCutAnywhere(t *testing.T) {
	archive := layers.Tar(cutArchive)
	// The archive's start, behind the global header, and behind each entry.
	ends := map[int]int{0: 0, 1024: 0, 1536: 1, 4608: 2, 5120: 3, 6144: 4}
	// Behind the extension headers 'L' and 'x' of the second entry.
	inExtensions := []int{2560, 3584}
	if len(archive) != 6144+1024 {
		t.Fatalf("the archive has %d bytes", len(archive))
	}
	for size := range len(archive) + 1 {
		entries, r, err := readAll(archive[:size])
		number, isEnd := ends[size]
		switch {
		case size == len(archive):
			if err != nil || r.NoEnd || r.OneZeroBlock || len(entries) != 4 {
				t.Errorf("whole: %d entries, error %v, %+v", len(entries), err, r)
			}
		case size == 6144+512:
			if err != nil || r.NoEnd || !r.OneZeroBlock || len(entries) != 4 {
				t.Errorf("one zero block: %d entries, error %v", len(entries), err)
			}
		case isEnd:
			if err != nil || !r.NoEnd || r.OneZeroBlock || len(entries) != number {
				t.Errorf("%d bytes: %d entries, want %d; error %v", size, len(entries), number, err)
			}
		case slices.Contains(inExtensions, size):
			if err == nil || !strings.Contains(err.Error(), "ends after extension headers") {
				t.Errorf("%d bytes: error %v", size, err)
			}
		case err == nil || !strings.Contains(err.Error(), "it is truncated"):
			t.Errorf("%d bytes: %d entries, error %v", size, len(entries), err)
		}
	}
}

// TestEndOfArchive: two zero blocks end an archive, whatever follows them.
func TestEndOfArchive(t *testing.T) {
	entry := layers.Tar("f a =abc")[:1024]
	zero := make([]byte, 512)
	join := func(parts ...[]byte) []byte { return slices.Concat(parts...) }
	for _, c := range []struct {
		name     string
		archive  []byte
		trailing string
		err      string
	}{
		{"nothing follows", join(entry, zero, zero), "", ""},
		{"zeros follow", join(entry, zero, zero, zero, zero), string(zero) + string(zero), ""},
		{"an entry follows", join(entry, zero, zero, entry), string(entry), ""},
		{"part of a block follows", join(entry, zero, zero, []byte("junk")), "junk", ""},
		{"only zero blocks", join(zero, zero), "", ""},
		{"a zero block inside", join(entry, zero, entry, zero, zero), "", "a zero block at byte 1024 is followed by other data"},
		{"half a zero block behind one", join(entry, zero, zero[:100]), "", "truncated"},
	} {
		entries, r, err := readAll(c.archive)
		if (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%s: error %v, want %q", c.name, err, c.err)
		}
		if c.err != "" {
			continue
		}
		if want := min(1, (len(c.archive)-1024-len(c.trailing))/1024); len(entries) != want || r.Offset() != int64(len(c.archive)-len(c.trailing)) {
			t.Errorf("%s: %d entries, want %d; at byte %d", c.name, len(entries), want, r.Offset())
		}
		var trailing strings.Builder
		if n, err := r.TrailingTo(&trailing); err != nil || n != int64(len(c.trailing)) || trailing.String() != c.trailing {
			t.Errorf("%s: %d bytes %q follow, error %v", c.name, n, trailing.String(), err)
		}
		if n, err := r.Trailing(); n != 0 || err != nil || r.Offset() != int64(len(c.archive)) {
			t.Errorf("%s: then %d bytes, error %v, at byte %d", c.name, n, err, r.Offset())
		}
	}
}

// TestReadFailures: an error of what is read from comes back as it is, wherever
// it happens.
func TestReadFailures(t *testing.T) {
	archive := append(layers.Tar(cutArchive), "trailing"...)
	broken := errors.New("broken disk")
	for size := range archive {
		r := tarfile.NewReader(io.MultiReader(bytes.NewReader(archive[:size]), failing{broken}))
		r.Record()
		var err error
		for err == nil {
			if _, _, err = r.Next(); err == nil {
				_, err = io.Copy(io.Discard, r)
			}
		}
		if err == io.EOF {
			_, err = r.Trailing()
		}
		if !errors.Is(err, broken) {
			t.Errorf("after %d bytes: error %v", size, err)
		}
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// TestExtensionLimit: the extension headers of an entry have up to 1 MiB, each
// for itself and all together. Global headers count each for itself.
func TestExtensionLimit(t *testing.T) {
	const limit = 1 << 20
	// record is a PAX record of so many bytes.
	record := func(size int) string {
		text := fmt.Sprintf("%d comment=", size)
		return text + strings.Repeat("c", size-len(text)-1) + `\n`
	}
	name := func(size int) string { return strings.Repeat("n", size) }
	for _, c := range []struct {
		name, spec string
		ok         bool
	}{
		{"PAX header of the limit", "'x' x =\"" + record(limit) + "\"\nf a", true},
		{"PAX header over it", "'x' x =\"" + record(limit+1) + "\"\nf a", false},
		{"GNU name of the limit", "'L' L =" + name(limit) + "\nf a", true},
		{"GNU name over it", "'L' L =" + name(limit+1) + "\nf a", false},
		{"two headers of the limit", "'L' L =" + name(1000) + "\n'x' x =\"" + record(limit-1000) + "\"\nf a", true},
		{"two headers over it", "'L' L =" + name(1000) + "\n'x' x =\"" + record(limit-999) + "\"\nf a", false},
		{"global header of the limit", "'g' g =" + name(limit) + "\n'x' x =\"" + record(limit-2000) + "\"\nf a", true},
		{"global header over it", "'g' g =" + name(limit+1) + "\nf a", false},
	} {
		r := tarfile.NewReader(bytes.NewReader(layers.Tar(c.spec)))
		h, _, err := r.Next()
		if c.ok && (err != nil || h == nil) || !c.ok && (err == nil || err.Error() != "the extension headers have more than 1048576 bytes") {
			t.Errorf("%s: error %v", c.name, err)
		}
	}
	// What Record keeps has a limit as well: any number of global headers may
	// stand before an entry.
	for _, c := range []struct {
		size int // of the data of four global headers
		ok   bool
	}{{limit/2 - 512, true}, {limit/2 - 511, false}} {
		archive := layers.Tar(strings.Repeat("'g' g ="+name(c.size)+"\n", 4) + "f a")
		if _, _, err := readAll(archive); (err == nil) != c.ok || err != nil && err.Error() != "the headers before an entry have more than 2097152 bytes" {
			t.Errorf("four global headers of %d bytes: error %v", c.size, err)
		}
		r := tarfile.NewReader(bytes.NewReader(archive))
		if _, _, err := r.Next(); err != nil {
			t.Errorf("four global headers of %d bytes that are not kept: %v", c.size, err)
		}
	}
}
