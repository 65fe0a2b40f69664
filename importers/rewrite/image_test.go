package rewrite_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"cfsverify/canon/fsverity"
	"cfsverify/canon/tarfile"
	"cfsverify/importers"
	"cfsverify/importers/blob"
	"cfsverify/importers/layer"
	"cfsverify/importers/limits"
	"cfsverify/importers/objects"
	"cfsverify/importers/rewrite"
	"cfsverify/importers/source"
	"cfsverify/testdata/images"
	"cfsverify/testdata/layers"
	"cfsverify/testdata/reading"
	"cfsverify/testdata/registries"
)

// repairedTo repairs an image of a layout, and gives the new manifest and config.
func repairedTo(t *testing.T, from, to source.Source) (r *rewrite.Repaired, manifest v1.Manifest, config map[string]any) {
	t.Helper()
	store, err := objects.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	w := images.OpenLayout(t, to)
	r, err = repairImage(t.Context(), from, w, importers.Options{Hash: fsverity.SHA256, Objects: store, Limits: limits.Default()})
	if err == nil {
		_, err = loadStaged(t.Context(), w, r.Manifest, importers.Options{Hash: fsverity.SHA256, Rules: layer.RulesOCI})
	}
	if err == nil {
		err = w.Commit(t.Context(), r.Manifest)
	}
	if err := errors.Join(err, w.Close(), store.Close()); err != nil {
		t.Fatal(err)
	}
	parse := func(d v1.Descriptor, doc any) {
		if err := json.Unmarshal([]byte(images.Read(t, to.Path, images.File(d.Digest))), doc); err != nil {
			t.Fatal(err)
		}
	}
	parse(r.Manifest, &manifest)
	parse(manifest.Config, &config)
	return r, manifest, config
}

// canonicalLayer is one that needs no repair.
func canonicalLayer(t *testing.T, spec string) []byte {
	t.Helper()
	tree, err := layer.Apply(reading.Layers(t, spec), layer.RulesOCI)
	if err != nil {
		t.Fatal(err)
	}
	tree.Root.Perm = 0o755
	if usr := tree.Lookup("/usr"); usr != nil {
		tree.Root.Mtime = usr.Node.Mtime
	}
	var out bytes.Buffer
	if err := tarfile.Write(&out, tree, tarfile.Options{Layer: true, NoGlobalHeader: true}); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// TestRepairKeeps: what repair has no reason to change stays.
func TestRepairKeeps(t *testing.T) {
	dir := t.TempDir()
	from, to := source.Source{Transport: source.OCI, Path: filepath.Join(dir, "from"), Ref: "t"}, source.Source{Transport: source.OCI, Path: filepath.Join(dir, "to"), Ref: "t"}
	clean := canonicalLayer(t, "d usr\nf usr/a =a")
	toc := map[string]string{"io.example.toc": "sha256:0"}
	image := images.Image{Manifest: types.DockerManifestSchema2, Config: types.DockerConfigJSON,
		Fields: map[string]any{"config": map[string]any{"Entrypoint": []string{"<a&b>"}, "Unknown": 1.50}, "unknown": []any{nil, "x"}, "history": []any{map[string]any{"created_by": "x"}, map[string]any{"empty_layer": true}}},
		More:   map[string]any{"annotations": map[string]string{"kept": "yes"}},
		Layers: []images.Layer{
			{Archive: clean, Compression: tarfile.Gzip, MediaType: types.DockerLayer, Annotations: toc},
			{Archive: layers.Tar("f usr/b =b"), Compression: tarfile.Zstd, MediaType: types.OCILayerZStd, Annotations: toc},
			// The media type is wrong.
			{Archive: layers.Tar("f usr/c =c"), Compression: tarfile.Uncompressed, MediaType: types.DockerForeignLayer},
			{Archive: clean, Compression: tarfile.Uncompressed, MediaType: types.OCIUncompressedLayer},
		}}
	image.Write(t, from.Path, "t")
	r, manifest, config := repairedTo(t, from, to)

	var kept []bool
	var written []string
	for i, l := range r.Layers {
		kept = append(kept, l.Kept)
		written = append(written, fmt.Sprintf("%s %v", manifest.Layers[i].MediaType, manifest.Layers[i].Annotations))
	}
	if diff := cmp.Diff([]bool{true, false, false, true}, kept); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{
		"application/vnd.oci.image.layer.v1.tar+gzip map[io.example.toc:sha256:0]", "application/vnd.oci.image.layer.v1.tar+zstd map[]",
		"application/vnd.oci.image.layer.v1.tar map[]", "application/vnd.oci.image.layer.v1.tar map[]",
	}, written); diff != "" {
		t.Error(diff)
	}
	if manifest.MediaType != types.OCIManifestSchema1 || manifest.Config.MediaType != types.OCIConfigJSON || manifest.Annotations["kept"] != "yes" {
		t.Errorf("manifest %+v", manifest)
	}
	rootFS := config["rootfs"].(map[string]any)
	if ids := rootFS["diff_ids"].([]any); len(ids) != 4 || ids[0] != sha256Of(clean) || rootFS["x"] != 1.0 || rootFS["type"] != "layers" {
		t.Errorf("rootfs %v", rootFS)
	}
	raw := images.Read(t, to.Path, images.File(manifest.Config.Digest))
	for _, part := range []string{`"Unknown":1.5`, `"<a&b>"`, `"unknown":[null,"x"]`, `"history":[{"created_by":"x"},{"empty_layer":true}]`} {
		if !strings.Contains(raw, part) {
			t.Errorf("the config has no %s:\n%s", part, raw)
		}
	}
}

func sha256Of(data []byte) string {
	h, _, err := v1.SHA256(bytes.NewReader(data))
	if err != nil {
		panic(err)
	}
	return h.String()
}

// TestRepairOfWhatIsRight: an image that needs nothing keeps its digest, whatever
// its manifest and config look like.
func TestRepairOfWhatIsRight(t *testing.T) {
	dir := t.TempDir()
	from := source.Source{Transport: source.OCI, Path: dir, Ref: "t"}
	images.Image{Manifest: types.OCIManifestSchema1, Config: types.OCIConfigJSON, More: map[string]any{"subject": map[string]any{"x": 1}, "artifactType": types.OCIConfigJSON},
		Layers: []images.Layer{{Archive: canonicalLayer(t, "d usr"), Compression: tarfile.Gzip, MediaType: types.OCILayer}}}.Write(t, dir, "t")
	before := images.Listed(t, dir)
	r, _, _ := repairedTo(t, from, from)
	if !r.Layers[0].Kept {
		t.Error("the layer was not kept")
	}
	if diff := cmp.Diff(before, images.Listed(t, dir)); diff != "" {
		t.Error(diff)
	}
}

// TestCompressedAsBefore: the same bytes become the same bytes, and each
// compression what it is called.
func TestCompressedAsBefore(t *testing.T) {
	data := []byte(strings.Repeat("some data ", 100000))
	for c, magic := range map[tarfile.Compression]string{tarfile.Uncompressed: "some", tarfile.Gzip: "\x1f\x8b", tarfile.Zstd: "\x28\xb5\x2f\xfd"} {
		var results [2][]byte
		for i := range results {
			var out bytes.Buffer
			w, err := blob.NewWriter(c, &out)
			if err != nil {
				t.Fatal(err)
			}
			// In pieces of another size each time.
			if _, err := io.CopyBuffer(struct{ io.Writer }{w}, struct{ io.Reader }{bytes.NewReader(data)}, make([]byte, 1000+i*777)); err != nil {
				t.Fatal(err)
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			results[i] = out.Bytes()
		}
		if !bytes.Equal(results[0], results[1]) || !bytes.HasPrefix(results[0], []byte(magic)) {
			t.Errorf("%v: %d and %d bytes, % x", c, len(results[0]), len(results[1]), results[0][:4])
		}
	}
}

// TestRepairGivesUp: what was staged when the source turns out to be damaged is
// gone afterwards.
func TestRepairGivesUp(t *testing.T) {
	dir := t.TempDir()
	images.Image{Manifest: types.OCIManifestSchema1, Config: types.OCIConfigJSON,
		Layers: []images.Layer{{Archive: layers.Tar("d usr"), Compression: tarfile.Uncompressed, MediaType: types.OCIUncompressedLayer}, {Archive: []byte("x"), Compression: tarfile.Uncompressed, MediaType: types.OCIUncompressedLayer}}}.Write(t, dir, "t")
	before, err := os.ReadFile(filepath.Join(dir, "index.json"))
	if err != nil {
		t.Fatal(err)
	}
	store, err := objects.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	w := images.OpenLayout(t, source.Source{Transport: source.OCI, Path: dir, Ref: "new"})
	_, err = repairImage(t.Context(), source.Source{Transport: source.OCI, Path: dir, Ref: "t"}, w, importers.Options{Hash: fsverity.SHA256, Objects: store})
	if err == nil || !strings.Contains(err.Error(), "layer 2") {
		t.Errorf("error %v", err)
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
	if got := images.Read(t, dir, "index.json"); got != string(before) {
		t.Error("the index changed")
	}
}

// TestRepairOfRegistry: an image of a registry becomes what it becomes when it
// comes from a layout, its kept layer included.
func TestRepairOfRegistry(t *testing.T) {
	dir := t.TempDir()
	from := source.Source{Transport: source.OCI, Path: filepath.Join(dir, "from"), Ref: "t"}
	images.Image{Manifest: types.OCIManifestSchema1, Config: types.OCIConfigJSON, Layers: []images.Layer{
		{Archive: canonicalLayer(t, "d usr"), Compression: tarfile.Gzip, MediaType: types.OCILayer}, {Archive: layers.Tar("f usr/a"), Compression: tarfile.Gzip, MediaType: types.OCILayer},
	}}.Write(t, from.Path, "t")
	host := registries.Loopback(t, registries.Untouched)
	registries.WriteAuth(t, "DOCKER_CONFIG/config.json", host)
	layoutPath, err := layout.FromPath(from.Path)
	if err != nil {
		t.Fatal(err)
	}
	digest, err := v1.NewHash(strings.Fields(images.Listed(t, from.Path)[0])[0])
	if err != nil {
		t.Fatal(err)
	}
	img, err := layoutPath.Image(digest)
	if err != nil {
		t.Fatal(err)
	}
	ref, err := name.ParseReference(host + "/os:v1")
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(ref, img, registries.PushOptions()); err != nil {
		t.Fatal(err)
	}
	there, _, _ := repairedTo(t, from, source.Source{Transport: source.OCI, Path: filepath.Join(dir, "1")})
	here, _, _ := repairedTo(t, source.Source{Transport: source.Docker, Ref: ref.String()}, source.Source{Transport: source.OCI, Path: filepath.Join(dir, "2")})
	if !here.Layers[0].Kept || here.Manifest.Digest != there.Manifest.Digest {
		t.Errorf("%+v and %+v", here, there)
	}
}
