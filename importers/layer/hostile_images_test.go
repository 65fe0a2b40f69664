package layer_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/types"

	"cfsverify/canon/fsverity"
	"cfsverify/importers"
	"cfsverify/importers/layer"
	"cfsverify/importers/limits"
	"cfsverify/importers/source"
	"cfsverify/testdata/blobs"
	"cfsverify/testdata/layers"
	"cfsverify/testdata/trees"
)

// layoutMaker writes an OCI layout of one image, and lets a case change what it
// says. Digests are of what is written, unless the case changes them.
type layoutMaker struct {
	dir      string
	stored   []byte // the layer
	archive  []byte // uncompressed
	config   map[string]any
	manifest map[string]any
	index    map[string]any
	tag      string // that the source names, empty for none
	// edits are of the JSON that is written.
	edits struct{ config, manifest, index func(doc string) string }
}

func newLayoutMaker(t *testing.T) *layoutMaker {
	t.Helper()
	m := &layoutMaker{dir: t.TempDir(), archive: layers.Tar("d usr\nd a\nf a/b =x")}
	m.stored = blobs.Gzip(t, m.archive)
	m.config = map[string]any{"os": "linux", "architecture": "amd64", "rootfs": map[string]any{"type": "layers", "diff_ids": []any{blobs.Digest(m.archive).String()}}}
	m.manifest = map[string]any{"schemaVersion": 2, "mediaType": types.OCIManifestSchema1,
		"layers": []any{blobs.Descriptor(types.OCILayer, m.blob(t, m.stored), len(m.stored))}}
	m.index = map[string]any{"schemaVersion": 2, "mediaType": types.OCIImageIndex}
	return m
}

// blob writes one and gives its digest.
func (m *layoutMaker) blob(t *testing.T, data []byte) string {
	t.Helper()
	digest := blobs.Digest(data)
	m.write(t, "blobs/sha256/"+digest.Hex, data)
	return digest.String()
}

func (m *layoutMaker) write(t *testing.T, name string, data []byte) {
	t.Helper()
	file := filepath.Join(m.dir, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

func (m *layoutMaker) layer() map[string]any { return m.manifest["layers"].([]any)[0].(map[string]any) }

// finish writes all that is not there yet.
func (m *layoutMaker) finish(t *testing.T) {
	t.Helper()
	if m.manifest["config"] == nil {
		config := edited(blobs.JSON(t, m.config), m.edits.config)
		m.manifest["config"] = blobs.Descriptor(types.OCIConfigJSON, m.blob(t, config), len(config))
	}
	if m.index["manifests"] == nil {
		manifest := edited(blobs.JSON(t, m.manifest), m.edits.manifest)
		m.index["manifests"] = []any{blobs.Descriptor(types.OCIManifestSchema1, m.blob(t, manifest), len(manifest))}
	}
	m.write(t, "index.json", edited(blobs.JSON(t, m.index), m.edits.index))
	m.write(t, "oci-layout", []byte(`{"imageLayoutVersion":"1.0.0"}`))
}

func edited(doc []byte, edit func(string) string) []byte {
	if edit == nil {
		return doc
	}
	return []byte(edit(string(doc)))
}

// indexOf replaces the manifest in the index by indexes, so many of them.
func (m *layoutMaker) indexOf(t *testing.T, depth int) {
	m.finish(t)
	for range depth {
		index := blobs.JSON(t, m.index)
		m.index = map[string]any{"schemaVersion": 2, "manifests": []any{blobs.Descriptor(types.OCIImageIndex, m.blob(t, index), len(index))}}
	}
}

const otherDigest = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

// hostileImage is one that LAYERS.md has a rule for. Where refused is empty the image is
// accepted, and its tree has /a/b.
type hostileImage struct {
	rule    string
	change  func(t *testing.T, m *layoutMaker)
	refused string
	// composefs is "accepted" or "refused" if composefs-rs does not do the same, and
	// "untried" if trying might take all memory.
	composefs string
}

// byComposefs says whether composefs-rs refuses the image.
func (c *hostileImage) byComposefs() (refused bool) {
	return c.composefs == "refused" || c.composefs == "" && c.refused != ""
}

var hostileImages = []hostileImage{
	{"blob-digest", func(t *testing.T, m *layoutMaker) {
		m.write(t, "blobs/sha256/"+blobs.Digest(m.stored).Hex, blobs.Gzip(t, layers.Tar("d usr\nf other")))
		m.layer()["size"] = len(blobs.Gzip(t, layers.Tar("d usr\nf other")))
	}, "the blob is damaged: it should be", "accepted"},
	{"blob-size", func(_ *testing.T, m *layoutMaker) { m.layer()["size"] = len(m.stored) + 1 }, "it is truncated", ""},
	{"blob-size", func(_ *testing.T, m *layoutMaker) { m.layer()["size"] = len(m.stored) - 1 }, "has more than the", ""},
	{"blob-size", func(_ *testing.T, m *layoutMaker) { m.layer()["size"] = -1 }, "layer 1 lacks a digest, size or diffID", ""},
	{"blob-size", func(t *testing.T, m *layoutMaker) {
		config := blobs.JSON(t, m.config)
		m.manifest["config"] = blobs.Descriptor(types.OCIConfigJSON, m.blob(t, config), -1)
	}, "bytes, its descriptor says -1", ""},
	{"blob-size", func(t *testing.T, m *layoutMaker) {
		m.finish(t)
		m.index["manifests"].([]any)[0].(map[string]any)["size"] = -1
	}, "bytes, its descriptor says -1", ""},
	{"blob-missing", func(t *testing.T, m *layoutMaker) {
		if err := os.Remove(filepath.Join(m.dir, "blobs/sha256", blobs.Digest(m.stored).Hex)); err != nil {
			t.Fatal(err)
		}
	}, "no such file or directory", ""},
	{"diff-id", func(_ *testing.T, m *layoutMaker) {
		m.config["rootfs"].(map[string]any)["diff_ids"] = []any{otherDigest}
	}, "its diffID should be " + otherDigest, "accepted"},
	{"diff-id", func(_ *testing.T, m *layoutMaker) {
		m.config["rootfs"].(map[string]any)["diff_ids"] = []any{nil}
	}, `is not valid: member "/rootfs/diff_ids/0" cannot be null`, ""},
	{"diff-id-count", func(_ *testing.T, m *layoutMaker) {
		m.config["rootfs"].(map[string]any)["diff_ids"] = []any{blobs.Digest(m.archive).String(), otherDigest}
	}, "the manifest has 1 layers, the config 2 diffIDs", ""},
	{"digest-algorithm", func(_ *testing.T, m *layoutMaker) { m.layer()["digest"] = "sha512:" + strings.Repeat("a", 128) }, "sha512", ""},
	{"digest-malformed", func(_ *testing.T, m *layoutMaker) { m.layer()["digest"] = "sha256:../../../../etc/passwd" }, `is not valid: member "/layers/0/digest": `, ""},
	{"config-digest", func(t *testing.T, m *layoutMaker) {
		config := blobs.JSON(t, m.config)
		m.write(t, "blobs/sha256/"+strings.TrimPrefix(otherDigest, "sha256:"), config)
		m.manifest["config"] = blobs.Descriptor(types.OCIConfigJSON, otherDigest, len(config))
	}, "the config " + otherDigest + " is not what its digest says", "accepted"},
	{"manifest-digest", func(t *testing.T, m *layoutMaker) {
		m.finish(t)
		manifest := blobs.JSON(t, m.manifest)
		m.write(t, "blobs/sha256/"+strings.TrimPrefix(otherDigest, "sha256:"), manifest)
		m.index["manifests"] = []any{blobs.Descriptor(types.OCIManifestSchema1, otherDigest, len(manifest))}
	}, "the manifest " + otherDigest + " is not what its digest says", "accepted"},
	{"metadata-size", func(t *testing.T, m *layoutMaker) {
		m.finish(t)
		name := "blobs/sha256/" + strings.TrimPrefix(otherDigest, "sha256:")
		m.write(t, name, nil)
		if err := os.Truncate(filepath.Join(m.dir, name), 1<<40); err != nil {
			t.Fatal(err)
		}
		m.index["manifests"] = []any{blobs.Descriptor(types.OCIManifestSchema1, otherDigest, 1<<40)}
	}, "has 1099511627776 bytes, too many for an index, manifest or config", "untried"},
	{"metadata-size", func(t *testing.T, m *layoutMaker) {
		m.finish(t)
		manifest := append(blobs.JSON(t, m.manifest), bytes.Repeat([]byte(" "), 17<<20)...)
		m.index["manifests"] = []any{blobs.Descriptor(types.OCIManifestSchema1, m.blob(t, manifest), len(manifest))}
	}, "bytes, too many for an index, manifest or config", "accepted"},
	{"media-type-unknown", func(_ *testing.T, m *layoutMaker) { m.layer()["mediaType"] = "application/x-unknown" }, `layer 1 is of type "application/x-unknown", which is no file system layer`, ""},
	{"media-type-artifact", func(t *testing.T, m *layoutMaker) {
		m.manifest["config"] = blobs.Descriptor("application/vnd.oci.empty.v1+json", m.blob(t, []byte("{}")), 2)
	}, "this is an artifact, not a container image", ""},
	{"media-type-compression", func(_ *testing.T, m *layoutMaker) { m.layer()["mediaType"] = types.OCILayerZStd }, "", "refused"},
	{"media-type-compression", func(_ *testing.T, m *layoutMaker) { m.layer()["mediaType"] = types.OCIUncompressedLayer }, "", "refused"},
	{"media-type-docker", func(_ *testing.T, m *layoutMaker) { m.layer()["mediaType"] = types.DockerLayer }, "", "refused"},
	{"foreign-layer", func(_ *testing.T, m *layoutMaker) {
		m.layer()["mediaType"] = types.OCIRestrictedLayer
		m.layer()["urls"] = []string{"http://127.0.0.1:1/layer"}
	}, "", ""},
	{"foreign-layer", func(_ *testing.T, m *layoutMaker) {
		m.layer()["mediaType"] = types.DockerForeignLayer
		m.layer()["urls"] = []string{"http://127.0.0.1:1/layer"}
	}, "", "refused"},
	{"index-cycle", func(t *testing.T, m *layoutMaker) {
		m.write(t, "blobs/sha256/"+strings.TrimPrefix(otherDigest, "sha256:"), blobs.JSON(t, map[string]any{"manifests": []any{blobs.Descriptor(types.OCIImageIndex, otherDigest, 9)}}))
		m.index["manifests"] = []any{blobs.Descriptor(types.OCIImageIndex, otherDigest, 9)}
	}, "the index " + otherDigest, ""},
	{"index-depth", func(t *testing.T, m *layoutMaker) { m.indexOf(t, 3) }, "", "refused"},
	{"index-depth-limit", func(t *testing.T, m *layoutMaker) { m.indexOf(t, 4) }, "more than 4 indexes lead to each other", ""},
	{"several-images", func(t *testing.T, m *layoutMaker) {
		m.finish(t)
		one := m.index["manifests"].([]any)[0]
		m.manifest["annotations"] = map[string]string{"a": "b"}
		other := blobs.JSON(t, m.manifest)
		m.index["manifests"] = []any{one, blobs.Descriptor(types.OCIManifestSchema1, m.blob(t, other), len(other))}
	}, "there are several images: name one of", "accepted"},
	{"created-malformed", func(_ *testing.T, m *layoutMaker) { m.config["created"] = "2026-01-02" }, `is not valid: member "/created": parsing time`, "accepted"},
	{"missing-member", func(_ *testing.T, m *layoutMaker) { delete(m.config, "os") }, "", "refused"},
	{"missing-member", func(_ *testing.T, m *layoutMaker) { delete(m.config, "architecture") }, "", "refused"},
	{"missing-member", func(_ *testing.T, m *layoutMaker) { delete(m.config["rootfs"].(map[string]any), "type") }, "", "refused"},
	{"missing-member", func(_ *testing.T, m *layoutMaker) { delete(m.manifest, "schemaVersion") }, "", "refused"},
	{"missing-member", func(_ *testing.T, m *layoutMaker) { delete(m.index, "schemaVersion") }, "", "refused"},
	{"missing-member", func(_ *testing.T, m *layoutMaker) { m.manifest["schemaVersion"] = nil }, "", "refused"},
	{"missing-member", func(_ *testing.T, m *layoutMaker) { m.manifest["annotations"] = map[string]any{"a": nil} }, "", "refused"},
	{"other-platform", func(_ *testing.T, m *layoutMaker) { m.config["os"] = "windows" }, "", "refused"},
	{"other-platform", func(_ *testing.T, m *layoutMaker) { m.config["architecture"] = "s390x" }, "", "refused"},
	{"other-platform", func(t *testing.T, m *layoutMaker) {
		m.finish(t)
		m.index["manifests"].([]any)[0].(map[string]any)["platform"] = map[string]any{"os": "linux", "architecture": "s390x"}
	}, "", "refused"},
	{"no-regular-file", func(t *testing.T, m *layoutMaker) {
		blob := filepath.Join(m.dir, "blobs/sha256", blobs.Digest(m.stored).Hex)
		if err := os.Remove(blob); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink("/dev/zero", blob); err != nil {
			t.Fatal(err)
		}
	}, "is no regular file", ""},
}

func TestHostileImages(t *testing.T) {
	for i, c := range hostileImages {
		t.Run(fmt.Sprintf("%s/%d", c.rule, i), func(t *testing.T) {
			m := newLayoutMaker(t)
			c.change(t, m)
			m.finish(t)
			got, err := importers.Load(t.Context(), source.Source{Transport: source.OCI, Path: m.dir}, importers.Options{Hash: fsverity.SHA256, Rules: layer.RulesOCI, Limits: limits.Default()})
			switch {
			case c.refused != "":
				if err == nil || !strings.Contains(err.Error(), c.refused) {
					t.Errorf("error %v\nwant  %s", err, c.refused)
				}
			case err != nil:
				t.Error(err)
			case got.Tree.Lookup("/a/b") == nil:
				t.Error("the tree lacks /a/b")
			}
		})
	}
}

// TestManyLayers: each of 10,000 layers adds a file, and removes the one that
// the layer before added.
func TestManyLayers(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes seconds")
	}
	m := newLayoutMaker(t)
	var descriptors, diffIDs []any
	for i := range 10_000 {
		spec := fmt.Sprintf("f f%d =%d", i, i)
		if i > 0 {
			spec += fmt.Sprintf("\nf .wh.f%d", i-1)
		}
		archive := layers.Tar(spec)
		descriptors = append(descriptors, blobs.Descriptor(types.OCIUncompressedLayer, m.blob(t, archive), len(archive)))
		diffIDs = append(diffIDs, blobs.Digest(archive).String())
	}
	m.manifest["layers"] = descriptors
	m.config["rootfs"].(map[string]any)["diff_ids"] = diffIDs
	m.finish(t)
	got, err := importers.Load(t.Context(), source.Source{Transport: source.OCI, Path: m.dir}, importers.Options{Hash: fsverity.SHA256, Rules: layer.RulesOCI})
	if err != nil {
		t.Fatal(err)
	}
	if text := trees.Text(got.Tree); text != trees.Lines("f f9999 =9999") {
		t.Errorf("got %s", text)
	}
	if got.Layers[9999].DiffID != diffIDs[9999] || got.Layers[9999].Index != 10_000 {
		t.Errorf("the last layer is %+v", got.Layers[9999])
	}
}
