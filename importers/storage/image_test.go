package storage_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"cfsverify/canon"
	"cfsverify/importers/layout"
	"cfsverify/importers/storage"
	"cfsverify/testdata/blobs"
	"cfsverify/testdata/files"
	"cfsverify/testdata/storages"
)

// TestOpen: manifest and config are those that were pulled, the layers the archives.
func TestOpen(t *testing.T) {
	from := ociImage(t, "somebody", specs...)
	store := storages.New(t, filepath.Join(t.TempDir(), "store"))
	store.Pull(from, "localhost/os:1")
	want, err := layout.Open(from, nil)
	if err != nil {
		t.Fatal(err)
	}
	img, err := storage.Open(t.Context(), inStore(store.Root, "localhost/os:1"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if string(img.Manifest) != string(want.Manifest) || string(img.Config) != string(want.Config) || img.Artifacts != nil {
		t.Errorf("manifest %s, config %s", img.Manifest, img.Config)
	}
	for i, l := range img.LayerList() {
		if *l != (canon.Layer{Index: i + 1, DiffID: want.Blobs[i].DiffID.String()}) {
			t.Errorf("layer %+v", l)
		}
		if b := img.Blobs[i]; b.Digest != (v1.Hash{}) || b.Size != -1 {
			t.Errorf("blob %+v", b)
		}
		if l := img.Layers[i]; l.Diff != filepath.Join(store.Root, "overlay", l.ID, "diff") || l.Store != store.Root || l.MountProgram || l.Composefs != "" {
			t.Errorf("layer %+v", l)
		}
	}
	if got, err := readImage(t, img.Image); got != merged() || err != nil {
		t.Errorf("got\n%swant\n%s%v", got, merged(), err)
	}
}

// TestOddStores: what programs may have left in a store, and others would be misled by.
func TestOddStores(t *testing.T) {
	for name, change := range map[string]func(s *storages.Store){
		"copy with other IDs": func(s *storages.Store) {
			copied := map[string]any{"id": "copy", "diff-digest": s.Layers[1]["diff-digest"], "parent": s.Layers[0]["id"],
				"uidmap": []any{map[string]any{"container_id": 0, "host_id": 1000, "size": 65536}}}
			s.Layers = append([]map[string]any{copied}, s.Layers...)
			s.Images[0]["mapped-layers"] = []string{"copy"}
			files.Write(s.T, filepath.Join(s.Root, "overlay/copy/diff1/usr/c"), []byte("333"))
			files.New(s.T, s.Root).Mkdir("overlay/copy/diff")
		},
		"layers without digests, image with another ID": func(s *storages.Store) {
			for _, l := range s.Layers {
				delete(l, "diff-digest")
				l["toc-digest"] = "sha256:" + strings.Repeat("0", 64)
				l["flags"] = map[string]any{"expected-layer-diffid": "sha256:" + strings.Repeat("1", 64)}
			}
			old := filepath.Join(s.Root, "overlay-images", s.Images[0]["id"].(string))
			s.Images[0]["id"] = strings.Repeat("2", 64)
			if err := os.Rename(old, filepath.Join(s.Root, "overlay-images", strings.Repeat("2", 64))); err != nil {
				s.Fatal(err)
			}
		},
		"digests of compressed layers": func(s *storages.Store) {
			s.Layers[1]["diff-digest"] = "sha256:" + strings.Repeat("0", 64)
		},
		"no locks": func(s *storages.Store) {
			for _, lock := range []string{"overlay-images/images.lock", "overlay-layers/layers.lock"} {
				if err := os.Remove(filepath.Join(s.Root, lock)); err != nil {
					s.Fatal(err)
				}
			}
		},
		"manifest without its own digest": func(s *storages.Store) { delete(s.Images[0]["big-data-digests"].(map[string]string), "manifest") },
	} {
		t.Run(name, func(t *testing.T) {
			store := newStore(t)
			store.T = t
			store.Save()
			change(store)
			saveLists(store)
			if got, err := read(t, store); got != merged() || err != nil {
				t.Errorf("got\n%swant\n%s%v", got, merged(), err)
			}
		})
	}
}

// saveLists writes the lists and no lock.
func saveLists(s *storages.Store) {
	s.Helper()
	files.Write(s.T, filepath.Join(s.Root, "overlay-images/images.json"), blobs.JSON(s.T, s.Images))
	files.Write(s.T, filepath.Join(s.Root, "overlay-layers/layers.json"), blobs.JSON(s.T, s.Layers))
}

// TestRefusedStores: what is wrong is told before anything is read.
func TestRefusedStores(t *testing.T) {
	const zeros = "sha256:0000000000000000000000000000000000000000000000000000000000000000"
	data := func(s *storages.Store) map[string]string { return s.Images[0]["big-data-digests"].(map[string]string) }
	put := func(name, content string) func(s *storages.Store) {
		return func(s *storages.Store) { files.Write(s.T, filepath.Join(s.Root, name), []byte(content)) }
	}
	for name, c := range map[string]struct {
		change func(s *storages.Store)
		after  func(s *storages.Store)
		want   string
	}{
		"incomplete layer":         {change: func(s *storages.Store) { s.Layers[0]["flags"] = map[string]any{"incomplete": true} }, want: "is not complete: the pull was interrupted"},
		"no layer":                 {change: func(s *storages.Store) { s.Layers = s.Layers[1:] }, want: "is not there: it may be in an additional image store"},
		"a circle":                 {change: func(s *storages.Store) { s.Layers[0]["parent"] = s.Layers[1]["id"] }, want: "is its own parent"},
		"a layer twice":            {change: func(s *storages.Store) { s.Layers = append(s.Layers, s.Layers[0]) }, want: "is there twice, and readers differ about which counts"},
		"fewer layers":             {change: func(s *storages.Store) { s.Images[0]["layer"] = s.Layers[0]["id"] }, want: "the manifest has 2 layers, and the storage 1"},
		"no layers at all":         {change: func(s *storages.Store) { delete(s.Images[0], "layer") }, want: "the manifest has 2 layers, and the storage 0"},
		"a layer elsewhere":        {change: func(s *storages.Store) { s.Layers[0]["id"] = "../x" }, want: `"../x" is no ID`},
		"a terminal in an ID":      {change: func(s *storages.Store) { s.Layers[0]["id"] = "\x1b[2J" }, want: `"\x1b[2J" is no ID`},
		"an image elsewhere":       {change: func(s *storages.Store) { s.Images[0]["id"] = ".." }, want: `".." is no ID`},
		"other manifest":           {change: func(s *storages.Store) { data(s)["manifest"] = zeros }, want: "the manifest " + zeros + " is not what its digest says: it has sha256:"},
		"no digest":                {change: func(s *storages.Store) { delete(data(s), "manifest"); delete(s.Images[0], "digest") }, want: "the storage has no valid digest of the manifest of \"localhost/os:1\": "},
		"images.json is no list":   {after: put("overlay-images/images.json", "{}"), want: "images.json is not valid: it cannot be an object"},
		"images.json breaks off":   {after: put("overlay-images/images.json", "[{"), want: "images.json is not valid: it breaks off at byte 2"},
		"a member twice":           {after: put("overlay-layers/layers.json", `[{"id":"a","parent":"b","parent":"c"}]`), want: `layers.json is not valid: member "/0/parent" is there twice`},
		"a member in another case": {after: put("overlay-layers/layers.json", `[{"id":"a","Parent":"b"}]`), want: `layers.json is not valid: member "/0/Parent" is "parent" in another case`},
		"no image":                 {after: put("overlay-images/images.json", "[]"), want: `there is no image "localhost/os:1" in `},
		"two with one name": {change: func(s *storages.Store) {
			s.Images = append(s.Images, map[string]any{"id": "b", "names": []string{"localhost/os:1"}}, map[string]any{"id": "c", "names": []string{"localhost/os:1"}})
		}, want: `"localhost/os:1" may be several images: name one of`},
		"images.json is a FIFO": {after: func(s *storages.Store) {
			m := files.New(s.T, s.Root)
			m.Do(os.Remove(m.Path("overlay-images/images.json")))
			m.Do(mkfifo(m.Path("overlay-images/images.json")))
		}, want: "images.json is no regular file"},
		"the config is a symlink": {after: func(s *storages.Store) {
			for key := range data(s) {
				if strings.HasPrefix(key, "sha256:") {
					m := files.New(s.T, s.Root)
					m.Do(os.Remove(m.Path(s.DataFile(s.Images[0], key))))
					m.Symlink("/etc/passwd", s.DataFile(s.Images[0], key))
				}
			}
		}, want: "is no regular file"},
		"another driver": {after: func(s *storages.Store) {
			m := files.New(s.T, s.Root)
			m.Do(os.Rename(m.Path("overlay-images"), m.Path("vfs-images")))
		}, want: "is of the driver vfs: only those of overlay can be read"},
	} {
		t.Run(name, func(t *testing.T) {
			store := newStore(t)
			store.T = t
			if c.change != nil {
				c.change(store)
				store.Save()
			}
			if c.after != nil {
				c.after(store)
			}
			prefix := inStore(store.Root, "localhost/os:1").String() + ": "
			if got, err := read(t, store); err == nil || !strings.HasPrefix(err.Error(), prefix) || strings.HasPrefix(err.Error(), prefix+prefix) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%q, error %v\nwant %s", got, err, c.want)
			}
		})
	}
}

// TestNoStore: an additional store need not be there, the first must.
func TestNoStore(t *testing.T) {
	store := newStore(t)
	s := inStore(store.Root+":additionalimagestore=/nowhere", "localhost/os:1")
	img, err := storage.Open(t.Context(), s, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := img.Close(); err != nil {
		t.Error(err)
	}
	s = inStore("/nowhere", "x")
	if _, err := storage.Open(t.Context(), s, nil); err == nil || err.Error() != s.String()+": there is no store /nowhere: name another one as containers-storage:[overlay@PATH]NAME" {
		t.Errorf("error %v", err)
	}
	s.Path = "overlay@" + store.Root + ":imagestore=i"
	if _, err := storage.Open(t.Context(), s, nil); err == nil || err.Error() != s.String()+`: path name "i" is not absolute` {
		t.Errorf("error %v", err)
	}
	s.Path = "vfs@" + store.Root
	if _, err := storage.Open(t.Context(), s, nil); err == nil || err.Error() != s.String()+": the storage is of the driver vfs: only that of overlay can be read" {
		t.Errorf("error %v", err)
	}
}

// TestSeveralStores: a layer may be in another store than the one on top of it, and its
// headers in a third one, as with imagestore in storage.conf.
func TestSeveralStores(t *testing.T) {
	store := newStore(t)
	upper := storages.New(t, filepath.Join(t.TempDir(), "upper"))
	upper.Images, store.Images = store.Images, upper.Images
	upper.Layers, store.Layers = store.Layers[1:], store.Layers[:1]
	upper.Save()
	store.Save()
	m := files.New(t, upper.Root)
	id := upper.Layers[0]["id"].(string)
	m.Do(os.MkdirAll(m.Path("overlay"), 0o755))
	m.Do(os.Rename(filepath.Join(store.Root, "overlay", id), m.Path("overlay/"+id)))
	m.Do(os.RemoveAll(m.Path("overlay-images")))
	m.Do(os.Rename(filepath.Join(store.Root, "overlay-images"), m.Path("overlay-images")))
	upper.Save()
	headers := m.Path("overlay-layers/" + id + ".tar-split.gz")
	for _, at := range []string{filepath.Join(store.Root, "overlay-layers/"+id+".tar-split.gz"), headers} {
		for _, options := range []string{":additionalimagestore=" + store.Root, ":overlay.additionalimagestore=" + store.Root, "+/run:overlay.size=1,additionalimagestore=/nowhere,overlay.additionalimagestore=" + store.Root} {
			img, err := storage.Open(t.Context(), inStore(upper.Root+options, "localhost/os:1"), nil)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := readImage(t, img.Image); got != merged() || err != nil {
				t.Errorf("got\n%swant\n%s%v", got, merged(), err)
			}
		}
		if at != headers {
			m.Do(os.Rename(at, headers))
		}
	}
	img, err := storage.Open(t.Context(), inStore(store.Root+":imagestore="+upper.Root, "localhost/os:1"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := readImage(t, img.Image); got != merged() || err != nil {
		t.Errorf("got\n%swant\n%s%v", got, merged(), err)
	}
	if _, err := read(t, upper); err == nil || !strings.Contains(err.Error(), "is not there: it may be in an additional image store") {
		t.Errorf("error %v", err)
	}
}

// TestManifestList: of the images that a list has, the one that is there, or that for a
// platform.
func TestManifestList(t *testing.T) {
	store := newStore(t)
	var digest v1.Hash
	if err := json.Unmarshal(blobs.JSON(t, store.Images[0]["digest"]), &digest); err != nil {
		t.Fatal(err)
	}
	manifest, err := os.ReadFile(filepath.Join(store.Root, store.DataFile(store.Images[0], "manifest")))
	if err != nil {
		t.Fatal(err)
	}
	arm := v1.Hash{Algorithm: "sha256", Hex: strings.Repeat("0", 64)}
	list := blobs.JSON(t, v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex, Manifests: []v1.Descriptor{
		{MediaType: types.OCIManifestSchema1, Digest: arm, Size: 3, Platform: &v1.Platform{OS: "linux", Architecture: "arm64"}},
		{MediaType: types.OCIManifestSchema1, Digest: digest, Size: int64(len(manifest)), Platform: &v1.Platform{OS: "linux", Architecture: "amd64"}},
	}})
	store.AddData(store.Images[0], "manifest-"+blobs.Digest(list).String(), list)
	store.Save()
	s := inStore(store.Root, "localhost/os:2@"+blobs.Digest(list).String())
	for _, platform := range []*v1.Platform{nil, {OS: "linux", Architecture: "amd64"}} {
		img, err := storage.Open(t.Context(), s, platform)
		if err != nil {
			t.Fatal(err)
		}
		if string(img.Manifest) != string(manifest) {
			t.Errorf("manifest %s", img.Manifest)
		}
		if got, err := readImage(t, img.Image); got != merged() || err != nil {
			t.Errorf("got\n%swant\n%s%v", got, merged(), err)
		}
	}
	if _, err := storage.Open(t.Context(), s, &v1.Platform{OS: "linux", Architecture: "arm64"}); err == nil || !strings.HasSuffix(err.Error(), "there is no image for linux/arm64: there are linux/amd64") {
		t.Errorf("error %v", err)
	}
	s = inStore(store.Root, "localhost/os@"+arm.String())
	if _, err := storage.Open(t.Context(), s, nil); err == nil || !strings.Contains(err.Error(), "there is no image") {
		t.Errorf("error %v", err)
	}
	if _, err := storage.Open(t.Context(), inStore(store.Root, "localhost/os:1"), &v1.Platform{OS: "linux", Architecture: "arm64"}); err == nil || !strings.HasSuffix(err.Error(), "the image is for linux/amd64, not for linux/arm64") {
		t.Errorf("error %v", err)
	}
}

// TestWithoutLayers: an image need not have any.
func TestWithoutLayers(t *testing.T) {
	store := storages.New(t, filepath.Join(t.TempDir(), "store"))
	store.Pull(ociImage(t, "somebody"), "localhost/os:1")
	delete(store.Images[0], "layer")
	store.Save()
	if got, err := read(t, store); got != "" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}

// TestNoWaiting: a store in which nothing can be waited for is opened at once.
func TestNoWaiting(t *testing.T) {
	store := newStore(t)
	for _, lock := range []string{"overlay-images/images.lock", "overlay-layers/layers.lock"} {
		m := files.New(t, store.Root)
		m.Do(os.Remove(m.Path(lock)))
		m.Do(mkfifo(m.Path(lock)))
	}
	start := time.Now()
	if got, err := read(t, store); got != merged() || err != nil {
		t.Errorf("got\n%swant\n%s%v", got, merged(), err)
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
}
