package tarfile_test

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cfsverify/canon"
	"cfsverify/canon/tarfile"
	"cfsverify/testdata/layers"
)

// TestMark: only the first header of an archive can be the mark that it is
// canonical, in one form.
func TestMark(t *testing.T) {
	const mark = "'g' pax_global_header =\"19 canonical-tar=1\\n\"\n"
	for _, c := range []struct {
		spec   string
		later  bool // the entry is not the archive's first
		marked bool
		want   []string
	}{
		{spec: "f a"},
		{spec: mark + "f a", marked: true},
		{spec: mark + "f a", later: true, want: []string{`global-header: "19 canonical-tar=1"`}},
		{spec: strings.Replace(mark, "canonical-tar=1", "canonical-tar=2", 1) + "f a", want: []string{`global-header: "19 canonical-tar=2"`}},
		{spec: "'g' pax_global_header =\"13 comment=x\\n\"\nf a", want: []string{`global-header: "13 comment=x"`}},
		{spec: "'g' pax_global_header =\"19 canonical-tar=1\\n6 a=1\\n\"\nf a", want: []string{`global-header: "19 canonical-tar=1\n6 a=1"`}},
		{spec: "'g' pax_global_header =junk\nf a", want: []string{`global-header: "junk"`}},
		{spec: mark + mark + "f a", marked: true, want: []string{`global-header: "19 canonical-tar=1"`}},
		{spec: "'g' other =\"19 canonical-tar=1\\n\"\nf a", marked: true, want: []string{"pax-header: that of the mark"}},
		{spec: "'g' pax_global_header mode=600 =\"19 canonical-tar=1\\n\"\nf a", marked: true, want: []string{"pax-header: that of the mark"}},
		{spec: "'g' x =\"29 composefs.canonical-tar=1\\n\"\nf a", marked: true, want: []string{`canonical-mark: "composefs.canonical-tar", the key of February 2026`}},
		{spec: "'x' x =\"6 a=1\\n\"\nf a"},
	} {
		found, marked := readSpec(t, c.spec).raw.Mark(!c.later)
		var got []string
		for _, d := range found {
			got = append(got, departureText(d))
		}
		if diff := cmp.Diff(c.want, got); diff != "" || marked != c.marked {
			t.Errorf("%q: marked is %v; want -, got +\n%s", c.spec, marked, diff)
		}
	}
}

// TestLintPadding: padding that is not zero is told for the header that it is
// behind, by Mark for global ones.
func TestLintPadding(t *testing.T) {
	spec := "'g' pax_global_header =\"19 canonical-tar=1\\n\"\n" + x("uid=2097152") + "f ./a =x"
	for at, want := range map[int]string{
		0: "", 512 + 511: "behind a global PAX header", 1024 + 1023: "behind the PAX records", 2048 + 1023: "behind the content",
	} {
		archive := layers.Tar(spec)
		if at > 0 {
			archive[at] = 1
		}
		entries, _, err := readAll(archive)
		if err != nil {
			t.Fatal(err)
		}
		raw := entries[0].raw
		marks, _ := raw.Mark(true)
		var got []string
		for _, d := range slices.Concat(marks, raw.Lint("a", "")) {
			if d.Rule != tarfile.Padding {
				t.Errorf("byte %d: %+v", at, d)
			}
			got = append(got, d.Detail)
		}
		if strings.Join(got, ", ") != want {
			t.Errorf("byte %d: padding is told of %q, want %q", at, got, want)
		}
	}
}

// lintedTree has everything that a canonical tar can hold.
func lintedTree(t *testing.T) *canon.Node {
	root := &canon.Node{Kind: canon.Directory, Perm: 0o755, Mtime: canon.Time{Sec: 1}}
	dir := put(root, "d", &canon.Node{Kind: canon.Directory, Perm: 0o1777, UID: 3, GID: 4})
	file := put(dir, "f", inline("content"))
	file.UID, file.Mtime, file.Xattrs = 3_000_000, canon.Time{Sec: 5, Nsec: 250_000_000}, canon.Xattrs{{Name: "user.a", Value: "1"}}
	put(dir, "l", &canon.Node{Kind: canon.Symlink, Perm: 0o777, Target: "f"})
	put(dir, strings.Repeat("n", 120), inline("x"))
	put(root, "disk", &canon.Node{Kind: canon.BlockDevice, Perm: 0o660, Rdev: 0x801})
	put(root, "fifo", &canon.Node{Kind: canon.FIFO, Perm: 0o600})
	put(root, "z", file)
	return root
}

// lintAll gives the departures of an archive that a canonical tar does not have.
func lintAll(entries []entry) []string {
	var found []string
	for i, e := range entries {
		marks, marked := e.raw.Mark(i == 0)
		if i == 0 && !marked {
			found = append(found, string(tarfile.CanonicalMark))
		}
		path := strings.Trim(strings.TrimPrefix(e.header.Name, "."), "/")
		target := strings.TrimPrefix(e.header.Linkname, "./")
		for _, d := range slices.Concat(marks, e.raw.Lint(path, target)) {
			if !d.Rule.InCanonical() || d.Rule == tarfile.CanonicalMark {
				found = append(found, departureText(d))
			}
		}
	}
	return found
}

// TestLintOfWritten: what Write writes departs from nothing but what a canonical
// tar may depart from.
func TestLintOfWritten(t *testing.T) {
	entries, _, err := readAll(write(t, lintedTree(t), tarfile.Options{}))
	if err != nil || len(entries) != 8 {
		t.Fatalf("%d entries, error %v", len(entries), err)
	}
	if got := lintAll(entries); got != nil {
		t.Errorf("%q", got)
	}
}

// TestLintEveryByte: whichever byte of a canonical archive's headers is changed,
// either something is told, or archive/tar reads another entry: two canonical
// archives that have other bytes cannot have the same meaning.
func TestLintEveryByte(t *testing.T) {
	archive := write(t, lintedTree(t), tarfile.Options{})
	meaning := archiveTarMeaning(archive)
	changed, silent := 0, 0
	for at := range len(archive) - 1024 {
		isHeader := string(archive[at/512*512+257:][:5]) == "ustar"
		if !isHeader && at%512 > 64 && at%512 < 511 {
			continue
		}
		for _, c := range []byte{0, ' ', 'x', 0x80} {
			other := bytes.Clone(archive)
			other[at] = c
			if isHeader && (at%512 < 148 || at%512 >= 156) {
				setChecksum(other[at/512*512:][:512])
			}
			entries, _, err := readAll(other)
			if err != nil || bytes.Equal(other, archive) {
				continue
			}
			changed++
			if lintAll(entries) != nil {
				continue
			}
			silent++
			if archiveTarMeaning(other) == meaning {
				t.Errorf("byte %d as %q changes nothing, and is not told", at, c)
			}
		}
	}
	if changed < 10_000 || silent < 50 {
		t.Errorf("%d archives could be read, %d of them have nothing to be told", changed, silent)
	}
}

// setChecksum gives a header block the checksum that fits it.
func setChecksum(block []byte) {
	copy(block[148:156], "        ")
	sum := 0
	for _, c := range block {
		sum += int(c)
	}
	copy(block[148:156], fmt.Sprintf("%06o\x00 ", sum))
}

// archiveTarMeaning is all that archive/tar reads of an archive.
func archiveTarMeaning(archive []byte) string {
	var meaning strings.Builder
	r := tar.NewReader(bytes.NewReader(archive))
	for {
		h, err := r.Next()
		if err != nil {
			fmt.Fprintln(&meaning, err)
			return meaning.String()
		}
		content, err := io.ReadAll(r)
		fmt.Fprintf(&meaning, "%+v %q %v\n", *h, content, err)
	}
}
