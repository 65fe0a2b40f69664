package objects

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// TestIsBelow: where symlinks lead counts, and what is not there yet is where it would be.
func TestIsBelow(t *testing.T) {
	dir := t.TempDir()
	if err := errors.Join(os.MkdirAll(filepath.Join(dir, "root/a"), 0o755), os.Mkdir(filepath.Join(dir, "rooted"), 0o755),
		os.Symlink("root/a", filepath.Join(dir, "in")), os.Symlink("../rooted", filepath.Join(dir, "root/out")), os.Symlink("root", filepath.Join(dir, "same"))); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	for path, want := range map[string]bool{"root": true, "root/a": true, "root/a/new/b": true, "in/new": true, "root/out/x": false, "rooted": false, "other": false, ".": false, "same": true, "root/../x": false} {
		for _, root := range []string{"root", "same", filepath.Join(dir, "root")} {
			if got := IsBelow(path, root); got != want {
				t.Errorf("%s below %s: %v", path, root, got)
			}
		}
	}
	if IsBelow("x", "none") || !IsBelow("x", "/") {
		t.Error("of a directory that is not there, or all")
	}
}
