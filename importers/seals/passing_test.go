package seals

import (
	"bytes"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"cfsverify/canon"
	"cfsverify/canon/fsverity"
	"cfsverify/importers/limits"
	"cfsverify/testdata/uki"
)

// passed reads a file that goes by in pieces of a size, and says how many bytes of it were
// held at most.
func passed(t *testing.T, file []byte, piece int) (read *ukiFile, held int, err error) {
	t.Helper()
	p := &passing{size: int64(len(file))}
	for rest := file; len(rest) > 0; {
		n := min(piece, len(rest))
		if got, err := p.Write(rest[:n]); got != n || err != nil {
			t.Fatalf("%d bytes, %v", got, err)
		}
		rest = rest[n:]
	}
	held = len(p.head)
	for _, part := range p.parts {
		held += len(part.content)
	}
	read, err = p.read()
	return read, held, err
}

// checkPassed compares what is read of a file that goes by with what is read of all of it.
func checkPassed(t *testing.T, name string, file []byte) {
	t.Helper()
	want, wantErr := readUKI(bytes.NewReader(file))
	for _, piece := range []int{1000, 64 << 10, len(file) + 1} {
		got, held, err := passed(t, file, piece)
		if !reflect.DeepEqual(got, want) || fmt.Sprint(err) != fmt.Sprint(wantErr) {
			t.Errorf("%s in pieces of %d: %+v, %v, want %+v, %v", name, piece, got, err, want, wantErr)
		}
		if most := headersMax + cmdlineMax + (profileMax+unameMax)*sectionsMax; held > most {
			t.Errorf("%s: %d bytes are held", name, held)
		}
	}
}

// TestPassing: of a file that goes by the same is read as of one that is there, wherever in
// it command lines are, and little more is held.
func TestPassing(t *testing.T) {
	large := strings.Repeat("\x00\x01kernel", 1<<17)
	sections := func(s ...[2]string) []byte { return uki.File(s...) }
	behind := sections([2]string{".linux", large}, [2]string{".cmdline", "root=x composefs=1"}, [2]string{".profile", "ID=a"}, [2]string{".uname", "6.1"}, [2]string{".initrd", large}, [2]string{".profile", "ID=b"}, [2]string{".cmdline", strings.Repeat("y", 100_000)})
	for name, file := range map[string][]byte{
		"nothing": nil, "no PE": bytes.Repeat([]byte("x"), 1<<20), "no PE header": append([]byte("MZ"), make([]byte, 1<<20)...),
		"in front":              sections([2]string{".cmdline", "composefs=1"}, [2]string{".linux", large}),
		"behind":                behind,
		"across the head":       sections([2]string{".x", strings.Repeat("x", headersMax-1000)}, [2]string{".cmdline", strings.Repeat("y", 5000)}, [2]string{".linux", large}),
		"truncated":             behind[:len(behind)-1000],
		"truncated kernel":      behind[:1<<20],
		"two":                   sections([2]string{".linux", large}, [2]string{".cmdline", "a"}, [2]string{".cmdline", "b"}),
		"too long":              sections([2]string{".linux", large}, [2]string{".cmdline", strings.Repeat("x", cmdlineMax+1)}),
		"too long at once":      sections([2]string{".linux", large}, [2]string{".cmdline", strings.Repeat("x", cmdlineMax)}, [2]string{".profile", ""}, [2]string{".cmdline", "x"}),
		"a profile of the same": patched(bytes.Clone(behind), sectionAt+40*2+20, behind[sectionAt+40+20:sectionAt+40+24]...),
	} {
		checkPassed(t, name, file)
	}
	if _, held, err := passed(t, sections([2]string{".linux", strings.Repeat(large, 20)}, [2]string{".cmdline", "x"}), 64<<10); err != nil || held > headersMax+1 {
		t.Errorf("%d bytes are held of a large file, error %v", held, err)
	}
	// The headers behind a mebibyte of nothing.
	far := append(bytes.Clone(behind[:0x40]), make([]byte, 1<<20)...)
	far = append(patched(far, 0x3c, 0x40, 0, 0x10, 0), behind[0x40:]...)
	if got, err := readUKI(bytes.NewReader(far)); got == nil {
		t.Fatal(err)
	}
	if got, _, err := passed(t, far, 64<<10); err == nil || !strings.HasPrefix(err.Error(), "its headers are not in its first 262144 bytes") {
		t.Errorf("%+v, error %v", got, err)
	}
}

// TestManyLines: the command lines of an image have a bound together, each file once.
func TestManyLines(t *testing.T) {
	r := NewReading(nil, limits.Limits{})
	for i := range 64 {
		file := uki.File([2]string{".cmdline", strings.Repeat(string(rune('0'+i)), cmdlineMax)})
		if err := watched(t, r, file); err != nil {
			t.Fatal(err)
		}
		if i == 63 {
			if err := watched(t, r, file); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := watched(t, r, uki.File([2]string{".cmdline", "x"})); err == nil || !strings.Contains(err.Error(), "have more than 67108864 bytes together") {
		t.Errorf("error %v", err)
	}
}

// watched is a file of a layer, where a kernel image can be.
func watched(t *testing.T, r *Reading, file []byte) error {
	t.Helper()
	w := r.Watch("boot/EFI/Linux/x.efi", uint64(len(file)))
	if _, err := w.Write(file); err != nil {
		t.Fatal(err)
	}
	return w.End(fsverity.SumBytes(fsverity.SHA256, file))
}

// TestManyDumps: the dump files of an image have a bound together, and none is read if
// they are over it.
func TestManyDumps(t *testing.T) {
	r := NewReading(nil, limits.Limits{})
	for _, c := range []struct {
		path string
		size uint64
		want bool
	}{
		{"run/cfsverify/a.dump", 100 << 20, true}, {"boot/x.dump", 156 << 20, true}, {"usr/x.dump", 1 << 40, false},
		{"run/cfsverify/large.dump", dumpMax + 1, false}, {"boot/y.dump", 1, false}, {"boot/z.dump", 1, false},
	} {
		if got := r.Keep(c.path, c.size); got != c.want {
			t.Errorf("%s of %d bytes: %v", c.path, c.size, got)
		}
	}
	n := &canon.Node{Kind: canon.Regular, Size: 100 << 20, Content: canon.External(fsverity.SumBytes(fsverity.SHA256, nil))}
	if _, err := r.readDump(n); err == nil || err.Error() != "the dump files of the layers have more than 268435456 bytes together" {
		t.Errorf("error %v", err)
	}
}
