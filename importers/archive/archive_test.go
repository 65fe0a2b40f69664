package archive_test

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"cfsverify/importers/archive"
	"cfsverify/testdata/files"
)

// member is an entry of an archive: a file, or else a link.
type member struct {
	name, content string
	symlink, hard string
}

// writeArchive writes them with Go's own archive/tar.
func writeArchive(t *testing.T, members ...member) string {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, m := range members {
		h := &tar.Header{Name: m.name, Mode: 0o644, Typeflag: tar.TypeReg, Size: int64(len(m.content))}
		switch {
		case m.symlink != "":
			h.Typeflag, h.Linkname = tar.TypeSymlink, m.symlink
		case m.hard != "":
			h.Typeflag, h.Linkname = tar.TypeLink, m.hard
		case strings.HasSuffix(m.name, "/"):
			h.Typeflag = tar.TypeDir
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, m.content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "image.tar")
	files.Write(t, file, out.Bytes())
	return file
}

// TestOpen: files are found by their clean names and through links, in any order, as
// often as they are asked for.
func TestOpen(t *testing.T) {
	long := strings.Repeat("long/", 60) + "name"
	links := []member{{name: "link0", symlink: "blobs/b"}}
	for i := 1; i < 9; i++ {
		links = append(links, member{name: fmt.Sprint("link", i), hard: fmt.Sprint("link", i-1)})
	}
	a, err := archive.Open(writeArchive(t, append(links,
		member{name: "./a", content: "first"},
		member{name: "blobs/"},
		member{name: "blobs/b", content: strings.Repeat("b", 1000)},
		member{name: "blobs/sub/up", symlink: "../../a"},
		member{name: "blobs/hard", hard: "./blobs/b"},
		member{name: long, content: "long"},
		member{name: "empty"},
		member{name: "a", content: "last"},
		member{name: "dangling", symlink: "nowhere"},
		member{name: "loop", symlink: "loop"},
	)...))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	}()
	for range 2 {
		for name, want := range map[string]string{
			"a": "last", "./blobs/../a": "last", "blobs/b": strings.Repeat("b", 1000), "blobs/sub/up": "last", "blobs/hard": strings.Repeat("b", 1000),
			long: "long", "empty": "", "link6": strings.Repeat("b", 1000),
		} {
			content, size, err := a.Open(name)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			got, err := io.ReadAll(content)
			if string(got) != want || err != nil || size != int64(len(want)) || content.Close() != nil {
				t.Errorf("%s: %q of %d bytes, %v", name, got, size, err)
			}
		}
	}
	for name, want := range map[string]string{
		"blobs": "the archive lacks blobs", "b": "the archive lacks b", "dangling": "the archive lacks dangling",
		"loop": "more than 8 links lead on from loop", "link8": "more than 8 links lead on from link8",
	} {
		if _, _, err := a.Open(name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %s", name, err, want)
		}
	}
	for name, want := range map[string]bool{"a": true, "loop": true, "./a": false, "b": false, "blobs": false} {
		if a.Has(name) != want {
			t.Errorf("%s: %v", name, !want)
		}
	}
}

func TestOpenErrors(t *testing.T) {
	whole, err := os.ReadFile(writeArchive(t, member{name: "a", content: "content"}, member{name: "b"}))
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "x")
	for name, c := range map[string]struct {
		content []byte
		want    string
	}{
		"cut off in a header": {whole[:1100], "unexpected EOF"},
		"no archive":          {bytes.Repeat([]byte("x"), 1000), "invalid tar header"},
	} {
		files.Write(t, file, c.content)
		if _, err := archive.Open(file); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %s", name, err, c.want)
		}
	}
}

// TestOpenRegular: what is no file is refused, and a FIFO is not waited for.
func TestOpenRegular(t *testing.T) {
	dir := t.TempDir()
	fifo := filepath.Join(dir, "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{dir: dir + " is no regular file", fifo: fifo + " is no regular file", filepath.Join(dir, "none"): "no such file or directory"} {
		if _, err := archive.Open(name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %s", name, err, want)
		}
	}
	files.Write(t, filepath.Join(dir, "file"), []byte("content"))
	if err := os.Symlink("file", filepath.Join(dir, "symlink")); err != nil {
		t.Fatal(err)
	}
	f, err := archive.OpenRegular(filepath.Join(dir, "symlink"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if got, err := io.ReadAll(f); string(got) != "content" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}
