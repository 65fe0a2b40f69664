package scan

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"cfsverify/canon"
	"cfsverify/canon/fsverity"
	"cfsverify/testdata/files"
	"cfsverify/testdata/oracle"
)

func metadata(t *testing.T, dirs ...string) *Unread {
	t.Helper()
	u, err := Metadata(t.Context(), dirs, Options{Hash: fsverity.SHA256})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(u.Close)
	return u
}

func all(*canon.Node) bool { return true }

func TestUnreadIsWhatAScanGives(t *testing.T) {
	oracle.Root(t)
	m := files.New(t, t.TempDir())
	m.MakeEverything()
	u := metadata(t, m.Dir)
	for _, e := range u.Roots[0].Children() {
		if e.Node.Content != nil {
			t.Errorf("%q was read", e.Name)
		}
	}
	if err := u.Read(t.Context(), all); err != nil {
		t.Fatal(err)
	}
	tree := &canon.Tree{Root: u.Roots[0]}
	tree.CountLinks()
	if diff := cmp.Diff(files.ByTools(t, m.Dir, "sha256"), files.OfTree(t, tree)); diff != "" {
		t.Errorf("the tools (-) and the scan (+) differ:\n%s", diff)
	}
}

func TestUnreadSeveral(t *testing.T) {
	m := files.New(t, t.TempDir())
	m.Mkdir("1")
	m.Mkdir("2")
	m.File("1/a", "aa")
	m.Link("1/a", "2/b")
	m.File("2/c", "c")
	u := metadata(t, m.Path("1"), m.Path("2"))
	a, b, c := u.Roots[0].Child("a").Node, u.Roots[1].Child("b").Node, u.Roots[1].Child("c").Node
	if a != b {
		t.Error("names of one inode have two nodes")
	}
	m.Do(u.Read(t.Context(), func(n *canon.Node) bool { return n == a }))
	if string(a.Content.Inline) != "aa" || c.Content != nil {
		t.Errorf("a has %v, c %v", a.Content, c.Content)
	}
	if _, err := Metadata(t.Context(), []string{m.Path("1"), m.Path("3")}, Options{}); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), m.Path("3")) {
		t.Errorf("error %v", err)
	}
	if open := openBelow(t, m.Path("3")); open != nil {
		t.Errorf("these are open: %q", open)
	}
}

func TestUnreadChanged(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(m files.Maker)
		// want is empty if the file that was looked at is still there.
		want string
	}{
		{"nothing", func(m files.Maker) { m.File("dir/new", "") }, ""},
		{"content", func(m files.Maker) { m.File("dir/file", "changed") }, "changed"},
		{"mode", func(m files.Maker) { m.Chmod("dir/file", 0o600) }, "changed"},
		{"another file", func(m files.Maker) {
			m.File("new", "content")
			m.Do(os.Rename(m.Path("new"), m.Path("dir/file")))
		}, "changed"},
		{"gone", func(m files.Maker) { m.Do(os.Remove(m.Path("dir/file"))) }, "changed"},
		{"a FIFO", func(m files.Maker) {
			m.Do(os.Remove(m.Path("dir/file")))
			m.Do(unix.Mkfifo(m.Path("dir/file"), 0o600))
		}, "changed"},
		{"a symlink in place of the file", func(m files.Maker) {
			m.Do(os.Rename(m.Path("dir/file"), m.Path("file")))
			m.Symlink("../file", "dir/file")
		}, "changed"},
		{"a symlink in place of its directory", func(m files.Maker) {
			m.Do(os.Rename(m.Path("dir"), m.Path("moved")))
			m.Symlink("moved", "dir")
		}, unix.ELOOP.Error()},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := files.New(t, t.TempDir())
			m.Mkdir("dir")
			m.File("dir/file", "content")
			u := metadata(t, m.Dir)
			c.change(m)
			err := u.Read(t.Context(), all)
			if c.want == "" {
				m.Do(err)
				return
			}
			if err == nil || !strings.Contains(err.Error(), m.Path("dir/file")) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %s", err, c.want)
			}
		})
	}
}

func TestUnreadObjects(t *testing.T) {
	m := files.New(t, t.TempDir())
	m.Mkdir("dir")
	m.Mkdir("store/ab")
	m.File("store/ab/cd", "content")
	u := metadata(t, m.Path("dir"))
	n := &canon.Node{Kind: canon.Regular, Size: 7}
	m.Do(u.AddObject(n, m.Path("store"), "/ab/cd"))
	m.Do(u.Read(t.Context(), all))
	if string(n.Content.Inline) != "content" {
		t.Errorf("it has %v", n.Content)
	}
	longer := &canon.Node{Kind: canon.Regular, Size: 8}
	m.Do(u.AddObject(longer, m.Path("store"), "ab/cd"))
	if err := u.Read(t.Context(), func(n *canon.Node) bool { return n == longer }); err == nil || !strings.Contains(err.Error(), m.Path("store/ab/cd")) {
		t.Errorf("error %v", err)
	}
	if err := u.AddObject(n, m.Path("nowhere"), "ab/cd"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error %v", err)
	}
}

func TestUnreadCancelled(t *testing.T) {
	m := files.New(t, t.TempDir())
	m.File("file", "content")
	ctx, cancel := context.WithCancel(t.Context())
	u := metadata(t, m.Dir)
	cancel()
	if err := u.Read(ctx, all); err != context.Canceled {
		t.Errorf("error %v", err)
	}
	if _, err := Metadata(ctx, []string{m.Dir}, Options{}); err != context.Canceled {
		t.Errorf("error %v", err)
	}
}
