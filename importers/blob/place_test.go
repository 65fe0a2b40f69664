package blob

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"cfsverify/canon"
	"cfsverify/testdata/blobs"
	"cfsverify/testdata/files"
)

// TestFilePlace: a file is in one place under all its names, until it changes.
func TestFilePlace(t *testing.T) {
	m := files.New(t, t.TempDir())
	m.File("a", "x")
	m.File("copy", "x")
	m.Mtime("a", 1_700_000_000, 5)
	m.Mtime("copy", 1_700_000_000, 5)
	m.Link("a", "linked")
	m.Symlink("a", "symlinked")
	m.Symlink("nowhere", "dangling")
	m.Mkdir("dir")
	m.Do(unix.Mkfifo(m.Path("pipe"), 0o600))
	place := func(name string) Place {
		t.Helper()
		p, found := FilePlace(m.Path(name))
		if !found {
			t.Fatalf("%s has no place", name)
		}
		return p
	}
	was := place("a")
	for name, same := range map[string]bool{"a": true, "linked": true, "symlinked": true, "copy": false} {
		if got := place(name) == was; got != same {
			t.Errorf("%s: same %v, want %v", name, got, same)
		}
	}
	m.Do(os.Chtimes(m.Path("a"), time.Time{}, time.Unix(1_700_000_000, 6)))
	if place("a") == was {
		t.Error("a file that was written has its old place")
	}
	for _, name := range []string{"absent", "dangling", "dir", "pipe", "a/below"} {
		if p, found := FilePlace(m.Path(name)); found || p != (Place{}) {
			t.Errorf("%s has the place %+v", name, p)
		}
	}
}

// TestIdentity: blobs are one if they lie in one place, and the same is stated of them.
func TestIdentity(t *testing.T) {
	dir := t.TempDir()
	files.Write(t, filepath.Join(dir, "a"), nil)
	at := func(p Place) func() (Place, bool) { return func() (Place, bool) { return p, true } }
	one, two := blobs.Digest([]byte("1")), blobs.Digest([]byte("2"))
	whole := Blob{Digest: one, DiffID: two, Size: 5, Place: at(Place{Repository: "r"})}
	want, found := whole.Identity()
	if !found {
		t.Fatal("it has no identity")
	}
	for name, c := range map[string]struct {
		change func(*Blob)
		same   bool
	}{
		"a layer of another image": {func(b *Blob) { b.Layer = &canon.Layer{Index: 9} }, true},
		"the same place again":     {func(b *Blob) { b.Place = at(Place{Repository: "r"}) }, true},
		"another repository":       {func(b *Blob) { b.Place = at(Place{Repository: "s"}) }, false},
		"a name in an archive":     {func(b *Blob) { b.Place = at(Place{Repository: "r", Name: "a.tar"}) }, false},
		"another digest":           {func(b *Blob) { b.Digest = two }, false},
		"another diffID":           {func(b *Blob) { b.DiffID = one }, false},
		"another size":             {func(b *Blob) { b.Size = 6 }, false},
		"a file": {func(b *Blob) {
			b.Place = func() (Place, bool) { return FilePlace(filepath.Join(dir, "a")) }
		}, false},
	} {
		b := whole
		c.change(&b)
		if got, found := b.Identity(); !found || (got == want) != c.same {
			t.Errorf("%s: %+v, %v", name, got, found)
		}
	}
	for name, place := range map[string]func() (Place, bool){
		"nobody knows where": nil, "it is not there": func() (Place, bool) { return FilePlace(filepath.Join(dir, "absent")) },
	} {
		b := whole
		b.Place = place
		if got, found := b.Identity(); found {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
