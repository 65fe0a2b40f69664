package layout_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"cfsverify/importers/layout"
	"cfsverify/importers/source"
	"cfsverify/testdata/blobs"
	"cfsverify/testdata/files"
	"cfsverify/testdata/images"
	"cfsverify/testdata/reading"
)

func target(dir string) source.Source { return source.Source{Transport: source.OCI, Path: dir} }

// staging is the directory in which a layout's only writer stages.
func staging(t *testing.T, dir string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, ".cfsverify-*"))
	if err != nil || len(found) != 1 {
		t.Fatalf("%v, %v", found, err)
	}
	return found[0]
}

// TestNewWriterErrors: what is no layout is not written to, and left as it is.
func TestNewWriterErrors(t *testing.T) {
	for name, c := range map[string]struct {
		file, content string
		want          string
	}{
		"other directory":           {"etc/passwd", "root", "PATH is neither an OCI image layout nor empty: name another directory"},
		"index.json is no JSON":     {"index.json", "{", "PATH: index.json is not valid: "},
		"index.json is null":        {"index.json", "null", "PATH: index.json is not valid: it is null"},
		"manifests are no list":     {"index.json", `{"manifests":{}}`, `PATH: index.json is not valid: member "/manifests" cannot be an object`},
		"manifests in another case": {"index.json", `{"manifests":[],"Manifests":[]}`, `PATH: index.json is not valid: member "/Manifests" is "manifests" in another case`},
		"manifests twice":           {"index.json", `{"manifests":[],"manifests":[]}`, `PATH: index.json is not valid: member "/manifests" is there twice`},
		"a tag twice":               {"index.json", `{"manifests":[{"annotations":{"org.opencontainers.image.ref.name":"a","org.opencontainers.image.ref.name":"b"}}]}`, `PATH: index.json is not valid: member "/manifests/0/annotations/org.opencontainers.image.ref.name" is there twice`},
		"digest in another case":    {"index.json", `{"manifests":[{"Digest":"x"}]}`, `PATH: index.json is not valid: member "/manifests/0/Digest" is "digest" in another case`},
		"index.json is a directory": {"index.json/x", "", "PATH/index.json is no regular file"},
	} {
		dir := t.TempDir()
		files.Write(t, filepath.Join(dir, c.file), []byte(c.content))
		if _, err := layout.NewWriter(t.Context(), target(dir), layout.Waiting{}); err == nil || !strings.HasPrefix(err.Error(), strings.ReplaceAll(c.want, "PATH", dir)) {
			t.Errorf("%s: error %v, want %s", name, err, c.want)
		}
		if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 || images.Read(t, dir, c.file) != c.content {
			t.Errorf("%s: the directory has changed: %v, %v", name, entries, err)
		}
	}
	file := filepath.Join(t.TempDir(), "file")
	files.Write(t, file, nil)
	for _, path := range []string{file, filepath.Join(file, "layout")} {
		if _, err := layout.NewWriter(t.Context(), target(path), layout.Waiting{}); err == nil || err.Error() != `"`+path+`" cannot be written: not a directory` {
			t.Errorf("error %v", err)
		}
	}
}

// TestInterruptedWriter: what a writer has left does not hinder the next one, which
// leaves it alone, as it may be another one's that still writes.
func TestInterruptedWriter(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "layout")
	interrupted := images.OpenLayout(t, target(dir))
	if _, err := interrupted.WriteBytes(types.OCILayer, []byte("left")); err != nil {
		t.Fatal(err)
	}
	left := staging(t, dir)
	w := images.OpenLayout(t, target(dir))
	d, err := w.WriteBytes(types.OCIManifestSchema1, []byte("{}"))
	if err := errors.Join(err, w.Commit(t.Context(), d), w.Close()); err != nil {
		t.Fatal(err)
	}
	if staging(t, dir) != left || images.Read(t, left, images.File(blobs.Digest([]byte("left")))) != "left" {
		t.Error("the other writer's staging has changed")
	}
	if len(images.Listed(t, dir)) != 1 {
		t.Errorf("listed are %v", images.Listed(t, dir))
	}
	if _, err := os.Stat(filepath.Join(dir, images.File(blobs.Digest([]byte("left"))))); !os.IsNotExist(err) {
		t.Errorf("what was not committed is there: %v", err)
	}
	// The interrupted one made the directory, and does not remove it.
	if err := interrupted.Close(); err != nil {
		t.Fatal(err)
	}
	if len(images.Listed(t, dir)) != 1 {
		t.Error("the layout is gone")
	}
}

// TestWriteBlob: digest and size are those of all that was written.
func TestWriteBlob(t *testing.T) {
	dir := t.TempDir()
	w := images.OpenLayout(t, target(dir))
	d, err := w.WriteBlob(types.OCILayer, func(to io.Writer) error {
		for _, part := range []string{"he", "", "llo"} {
			if n, err := io.WriteString(to, part); n != len(part) || err != nil {
				t.Errorf("%d, %v", n, err)
			}
		}
		return nil
	})
	if err != nil || d.Digest.Hex != "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824" || d.Size != 5 || d.MediaType != types.OCILayer {
		t.Errorf("%+v, %v", d, err)
	}
	stagedAt := staging(t, dir)
	if images.Read(t, stagedAt, images.File(d.Digest)) != "hello" {
		t.Error("the blob is not staged")
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	// The writer is closed: there is no place to write to.
	if _, err := w.WriteBytes(types.OCILayer, nil); err == nil || err.Error() != `"`+dir+`" cannot be written: file already closed` {
		t.Errorf("error %v", err)
	}
	// The directory was there before, and stays.
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
		t.Errorf("%v, %v", entries, err)
	}
}

// TestStagedImage: an image can be opened before it is committed, and is verified.
func TestStagedImage(t *testing.T) {
	both, archives := written(t)
	manifest := manifestOf(t, both[0].Path)
	parsed := images.Parsed(t, images.Read(t, both[0].Path, images.File(manifest.Digest)))
	w := images.OpenLayout(t, target(filepath.Join(t.TempDir(), "to")))
	defer func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	}()
	if _, err := w.Image(manifest); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error %v", err)
	}
	put := func(h v1.Hash) {
		if _, err := w.WriteBytes("x", []byte(images.Read(t, both[0].Path, images.File(h)))); err != nil {
			t.Fatal(err)
		}
	}
	put(manifest.Digest)
	if _, err := w.Image(manifest); !errors.Is(err, os.ErrNotExist) || !strings.HasPrefix(err.Error(), w.Target.String()+": ") {
		t.Errorf("error %v", err)
	}
	put(parsed.Config.Digest)
	img, err := w.Image(manifest)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := reading.Image(t, img); err == nil || !strings.Contains(err.Error(), "no such file or directory") {
		t.Errorf("error %v", err)
	}
	for _, archive := range archives {
		put(blobs.Digest(archive))
	}
	if got, err := reading.Image(t, img); got != "d a\nf a/b =1\nf a/c =2\n" || err != nil {
		t.Errorf("got\n%s%v", got, err)
	}
	if artifacts, err := w.Artifacts(t.Context(), manifest.Digest); artifacts != nil || err != nil {
		t.Errorf("%v, %v", artifacts, err)
	}
}

// TestCommitErrors: a commit that fails leaves the index as it was, and names the
// layout, not its temporary files.
func TestCommitErrors(t *testing.T) {
	for name, c := range map[string]struct {
		// change is made when all is staged.
		change func(t *testing.T, dir string, staged v1.Descriptor)
		want   string
	}{
		"index.json is broken meanwhile": {func(t *testing.T, dir string, _ v1.Descriptor) {
			files.Write(t, filepath.Join(dir, "index.json"), []byte("{"))
		},
			"PATH: index.json is not valid: "},
		"annotations are no strings": {func(t *testing.T, dir string, _ v1.Descriptor) {
			files.Write(t, filepath.Join(dir, "index.json"), []byte(`{"manifests":[{"annotations":{"a":"b"}},{"annotations":{"a":1}}]}`))
		}, `PATH: index.json is not valid: member "/manifests/1/annotations/a" cannot be such a number`},
		"a blob cannot be synced": {func(t *testing.T, dir string, d v1.Descriptor) {
			blob := filepath.Join(staging(t, dir), images.File(d.Digest))
			if err := errors.Join(os.Remove(blob), os.Symlink("nowhere", blob)); err != nil {
				t.Fatal(err)
			}
		}, `"PATH" cannot be written: no such file or directory`},
		"a blob cannot be renamed": {func(t *testing.T, dir string, d v1.Descriptor) {
			files.Write(t, filepath.Join(dir, images.File(d.Digest), "in the way"), nil)
		}, `"PATH" cannot be written: file exists`},
		"blobs cannot be made": {func(t *testing.T, dir string, _ v1.Descriptor) {
			if err := os.RemoveAll(filepath.Join(dir, "blobs")); err != nil {
				t.Fatal(err)
			}
			files.Write(t, filepath.Join(dir, "blobs"), nil)
		}, `"PATH" cannot be written: not a directory`},
		"index.json cannot be written": {func(t *testing.T, dir string, _ v1.Descriptor) {
			if err := os.RemoveAll(staging(t, dir)); err != nil {
				t.Fatal(err)
			}
		}, `"PATH" cannot be written: no such file or directory`},
		"oci-layout cannot be written": {func(t *testing.T, dir string, _ v1.Descriptor) {
			if err := errors.Join(os.RemoveAll(staging(t, dir)), os.Remove(filepath.Join(dir, "oci-layout"))); err != nil {
				t.Fatal(err)
			}
		}, `"PATH" cannot be written: no such file or directory`},
	} {
		t.Run(name, func(t *testing.T) {
			both, _ := written(t)
			dir := both[0].Path
			w := images.OpenLayout(t, both[0])
			staged, err := w.WriteBytes(types.OCIManifestSchema1, []byte("new"))
			if err != nil {
				t.Fatal(err)
			}
			c.change(t, dir, staged)
			before := images.Read(t, dir, "index.json")
			err = w.Commit(t.Context(), staged)
			if err == nil || !strings.HasPrefix(err.Error(), strings.ReplaceAll(c.want, "PATH", dir)) {
				t.Errorf("error %v, want %s", err, c.want)
			}
			if after := images.Read(t, dir, "index.json"); after != before {
				t.Errorf("the index was\n%s\nand is\n%s", before, after)
			}
			if err := w.Close(); err != nil {
				t.Error(err)
			}
			if found, err := filepath.Glob(filepath.Join(dir, ".cfsverify-*")); found != nil || err != nil {
				t.Errorf("%v is left, %v", found, err)
			}
		})
	}
}

// TestLinks: nothing is written through a symlink in a layout, whatever it leads to.
func TestLinks(t *testing.T) {
	for _, link := range []string{"blobs", "blobs/sha256", "index.json", "oci-layout"} {
		for _, early := range []bool{true, false} {
			both, _ := written(t)
			dir, outside := both[0].Path, filepath.Join(t.TempDir(), "outside")
			swap := func() {
				if err := errors.Join(os.Rename(filepath.Join(dir, link), outside), os.Symlink(outside, filepath.Join(dir, link))); err != nil {
					t.Fatal(err)
				}
			}
			if early {
				swap()
			}
			before := images.Read(t, dir, "index.json")
			w, err := layout.NewWriter(t.Context(), both[0], layout.Waiting{})
			if !early {
				if err != nil {
					t.Fatal(err)
				}
				staged, writeErr := w.WriteBytes(types.OCIManifestSchema1, []byte("new"))
				swap()
				err = errors.Join(writeErr, w.Commit(t.Context(), staged))
				if _, err := os.Stat(filepath.Join(dir, images.File(staged.Digest))); link != "index.json" && link != "oci-layout" && !os.IsNotExist(err) {
					t.Errorf("%s: the blob is written: %v", link, err)
				}
				if err := w.Close(); err != nil {
					t.Fatal(err)
				}
			}
			want := `"` + filepath.Join(dir, link) + `" is a symlink, through which nothing is written: `
			if err == nil || !strings.HasPrefix(strings.TrimPrefix(err.Error(), `"`+dir+`" cannot be written: `), want) {
				t.Errorf("%s: error %v", link, err)
			}
			if info, err := os.Lstat(filepath.Join(dir, link)); err != nil || info.Mode().Type() != os.ModeSymlink || images.Read(t, dir, "index.json") != before {
				t.Errorf("%s: the layout has changed: %v, %v", link, info, err)
			}
			if left, err := filepath.Glob(filepath.Join(dir, ".cfsverify-*")); left != nil || err != nil {
				t.Errorf("%v is left, %v", left, err)
			}
		}
	}
}
