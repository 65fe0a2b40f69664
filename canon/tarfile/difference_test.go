package tarfile_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cfsverify/canon/tarfile"
	"cfsverify/testdata/layers"
)

// differences compares the only entries of two specs.
func differences(t *testing.T, a, b string) []tarfile.Change {
	t.Helper()
	return tarfile.Differences(readSpec(t, a).raw, readSpec(t, b).raw)
}

func text(t string) tarfile.Value       { return tarfile.Value{Text: t} }
func written(t, r string) tarfile.Value { return tarfile.Value{Text: t, Raw: r} }

var missing = tarfile.Value{Missing: true}

// TestDifferences has pairs of entries, and what differs. The other way round
// both sides are swapped.
func TestDifferences(t *testing.T) {
	const nul8, nul12 = "0000000\x00", "00000000000\x00"
	for _, c := range []struct {
		a, b string
		want []tarfile.Change
	}{
		{"f a =x", "f a =x", nil},
		{"f a pax:a=1 L=n", "f a pax:a=1 L=n", nil},
		// The content itself is not Differences' to compare, its size is.
		{"f a =x", "f a =y", nil},
		{"f a =x", "f a =xy", []tarfile.Change{{Part: "size", A: text("1"), B: text("2")}}},

		// Fields: texts end at a NUL, modes are octal, other numbers decimal.
		{"f a", "f b", []tarfile.Change{{Part: "name", A: text("a"), B: text("b")}}},
		{"f a mode=644", "f a mode=4755", []tarfile.Change{{Part: "mode", A: text("0644"), B: text("04755")}}},
		{"f a uid=8", "f a uid=9", []tarfile.Change{{Part: "uid", A: text("8"), B: text("9")}}},
		{"f a gid=8", "f a gid=3000000", []tarfile.Change{{Part: "gid", A: text("8"), B: text("3000000")}}},
		{"f a mtime=1700000000", "f a mtime=-1", []tarfile.Change{{Part: "mtime", A: text("1700000000"), B: text("-1")}}},
		{"f a", "'7' a", []tarfile.Change{{Part: "typeflag", A: text("0"), B: text("7")}}},
		{"f a", `'\x00' a`, []tarfile.Change{{Part: "typeflag", A: text("0"), B: text("")}}},
		{"l a ->b", "l a ->c", []tarfile.Change{{Part: "linkname", A: text("b"), B: text("c")}}},
		{"f a", "f a magic=gnu", []tarfile.Change{{Part: "magic", A: text("ustar"), B: text("ustar ")}, {Part: "version", A: text("00"), B: text(" ")}}},
		{"f a", "f a @265=root", []tarfile.Change{{Part: "uname", A: text(""), B: text("root")}}},
		{"f a @297=wheel", "f a", []tarfile.Change{{Part: "gname", A: text("wheel"), B: text("")}}},
		{"c a dev=8,1", "c a dev=9,1", []tarfile.Change{{Part: "devmajor", A: text("8"), B: text("9")}}},
		{"c a dev=8,1", "c a dev=8,17", []tarfile.Change{{Part: "devminor", A: text("1"), B: text("17")}}},
		{"f a", "f a @345=p", []tarfile.Change{{Part: "prefix", A: text(""), B: text("p")}}},
		{"f a", "f a @500=x", []tarfile.Change{{Part: "unused", A: text(""), B: text("x")}}},
		// GNU tar's own fields, if both are of its format.
		{"f a magic=gnu @345=00000000007", "f a magic=gnu @345=00000000011", []tarfile.Change{{Part: "atime", A: text("7"), B: text("9")}}},
		{"f a magic=gnu", "f a magic=gnu @357=00000000011", []tarfile.Change{{Part: "ctime", A: text("0"), B: text("9")}}},
		{"f a magic=gnu", "f a magic=gnu @500=x", []tarfile.Change{{Part: "gnu", A: text(""), B: text(strings.Repeat("\x00", 131) + "x")}}},
		{"f a magic=gnu @345=00000000007", "f a magic=v7 @345=00000000011", []tarfile.Change{
			{Part: "magic", A: text("ustar "), B: text("")}, {Part: "version", A: text(" "), B: text("")},
			{Part: "devmajor", A: written("0", nul8), B: written("0", strings.Repeat("\x00", 8))}, {Part: "devminor", A: written("0", nul8), B: written("0", strings.Repeat("\x00", 8))},
			{Part: "prefix", A: text("00000000007"), B: text("00000000011")}}},

		// The same value, written in another way.
		{"f a", `f a @100="   644 \x00"`, []tarfile.Change{{Part: "mode", A: written("0644", "0000644\x00"), B: written("0644", "   644 \x00")}}},
		{"f a", `f a @2=x`, []tarfile.Change{{Part: "name", A: written("a", "a"+strings.Repeat("\x00", 99)), B: written("a", "a\x00x"+strings.Repeat("\x00", 97))}}},
		// Junk in a number that does not count is told as it stands.
		{"f a magic=v7", "f a magic=v7 @329=junk", []tarfile.Change{{Part: "devmajor", A: text("0"), B: text("junk\x00\x00\x00\x00")}}},

		// Extension headers that one side does not have.
		{"f a", "f a pax:a=1", []tarfile.Change{{Extension: 'x', Part: tarfile.PartExtension, A: missing, B: text("6 a=1\n")}}},
		{"f a L=n", "f a", []tarfile.Change{{Extension: 'L', Part: tarfile.PartExtension, A: text("n\x00"), B: missing}}},
		{"f a L=n", "f a pax:path=n", []tarfile.Change{
			{Extension: 'L', Part: tarfile.PartExtension, A: text("n\x00"), B: missing}, {Extension: 'x', Part: tarfile.PartExtension, A: missing, B: text("9 path=n\n")}}},
		{"f a L=n K=t", "f a K=t L=n", []tarfile.Change{{Part: tarfile.PartExtensionOrder, A: text("LK"), B: text("KL")}}},
		{"f a L=n K=t", "f a K=t L=m", []tarfile.Change{
			{Part: tarfile.PartExtensionOrder, A: text("LK"), B: text("KL")}, {Extension: 'L', Part: tarfile.PartData, A: text("n\x00"), B: text("m\x00")}}},
		{"f a L=n K=t", "f a K=t", []tarfile.Change{{Extension: 'L', Part: tarfile.PartExtension, A: text("n\x00"), B: missing}}},
		{"'g' g =\"6 a=1\\n\"\n'g' g =\"6 b=1\\n\"\nf a", "'g' g =\"6 a=1\\n\"\nf a", []tarfile.Change{{Extension: 'g', Part: tarfile.PartExtension, A: text("6 b=1\n"), B: missing}}},

		// What is in extension headers. The size follows from the data.
		{"f a L=n", "f a L=name", []tarfile.Change{{Extension: 'L', Part: tarfile.PartData, A: text("n\x00"), B: text("name\x00")}}},
		{"f a pax:a=1", "f a pax:a=22", []tarfile.Change{{Extension: 'x', Part: tarfile.PartRecord, Key: "a", A: text("1"), B: text("22")}}},
		{"f a pax:a=1", "f a pax:a=1 pax:b=2", []tarfile.Change{{Extension: 'x', Part: tarfile.PartRecord, Key: "b", A: missing, B: text("2")}}},
		{"f a pax:a=1 pax:b=2", "f a pax:c=3 pax:b=2", []tarfile.Change{
			{Extension: 'x', Part: tarfile.PartRecord, Key: "a", A: text("1"), B: missing}, {Extension: 'x', Part: tarfile.PartRecord, Key: "c", A: missing, B: text("3")}}},
		{"f a pax:a=1 pax:b=2 pax:c=3", "f a pax:a=1 pax:c=3 pax:b=2", []tarfile.Change{{Extension: 'x', Part: tarfile.PartRecordOrder, A: text("b"), B: text("c")}}},
		{"f a pax:a=1 pax:b=2", "f a pax:b=2 pax:a=9", []tarfile.Change{
			{Extension: 'x', Part: tarfile.PartRecordOrder, A: text("a"), B: text("b")}, {Extension: 'x', Part: tarfile.PartRecord, Key: "a", A: text("1"), B: text("9")}}},
		{"f a pax:a=1 pax:a=2", "f a pax:a=1 pax:a=3", []tarfile.Change{{Extension: 'x', Part: tarfile.PartRecord, Key: "a", A: text("2"), B: text("3")}}},
		{"f a pax:a=1", "f a pax:a=1 pax:a=1", []tarfile.Change{{Extension: 'x', Part: tarfile.PartRecord, Key: "a", A: missing, B: text("1")}}},
		{"'x' x =\"6 a=1\\n\"\nf a", "'x' x =\"07 a=1\\n\"\nf a", []tarfile.Change{{Extension: 'x', Part: tarfile.PartRecordForm, A: written("", "6 a=1\n"), B: written("", "07 a=1\n")}}},
		{"'g' g =\"6 a=1\\n\"\nf a", "'g' g =\"6 a=2\\n\"\nf a", []tarfile.Change{{Extension: 'g', Part: tarfile.PartRecord, Key: "a", A: text("1"), B: text("2")}}},
		{"'g' g =junk\nf a", "'g' g =\"6 a=2\\n\"\nf a", []tarfile.Change{{Extension: 'g', Part: tarfile.PartData, A: text("junk"), B: text("6 a=2\n")}}},
		// How extension headers are written themselves.
		{"'x' x/1 mtime=7 =\"6 a=1\\n\"\nf a", "'x' x/2 mtime=8 =\"6 a=1\\n\"\nf a", []tarfile.Change{
			{Extension: 'x', Part: "name", A: text("x/1"), B: text("x/2")}, {Extension: 'x', Part: "mtime", A: text("7"), B: text("8")}}},
		{"'x' x mode=600 =\"6 a=1\\n\"\nf a mode=600", "'x' x mode=644 =\"6 a=2\\n\"\nf a mode=644", []tarfile.Change{
			{Extension: 'x', Part: "mode", A: text("0600"), B: text("0644")}, {Extension: 'x', Part: tarfile.PartRecord, Key: "a", A: text("1"), B: text("2")},
			{Part: "mode", A: text("0600"), B: text("0644")}}},
		{"'x' x =\"6 a=1\\n\"\nf a", "'x' x =\"6 a=1\\n\" @124=\"00000000006 \"\nf a", []tarfile.Change{{Extension: 'x', Part: "size", A: written("6", "00000000006\x00"), B: written("6", "00000000006 ")}}},
	} {
		if diff := cmp.Diff(c.want, differences(t, c.a, c.b)); diff != "" {
			t.Errorf("%q and %q: want -, got +\n%s", c.a, c.b, diff)
		}
	}
}

// TestDifferentChecksum: a checksum is told only if nothing else explains it.
func TestDifferentChecksum(t *testing.T) {
	archive := layers.Tar("f a")
	sum := string(archive[148:154])
	spaced := fmt.Sprintf("f a @148=%q", " "+sum+"\x00")
	want := []tarfile.Change{{Part: "checksum", A: written(decimal(t, sum), sum+"\x00 "), B: written(decimal(t, sum), " "+sum+"\x00")}}
	if diff := cmp.Diff(want, differences(t, "f a", spaced)); diff != "" {
		t.Errorf("want -, got +\n%s", diff)
	}
	if got := differences(t, "f a", "f a @265=root"); len(got) != 1 || got[0].Part != "uname" {
		t.Errorf("with another uname: %+v", got)
	}
	// That of an extension header follows from its size, which follows from its data.
	if got := differences(t, "f a L=n", "f a L=name"); len(got) != 1 || got[0].Part != tarfile.PartData {
		t.Errorf("with other data: %+v", got)
	}
}

func decimal(t *testing.T, octal string) string {
	t.Helper()
	n, err := strconv.ParseInt(octal, 8, 64)
	if err != nil {
		t.Fatal(err)
	}
	return strconv.FormatInt(n, 10)
}

// TestDifferentPadding: padding is told for the header that it is behind.
func TestDifferentPadding(t *testing.T) {
	read := func(change func([]byte)) *tarfile.Raw {
		archive := layers.Tar("f a L=n pax:a=1 =x")
		change(archive)
		entries, _, err := readAll(archive)
		if err != nil {
			t.Fatal(err)
		}
		return entries[0].raw
	}
	clean := read(func([]byte) {})
	dirty := read(func(archive []byte) { archive[1023], archive[2047], archive[3071] = 'L', 'x', 'c' })
	var want []tarfile.Change
	for _, c := range []struct {
		extension byte
		size      int
		last      string
	}{{'L', 510, "L"}, {'x', 506, "x"}, {0, 511, "c"}} {
		want = append(want, tarfile.Change{Extension: c.extension, Part: tarfile.PartPadding, A: text(""), B: text(strings.Repeat("\x00", c.size-1) + c.last)})
	}
	if diff := cmp.Diff(want, tarfile.Differences(clean, dirty)); diff != "" {
		t.Errorf("want -, got +\n%s", diff)
	}
}

// TestDifferencesOfRandomPairs: two entries have differences if and only if their
// headers or padding have other bytes, the same ones both ways round.
func TestDifferencesOfRandomPairs(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	pick := func(from ...string) string { return from[rng.IntN(len(from))] }
	spec := func() string {
		line := pick("f", "d", "l", "'7'", "c") + " " + pick("a", "b")
		for range rng.IntN(4) {
			line += " " + pick("mode=600", "uid=1", "mtime=5", "pax:a=1", "pax:a=2", "pax:b=1", "pax:b=", "L=a", "K=t", "magic=gnu", "magic=gnu @345=1", "@265=root", "@500=x", "@263=\"0\\x00\"")
		}
		return pick("", "", "'g' g =\"6 a=1\\n\"\n", "'g' g =\"6 b=1\\n\"\n", "'g' g =junk\n") + line
	}
	equal, pairs := 0, 0
	for range 5000 {
		specA, specB := spec(), spec()
		if rng.IntN(10) == 0 {
			specB = specA
		}
		a, _, errA := readAll(layers.Tar(specA))
		b, _, errB := readAll(layers.Tar(specB))
		if errA != nil || errB != nil {
			continue
		}
		pairs++
		changes := tarfile.Differences(a[0].raw, b[0].raw)
		same := bytes.Equal(rawBytes(a), rawBytes(b))
		if same {
			equal++
		}
		if same != (len(changes) == 0) {
			t.Fatalf("%q\nand\n%q\nhave the differences %+v", rawBytes(a), rawBytes(b), changes)
		}
		var there, back []string
		for _, c := range changes {
			there = append(there, changeText(c))
			if c.Part == "" || c == c.Kind() {
				t.Fatalf("%+v says nothing", c)
			}
		}
		for _, c := range tarfile.Differences(b[0].raw, a[0].raw) {
			c.A, c.B = c.B, c.A
			back = append(back, changeText(c))
		}
		slices.Sort(there)
		slices.Sort(back)
		if diff := cmp.Diff(there, back); diff != "" {
			t.Fatalf("%q\nand\n%q\nthe other way round:\n%s", rawBytes(a), rawBytes(b), diff)
		}
	}
	if pairs < 3000 || equal < 100 {
		t.Errorf("%d pairs, %d of them equal", pairs, equal)
	}
}

func changeText(c tarfile.Change) string { return fmt.Sprintf("%+v", c) }

// TestChangeKind: a kind has no values, and two sides are the same if only the
// way they are written differs.
func TestChangeKind(t *testing.T) {
	c := tarfile.Change{Extension: 'x', Part: tarfile.PartRecord, Key: "a", A: text("1"), B: missing}
	if want := (tarfile.Change{Extension: 'x', Part: tarfile.PartRecord, Key: "a"}); c.Kind() != want {
		t.Errorf("kind %+v, want %+v", c.Kind(), want)
	}
	for _, c := range []struct {
		a, b tarfile.Value
		same bool
	}{
		{text("1"), text("1"), true}, {written("1", "01"), written("1", "001"), true}, {text("1"), text("2"), false},
		{text(""), missing, false}, {missing, text(""), false}, {missing, missing, true},
	} {
		if change := (tarfile.Change{A: c.a, B: c.b}); change.Same() != c.same {
			t.Errorf("%+v and %+v are the same: %v", c.a, c.b, !c.same)
		}
	}
}
