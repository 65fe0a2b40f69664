package objects

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cfsverify/canon"
	"cfsverify/canon/fsverity"
)

// open makes a store, which is closed when the test ends.
func open(t *testing.T, dir string) *Store {
	t.Helper()
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// put hashes content into a store.
func put(t *testing.T, s *Store, content string) fsverity.Digest {
	t.Helper()
	h := NewHasher(fsverity.SHA256, s)
	if err := h.Start(true); err != nil {
		t.Fatal(err)
	}
	if n, err := io.WriteString(h, content); n != len(content) || err != nil {
		t.Fatalf("%d bytes, %v", n, err)
	}
	d, err := h.End()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// lies are the files below a directory, with their content.
func lies(t *testing.T, dir string) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		rel, _ := filepath.Rel(dir, path)
		found[rel] = string(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// tree has a file for each content, in the order of their digits.
func tree(contents ...*canon.Content) *canon.Tree {
	root := &canon.Node{Kind: canon.Directory, Perm: 0o755}
	for i, c := range contents {
		root.Put(canon.Dirent{Name: strconv.Itoa(i), Node: &canon.Node{Kind: canon.Regular, Content: c}})
	}
	return &canon.Tree{Root: root}
}

func external(d fsverity.Digest) *canon.Content { return &canon.Content{Digest: d} }

// TestCommit: what the tree needs lies under its digest, and nothing else is left.
func TestCommit(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made/on/the/way")
	s := open(t, dir)
	one, two, unused := put(t, s, "one"), put(t, s, "two"), put(t, s, "unused")
	if again := put(t, s, "one"); again != one {
		t.Errorf("the digest is %v, and then %v", one, again)
	}
	for path := range lies(t, dir) {
		if !strings.HasPrefix(path, ".cfsverify-") {
			t.Errorf("before it is committed there is %s", path)
		}
	}
	inline := &canon.Content{Inline: []byte("short"), Digest: fsverity.SumBytes(fsverity.SHA256, []byte("short"))}
	if err := s.Commit(tree(external(one), nil, external(two), inline, external(one))); err != nil {
		t.Fatal(err)
	}
	if f, err := s.Open(unused); err != nil {
		t.Errorf("what no tree needs is gone: %v", err)
	} else {
		f.Close()
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	name := func(content string) string {
		hex := fsverity.SumBytes(fsverity.SHA256, []byte(content)).String()
		return hex[:2] + "/" + hex[2:]
	}
	want := map[string]string{name("one"): "one", name("two"): "two"}
	if diff := cmp.Diff(want, lies(t, dir)); diff != "" {
		t.Error(diff)
	}
	for path := range want {
		info, err := os.Stat(filepath.Join(dir, path))
		if err != nil || info.Mode() != 0o644 {
			t.Errorf("%s has mode %v, %v", path, info.Mode(), err)
		}
	}
	if entries, err := os.ReadDir(dir); err != nil || slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return len(e.Name()) != 2 }) {
		t.Errorf("it has %v, %v", entries, err)
	}
}

// TestCommitAgain: a damaged object is replaced, and others stay as they are.
func TestCommitAgain(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	d := put(t, s, "content")
	path := filepath.Join(dir, d.ObjectPath())
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte("damaged"), 0o400), os.WriteFile(path+"0", []byte("other"), 0o600)); err != nil {
		t.Fatal(err)
	}
	damaged, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer damaged.Close()
	if err := s.Commit(tree(external(d))); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{d.ObjectPath(): "content", d.ObjectPath() + "0": "other"}
	if diff := cmp.Diff(want, lies(t, dir)); diff != "" {
		t.Error(diff)
	}
	// Who has it open still has the old one: it was not written into.
	if got, err := io.ReadAll(damaged); err != nil || string(got) != "damaged" {
		t.Errorf("the open file has %q, %v", got, err)
	}
}

// TestCommitFaults: it is told which file cannot be committed.
func TestCommitFaults(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	one := put(t, s, "one")
	absent := fsverity.SumBytes(fsverity.SHA256, []byte("never hashed"))
	if err := s.Commit(tree(external(one), external(absent))); !errors.Is(err, fs.ErrNotExist) || !strings.HasPrefix(err.Error(), `"/1": `) {
		t.Errorf("not staged: error %v", err)
	}
	two := put(t, s, "two")
	if err := os.WriteFile(filepath.Join(dir, two.String()[:2]), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := s.Commit(tree(external(two))); err == nil {
		t.Error("no error where a file stands in the way")
	}
	three := put(t, s, "three")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Commit(tree(external(three))); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("closed: error %v", err)
	}
	if err := s.Commit(tree()); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("closed, nothing to commit: error %v", err)
	}
	if err := NewHasher(fsverity.SHA256, s).Start(true); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("closed, another file: error %v", err)
	}
}

func TestOpenFaults(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{file, filepath.Join(file, "below"), "/proc/self/fdinfo"} {
		if s, err := Open(dir); err == nil {
			t.Errorf("%s: a store of %+v", dir, s)
		}
	}
}

// TestOpenContent: what is staged can be read before it is committed, by its digest and
// as a file of a tree.
func TestOpenContent(t *testing.T) {
	s := open(t, t.TempDir())
	d := put(t, s, "content")
	f, err := s.Open(d)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	c, err := s.OpenContent("/a", &canon.Node{Content: external(d)})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, r := range []io.Reader{f, c} {
		if got, err := io.ReadAll(r); err != nil || string(got) != "content" {
			t.Errorf("%q, %v", got, err)
		}
	}
	if _, err := s.OpenContent("/b", &canon.Node{Content: external(fsverity.SumBytes(fsverity.SHA256, nil))}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error %v", err)
	}
}

// TestTwoStores: two runs may use a directory at a time.
func TestTwoStores(t *testing.T) {
	dir := t.TempDir()
	one, two := open(t, dir), open(t, dir)
	d := put(t, one, "content")
	put(t, two, "content")
	if err := two.Close(); err != nil {
		t.Fatal(err)
	}
	if err := one.Commit(tree(external(d))); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{d.ObjectPath(): "content"}, lies(t, dir)); diff != "" {
		t.Error(diff)
	}
}

// TestHasher: digests do not depend on the store, nor on the pieces in which content
// comes, and content that is kept is what was hashed, with its holes.
func TestHasher(t *testing.T) {
	type piece struct {
		data  string
		zeros int
	}
	long := strings.Repeat("0123456789", 1000)
	for name, pieces := range map[string][]piece{
		"empty":             nil,
		"a byte":            {{"x", 0}},
		"a block":           {{long[:4096], 0}},
		"a block and more":  {{long[:4096], 0}, {"x", 0}},
		"pieces":            {{long[:1], 0}, {long[1:100], 0}, {long[100:], 0}},
		"a hole alone":      {{"", 10_000}},
		"a hole at the end": {{"x", 4095}},
		"a hole first":      {{"", 5000}, {"x", 0}},
		"holes and data":    {{"a", 3}, {"b", 70_000}, {long, 1}, {"c", 0}},
	} {
		var whole bytes.Buffer
		for _, p := range pieces {
			whole.WriteString(p.data)
			whole.Write(make([]byte, p.zeros))
		}
		for _, alg := range []fsverity.Algorithm{fsverity.SHA256, fsverity.SHA512} {
			want := fsverity.SumBytes(alg, whole.Bytes())
			for _, c := range []struct {
				store *Store
				keep  bool
			}{{nil, false}, {nil, true}, {open(t, t.TempDir()), false}, {open(t, t.TempDir()), true}} {
				h := NewHasher(alg, c.store)
				if err := h.Start(c.keep); err != nil {
					t.Fatal(err)
				}
				for _, p := range pieces {
					if n, err := io.WriteString(h, p.data); n != len(p.data) || err != nil {
						t.Fatalf("%d bytes, %v", n, err)
					}
					if err := h.Zeros(uint64(p.zeros)); err != nil {
						t.Fatal(err)
					}
				}
				got, err := h.End()
				if err != nil || got != want {
					t.Errorf("%s, %v, %+v: %v, want %v, error %v", name, alg, c, got, want, err)
				}
				if c.store == nil {
					continue
				}
				staged := map[string]string{}
				if c.keep {
					staged[want.String()] = whole.String()
				}
				if diff := cmp.Diff(staged, lies(t, c.store.staged.Root.Name())); diff != "" {
					t.Errorf("%s, %v, %+v: %s", name, alg, c, diff)
				}
			}
		}
	}
}

// TestHasherDrops: of a file that was not ended nothing is left, neither in the store
// nor in the digest of the next one.
func TestHasherDrops(t *testing.T) {
	s := open(t, t.TempDir())
	h := NewHasher(fsverity.SHA256, s)
	for _, keep := range []bool{true, false, true} {
		if err := h.Start(true); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(h, "half of a fi"); err != nil {
			t.Fatal(err)
		}
		if err := h.Start(keep); err != nil {
			t.Fatal(err)
		}
		content := fmt.Sprintf("kept: %v", keep)
		if _, err := io.WriteString(h, content); err != nil {
			t.Fatal(err)
		}
		if got, err := h.End(); err != nil || got != fsverity.SumBytes(fsverity.SHA256, []byte(content)) {
			t.Errorf("%s: %v, %v", content, got, err)
		}
	}
	want := map[string]string{fsverity.SumBytes(fsverity.SHA256, []byte("kept: true")).String(): "kept: true"}
	if diff := cmp.Diff(want, lies(t, s.staged.Root.Name())); diff != "" {
		t.Error(diff)
	}
}

// TestHasherFaults: a file that cannot be written is no content.
func TestHasherFaults(t *testing.T) {
	for name, do := range map[string]func(h *Hasher) error{
		"data": func(h *Hasher) error { _, err := h.Write([]byte("x")); return err },
		"hole": func(h *Hasher) error { return h.Zeros(1) },
		"end":  func(h *Hasher) error { _, err := h.End(); return err },
		"drop": func(h *Hasher) error { return h.Start(true) },
	} {
		h := NewHasher(fsverity.SHA256, open(t, t.TempDir()))
		if err := h.Start(true); err != nil {
			t.Fatal(err)
		}
		if err := h.file.Close(); err != nil {
			t.Fatal(err)
		}
		if err := do(h); !errors.Is(err, os.ErrClosed) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}
