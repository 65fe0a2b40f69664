package storage_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cfsverify/importers/source"
	"cfsverify/importers/storage"
	"cfsverify/testdata/blobs"
	"cfsverify/testdata/files"
	"cfsverify/testdata/storages"
)

// inDocker names an image below a data root.
func inDocker(root, name string) source.Source {
	return source.Source{Transport: source.DockerOverlay2, Path: root, Ref: name}
}

// newDocker writes a data root with an image of specs, and others.
func newDocker(t *testing.T) (root, id string) {
	t.Helper()
	root = filepath.Join(t.TempDir(), "docker")
	from := ociImage(t, "somebody", specs...)
	storages.Docker(t, root, map[string]source.Source{
		"os:1": from, "quay.example/x/y@sha256:" + strings.Repeat("1", 64): ociImage(t, "other", "f a"), "quay.example/x/z:latest": ociImage(t, "third", "f a"),
	})
	config := openConfig(t, from)
	return root, blobs.Digest(config).Hex
}

// TestDocker: images are found by the names that docker shows, and by ID, and their layers are
// the archives.
func TestDocker(t *testing.T) {
	root, id := newDocker(t)
	for _, name := range []string{"os:1", "docker.io/library/os:1", "library/os:1", id, "sha256:" + id, "@" + id, id[:12]} {
		img, err := storage.OpenDocker(inDocker(root, name), nil)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if img.Manifest != nil || img.Layers[1].Store != root || img.CheckLayers(t.Context()) != nil {
			t.Errorf("%s: %+v", name, img)
		}
		if got, err := readImage(t, img.Image); got != merged() || err != nil {
			t.Errorf("%s: got\n%swant\n%s%v", name, got, merged(), err)
		}
	}
	for name, want := range map[string]string{"quay.example/x/y@sha256:" + strings.Repeat("1", 64): "f a\n", "quay.example/x/z": "f a\n"} {
		img, err := storage.OpenDocker(inDocker(root, name), nil)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got, err := readImage(t, img.Image); got != want || err != nil {
			t.Errorf("%s: got\n%swant\n%s%v", name, got, want, err)
		}
	}
}

// TestDockerRefusals: what is not as it was pulled has no digest.
func TestDockerRefusals(t *testing.T) {
	layer := func(m files.Maker) string {
		found, err := filepath.Glob(m.Path("overlay2/*/diff/usr/c"))
		if err != nil || len(found) != 1 {
			m.Fatal(found, err)
		}
		return found[0]
	}
	all := func(m files.Maker, pattern string) []string {
		found, err := filepath.Glob(m.Path(pattern))
		if err != nil || len(found) == 0 {
			m.Fatal(found, err)
		}
		return found
	}
	for name, c := range map[string]struct {
		change func(m files.Maker)
		want   string
	}{
		"changed": {func(m files.Maker) { m.Do(os.WriteFile(layer(m), []byte("444"), 0o644)) }, `: the storage does not hold what was pulled: "usr/c" has other content`},
		"no list": {func(m files.Maker) { m.Do(os.RemoveAll(m.Path("image"))) }, "docker has no images of the storage driver overlay2 in "},
		"no name": {func(m files.Maker) {
			m.Do(os.WriteFile(m.Path("image/overlay2/repositories.json"), []byte(`{"Repositories":{}}`), 0o644))
		}, "; name another store as docker-overlay2:[PATH]os:1"},
		"names twice": {func(m files.Maker) {
			m.Do(os.WriteFile(m.Path("image/overlay2/repositories.json"), []byte(`{"Repositories":{},"repositories":{}}`), 0o644))
		}, `repositories.json" is not valid: member "/repositories" is "Repositories" in another case`},
		"no headers": {func(m files.Maker) {
			for _, f := range all(m, "image/overlay2/layerdb/sha256/*/tar-split.json.gz") {
				m.Do(os.Remove(f))
			}
		}, "the storage has no headers of this layer ("},
		"no layers": {func(m files.Maker) { m.Do(os.RemoveAll(m.Path("image/overlay2/layerdb"))) }, "docker has no layer sha256:"},
		"a layer elsewhere": {func(m files.Maker) {
			for _, f := range all(m, "image/overlay2/layerdb/sha256/*/cache-id") {
				m.Do(os.WriteFile(f, []byte("../x"), 0o644))
			}
		}, `"../x" is no ID`},
		"another config": {func(m files.Maker) {
			for _, f := range all(m, "image/overlay2/imagedb/content/sha256/*") {
				m.Do(os.WriteFile(f, []byte("{}"), 0o644))
			}
		}, "is not what its digest says: it has "},
	} {
		t.Run(name, func(t *testing.T) {
			root, _ := newDocker(t)
			c.change(files.New(t, root))
			s := inDocker(root, "os:1")
			img, err := storage.OpenDocker(s, nil)
			if err == nil {
				_, err = readImage(t, img.Image)
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %s", err, c.want)
			}
		})
	}
	s := inDocker("relative", "a")
	if _, err := storage.OpenDocker(s, nil); err == nil || err.Error() != s.String()+`: path name "relative" is not absolute` {
		t.Errorf("error %v", err)
	}
}
