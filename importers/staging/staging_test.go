package staging

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// newDir makes a directory of a run in another one.
func newDir(t *testing.T, parent string) *Dir {
	t.Helper()
	root, err := os.OpenRoot(parent)
	if err != nil {
		t.Fatal(err)
	}
	d, err := New(root, "x-")
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func names(t *testing.T, dir string) (list []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return list
}

// TestSweep: of what is old, has the form of our names and is the user's own, only what
// nobody has locked goes.
func TestSweep(t *testing.T) {
	parent := t.TempDir()
	at := func(name string) string { return filepath.Join(parent, name) }
	alive := newDir(t, parent)
	young := newDir(t, parent)
	// As if the run had been killed.
	if err := errors.Join(young.lock.Close(), alive.WriteFile("x", nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	kept := []string{"x-", "x-1a", "y-1", "x-2", "x-3", "x-4", alive.Name, young.Name}
	old := time.Now().Add(-25 * time.Hour)
	for _, name := range []string{"x-", "x-1a", "y-1", "x-1", "x-4", "victim"} {
		if err := errors.Join(os.Mkdir(at(name), 0o700), os.WriteFile(at(name)+"/file", nil, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	kept = append(kept, "victim")
	if err := errors.Join(os.Chmod(at("x-1"), os.ModeSetgid|0o700), os.WriteFile(at("x-2"), nil, 0o700), os.Symlink("victim", at("x-3")), os.Chmod(at("x-4"), 0o755)); err != nil {
		t.Fatal(err)
	}
	for _, name := range append([]string{"x-1"}, kept...) {
		if name != young.Name {
			if err := os.Chtimes(at(name), old, old); err != nil {
				t.Fatal(err)
			}
		}
	}
	next := newDir(t, parent)
	want := slices.Sorted(slices.Values(append(kept, next.Name)))
	if diff := cmp.Diff(want, names(t, parent)); diff != "" {
		t.Errorf("want -, got +\n%s", diff)
	}
	if got := names(t, at("victim")); len(got) != 1 {
		t.Errorf("the symlink was followed: %v", got)
	}
	// What the run that is over has left goes when it is old enough.
	if err := errors.Join(alive.lock.Close(), os.Chtimes(at(alive.Name), old, old), next.Close()); err != nil {
		t.Fatal(err)
	}
	if err := newDir(t, parent).Close(); err != nil {
		t.Fatal(err)
	}
	if got := names(t, parent); slices.Contains(got, alive.Name) || !slices.Contains(got, young.Name) || slices.Contains(got, next.Name) {
		t.Errorf("left are %v", got)
	}
}

// TestSweepOfAll: where everybody can rename everything, nothing is removed.
func TestSweepOfAll(t *testing.T) {
	parent := t.TempDir()
	left := filepath.Join(parent, "x-1")
	old := time.Now().Add(-25 * time.Hour)
	for mode, want := range map[os.FileMode]bool{0o777: true, os.ModeSticky | 0o777: false} {
		if err := errors.Join(os.Chmod(parent, mode), os.Mkdir(left, 0o700), os.Chtimes(left, old, old)); err != nil {
			t.Fatal(err)
		}
		if err := newDir(t, parent).Close(); err != nil {
			t.Fatal(err)
		}
		_, err := os.Stat(left)
		if is := err == nil; is != want {
			t.Errorf("%v: it is there: %v", mode, is)
		}
		if err := os.RemoveAll(left); err != nil {
			t.Fatal(err)
		}
	}
}
