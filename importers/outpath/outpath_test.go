package outpath

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"cfsverify/testdata/files"
	"cfsverify/testdata/oracle"
)

// other is a user who is neither root nor who runs the test.
const other = 4711

// shared makes a directory of a mode, with what another user could have put there:
// symlinks to a file, a missing one and a directory beside it, a pipe and a file.
func shared(t *testing.T, mode os.FileMode, owner int) (dir, dest string) {
	t.Helper()
	oracle.Root(t)
	top := t.TempDir()
	dir, dest = filepath.Join(top, "shared"), filepath.Join(top, "dest")
	files.Write(t, filepath.Join(dest, "file"), []byte("old"))
	at := func(name string) string { return filepath.Join(dir, name) }
	files.Write(t, at("file"), []byte("theirs"))
	err := errors.Join(os.Symlink("../dest/file", at("link")), os.Symlink("../dest/missing", at("dangling")),
		os.Symlink(dest, at("dir")), unix.Mkfifo(at("pipe"), 0o666), os.Chmod(at("file"), 0o666))
	for _, name := range []string{"link", "dangling", "dir", "pipe", "file"} {
		err = errors.Join(err, os.Lchown(at(name), other, other))
	}
	if err := errors.Join(err, os.Chown(dir, owner, 0), os.Chmod(dir, mode)); err != nil {
		t.Fatal(err)
	}
	return dir, dest
}

// TestForeign: what another user could have put into a directory is not followed, and is
// named; what the directory's owner has put there is, as by the kernel.
func TestForeign(t *testing.T) {
	for _, c := range []struct {
		mode  os.FileMode
		owner int
		want  bool
	}{
		{os.ModeSticky | 0o777, 0, true}, {0o777, 0, true}, {0o775, 0, true}, {0o755, 0, false},
		{os.ModeSticky | 0o777, other, false}, {0o755, other, false},
	} {
		dir, _ := shared(t, c.mode, c.owner)
		for name, what := range map[string]string{"link": "symlink", "dangling": "symlink", "dir/file": "symlink", "dir/new": "symlink", "pipe": "pipe"} {
			place, err := Find(filepath.Join(dir, name))
			if err == nil {
				place.Close()
			}
			var foreign *ForeignError
			first, _, _ := strings.Cut(name, "/")
			if is := errors.As(err, &foreign); is != c.want || is && (foreign.Path != filepath.Join(dir, first) || foreign.What != what || foreign.Owner != other) {
				t.Errorf("%v of %d: %s: %v", c.mode, c.owner, name, err)
			}
		}
		if root, err := Directory(filepath.Join(dir, "dir/new"), true); (err != nil) != c.want {
			t.Errorf("%v of %d: %v, %v", c.mode, c.owner, root, err)
		}
		place, err := Find(filepath.Join(dir, "file"))
		if err != nil {
			t.Fatal(err)
		}
		if perm, has := place.Permissions(); has == c.want || has && perm != 0o666 {
			t.Errorf("%v of %d: the file gives the permissions %o, %v", c.mode, c.owner, perm, has)
		}
		place.Close()
	}
}

// TestOwn: the user's own symlinks and root's are followed wherever they are, to the end.
func TestOwn(t *testing.T) {
	dir, dest := shared(t, os.ModeSticky|0o777, 0)
	if err := errors.Join(os.Symlink("own2", filepath.Join(dir, "own")), os.Symlink(dest+"/../dest/./file", filepath.Join(dir, "own2")), os.Symlink("/", filepath.Join(dir, "root"))); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{dir + "/own": dest + "/file", dir + "/root/" + dest + "/file": dest + "/file", dir + "/root": "/", "/": "/", dir + "/root/": "/", dest: dest, "/proc/self/cwd/.": "."} {
		place, err := Find(name)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		wanted, err := os.Stat(want)
		if err != nil {
			t.Fatal(err)
		}
		if stat := wanted.Sys(); place.stat == nil || place.IsDir() != wanted.IsDir() || stat == nil || place.stat.Ino != inode(t, want) {
			t.Errorf("%s leads to %+v", name, place.stat)
		}
		place.Close()
	}
}

func inode(t *testing.T, path string) uint64 {
	t.Helper()
	var stat unix.Stat_t
	if err := unix.Stat(path, &stat); err != nil {
		t.Fatal(err)
	}
	return stat.Ino
}

// TestErrors: what the kernel cannot follow, nobody can.
func TestErrors(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	files.Write(t, at("file"), nil)
	if err := errors.Join(os.Symlink("loop", at("loop")), os.Symlink("missing/x", at("dangling"))); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]error{
		"": unix.ENOENT, at("loop"): unix.ELOOP, at("missing/x"): unix.ENOENT, at("dangling"): unix.ENOENT, at("file") + "/": unix.ENOTDIR,
		at("file/x"): unix.ENOTDIR, at("missing") + "/": unix.ENOENT, at(strings.Repeat("x", 300)): unix.ENAMETOOLONG,
	} {
		if place, err := Find(path); !errors.Is(err, want) {
			t.Errorf("%q: %+v, %v, want %v", path, place, err, want)
		}
	}
	for path, want := range map[string]error{"": unix.ENOENT, at("missing"): unix.ENOENT, at("file"): unix.ENOTDIR, at("loop"): unix.ELOOP} {
		if root, err := Directory(path, false); !errors.Is(err, want) {
			t.Errorf("%q: %+v, %v, want %v", path, root, err, want)
		}
	}
}

// TestMeanwhile: a symlink that takes the place of a file once that was found is neither
// followed nor written through.
func TestMeanwhile(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	files.Write(t, at("victim"), []byte("old"))
	if err := unix.Mkfifo(at("pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, swap := range []func(name string) error{
		func(name string) error { return os.Symlink("victim", name) },
		func(name string) error { return os.Link(at("victim"), name) },
	} {
		pipe, err := Find(at("pipe"))
		if err != nil {
			t.Fatal(err)
		}
		made, err := Find(at("new"))
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(os.Remove(at("pipe")), swap(at("pipe")), swap(at("new"))); err != nil {
			t.Fatal(err)
		}
		if f, err := pipe.Open(); err == nil {
			t.Errorf("%v was opened", f)
		}
		f, err := made.Create(".tmp", 0o600)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteString("new"); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(f.Close(), made.Rename(".tmp")); err != nil {
			t.Fatal(err)
		}
		if content, err := os.ReadFile(at("victim")); err != nil || string(content) != "old" {
			t.Errorf("the file is %q, %v", content, err)
		}
		if info, err := os.Lstat(at("new")); err != nil || !info.Mode().IsRegular() {
			t.Errorf("%v, %v", info, err)
		}
		if err := errors.Join(os.Remove(at("new")), os.Remove(at("pipe")), unix.Mkfifo(at("pipe"), 0o600), pipe.Close(), made.Close()); err != nil {
			t.Fatal(err)
		}
	}
}

// TestDirectory: what is missing is made, and nothing leads out.
func TestDirectory(t *testing.T) {
	dir := t.TempDir()
	if err := os.Symlink("real", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	for _, path := range []string{dir + "/a/b/../c/", "link/x", "link/../d", "."} {
		root, err := Directory(path, true)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		if err := errors.Join(root.WriteFile("made", nil, 0o600), root.Close()); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(path + "/made"); err != nil {
			t.Error(err)
		}
	}
	for _, path := range []string{"a/b", "real/x/made", "d/made", "made"} {
		if _, err := os.Stat(filepath.Join(dir, path)); err != nil {
			t.Error(err)
		}
	}
}

// TestCheckNoLink: a symlink on the way is named.
func TestCheckNoLink(t *testing.T) {
	dir := t.TempDir()
	files.Write(t, filepath.Join(dir, "blobs/sha256/x"), nil)
	if err := errors.Join(os.Symlink("blobs", filepath.Join(dir, "link")), os.Symlink("x", filepath.Join(dir, "blobs/sha256/y"))); err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	for name, want := range map[string]string{"blobs/sha256/x": "", "blobs/none/x": "", "link": dir + "/link", "link/sha256/x": dir + "/link", "blobs/sha256/y": dir + "/blobs/sha256/y"} {
		err := CheckNoLink(root, name)
		if (err == nil) != (want == "") || err != nil && !strings.HasPrefix(err.Error(), `"`+want+`" is a symlink, `) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
