package content

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"cfsverify/canon"
	"cfsverify/canon/fsverity"
	"cfsverify/importers"
	"cfsverify/importers/layer"
	"cfsverify/testdata/layers"
)

// of gives the content of a source, and how an interrupted run would clean up.
func of(t *testing.T, source importers.Source, objects string) (*Content, []func() error) {
	t.Helper()
	var cleanups []func() error
	c, err := Of(source, objects, func(cleanup func() error) { cleanups = append(cleanups, cleanup) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c, cleanups
}

func read(t *testing.T, c *Content, path string, n *canon.Node) string {
	t.Helper()
	f, err := c.Open(path, n)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(f)
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// TestBelow: files of a directory are found by their paths, those of a store by their
// payloads; no symlink leads out, and a pipe does not block.
func TestBelow(t *testing.T) {
	dir := t.TempDir()
	if err := errors.Join(os.Mkdir(filepath.Join(dir, "a"), 0o755), os.WriteFile(filepath.Join(dir, "a", "b"), []byte("x"), 0o600),
		os.Symlink("/etc/passwd", filepath.Join(dir, "out")), unix.Mkfifo(filepath.Join(dir, "pipe"), 0o600)); err != nil {
		t.Fatal(err)
	}
	scanned, cleanups := of(t, importers.Source{Transport: importers.Dir, Path: dir}, "")
	if got := read(t, scanned, "/a/b", nil); got != "x" || scanned.Store != nil || cleanups != nil {
		t.Errorf("%q", got)
	}
	if f, err := scanned.Open("/out", nil); err == nil {
		t.Errorf("a symlink leads to %v", f)
	}
	if got := read(t, scanned, "/pipe", nil); got != "" {
		t.Errorf("%q", got)
	}
	stored, _ := of(t, importers.Source{Transport: importers.Dump, Path: "x"}, dir)
	n := &canon.Node{Kind: canon.Regular, Content: &canon.Content{}}
	n.Content.SetPayload("a/b")
	if got := read(t, stored, "/elsewhere", n); got != "x" {
		t.Errorf("%q", got)
	}
	if _, err := Of(importers.Source{Transport: importers.Dir, Path: filepath.Join(dir, "none")}, "", nil); !errors.Is(err, unix.ENOENT) {
		t.Errorf("%v", err)
	}
}

func TestMissing(t *testing.T) {
	source := importers.Source{Transport: importers.Dump, Path: "x"}
	c, _ := of(t, source, "")
	var missing *MissingError
	if _, err := c.Open("/a", nil); !errors.As(err, &missing) || missing.Source.Path != "x" || err.Error() != "its content is not in dump:x" {
		t.Errorf("%v", err)
	}
}

// TestTemporary: the content of an image is in a store that goes when it is closed.
func TestTemporary(t *testing.T) {
	parent := t.TempDir()
	t.Setenv("TMPDIR", parent)
	file := filepath.Join(t.TempDir(), "layer.tar")
	// Up to 64 bytes would be in the tree itself.
	text := strings.Repeat("x", 65)
	if err := os.WriteFile(file, layers.Tar("f a ="+text), 0o600); err != nil {
		t.Fatal(err)
	}
	source := importers.Source{Transport: importers.Tar, Layers: []string{file}}
	c, cleanups := of(t, source, "")
	imported, err := importers.Load(t.Context(), source, importers.Options{Hash: fsverity.SHA256, Rules: layer.RulesOCI, Objects: c.Store})
	if err != nil {
		t.Fatal(err)
	}
	if got := read(t, c, "/a", imported.Tree.Lookup("/a").Node); got != text {
		t.Errorf("%q", got)
	}
	if len(cleanups) != 1 || cleanups[0]() != nil {
		t.Errorf("%d ways to clean up", len(cleanups))
	}
	if left, err := os.ReadDir(parent); err != nil || len(left) > 0 {
		t.Errorf("%v, %v", left, err)
	}
	t.Setenv("TMPDIR", filepath.Join(parent, "none"))
	if _, err := Of(source, "", nil); err == nil {
		t.Error("there is nowhere to put a store")
	}
}
