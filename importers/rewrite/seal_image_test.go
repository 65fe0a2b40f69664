package rewrite_test

import (
	"errors"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"cfsverify/canon/fsverity"
	"cfsverify/canon/seal"
	"cfsverify/canon/tarfile"
	"cfsverify/importers"
	"cfsverify/importers/layer"
	"cfsverify/importers/limits"
	"cfsverify/importers/rewrite"
	"cfsverify/importers/source"
	"cfsverify/testdata/images"
	"cfsverify/testdata/layers"
	"cfsverify/testdata/registries"
)

// What the images of these tests are said to have.
func saidDigests() rewrite.SealDigests {
	return rewrite.SealDigests{Merged: fsverity.SumBytes(fsverity.SHA256, []byte("merged"))}
}

// seals writes seals, and gives the new manifest as it is written.
func sealedBy(t *testing.T, from, to source.Source, places rewrite.SealPlaces, digests rewrite.SealDigests) (*rewrite.Sealed, string) {
	t.Helper()
	w := images.OpenLayout(t, to)
	sealed, err := writeSeals(t.Context(), from, w, places, func() (rewrite.SealDigests, error) { return digests, nil },
		importers.Options{Hash: fsverity.SHA256, Rules: layer.RulesOCI, Limits: limits.Default()})
	if err == nil {
		_, err = loadStaged(t.Context(), w, sealed.Manifest, importers.Options{Hash: fsverity.SHA256, Rules: layer.RulesOCI})
	}
	if err == nil {
		err = w.Commit(t.Context(), sealed.Manifest)
	}
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return sealed, images.Read(t, to.Path, images.File(sealed.Manifest.Digest))
}

const (
	mergedKey   = "composefs.merged.erofs.v1.fsverity-sha256-12"
	bootableKey = "composefs.merged.bootable.erofs.v1.fsverity-sha256-12"
	configKey   = "composefs.config.fsverity-sha256-12"
	layerKey    = "composefs.layer.erofs.v1.fsverity-sha256-12"
)

func sealTestImage(t *testing.T) (from, to source.Source) {
	dir := t.TempDir()
	from, to = source.Source{Transport: source.OCI, Path: filepath.Join(dir, "from"), Ref: "t"}, source.Source{Transport: source.OCI, Path: filepath.Join(dir, "to"), Ref: "t"}
	images.Image{Manifest: types.OCIManifestSchema1, Config: types.OCIConfigJSON,
		Fields: map[string]any{"config": map[string]any{"Unknown": 1, "Labels": map[string]any{"a": "<&>"}}},
		Layers: []images.Layer{{Archive: layers.Tar("d usr"), Compression: tarfile.Gzip, MediaType: types.OCILayer, Annotations: map[string]string{"kept": "toc"}}}}.Write(t, from.Path, "t")
	return from, to
}

// TestSealsKeep: what need not change does not.
func TestSealsKeep(t *testing.T) {
	from, to := sealTestImage(t)
	images.ChangeManifest(t, from, func(m map[string]any) {
		delete(m, "mediaType")
		m["unknown"], m["annotations"] = []any{"<x>"}, map[string]string{"kept": "yes"}
		m["config"].(map[string]any)["data"] = []byte("stale")
		m["config"].(map[string]any)["unknown"] = 1
		m["layers"].([]any)[0].(map[string]any)["urls"] = []string{"https://example.com"}
	})
	_, manifest := sealedBy(t, from, to, rewrite.SealPlaces{Label: true, Annotations: true, Artifact: true}, saidDigests())
	for _, part := range []string{`"unknown":["<x>"]`, `"kept":"yes"`, `"kept":"toc"`, `"unknown":1`, `"urls":["https://example.com"]`} {
		if !strings.Contains(strings.ReplaceAll(manifest, `\u003cx\u003e`, "<x>"), part) {
			t.Errorf("the manifest has no %s:\n%s", part, manifest)
		}
	}
	if strings.Contains(manifest, "data") || strings.Contains(manifest, "image.manifest") {
		t.Errorf("the manifest is %s", manifest)
	}
	config := images.Read(t, to.Path, images.File(images.Parsed(t, manifest).Config.Digest))
	for _, part := range []string{`"Unknown":1`, `"Labels":{"a":"<&>","containers.composefs.fsverity":"` + saidDigests().Merged.String() + `"}`, `"x":1`} {
		if !strings.Contains(config, part) {
			t.Errorf("the config has no %s:\n%s", part, config)
		}
	}
	// An artifact alone leaves all as it is.
	before := images.Listed(t, from.Path)
	sealed, _ := sealedBy(t, from, from, rewrite.SealPlaces{Artifact: true}, saidDigests())
	if diff := cmp.Diff(append(before, sealed.Artifact.Digest.String()+" "), images.Listed(t, from.Path)); diff != "" {
		t.Error(diff)
	}
}

// TestSealsOfDocker: what is Docker's becomes OCI's.
func TestSealsOfDocker(t *testing.T) {
	dir := t.TempDir()
	from, to := source.Source{Transport: source.OCI, Path: filepath.Join(dir, "from"), Ref: "t"}, source.Source{Transport: source.OCI, Path: filepath.Join(dir, "to"), Ref: "t"}
	images.Image{Manifest: types.DockerManifestSchema2, Config: types.DockerConfigJSON, More: map[string]any{"annotations": map[string]string{"kept": "yes"}},
		Layers: []images.Layer{
			{Archive: layers.Tar("d usr"), Compression: tarfile.Gzip, MediaType: types.DockerLayer, Annotations: map[string]string{"kept": "toc"}},
			{Archive: layers.Tar("d opt"), Compression: tarfile.Zstd, MediaType: types.DockerUncompressedLayer},
			{Archive: layers.Tar("d etc"), Compression: tarfile.Uncompressed, MediaType: types.OCIUncompressedRestrictedLayer},
		}}.Write(t, from.Path, "t")
	_, manifest := sealedBy(t, from, to, rewrite.SealPlaces{Artifact: true}, saidDigests())
	m := images.Parsed(t, manifest)
	got := []types.MediaType{m.MediaType, m.Config.MediaType}
	for _, l := range m.Layers {
		got = append(got, l.MediaType)
	}
	if diff := cmp.Diff([]types.MediaType{types.OCIManifestSchema1, types.OCIConfigJSON, types.OCILayer, types.OCILayerZStd, types.OCIUncompressedRestrictedLayer}, got); diff != "" {
		t.Error(diff)
	}
	if m.Annotations["kept"] != "yes" || m.Layers[0].Annotations["kept"] != "toc" {
		t.Errorf("annotations %v, %v", m.Annotations, m.Layers[0].Annotations)
	}
}

// TestSealsReplace: no seal stays that is of another digest, and no signature of
// one; what is of another hash stays where it is of the same thing.
func TestSealsReplace(t *testing.T) {
	from, to := sealTestImage(t)
	said := saidDigests().Merged.String()
	other := strings.ReplaceAll(mergedKey, "sha256", "sha512")
	otherConfig := strings.ReplaceAll(configKey, "sha256", "sha512")
	images.ChangeManifest(t, from, func(m map[string]any) {
		m["annotations"] = map[string]string{mergedKey: "old", mergedKey + ".sig": "old", bootableKey: "old", bootableKey + ".sig": "old", other: "other", "composefs.unknown": "kept"}
		m["config"].(map[string]any)["annotations"] = map[string]string{configKey: "old", otherConfig: "other", otherConfig + ".sig": "other", "kept": "yes"}
		m["layers"].([]any)[0].(map[string]any)["annotations"] = map[string]string{layerKey: "old", layerKey + ".sig": "old"}
	})
	sealed, manifest := sealedBy(t, from, to, rewrite.SealPlaces{Annotations: true}, saidDigests())
	m := images.Parsed(t, manifest)
	if diff := cmp.Diff(map[string]string{mergedKey: said, other: "other", "composefs.unknown": "kept"}, m.Annotations); diff != "" {
		t.Error(diff)
	}
	sum := fsverity.SumBytes(fsverity.SHA256, []byte(images.Read(t, to.Path, images.File(m.Config.Digest)))).String()
	if diff := cmp.Diff(map[string]string{configKey: sum, otherConfig: "other", otherConfig + ".sig": "other", "kept": "yes"}, m.Config.Annotations); diff != "" {
		t.Error(diff)
	}
	if a := m.Layers[0].Annotations; len(a) != 1 || len(a[layerKey]) != 64 {
		t.Errorf("layer annotations %v", a)
	}
	if len(sealed.Stale) > 0 {
		t.Errorf("stale are %q", sealed.Stale)
	}
	// A new label makes another config.
	sealed, manifest = sealedBy(t, from, to, rewrite.SealPlaces{Label: true}, saidDigests())
	if diff := cmp.Diff([]string{configKey, otherConfig, otherConfig + ".sig"}, sealed.Stale); diff != "" {
		t.Error(diff)
	}
	m = images.Parsed(t, manifest)
	if diff := cmp.Diff(map[string]string{"kept": "yes"}, m.Config.Annotations); diff != "" {
		t.Error(diff)
	}
	sealed, _ = sealedBy(t, from, to, rewrite.SealPlaces{Label: true, Annotations: true}, saidDigests())
	if diff := cmp.Diff([]string{otherConfig, otherConfig + ".sig"}, sealed.Stale); diff != "" {
		t.Error(diff)
	}
	// A signature of the same digest is as good as it was.
	images.ChangeManifest(t, to, func(m map[string]any) {
		m["annotations"] = map[string]string{mergedKey: said, mergedKey + ".sig": "good"}
	})
	_, manifest = sealedBy(t, to, to, rewrite.SealPlaces{Annotations: true}, saidDigests())
	if diff := cmp.Diff(map[string]string{mergedKey: said, mergedKey + ".sig": "good"}, images.Parsed(t, manifest).Annotations); diff != "" {
		t.Error(diff)
	}
}

// TestSealsAsFound: what is told is what is found.
func TestSealsAsFound(t *testing.T) {
	from, to := sealTestImage(t)
	digests := saidDigests()
	digests.Bootable = fsverity.SumBytes(fsverity.SHA256, []byte("bootable"))
	sealed, _ := sealedBy(t, from, to, rewrite.SealPlaces{Label: true, Annotations: true, Artifact: true}, digests)
	var got []string
	for _, f := range sealed.Seals {
		if f.Err != nil || f.Value != f.Claim.Digest.String() || (f.Name != "") != (f.Place == seal.Artifact) || (f.Layer == 1) != (f.Claim.Role == seal.Layer) {
			t.Errorf("%+v", f)
		}
		got = append(got, string(f.Place)+" "+string(f.Claim.Role))
	}
	if diff := cmp.Diff([]string{"label merged", "manifest-annotation merged", "manifest-annotation merged.bootable", "config-annotation config", "layer-annotation layer",
		"artifact manifest", "artifact config", "artifact layer", "artifact merged", "artifact merged.bootable"}, got); diff != "" {
		t.Error(diff)
	}
}

// TestSealsReplaceArtifacts: an artifact stays listed unless it says something
// else of the same image.
func TestSealsReplaceArtifacts(t *testing.T) {
	from, to := sealTestImage(t)
	first, _ := sealedBy(t, from, to, rewrite.SealPlaces{Artifact: true}, saidDigests())
	same, _ := sealedBy(t, from, to, rewrite.SealPlaces{Artifact: true}, saidDigests())
	labelled, _ := sealedBy(t, from, to, rewrite.SealPlaces{Label: true, Artifact: true}, saidDigests())
	if list := images.Listed(t, to.Path); first.Artifact.Digest != same.Artifact.Digest || len(list) != 4 || len(labelled.Replaced) > 0 {
		t.Errorf("listed are %q, replaced %v", list, labelled.Replaced)
	}
	digests := rewrite.SealDigests{Merged: fsverity.SumBytes(fsverity.SHA256, []byte("another"))}
	sealed, _ := sealedBy(t, from, to, rewrite.SealPlaces{Artifact: true}, digests)
	if diff := cmp.Diff([]v1.Hash{first.Artifact.Digest}, sealed.Replaced); diff != "" {
		t.Error(diff)
	}
	list := strings.Join(images.Listed(t, to.Path), "\n")
	for digest, want := range map[v1.Hash]bool{first.Artifact.Digest: false, labelled.Artifact.Digest: true, sealed.Artifact.Digest: true, first.Manifest.Digest: true} {
		if strings.Contains(list, digest.String()) != want {
			t.Errorf("%v is listed: %v\n%s", digest, !want, list)
		}
	}
}

// TestSealsOfRegistry: each blob is sent once.
func TestSealsOfRegistry(t *testing.T) {
	s := registries.New(t, registries.Unchanged)
	tag := s.Serve(t, func(http.ResponseWriter, *http.Request) bool { return false })
	to := source.Source{Transport: source.OCI, Path: filepath.Join(t.TempDir(), "to"), Ref: "t"}
	_, manifest := sealedBy(t, source.Source{Transport: source.Docker, Ref: tag.Name()}, to, rewrite.SealPlaces{Annotations: true}, saidDigests())
	if n := s.Requests.Load(); n != 1 {
		t.Errorf("the layer was asked for %d times", n)
	}
	if got := images.Read(t, to.Path, images.File(images.Parsed(t, manifest).Layers[0].Digest)); got != string(s.Layer) {
		t.Errorf("the layer has %d bytes", len(got))
	}
}

// TestSealsGiveUp: whatever goes wrong, nothing of it is in the layout.
func TestSealsGiveUp(t *testing.T) {
	from, to := sealTestImage(t)
	broken := errors.New("broken")
	most := limits.Default()
	for name, c := range map[string]struct {
		change func()
		err    error
		limits limits.Limits
		want   string
	}{
		"digests": {func() {}, broken, most, "broken"},
		"limit":   {func() {}, nil, limits.Limits{Bytes: 10}, "10 bytes in a layer"},
		"spelling": {func() {
			images.ChangeManifest(t, from, func(m map[string]any) { m["Annotations"] = map[string]string{} })
		}, nil, most, ` is not valid: member "/Annotations" is "annotations" in another case`},
	} {
		t.Run(name, func(t *testing.T) {
			from, to = sealTestImage(t)
			c.change()
			w := images.OpenLayout(t, to)
			_, err := writeSeals(t.Context(), from, w, rewrite.SealPlaces{Annotations: true}, func() (rewrite.SealDigests, error) { return saidDigests(), c.err },
				importers.Options{Hash: fsverity.SHA256, Rules: layer.RulesOCI, Limits: c.limits})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v", err)
			}
			if err := w.Close(); err != nil || !errors.Is(statError(to.Path), fs.ErrNotExist) {
				t.Errorf("the layout is there, %v", err)
			}
		})
	}
}

func statError(path string) error {
	_, err := os.Stat(path)
	return err
}
