package layout_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	gcr "github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"cfsverify/canon"
	"cfsverify/importers/layout"
	"cfsverify/importers/source"
	"cfsverify/testdata/blobs"
	"cfsverify/testdata/files"
	"cfsverify/testdata/images"
	"cfsverify/testdata/layers"
	"cfsverify/testdata/reading"
)

// written is a layout of an image of two layers, in a directory and in an archive.
func written(t *testing.T) (both []source.Source, archives [][]byte) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "layout")
	specs := []string{"d a\nf a/b =1", "f a/c =2"}
	if err := (layers.Image{Layers: specs}).WriteLayout(dir, "v1"); err != nil {
		t.Fatal(err)
	}
	both = []source.Source{{Transport: source.OCI, Path: dir, Ref: "v1"}, {Transport: source.OCIArchive, Path: images.Archive(t, dir), Ref: "v1"}}
	return both, [][]byte{layers.Tar(specs[0]), layers.Tar(specs[1])}
}

// manifestOf is the descriptor that a layout has of its only image.
func manifestOf(t *testing.T, dir string) v1.Descriptor {
	t.Helper()
	index, err := v1.ParseIndexManifest(strings.NewReader(images.Read(t, dir, "index.json")))
	if err != nil || len(index.Manifests) != 1 {
		t.Fatalf("%v, %v", index, err)
	}
	return index.Manifests[0]
}

// TestOpen: a layout is the same image in a directory and in an archive.
func TestOpen(t *testing.T) {
	both, archives := written(t)
	manifest := manifestOf(t, both[0].Path)
	for _, s := range both {
		t.Run(string(s.Transport), func(t *testing.T) {
			img, err := layout.Open(s, &v1.Platform{OS: "linux", Architecture: "amd64"})
			if err != nil {
				t.Fatal(err)
			}
			if got, err := reading.Image(t, img); got != "d a\nf a/b =1\nf a/c =2\n" || err != nil {
				t.Errorf("got\n%s%v", got, err)
			}
			if img.Digest() != manifest.Digest || *img.Created != (canon.Time{Sec: 1700000000}) || len(img.Config) == 0 {
				t.Errorf("%+v", img)
			}
			for i, archive := range archives {
				digest := blobs.Digest(archive).String()
				if got, want := *img.LayerList()[i], (canon.Layer{Index: i + 1, Digest: digest, DiffID: digest}); got != want {
					t.Errorf("got %+v, want %+v", got, want)
				}
			}
			if artifacts, err := img.Artifacts(t.Context()); artifacts != nil || err != nil {
				t.Errorf("%v, %v", artifacts, err)
			}
			// The same blob of the same file is one, another is not.
			again, err := layout.Open(s, nil)
			if err != nil {
				t.Fatal(err)
			}
			one, found := img.Blobs[0].Identity()
			if same, _ := again.Blobs[0].Identity(); !found || same != one {
				t.Errorf("%v is not %v", same, one)
			}
			if other, _ := again.Blobs[1].Identity(); other == one {
				t.Errorf("two layers are %v", one)
			}
			if err := errors.Join(img.Close(), again.Close()); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestOpenByReference: tags and digests lead to images, directly or through an index.
func TestOpenByReference(t *testing.T) {
	dir := t.TempDir()
	path, err := gcr.Write(dir, empty.Index)
	if err != nil {
		t.Fatal(err)
	}
	index, err := random.Index(100, 1, 1)
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	inner := manifest.Manifests[0].Digest
	alone, err := random.Image(100, 2)
	if err != nil {
		t.Fatal(err)
	}
	alone = mutate.MediaType(mutate.ConfigMediaType(alone, types.OCIConfigJSON), types.OCIManifestSchema1)
	name := func(tag string) gcr.Option {
		return gcr.WithAnnotations(map[string]string{"org.opencontainers.image.ref.name": tag})
	}
	if err := errors.Join(path.AppendIndex(index, name("index")), path.AppendImage(alone, name("image"))); err != nil {
		t.Fatal(err)
	}
	image, err := alone.Digest()
	if err != nil {
		t.Fatal(err)
	}
	outer, err := index.Digest()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []source.Source{{Transport: source.OCI, Path: dir}, {Transport: source.OCIArchive, Path: images.Archive(t, dir)}} {
		for ref, want := range map[string]v1.Hash{"index": inner, outer.String(): inner, "image": image, image.String(): image} {
			s.Ref = ref
			img, err := layout.Open(s, nil)
			if err != nil {
				t.Errorf("%v: %v", s, err)
				continue
			}
			if img.Digest() != want {
				t.Errorf("%v: %v, want %v", s, img.Digest(), want)
			}
			if err := img.Close(); err != nil {
				t.Error(err)
			}
		}
		s.Ref = "none"
		if _, err := layout.Open(s, nil); err == nil || err.Error() != s.String()+`: there is no image "none": there are index, image` {
			t.Errorf("error %v", err)
		}
	}
}

// TestOpenErrors: what is wrong with a layout is named, with the layout.
func TestOpenErrors(t *testing.T) {
	missing := func(t *testing.T, dir, name string) {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		change func(t *testing.T, dir string, manifest v1.Descriptor)
		// wants are for a directory and an archive; the second is the first if it is empty.
		want [2]string
	}{
		"no index.json": {func(t *testing.T, dir string, _ v1.Descriptor) { missing(t, dir, "index.json") },
			[2]string{"PATH is no OCI image layout: ", "PATH is no OCI archive, as it has no index.json"}},
		"index.json is no JSON": {func(t *testing.T, dir string, _ v1.Descriptor) {
			files.Write(t, filepath.Join(dir, "index.json"), []byte("[{"))
		},
			[2]string{"SOURCE: index.json is not valid: it breaks off at byte 2"}},
		"index.json is of other types": {func(t *testing.T, dir string, _ v1.Descriptor) {
			files.Write(t, filepath.Join(dir, "index.json"), []byte(`{"manifests":[{"digest":"../x"}]}`))
		}, [2]string{"SOURCE: index.json is not valid: member \"/manifests/0/digest\": "}},
		"index.json without manifests": {func(t *testing.T, dir string, _ v1.Descriptor) {
			files.Write(t, filepath.Join(dir, "index.json"), []byte("{}"))
		},
			[2]string{`SOURCE: there is no image "v1": there are none`}},
		"index.json is large": {func(t *testing.T, dir string, _ v1.Descriptor) {
			files.Write(t, filepath.Join(dir, "index.json"), bytes.Repeat([]byte(" "), 16<<20+1))
		}, [2]string{"SOURCE: index.json has 16777217 bytes, too many for an index, manifest or config"}},
		"no manifest": {func(t *testing.T, dir string, m v1.Descriptor) { missing(t, dir, images.File(m.Digest)) },
			[2]string{"SOURCE: stat PATH/BLOB: no such file or directory", "SOURCE: the archive lacks BLOB"}},
		"other manifest": {func(t *testing.T, dir string, m v1.Descriptor) {
			files.Write(t, filepath.Join(dir, images.File(m.Digest)), bytes.Repeat([]byte(" "), int(m.Size)))
		}, [2]string{"SOURCE: the manifest DIGEST is not what its digest says: it has sha256:"}},
		"manifest of other types": {func(t *testing.T, dir string, _ v1.Descriptor) { replaceManifest(t, dir, `{"mediaType":1}`) }, [2]string{"SOURCE: the manifest " + blobs.Digest([]byte(`{"mediaType":1}`)).String() + ` is not valid: member "/mediaType" cannot be such a number`}},
		"no config": {func(t *testing.T, dir string, m v1.Descriptor) {
			missing(t, dir, images.File(images.Parsed(t, images.Read(t, dir, images.File(m.Digest))).Config.Digest))
		}, [2]string{"SOURCE: stat PATH/blobs/sha256/", "SOURCE: the archive lacks blobs/sha256/"}},
		"manifest that is none": {func(t *testing.T, dir string, _ v1.Descriptor) { replaceManifest(t, dir, `[]`) }, [2]string{"SOURCE: the manifest " + blobs.Digest([]byte("[]")).String() + " is not valid: it cannot be a list"}},
	} {
		t.Run(name, func(t *testing.T) {
			both, _ := written(t)
			dir := both[0].Path
			manifest := manifestOf(t, dir)
			c.change(t, dir, manifest)
			both[1].Path = images.Archive(t, dir)
			for i, s := range both {
				want := c.want[i]
				if want == "" {
					want = c.want[0]
				}
				want = strings.NewReplacer("PATH", s.Path, "SOURCE", s.String(), "BLOB", images.File(manifest.Digest), "DIGEST", manifest.Digest.String()).Replace(want)
				if _, err := layout.Open(s, nil); err == nil || !strings.HasPrefix(err.Error(), want) {
					t.Errorf("%s: error %v\nwant %s", s.Transport, err, want)
				}
			}
		})
	}
	none := filepath.Join(t.TempDir(), "none")
	for transport, want := range map[source.Transport]string{source.OCI: none + " is no OCI image layout: ", source.OCIArchive: none + " is no OCI archive: "} {
		if _, err := layout.Open(source.Source{Transport: transport, Path: none}, nil); !errors.Is(err, fs.ErrNotExist) || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("error %v, want %s", err, want)
		}
	}
}

// replaceManifest lets the index of a layout's only image lead to another manifest.
func replaceManifest(t *testing.T, dir, manifest string) {
	t.Helper()
	digest := blobs.Digest([]byte(manifest))
	files.Write(t, filepath.Join(dir, images.File(digest)), []byte(manifest))
	images.ChangeIndex(t, dir, func(all []v1.Descriptor) []v1.Descriptor {
		all[0].Digest, all[0].Size = digest, int64(len(manifest))
		return all
	})
}

// TestLayerErrors: layers are verified when they are read, wherever the layout lies.
func TestLayerErrors(t *testing.T) {
	for name, c := range map[string]struct {
		content []byte // of the second layer's blob, nil for none
		want    [2]string
	}{
		"damaged":  {layers.Tar("f a/c =3"), [2]string{"the blob is damaged: it should be ", "the blob is damaged: it should be "}},
		"cut off":  {layers.Tar("f a/c =2")[:700], [2]string{"it is truncated", "it is truncated"}},
		"not here": {nil, [2]string{"no such file or directory", "the archive lacks blobs/sha256/"}},
	} {
		both, archives := written(t)
		file := filepath.Join(both[0].Path, images.File(blobs.Digest(archives[1])))
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
		if c.content != nil {
			files.Write(t, file, c.content)
		}
		both[1].Path = images.Archive(t, both[0].Path)
		for i, s := range both {
			img, err := layout.Open(s, nil)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := reading.Image(t, img); err == nil || !strings.HasPrefix(err.Error(), "layer 2 (sha256:") || !strings.Contains(err.Error(), c.want[i]) {
				t.Errorf("%s of %s: error %v, want %s", name, s.Transport, err, c.want[i])
			}
			if err := img.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

// TestIndexOddities: what writers of layouts leave out, or add.
func TestIndexOddities(t *testing.T) {
	both, _ := written(t)
	dir := both[0].Path
	manifest := manifestOf(t, dir)
	entry := func(fields map[string]any) string {
		d := map[string]any{"digest": manifest.Digest.String(), "size": manifest.Size, "mediaType": manifest.MediaType}
		for key, value := range fields {
			if d[key] = value; value == nil {
				delete(d, key)
			}
		}
		data, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	for name, c := range map[string]struct{ index, ref, want string }{
		"no schemaVersion":       {`{"manifests":[` + entry(nil) + `]}`, "", ""},
		"unknown fields":         {`{"schemaVersion":2,"x":{"y":[1]},"manifests":[` + entry(map[string]any{"x": 1}) + `]}`, "", ""},
		"the image twice":        {`{"manifests":[` + entry(nil) + `,` + entry(map[string]any{"annotations": map[string]string{"org.opencontainers.image.ref.name": "v1"}}) + `]}`, "", ""},
		"a digest as the tag":    {`{"manifests":[` + entry(nil) + `]}`, manifest.Digest.String(), ""},
		"a name of containerd's": {`{"manifests":[` + entry(map[string]any{"annotations": map[string]string{"io.containerd.image.name": "a/b:c"}}) + `]}`, "a/b:c", ""},
		"no media type":          {`{"manifests":[` + entry(map[string]any{"mediaType": nil}) + `]}`, "", `is of type "", which is no container image`},
		"other size":             {`{"manifests":[` + entry(map[string]any{"size": 1}) + `]}`, "", "its descriptor says 1"},
		"null":                   {"null", "", "index.json is not valid: it is null"},
	} {
		files.Write(t, filepath.Join(dir, "index.json"), []byte(c.index))
		img, err := layout.Open(source.Source{Transport: source.OCI, Path: dir, Ref: c.ref}, nil)
		switch {
		case c.want != "":
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: error %v, want %s", name, err, c.want)
			}
		case err != nil:
			t.Errorf("%s: %v", name, err)
		case img.Digest() != manifest.Digest:
			t.Errorf("%s: %v", name, img.Digest())
		}
	}
}

// TestNoRegularFiles: nothing is read but regular files, and no pipe is waited for.
func TestNoRegularFiles(t *testing.T) {
	both, archives := written(t)
	dir := both[0].Path
	blob := filepath.Join(dir, images.File(blobs.Digest(archives[0])))
	if err := errors.Join(os.Remove(blob), os.Symlink("/dev/zero", blob)); err != nil {
		t.Fatal(err)
	}
	img, err := layout.Open(both[0], nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, found := img.Blobs[0].Identity(); found {
		t.Error("a device has a place")
	}
	if _, err := reading.Image(t, img); err == nil || !strings.Contains(err.Error(), blob+" is no regular file") {
		t.Errorf("error %v", err)
	}
	index := filepath.Join(dir, "index.json")
	if err := errors.Join(os.Remove(index), os.Mkdir(index, 0o755)); err != nil {
		t.Fatal(err)
	}
	if _, err := layout.Open(both[0], nil); err == nil || err.Error() != fmt.Sprintf("%v: %s is no regular file", both[0], index) {
		t.Errorf("error %v", err)
	}
}
