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
	typeflag      byte
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
		case m.typeflag != 0:
			h.Typeflag, h.Size = m.typeflag, 0
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
		member{name: "blobs/"},
		member{name: "blobs/b", content: strings.Repeat("b", 1000)},
		member{name: "blobs/sub/up", symlink: "../../a"},
		member{name: "blobs/hard", hard: "./blobs/b"},
		member{name: long, content: "long"},
		member{name: "empty"},
		member{name: "./blobs/"},
		member{name: "./a", content: "last"},
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

// TestNamesTwice: tools that unpack an archive take the last of two entries, those that
// look for a name the first, and they differ about which names are one.
func TestNamesTwice(t *testing.T) {
	const one = " have one name, and tools differ about which counts"
	const none = ", which is no directory"
	file, other := func(name string) member { return member{name: name, content: "{}"} }, "other"
	for name, c := range map[string]struct {
		members []member
		want    string
	}{
		"the same name":              {[]member{file("index.json"), file("x"), file("index.json")}, `entry 1 ("index.json") and entry 3 ("index.json")` + one},
		"with a dot":                 {[]member{file("manifest.json"), file("./manifest.json")}, `entry 1 ("manifest.json") and entry 2 ("./manifest.json")` + one},
		"absolute":                   {[]member{file("x"), file("/index.json"), file("index.json")}, `entry 2 ("/index.json") and entry 3 ("index.json")` + one},
		"with slashes":               {[]member{file("blobs/sha256/a"), file("blobs//sha256/./a")}, `entry 1 ("blobs/sha256/a") and entry 2 ("blobs//sha256/./a")` + one},
		"up and down":                {[]member{file("index.json"), file("blobs/../index.json")}, `entry 1 ("index.json") and entry 2 ("blobs/../index.json")` + one},
		"out of the archive":         {[]member{file("../index.json"), file("index.json")}, `entry 1 ("../index.json") and entry 2 ("index.json")` + one},
		"a symlink":                  {[]member{file("index.json"), {name: "index.json", symlink: other}}, `entry 1 ("index.json") and entry 2 ("index.json")` + one},
		"a hardlink":                 {[]member{{name: "index.json", hard: other}, file("index.json")}, `entry 1 ("index.json") and entry 2 ("index.json")` + one},
		"a directory":                {[]member{{name: "index.json/"}, file("index.json")}, `entry 1 ("index.json/") and entry 2 ("index.json")` + one},
		"a device":                   {[]member{file("index.json"), {name: "index.json", typeflag: tar.TypeChar}}, `entry 1 ("index.json") and entry 2 ("index.json")` + one},
		"control characters":         {[]member{file("\x1b\n"), file("\x1b\n")}, `entry 1 ("\x1b\n") and entry 2 ("\x1b\n")` + one},
		"what nobody reads":          {[]member{file("x"), file("x")}, `entry 1 ("x") and entry 2 ("x")` + one},
		"below a symlink":            {[]member{file("index.json"), {name: "x", symlink: "."}, file("x/index.json")}, `entry 3 ("x/index.json") is below entry 2 ("x")` + none},
		"below a symlink, before":    {[]member{file("x/y/index.json"), file("x-"), {name: "/x", symlink: "."}}, `entry 1 ("x/y/index.json") is below entry 3 ("/x")` + none},
		"below a file":               {[]member{file("x"), file("x/y")}, `entry 2 ("x/y") is below entry 1 ("x")` + none},
		"all below a root":           {[]member{file("x"), {name: "./", symlink: "/"}}, `entry 1 ("x") is below entry 2 ("./")` + none},
		"directories, often":         {[]member{{name: "./"}, {name: "blobs/"}, {name: "blobs/"}, {name: "/blobs" + "/"}, file("blobs/a")}, ""},
		"names that begin as others": {[]member{file("a"), file("a-b"), file("a.b/c"), file("ab"), {name: "a0/"}, file("a0/b")}, ""},
		"other letters":              {[]member{file("index.json"), file("Index.json")}, ""},
	} {
		a, err := archive.Open(writeArchive(t, c.members...))
		if c.want == "" && err != nil || c.want != "" && (err == nil || err.Error() != c.want) {
			t.Errorf("%s: error %v, want %s", name, err, c.want)
		}
		if err == nil {
			if err := a.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

// TestAbsoluteName: tools do not agree that it is the name without the slash.
func TestAbsoluteName(t *testing.T) {
	a, err := archive.Open(writeArchive(t, member{name: "/manifest.json", content: "[]"}))
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	if a.Has("manifest.json") {
		t.Error("it is found")
	}
}

// TestSparse: what a sparse file holds is not what lies in the archive.
func TestSparse(t *testing.T) {
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	// The library writes no such records; lengths of digits make room for one.
	h := &tar.Header{Name: "index.json", Mode: 0o644, Typeflag: tar.TypeReg, Size: 2, Format: tar.FormatPAX, PAXRecords: map[string]string{"XXX.sparse.major": "1"}}
	if err := w.WriteHeader(h); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(w, "{}"); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "image.tar")
	for records, want := range map[string]bool{"XXX.sparse.major": true, "GNU.sparse.major": false} {
		files.Write(t, file, bytes.Replace(out.Bytes(), []byte("XXX.sparse.major"), []byte(records), 1))
		a, err := archive.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		if a.Has("index.json") != want {
			t.Errorf("%s: it is found: %v", records, !want)
		}
		if err := a.Close(); err != nil {
			t.Error(err)
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
