package raw

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cfsverify/canon/tarfile"
	"cfsverify/testdata/layers"
)

const before = "d usr/ mode=755\n"
const after = "\nf usr/z =zzz\n"

// archiveOf puts an entry between two others.
func archiveOf(entry string) []byte { return layers.Tar(before + entry + after) }

// compared compares both ways round, and holds the result against the bytes.
func compared(t *testing.T, a, b []byte) *Archive {
	t.Helper()
	x, err := Archives(bytes.NewReader(a), bytes.NewReader(b), nil)
	if err != nil {
		t.Fatal(err)
	}
	checkArchive(t, x, a, b)
	y, err := Archives(bytes.NewReader(b), bytes.NewReader(a), nil)
	if err != nil {
		t.Fatal(err)
	}
	checkArchive(t, y, b, a)
	if (x.First == nil) != (y.First == nil) || x.Moved.Number != y.Moved.Number || x.Only[0].Number != y.Only[1].Number {
		t.Errorf("the other way round there is another result:\n%+v\n%+v", x, y)
	}
	return x
}

// cmpOffset is what cmp(1) says, counted from 0, or -1.
func cmpOffset(a, b []byte) int64 {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return int64(i)
		}
	}
	if len(a) != len(b) {
		return int64(min(len(a), len(b)))
	}
	return -1
}

func checkArchive(t *testing.T, x *Archive, a, b []byte) {
	t.Helper()
	at := cmpOffset(a, b)
	if x.Sizes != [2]int64{int64(len(a)), int64(len(b))} {
		t.Errorf("sizes %v, want %d, %d", x.Sizes, len(a), len(b))
	}
	if x.First == nil {
		if at >= 0 || len(x.Counts) > 0 || x.Only[0].Number+x.Only[1].Number+x.Moved.Number+len(x.End) > 0 {
			t.Errorf("byte %d differs, and there is no first difference: %+v", at, x)
		}
		return
	}
	f := x.First
	if f.Offset != at || f.EntryOffset > at {
		t.Errorf("the first difference is at %d in an entry at %d, want %d", f.Offset, f.EntryOffset, at)
	}
	for i, archive := range [][]byte{a, b} {
		if !bytes.HasPrefix(archive[at:], f.Bytes[i]) {
			t.Errorf("bytes %q are not at %d", f.Bytes[i], at)
		}
	}
	checkRegion(t, x, a, b)
}

// checkRegion finds what the first different byte is a part of by reading the
// archives once more, and wants that part among those that are told.
func checkRegion(t *testing.T, x *Archive, a, b []byte) {
	t.Helper()
	f := x.First
	if f.Place == AtEnd {
		if len(f.Changes) == 0 || f.Entry != 0 {
			t.Errorf("nothing is said of the end: %+v", f)
		}
		return
	}
	if f.Place != InEntry {
		return
	}
	if len(f.Changes) == 0 {
		t.Fatalf("nothing is said of entry %d: %+v", f.Entry, f)
	}
	headers := [2]byte{headerAt(t, a, f), headerAt(t, b, f)}
	fits := func(c tarfile.Change) bool {
		switch headers[0] {
		case 'C':
			return c.Part == tarfile.PartContent
		case 'P':
			return c.Part == tarfile.PartPadding && c.Extension == 0
		}
		return c.Part == tarfile.PartExtensionOrder || c.Extension == headers[0] || c.Extension == headers[1]
	}
	if !fits(f.Changes[0]) {
		t.Errorf("byte %d of entry %d is in %q, but the first change is %+v", f.Offset, f.Entry, headers, f.Changes[0])
	}
}

// headerAt says what the first difference is in: the type flag of an extension
// header, 0 for the entry's header, C for content, P for what follows it.
func headerAt(t *testing.T, archive []byte, f *First) byte {
	t.Helper()
	r := tarfile.NewReader(bytes.NewReader(archive))
	r.Record()
	for range f.Entry {
		if _, _, err := r.Next(); err != nil {
			t.Fatal(err)
		}
	}
	raw := r.Raw()
	at := f.Offset - raw.Offset
	for i := range raw.Extensions {
		size := 512 + (int64(len(raw.Extensions[i].Data))+511)/512*512
		if at < size {
			return raw.Extensions[i].Typeflag()
		}
		at -= size
	}
	size := raw.Header.Size
	switch {
	case at < 512:
		return 0
	case at-512 < size:
		if f.Content == nil || f.Content.Offset != at-512 {
			t.Errorf("the content differs at %d: %+v", at-512, f.Content)
		}
		return 'C'
	}
	return 'P'
}

// parts names changes: the part, behind the type flag of its header.
func parts(changes []tarfile.Change) string {
	var names []string
	for _, c := range changes {
		name := c.Part
		if c.Extension != 0 {
			name = string(c.Extension) + " " + name
		}
		if c.Key != "" {
			name += " " + c.Key
		}
		names = append(names, name)
	}
	return strings.Join(names, ", ")
}

// resum gives a header its checksum.
func resum(block []byte) {
	copy(block[148:156], "        ")
	sum := 0
	for _, c := range block[:512] {
		sum += int(c)
	}
	copy(block[148:156], fmt.Sprintf("%06o\x00 ", sum))
}

// TestFields: a field of a header that was changed alone is told alone.
func TestFields(t *testing.T) {
	values := map[string]string{
		"name": "usr/c", "mode": "0000600", "uid": "0000001", "gid": "0000002", "size": "00000000002", "mtime": "00000000017", "checksum": "",
		"typeflag": "7", "linkname": "x", "magic": "ustaR", "version": "01", "uname": "root", "gname": "wheel", "devmajor": "0000001",
		"devminor": "0000001", "prefix": "", "unused": "x",
	}
	a := archiveOf("f usr/b =bbb")
	for _, f := range tarfile.Fields() {
		t.Run(f.Name, func(t *testing.T) {
			b := bytes.Clone(a)
			block := b[512:1024]
			copy(block[f.Start:f.End], values[f.Name])
			resum(block)
			switch f.Name {
			case "checksum":
				copy(block[148:156], " "+string(block[148:154])+"\x00")
			case "prefix":
				copy(block[345:], "sub")
				resum(block)
			}
			first := compared(t, a, b).First
			place := InEntry
			if f.Name == "name" || f.Name == "prefix" {
				place = Replaced
			}
			got := first.Changes
			if f.Name == "size" {
				// The content is shorter, and its last byte is padding now.
				got = slices.DeleteFunc(got, func(c tarfile.Change) bool { return c.Part == "content" || c.Part == "padding" })
			}
			if first.Place != place || first.Entry != 2 || first.EntryOffset != 512 || parts(got) != f.Name {
				t.Fatalf("got %s of entry %d (%s)", parts(got), first.Entry, first.Place)
			}
			at := first.Offset - 512
			if (at < int64(f.Start) || at >= int64(f.End)) && (at < 148 || at >= 156) {
				t.Errorf("byte %d is neither in the field nor in the checksum", at)
			}
			c := got[0]
			if wantSame := f.Name == "checksum"; c.Same() != wantSame || wantSame != (c.A.Raw != "" && c.B.Raw != "" && c.A.Raw != c.B.Raw) {
				t.Errorf("values %+v and %+v", c.A, c.B)
			}
		})
	}
}

// TestWrittenDifferently: values that are the same are told with their bytes.
func TestWrittenDifferently(t *testing.T) {
	a := archiveOf("f usr/b mode=644 =bbb")
	b := bytes.Clone(a)
	copy(b[512+100:], "   644 \x00")
	resum(b[512:])
	c := compared(t, a, b).First.Changes[0]
	want := tarfile.Change{Part: "mode", A: tarfile.Value{Text: "0644", Raw: "0000644\x00"}, B: tarfile.Value{Text: "0644", Raw: "   644 \x00"}}
	if diff := cmp.Diff(want, c); diff != "" {
		t.Error(diff)
	}
}

func TestEntries(t *testing.T) {
	long := strings.Repeat("l", 120)
	for _, tt := range []struct{ name, a, b, want string }{
		{"PAX header", "f usr/b =b", "f usr/b pax:atime=1 =b", "x extension"},
		{"record changed", "f usr/b pax:atime=1 =b", "f usr/b pax:atime=22 =b", "x record atime"},
		{"record added", "f usr/b pax:atime=1 =b", "f usr/b pax:atime=1 pax:ctime=2 =b", "x record ctime"},
		{"record removed", "f usr/b pax:atime=1 pax:ctime=2 =b", "f usr/b pax:ctime=2 =b", "x record atime"},
		{"order of records", "f usr/b pax:atime=1 pax:ctime=2 =b", "f usr/b pax:ctime=2 pax:atime=1 =b", "x record-order"},
		{"records twice", "f usr/b pax:a=1 pax:a=2 =b", "f usr/b pax:a=1 pax:a=3 =b", "x record a"},
		{"form of records", "'x' x =\"11 atime=1\\n\"\nf usr/b =b", "'x' x =\"012 atime=1\\n\"\nf usr/b =b", "x record-form"},
		{"name of a PAX header", "'x' x/1 =\"11 atime=1\\n\"\nf usr/b =b", "'x' x/2 =\"11 atime=1\\n\"\nf usr/b =b", "x name"},
		{"mode of a PAX header", "'x' x mode=644 =\"11 atime=1\\n\"\nf usr/b =b", "'x' x mode=600 =\"11 atime=1\\n\"\nf usr/b =b", "x mode"},
		{"mtime of a PAX header", "'x' x mtime=1 =\"11 atime=1\\n\"\nf usr/b =b", "'x' x mtime=2 =\"11 atime=1\\n\"\nf usr/b =b", "x mtime"},
		{"both", "'x' x mtime=1 =\"11 atime=1\\n\"\nf usr/b mtime=3 =b", "'x' x mtime=2 =\"11 atime=2\\n\"\nf usr/b mtime=4 =b", "x mtime, x record atime, mtime"},
		{"global header", "'g' g =\"9 p=path\\n\"\nf usr/b =b", "'g' g =\"9 p=half\\n\"\nf usr/b =b", "g record p"},
		{"global header added", "f usr/b =b", "'g' g =\"9 p=path\\n\"\nf usr/b =b", "g extension"},
		{"long name or PAX", "f usr/b L=" + long + " =b", "f usr/b pax:path=" + long + " =b", "L extension, x extension"},
		{"long target", "l usr/b K=target1", "l usr/b K=target2", "K data"},
		{"long name and target", "l usr/b L=usr/b K=t", "l usr/b K=t L=usr/b", "extension-order"},
		{"type", "f usr/b", "d usr/b", "mode, typeflag"},
		{"format", "f usr/b =b", "f usr/b magic=gnu =b", "magic, version"},
		{"name of one path", "f usr/b =b", "f ./usr/b =b", "name"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			x := compared(t, archiveOf(tt.a), archiveOf(tt.b))
			if got := parts(x.First.Changes); x.First.Place != InEntry || x.First.Entry != 2 || got != tt.want {
				t.Errorf("got %s at entry %d (%s), want %s", got, x.First.Entry, x.First.Place, tt.want)
			}
			var counted []tarfile.Change
			for _, c := range x.Counts {
				counted = append(counted, c.First)
				if c.Number != 1 {
					t.Errorf("%s: %d entries", c.First.Part, c.Number)
				}
			}
			if got := parts(counted); got != tt.want {
				t.Errorf("counted %s, want %s", got, tt.want)
			}
		})
	}
}

func TestContent(t *testing.T) {
	for _, size := range []int{1, 511, 512, 513, 70000, 200000} {
		a := archiveOf("f usr/b =" + strings.Repeat("x", size))
		for _, at := range []int{0, size / 2, size - 1} {
			b := bytes.Clone(a)
			b[1024+at] = 'y'
			f := compared(t, a, b).First
			if parts(f.Changes) != "content" || f.Entry != 2 || f.Content.Offset != int64(at) || f.Content.Sizes != [2]int64{int64(size), int64(size)} {
				t.Errorf("size %d, byte %d: %+v, content %+v", size, at, f, f.Content)
			}
			if c := f.Content; c.Bytes[0][c.Before] != 'x' || c.Bytes[1][c.Before] != 'y' || c.Before != min(at%bufferSize, shownBefore) {
				t.Errorf("size %d, byte %d: %q after %d", size, at, c.Bytes, c.Before)
			}
		}
	}
	a, b := archiveOf("f usr/b =bbb"), archiveOf("f usr/b =bbb")
	b[1024+3] = 1
	if f := compared(t, a, b).First; parts(f.Changes) != "padding" || f.Entry != 2 {
		t.Errorf("padding: %+v", f)
	}
	a, b = archiveOf("f usr/b pax:a=1 =b"), archiveOf("f usr/b pax:a=1 =b")
	b[1024+511] = 1
	if f := compared(t, a, b).First; parts(f.Changes) != "x padding" || f.Entry != 2 {
		t.Errorf("padding of an extension: %+v", f)
	}
}

func TestEnd(t *testing.T) {
	a := archiveOf("f usr/b =b")
	plain := a[:len(a)-1024]
	for name, tt := range map[string]struct {
		end  []byte
		want string
	}{
		"no zero block":   {nil, "zero-blocks"},
		"one zero block":  {make([]byte, 512), "zero-blocks"},
		"zeros behind it": {make([]byte, 10240), "trailing"},
		"other data":      {append(make([]byte, 1024), "junk"...), "trailing, trailing-data"},
		"global header":   {append(globalHeader(), make([]byte, 1024)...), "g extension"},
	} {
		x := compared(t, a, append(bytes.Clone(plain), tt.end...))
		if x.First.Place != AtEnd || parts(x.First.Changes) != tt.want || parts(x.End) != tt.want {
			t.Errorf("%s: got %s (%s)", name, parts(x.First.Changes), x.First.Place)
		}
	}
	x := compared(t, append(bytes.Clone(a), "data1"...), append(bytes.Clone(a), "data2"...))
	if parts(x.First.Changes) != "trailing-data" || x.First.Offset != int64(len(a)+4) {
		t.Errorf("trailing data: %+v", x.First)
	}
}

func globalHeader() []byte {
	archive := layers.Tar("'g' g =\"9 p=path\\n\"\n")
	return archive[:len(archive)-1024]
}

func TestPlaces(t *testing.T) {
	const b, c, d = "f usr/b =b\n", "f usr/c =c\n", "f usr/d =d\n"
	for _, tt := range []struct {
		name, a, b   string
		place        Place
		paths        [2]string
		moved, onlyA []string
		onlyB        []string
	}{
		{name: "only in a", a: b + c + d, b: c + d, place: OnlyA, paths: [2]string{"usr/b", "usr/c"}, onlyA: []string{"usr/b"}},
		{name: "only in b", a: c + d, b: b + c + d, place: OnlyB, paths: [2]string{"usr/c", "usr/b"}, onlyB: []string{"usr/b"}},
		{name: "replaced", a: b + d, b: c + d, place: Replaced, paths: [2]string{"usr/b", "usr/c"}, onlyA: []string{"usr/b"}, onlyB: []string{"usr/c"}},
		{name: "order", a: b + c + d, b: c + d + b, place: Order, paths: [2]string{"usr/b", "usr/c"}, moved: []string{"usr/b"}},
		{name: "twice", a: b + b + c, b: b + c, place: OnlyA, paths: [2]string{"usr/b", "usr/c"}, onlyA: []string{"usr/b"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			x := compared(t, layers.Tar(before+tt.a), layers.Tar(before+tt.b))
			if x.First.Place != tt.place || x.First.Paths != tt.paths {
				t.Errorf("got %s, %q", x.First.Place, x.First.Paths)
			}
			if diff := cmp.Diff([][]string{tt.onlyA, tt.onlyB, tt.moved}, [][]string{x.Only[0].First, x.Only[1].First, x.Moved.First}); diff != "" {
				t.Error(diff)
			}
			if len(x.Counts) > 0 {
				t.Errorf("counts %+v", x.Counts[0])
			}
		})
	}
	// One archive ends where the other has more.
	x := compared(t, layers.Tar(before+b), layers.Tar(before+b+c))
	if x.First.Place != OnlyB || x.First.Entry != 3 || x.First.Paths != [2]string{"", "usr/c"} {
		t.Errorf("more entries: %+v", x.First)
	}
}

// TestShuffled compares archives of another order in which some entries differ,
// among them such with extension headers, which are held until they are paired.
func TestShuffled(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 30 {
		const n = 200
		order := random.Perm(n)
		if random.IntN(2) == 0 {
			// Few were moved.
			order = order[:0]
			for i := range n {
				order = append(order, i)
			}
			for range 5 {
				i, k := random.IntN(n), random.IntN(n)
				order[i], order[k] = order[k], order[i]
			}
		}
		var a, b strings.Builder
		want := map[string]int{}
		for i := range n {
			fmt.Fprintf(&a, "f f%d mtime=5 pax:atime=1 =content\n", i)
		}
		for _, i := range order {
			mtime, atime, content := 5, 1, "content"
			switch i % 7 {
			case 0:
				mtime = 6
				want["mtime"]++
			case 1:
				atime = 2
				want["x record atime"]++
			case 2:
				content = "another"
				want["content"]++
			}
			fmt.Fprintf(&b, "f f%d mtime=%d pax:atime=%d =%s\n", i, mtime, atime, content)
		}
		x := compared(t, layers.Tar(a.String()), layers.Tar(b.String()))
		got := map[string]int{}
		for _, c := range x.Counts {
			got[parts([]tarfile.Change{c.First})] = c.Number
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		if stay := longestIncreasing(order); x.Moved.Number != n-stay {
			t.Errorf("%d entries were moved, want %d", x.Moved.Number, n-stay)
		}
	}
}

// longestIncreasing tries all ends.
func longestIncreasing(list []int) int {
	best := 0
	length := make([]int, len(list))
	for i := range list {
		length[i] = 1
		for k := range i {
			if list[k] < list[i] {
				length[i] = max(length[i], length[k]+1)
			}
		}
		best = max(best, length[i])
	}
	return best
}

func TestPack(t *testing.T) {
	archive := archiveOf("f usr/b pax:a=1 L=" + strings.Repeat("n", 300) + " uid=-5 =bbb")
	archive[len(archive)-2100] = 7
	r := tarfile.NewReader(bytes.NewReader(archive))
	r.Record()
	for {
		if _, _, err := r.Next(); err != nil {
			break
		}
		if err := r.End(); err != nil {
			t.Fatal(err)
		}
		raw := r.Raw()
		back := unpack(pack(raw))
		want := &tarfile.Raw{Extensions: raw.Extensions, Block: raw.Block, DirtyPadding: raw.DirtyPadding, Padding: raw.Padding}
		if diff := cmp.Diff(want, back); diff != "" {
			t.Error(diff)
		}
	}
}

func TestErrors(t *testing.T) {
	good, bad := archiveOf("f usr/b =b"), archiveOf("'V' label")
	for i, pair := range [][2][]byte{{bad, good}, {good, bad}, {good[:1030], good}, {good, good[:700]}} {
		_, err := Archives(bytes.NewReader(pair[0]), bytes.NewReader(pair[1]), nil)
		at, ok := err.(*EntryError)
		if !ok || at.Side != i%2 || at.Entry != 2 {
			t.Errorf("pair %d: %v", i, err)
		}
	}
}
