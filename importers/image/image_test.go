package image_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"cfsverify/canon"
	"cfsverify/importers/blob"
	"cfsverify/importers/image"
	"cfsverify/importers/limits"
	"cfsverify/testdata/blobs"
	"cfsverify/testdata/files"
	"cfsverify/testdata/layers"
	"cfsverify/testdata/trees"
)

// written is an image whose manifest and config a test has written.
type written struct {
	manifest, config []byte
	unreadable       error
}

// writeImage writes one of layers that are stored as they are; change may change its
// config and manifest before they are written.
func writeImage(t *testing.T, change func(config, manifest map[string]any), archives ...[]byte) *written {
	t.Helper()
	var diffIDs, listed []any
	for _, a := range archives {
		digest := blobs.Digest(a).String()
		diffIDs, listed = append(diffIDs, digest), append(listed, blobs.Descriptor(types.OCIUncompressedLayer, digest, len(a)))
	}
	config := map[string]any{"os": "linux", "architecture": "amd64", "created": "2023-11-14T22:13:20.000000005Z", "rootfs": map[string]any{"type": "layers", "diff_ids": diffIDs}}
	manifest := map[string]any{"schemaVersion": 2, "layers": listed}
	change(config, manifest)
	w := &written{config: blobs.JSON(t, config)}
	if manifest["config"] == nil {
		manifest["config"] = blobs.Descriptor(types.OCIConfigJSON, blobs.Digest(w.config).String(), len(w.config))
	}
	w.manifest = blobs.JSON(t, manifest)
	return w
}

func unchanged(_, _ map[string]any) {}

func (w *written) open(t *testing.T, open image.OpenBlob, platform *v1.Platform) (*image.Image, error) {
	t.Helper()
	from := image.Parts{Document: func(v1.Descriptor) ([]byte, error) { return w.config, w.unreadable }, Open: open}
	stated := v1.Descriptor{MediaType: types.OCIManifestSchema1, Digest: blobs.Digest(w.manifest)}
	return image.Verified(named, w.manifest, stated, from, platform)
}

// TestVerified: an image says what its manifest and config say, and its layers are
// opened by their descriptors.
func TestVerified(t *testing.T) {
	base, top := layers.Tar("d a\nf a/b =1"), layers.Tar("f a/c =2")
	w := writeImage(t, unchanged, base, top)
	stored := map[v1.Hash][]byte{blobs.Digest(base): base, blobs.Digest(top): top}
	img, err := w.open(t, func(d v1.Descriptor) (io.ReadCloser, error) { return blobs.Opener(stored[d.Digest])() }, parsePlatform(t, "linux/amd64"))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(img.Manifest, w.manifest) || !bytes.Equal(img.Config, w.config) || img.Digest() != blobs.Digest(w.manifest) || *img.Created != (canon.Time{Sec: 1700000000, Nsec: 5}) {
		t.Errorf("%+v", img)
	}
	for i, a := range [][]byte{base, top} {
		digest := blobs.Digest(a)
		if got, want := *img.LayerList()[i], (canon.Layer{Index: i + 1, Digest: digest.String(), DiffID: digest.String()}); got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
		if b := img.Blobs[i]; b.Digest != digest || b.DiffID != digest || b.Size != int64(len(a)) {
			t.Errorf("%+v", b)
		}
		if _, found := img.Blobs[i].Identity(); found {
			t.Error("nobody said where the blobs lie")
		}
	}
	m, err := merged(t, img, limits.Default())
	if err != nil {
		t.Fatal(err)
	}
	if got, want := trees.Text(m.Tree), trees.Lines("d a\nf a/b =1\nf a/c =2"); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if err := img.Close(); err != nil {
		t.Error(err)
	}
	var asked []v1.Hash
	img.Locate(func(h v1.Hash) (blob.Place, bool) {
		asked = append(asked, h)
		return blob.Place{Repository: "r"}, true
	})
	one, oneFound := img.Blobs[0].Identity()
	other, otherFound := img.Blobs[1].Identity()
	if !oneFound || !otherFound || one == other || len(asked) != 2 || asked[0] != blobs.Digest(base) || asked[1] != blobs.Digest(top) {
		t.Errorf("identities %v and %v, asked for %v", one, other, asked)
	}
}

func TestVerifiedErrors(t *testing.T) {
	archive := layers.Tar("f a")
	const other = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	layer := func(key string, value any) func(_, m map[string]any) {
		return func(_, m map[string]any) { m["layers"].([]any)[0].(map[string]any)[key] = value }
	}
	config := func(d map[string]any) func(_, m map[string]any) { return func(_, m map[string]any) { m["config"] = d } }
	for name, c := range map[string]struct {
		change   func(config, manifest map[string]any)
		platform string
		want     string
	}{
		"manifest of other types": {change: func(_, m map[string]any) { m["layers"] = "x" }, want: `is not valid: member "/layers" cannot be a string`},
		"artifact":                {change: config(blobs.Descriptor("application/vnd.oci.empty.v1+json", other, 2)), want: `the config is of type "application/vnd.oci.empty.v1+json": this is an artifact, not a container image`},
		"large config":            {change: config(blobs.Descriptor(types.OCIConfigJSON, other, 16<<20+1)), want: "the manifest states a config of 16777217 bytes, which is too large"},
		"other config":            {change: config(blobs.Descriptor(types.DockerConfigJSON, other, 194)), want: "the config " + other + " is not what its digest says: it has sha256:"},
		"config's size":           {change: config(blobs.Descriptor(types.OCIConfigJSON, other, 5)), want: "bytes, its descriptor says 5"},
		"config's size below 0":   {change: config(blobs.Descriptor(types.OCIConfigJSON, other, -1)), want: "bytes, its descriptor says -1"},
		"config of other types":   {change: func(c, _ map[string]any) { c["rootfs"] = "x" }, want: `is not valid: member "/rootfs" cannot be a string`},
		"platform":                {change: unchanged, platform: "linux/arm64", want: "the image is for linux/amd64, not for linux/arm64"},
		"too few diffIDs":         {change: func(c, _ map[string]any) { c["rootfs"] = map[string]any{} }, want: "the manifest has 1 layers, the config 0 diffIDs"},
		"layer's type":            {change: layer("mediaType", "application/x"), want: `layer 1 is of type "application/x", which is no file system layer`},
		"layer's size":            {change: layer("size", -1), want: "layer 1 lacks a digest, size or diffID: the image cannot be verified"},
		"no digest of a layer":    {change: func(_, m map[string]any) { delete(m["layers"].([]any)[0].(map[string]any), "digest") }, want: "layer 1 lacks a digest"},
	} {
		w := writeImage(t, c.change, archive)
		if _, err := w.open(t, notOpened, parsePlatform(t, c.platform)); err == nil || !strings.HasPrefix(err.Error(), "oci:layout: "+c.want) && !strings.HasSuffix(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %s", name, err, c.want)
		}
	}
	w := writeImage(t, unchanged, archive)
	w.unreadable = errors.New("disk on fire")
	if _, err := w.open(t, notOpened, nil); !errors.Is(err, w.unreadable) || !strings.HasPrefix(err.Error(), "oci:layout: ") {
		t.Errorf("error %v", err)
	}
}

// TestUnstated: a config need not say for what platform or when it was made.
func TestUnstated(t *testing.T) {
	w := writeImage(t, func(c, _ map[string]any) {
		delete(c, "os")
		delete(c, "architecture")
		delete(c, "created")
	})
	img, err := w.open(t, notOpened, parsePlatform(t, "linux/s390x"))
	if err != nil {
		t.Fatal(err)
	}
	if img.Created != nil || img.Blobs != nil {
		t.Errorf("%+v", img)
	}
	if got := image.CreatedTime(&v1.ConfigFile{Created: v1.Time{Time: time.Unix(-1, 5)}}); *got != (canon.Time{Sec: -1, Nsec: 5}) {
		t.Errorf("%+v", got)
	}
}

// TestBare: files of which nothing is stated, and standard input.
func TestBare(t *testing.T) {
	dir := t.TempDir()
	base, top := layers.Tar("f a =1\nf b"), layers.Tar("f a =2")
	file := filepath.Join(dir, "base.tar")
	files.Write(t, file, base)
	stdin := os.Stdin
	t.Cleanup(func() { os.Stdin = stdin })
	files.Write(t, filepath.Join(dir, "top.tar"), top)
	var err error
	if os.Stdin, err = os.Open(filepath.Join(dir, "top.tar")); err != nil {
		t.Fatal(err)
	}
	defer os.Stdin.Close()
	img := image.Bare([]string{file, "-"})
	m, err := merged(t, img, limits.Default())
	if err != nil {
		t.Fatal(err)
	}
	if got, want := trees.Text(m.Tree), trees.Lines("f a =2\nf b"); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	for i, want := range []canon.Layer{{Index: 1, Name: file, DiffID: blobs.Digest(base).String()}, {Index: 2, Name: "-", DiffID: blobs.Digest(top).String()}} {
		if got := *img.LayerList()[i]; got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
		if _, found := img.Blobs[i].Identity(); found != (i == 0) {
			t.Errorf("layer %d: it has a place: %v", i+1, found)
		}
	}
	if img.Manifest != nil || img.Config != nil || img.Created != nil || img.Close() != nil {
		t.Errorf("%+v", img)
	}
	if _, err := merged(t, image.Bare([]string{filepath.Join(dir, "none")}), limits.Default()); !errors.Is(err, os.ErrNotExist) || !strings.HasPrefix(err.Error(), "layer 1 (") {
		t.Errorf("error %v", err)
	}
}
