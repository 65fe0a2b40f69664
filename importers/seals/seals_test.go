package seals_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
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
	"cfsverify/canon/seal"
	"cfsverify/canon/tarfile"
	"cfsverify/importers"
	"cfsverify/importers/document"
	"cfsverify/importers/image"
	"cfsverify/importers/layer"
	"cfsverify/importers/objects"
	"cfsverify/importers/source"
	"cfsverify/testdata/images"
	"cfsverify/testdata/layers"
	"cfsverify/testdata/registries"
	"cfsverify/testdata/trees"
	"cfsverify/testdata/uki"
)

// hexOf is a digest of one digit, which tells it from others.
func hexOf(digit string) string { return strings.Repeat(digit, 128) }

const (
	mergedKey512   = "composefs.merged.erofs.v1.fsverity-sha512-12"
	bootableKey512 = "composefs.merged.bootable.erofs.v1.fsverity-sha512-12"
	layerKey512    = "composefs.layer.erofs.v1.fsverity-sha512-12"
	configKey512   = "composefs.config.fsverity-sha512-12"
	manifestKey512 = "composefs.manifest.fsverity-sha512-12"
)

// sealedImage has a seal in every place of its own, and some that are none.
func sealedImage(layers ...images.Layer) images.Image {
	return images.Image{
		Manifest: types.OCIManifestSchema1, Config: types.OCIConfigJSON,
		Fields:      map[string]any{"config": map[string]any{"Labels": map[string]string{"containers.composefs.fsverity": hexOf("1"), "other": "x", layerKey512: hexOf("0")}}},
		More:        map[string]any{"annotations": map[string]string{mergedKey512: hexOf("2"), mergedKey512 + ".sig": base64.StdEncoding.EncodeToString([]byte("signature")), bootableKey512: hexOf("3"), "composefs.x": "y"}},
		Annotations: map[string]string{configKey512: hexOf("4"), configKey512 + ".sig": "no base64!"},
		Layers:      layers,
	}
}

// sealLines are seals, a line each.
func sealLines(found []seal.Seal) []string {
	var lines []string
	for _, f := range found {
		line := string(f.Place)
		profile := ""
		if p := f.Profile; p != nil {
			profile = fmt.Sprint("@", p.Number, p.ID)
		}
		for _, part := range []string{f.Name, profile, f.Key} {
			if part != "" {
				line += " " + part
			}
		}
		if f.Layer > 0 {
			line += fmt.Sprintf(" layer %d", f.Layer)
		}
		if digest := f.Claim.Digest.String(); digest != "" {
			line += " = " + digest[:1] + "…"
		}
		if f.Signature != nil && f.Err == nil {
			line += " signed " + string(f.Signature)
		}
		if f.Err != nil {
			line += ": " + f.Err.Error()
		}
		lines = append(lines, line)
	}
	return lines
}

func loadSeals(t *testing.T, s source.Source) (*importers.Sealed, error) {
	t.Helper()
	store, err := objects.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	imported, err := importers.With(t.Context(), s, nil, 0, func(ctx context.Context, img *image.Image) (*importers.Sealed, error) {
		o := importers.Options{Hash: fsverity.SHA512, Objects: store}
		return importers.ReadSealed(ctx, img, o.Reading(), layer.RulesOCI)
	})
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	return imported, err
}

func checkSeals(t *testing.T, s source.Source, want ...string) {
	t.Helper()
	imported, err := loadSeals(t, s)
	if err != nil {
		t.Error(err)
		return
	}
	if diff := cmp.Diff(want, sealLines(imported.Seals)); diff != "" {
		t.Errorf("want -, got +\n%s", diff)
	}
}

var sealsOfSealedImage = []string{
	"label " + layerKey512 + `: a digest of the role "layer" has no place here`,
	"label containers.composefs.fsverity = 1…",
	"manifest-annotation " + bootableKey512 + " = 3…",
	"manifest-annotation " + mergedKey512 + " = 2… signed signature",
	`manifest-annotation composefs.x: the key "composefs.x" is of no known form`,
	"config-annotation " + configKey512 + " = 4…: its signature is not base64",
	"layer-annotation " + layerKey512 + " layer 2 = 5…",
}

func sealedLayers() []images.Layer {
	return []images.Layer{
		{Archive: layers.Tar("d usr"), Compression: tarfile.Uncompressed, MediaType: types.OCIUncompressedLayer},
		{Archive: layers.Tar("f usr/a"), Compression: tarfile.Gzip, MediaType: types.OCILayer, Annotations: map[string]string{layerKey512: hexOf("5")}},
	}
}

func TestSealsOfImage(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "layout")
	s := source.Source{Transport: source.OCI, Path: dir, Ref: "t"}
	sealedImage(sealedLayers()...).Write(t, dir, "t")
	checkSeals(t, s, sealsOfSealedImage...)
	imported, err := loadSeals(t, s)
	if err != nil {
		t.Fatal(err)
	}
	digest, _, err := v1.SHA256(strings.NewReader(string(imported.Manifest)))
	if err != nil || images.Read(t, dir, images.File(digest)) == "" || !strings.Contains(string(imported.Config), `"Labels"`) {
		t.Errorf("manifest %v, config %s", digest, imported.Config)
	}
	if imported.Stack.Len() != 2 {
		t.Errorf("%d layers", imported.Stack.Len())
	}
	for n, want := range map[int]string{1: "d usr\n", 2: "d usr\nf usr/a\n"} {
		tree, err := imported.Stack.Lowest(n)
		if err != nil || strings.ReplaceAll(trees.Text(tree), "d / mode=0 implicit\n", "") == "" || !strings.HasSuffix(trees.Text(tree), want) {
			t.Errorf("%d lowest: %v\n%s", n, err, trees.Text(tree))
		}
	}
	if tree, err := imported.Stack.Alone(2); err != nil || tree.Lookup("/usr/a") == nil || !tree.Lookup("/usr").Origin.Implicit {
		t.Errorf("layer 2 alone: %v", err)
	}
	if _, err := imported.Stack.Alone(3); err == nil {
		t.Error("there is a third layer")
	}
}

// artifactOf adds an artifact to a layout: an entry for each annotation, with a
// signature if that is not empty.
func artifactOf(t *testing.T, dir string, subject v1.Descriptor, artifactType, signature string, keys ...string) v1.Descriptor {
	t.Helper()
	w := images.OpenLayout(t, source.Source{Transport: source.OCI, Path: dir})
	put := func(mediaType types.MediaType, data string) v1.Descriptor {
		d, err := w.WriteBytes(mediaType, []byte(data))
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	var layers []v1.Descriptor
	for i, key := range keys {
		d := put("application/vnd.oci.empty.v1+json", "{}")
		if signature != "" {
			d = put(seal.SignatureType, signature)
		}
		d.Annotations = map[string]string{key: hexOf(fmt.Sprint(6 + i))}
		layers = append(layers, d)
	}
	doc, err := document.Marshal(map[string]any{
		"schemaVersion": 2, "mediaType": types.OCIManifestSchema1, "artifactType": artifactType,
		"config": put("application/vnd.oci.empty.v1+json", "{}"), "layers": layers, "subject": subject,
	})
	if err != nil {
		t.Fatal(err)
	}
	artifact := put(types.OCIManifestSchema1, string(doc))
	artifact.ArtifactType = artifactType
	if err := errors.Join(w.Commit(t.Context(), artifact), w.Close()); err != nil {
		t.Fatal(err)
	}
	return artifact
}

func TestSealsOfArtifacts(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "layout")
	s := source.Source{Transport: source.OCI, Path: dir, Ref: "t"}
	image := sealedImage(sealedLayers()...).Write(t, dir, "t")
	other := image
	other.Digest.Hex = strings.Repeat("0", 64)
	artifact := artifactOf(t, dir, image, seal.ArtifactType, "der", manifestKey512, configKey512, mergedKey512, layerKey512)
	artifactOf(t, dir, other, seal.ArtifactType, "", mergedKey512)
	artifactOf(t, dir, image, "application/x", "", mergedKey512)
	place := "artifact " + artifact.Digest.String() + " "
	want := append(append([]string{}, sealsOfSealedImage...), place+manifestKey512+" = 6… signed der", place+configKey512+" = 7… signed der", place+mergedKey512+" = 8… signed der",
		place+layerKey512+" layer 1 = 9… signed der")
	checkSeals(t, s, want...)

	// An index that is tagged as the image's referrers, as older tools write it.
	index, err := os.ReadFile(filepath.Join(dir, "index.json"))
	if err != nil {
		t.Fatal(err)
	}
	moved := strings.ReplaceAll(string(index), seal.ArtifactType, "application/y")
	if err := os.WriteFile(filepath.Join(dir, "index.json"), []byte(moved), 0o644); err != nil {
		t.Fatal(err)
	}
	checkSeals(t, s, sealsOfSealedImage...)
	w := images.OpenLayout(t, source.Source{Transport: source.OCI, Path: dir, Ref: strings.Replace(image.Digest.String(), ":", "-", 1)})
	listed, err := w.WriteBytes(types.OCIImageIndex, fmt.Appendf(nil, `{"schemaVersion":2,"manifests":[{"mediaType":%q,"digest":%q,"size":%d}]}`, artifact.MediaType, artifact.Digest, artifact.Size))
	if err := errors.Join(err, w.Commit(t.Context(), listed), w.Close()); err != nil {
		t.Fatal(err)
	}
	checkSeals(t, s, want...)

	// What is damaged is no seal.
	if err := os.WriteFile(filepath.Join(dir, images.File(artifact.Digest)), []byte("{}"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := loadSeals(t, s); err == nil || !strings.Contains(err.Error(), artifact.Digest.String()) {
		t.Errorf("error %v", err)
	}
}

// TestSealsInRegistry: artifacts are found by the API for referrers, and by the
// tag for registries that have none.
func TestSealsInRegistry(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "layout")
	image := sealedImage(sealedLayers()...).Write(t, dir, "t")
	artifact := artifactOf(t, dir, image, seal.ArtifactType, "der", mergedKey512)
	from, err := layout.FromPath(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, api := range []bool{true, false} {
		host := registries.Loopback(t, func(h http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if strings.Contains(r.URL.Path, "/referrers/") && !api {
					http.NotFound(w, r)
					return
				}
				h.ServeHTTP(w, r)
			})
		})
		registries.WriteAuth(t, "DOCKER_CONFIG/config.json", host)
		for _, d := range []v1.Descriptor{image, artifact} {
			img, err := from.Image(d.Digest)
			if err != nil {
				t.Fatal(err)
			}
			ref, err := name.ParseReference(host + "/image@" + d.Digest.String())
			if err != nil {
				t.Fatal(err)
			}
			if err := remote.Write(ref, img, registries.PushOptions()); err != nil {
				t.Fatal(err)
			}
		}
		want := append(append([]string{}, sealsOfSealedImage...), "artifact "+artifact.Digest.String()+" "+mergedKey512+" = 6… signed der")
		checkSeals(t, source.Source{Transport: source.Docker, Ref: host + "/image@" + image.Digest.String()}, want...)
	}
}

// TestSealsOfUKIs: command lines are read where the merged tree has them, under
// whatever name the content came.
func TestSealsOfUKIs(t *testing.T) {
	dir := t.TempDir()
	kernel := [2]string{".linux", "kernel"}
	files := map[string]string{
		"one": string(uki.File(kernel, [2]string{".cmdline", "composefs=" + hexOf("1")})), "two": string(uki.File(kernel, [2]string{".cmdline", "composefs=" + hexOf("2")}, [2]string{".profile", "ID=a"}, [2]string{".profile", ""}, [2]string{".cmdline", "rw"}, [2]string{".profile", "ID=c"}, [2]string{".cmdline", "composefs=?" + hexOf("3")})),
		"unsealed": string(uki.File(kernel, [2]string{".cmdline", "rw"})), "none": string(uki.File(kernel)),
		"addon": string(uki.File([2]string{".cmdline", "quiet"})), "program": string(uki.File([2]string{".text", "x"})),
	}
	entry := func(path, file string) string { return fmt.Sprintf("f %s %q\n", path, "="+files[file]) }
	lower := entry("boot/EFI/Linux/a.efi", "one") + entry("boot/EFI/Linux/gone.efi", "one") + entry("boot/EFI/Linux/replaced.efi", "one") + entry("opt/one", "one") + "h usr/lib/modules/6/link.efi ->opt/one\n"
	upper := "f boot/EFI/Linux/.wh.gone.efi\n" + entry("boot/EFI/Linux/replaced.efi", "two") + entry("boot/EFI/Linux/b.efi", "unsealed") + entry("boot/EFI/Linux/c.efi", "none") +
		entry("boot/EFI/Linux/a.efi.extra.d/x.addon.efi", "addon") + entry("usr/lib/modules/6/program.efi", "program") + entry("usr/lib/modules/6/vmlinuz", "one") + "l boot/EFI/Linux/symlink.efi ->a.efi\n"
	var names []string
	for i, spec := range []string{lower, upper} {
		file := filepath.Join(dir, fmt.Sprintf("%d.tar", i))
		if err := os.WriteFile(file, layers.Tar(spec), 0o644); err != nil {
			t.Fatal(err)
		}
		names = append(names, file)
	}
	s := source.Source{Transport: source.Tar, Layers: names}
	checkSeals(t, s,
		"uki /boot/EFI/Linux/a.efi composefs = 1…",
		"uki /boot/EFI/Linux/b.efi: its command line has no composefs digest",
		"uki /boot/EFI/Linux/c.efi: it has no .cmdline section, or an empty one: systemd-stub boots it with what the boot loader passes, with Secure Boot too: give it a command line with a digest",
		"uki /boot/EFI/Linux/replaced.efi @0a composefs = 2…",
		"uki /boot/EFI/Linux/replaced.efi @1: its command line has no composefs digest",
		"uki /boot/EFI/Linux/replaced.efi @2c composefs = 3…",
		"uki /boot/EFI/Linux/symlink.efi: it is a symlink, not a file",
		"uki /usr/lib/modules/6/link.efi composefs = 1…",
	)
	for _, content := range []string{"", "short", strings.Repeat("long", 100), "MZ" + strings.Repeat("long", 100)} {
		if err := os.WriteFile(names[1], layers.Tar(fmt.Sprintf("f usr/lib/modules/6/x.efi %q", "="+content)), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := loadSeals(t, s); err == nil || !strings.Contains(err.Error(), `1.tar), entry 1 "/usr/lib/modules/6/x.efi": it is no PE file`) {
			t.Errorf("%q: error %v", content, err)
		}
	}
}
