package seals_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"cfsverify/canon/seal"
	"cfsverify/importers/image"
	"cfsverify/importers/seals"
	"cfsverify/importers/source"
	"cfsverify/testdata/blobs"
	"cfsverify/testdata/files"
	"cfsverify/testdata/images"
	"cfsverify/testdata/layers"
)

// bareImage has no seals, in a layout of its own.
func bareImage(t *testing.T) (source.Source, v1.Descriptor) {
	t.Helper()
	s := source.Source{Transport: source.OCI, Path: filepath.Join(t.TempDir(), "layout"), Ref: "t"}
	image := images.Image{Manifest: types.OCIManifestSchema1, Config: types.OCIConfigJSON, Layers: []images.Layer{{Archive: layers.Tar("d usr"), MediaType: types.OCIUncompressedLayer}}}
	return s, image.Write(t, s.Path, "t")
}

func inSHA256(key string) string { return strings.ReplaceAll(key, "sha512", "sha256") }

// TestArtifactForms: what the draft demands of an artifact, and which layers its
// entries are of.
func TestArtifactForms(t *testing.T) {
	without := ": the artifact has no digest of all layers, which the draft demands"
	for name, c := range map[string]struct {
		keys, want []string
	}{
		"no entries":      {nil, []string{without}},
		"other entries":   {[]string{"x", "y"}, []string{without}},
		"layers alone":    {[]string{layerKey512, layerKey512}, []string{without, " " + layerKey512 + " layer 1 = 6…", " " + layerKey512 + " layer 2 = 7…"}},
		"bootable alone":  {[]string{bootableKey512}, []string{without, " " + bootableKey512 + " = 6…"}},
		"another order":   {[]string{layerKey512, mergedKey512, configKey512, layerKey512}, []string{" " + layerKey512 + " layer 1 = 6…", " " + mergedKey512 + " = 7…", " " + configKey512 + " = 8…", " " + layerKey512 + " layer 2 = 9…"}},
		"a signature":     {[]string{mergedKey512 + ".sig"}, []string{without, " " + mergedKey512 + ".sig: a signature without the digest that it is of"}},
		"of two hashes":   {[]string{mergedKey512, inSHA256(layerKey512), layerKey512}, []string{": the artifact has digests of sha512 and sha256: the draft wants an artifact for each", " " + mergedKey512 + " = 6…", " " + inSHA256(layerKey512) + " layer 1 = 7…: the digest has 128 digits, a sha256 digest has 64", " " + layerKey512 + " layer 1 = 8…"}},
		"unknown entries": {[]string{"composefs.x", mergedKey512}, []string{` composefs.x: the key "composefs.x" is of no known form`, " " + mergedKey512 + " = 7…"}},
	} {
		t.Run(name, func(t *testing.T) {
			s, image := bareImage(t)
			artifact := artifactOf(t, s.Path, image, seal.ArtifactType, "", c.keys...)
			for i := range c.want {
				c.want[i] = "artifact " + artifact.Digest.String() + c.want[i]
			}
			checkSeals(t, s, c.want...)
		})
	}
}

// TestSignatureSizes: one that the kernel would not take is an error of its seal.
func TestSignatureSizes(t *testing.T) {
	for size, want := range map[int]string{0: ": its signature is empty", 1: " signed x", seals.SignatureMax: " signed " + strings.Repeat("x", seals.SignatureMax), seals.SignatureMax + 1: ": its signature has 16129 bytes, the kernel takes 16128"} {
		signature := strings.Repeat("x", size)
		s, image := bareImage(t)
		artifact := signedArtifact(t, s.Path, image, signature)
		checkSeals(t, s, "artifact "+artifact.Digest.String()+" "+mergedKey512+" = 1…"+want)
		s, _ = bareImage(t)
		images.ChangeManifest(t, s, func(m map[string]any) {
			m["annotations"] = map[string]string{mergedKey512: hexOf("1"), mergedKey512 + ".sig": base64.StdEncoding.EncodeToString([]byte(signature))}
		})
		checkSeals(t, s, "manifest-annotation "+mergedKey512+" = 1…"+want)
	}
}

func signedArtifact(t *testing.T, dir string, image v1.Descriptor, signature string) v1.Descriptor {
	t.Helper()
	w := images.OpenLayout(t, source.Source{Transport: source.OCI, Path: dir})
	layer, err := w.WriteBytes(seal.SignatureType, []byte(signature))
	if err != nil {
		t.Fatal(err)
	}
	layer.Annotations = map[string]string{mergedKey512: hexOf("1")}
	artifact, err := w.WriteBytes(types.OCIManifestSchema1, blobs.JSON(t, map[string]any{
		"schemaVersion": 2, "artifactType": seal.ArtifactType, "config": blobs.Descriptor(types.OCIEmptyJSON, blobs.Digest(nil).String(), 0), "layers": []v1.Descriptor{layer}, "subject": image,
	}))
	artifact.ArtifactType = seal.ArtifactType
	if err := errors.Join(err, w.Commit(t.Context(), artifact), w.Close()); err != nil {
		t.Fatal(err)
	}
	return artifact
}

// TestOtherManifests: whatever is wrong with what is not about the image, it stays
// without effect.
func TestOtherManifests(t *testing.T) {
	s, subject := bareImage(t)
	artifact := artifactOf(t, s.Path, subject, seal.ArtifactType, "", mergedKey512)
	want := "artifact " + artifact.Digest.String() + " " + mergedKey512 + " = 6…"
	other := func(content string, written bool) v1.Descriptor {
		d := v1.Descriptor{MediaType: types.OCIManifestSchema1, Digest: blobs.Digest([]byte(content)), Size: int64(len(content)), Annotations: map[string]string{image.NameAnnotations[0]: content}}
		if written {
			files.Write(t, filepath.Join(s.Path, images.File(d.Digest)), []byte(content))
		}
		return d
	}
	damaged := other("damaged", true)
	files.Write(t, filepath.Join(s.Path, images.File(damaged.Digest)), []byte("DAMAGED"))
	images.ChangeIndex(t, s.Path, func(all []v1.Descriptor) []v1.Descriptor {
		return append(all, other("absent", false), other("no JSON", true), damaged, other(`{"layers":[],"Layers":1}`, true))
	})
	checkSeals(t, s, want)
	images.ChangeIndex(t, s.Path, func(all []v1.Descriptor) []v1.Descriptor {
		for i := range image.ArtifactsMax + 1 {
			all = append(all, other(fmt.Sprintf(`{"i":%d}`, i), true))
		}
		return all
	})
	checkSeals(t, s, want)
	for content, part := range map[string]string{"absent": "is listed, and cannot be read", "no JSON": "is not valid", "damaged": "is not what its digest says"} {
		stated := other(content, false)
		stated.ArtifactType = seal.ArtifactType
		before := images.Read(t, s.Path, "index.json")
		images.ChangeIndex(t, s.Path, func(all []v1.Descriptor) []v1.Descriptor { return append(all, stated) })
		if _, err := loadSeals(t, s); err == nil || !strings.Contains(err.Error(), "the artifact "+stated.Digest.String()) || !strings.Contains(err.Error(), part) {
			t.Errorf("%s: error %v", content, err)
		}
		files.Write(t, filepath.Join(s.Path, "index.json"), []byte(before))
	}
}

// TestSealLimits: each seal is work.
func TestSealLimits(t *testing.T) {
	s, subject := bareImage(t)
	artifactOf(t, s.Path, subject, seal.ArtifactType, "", mergedKey512)
	// with has another artifact with so many more seals.
	with := func(n int) {
		layer := fmt.Sprintf(`{"annotations":{%q:%q}}`, layerKey512, hexOf("1"))
		manifest := fmt.Appendf(nil, `{"artifactType":%q,"subject":{"digest":%q},"layers":[{"annotations":{%q:%q}}%s]}`,
			seal.ArtifactType, subject.Digest, mergedKey512, hexOf("1"), strings.Repeat(","+layer, n-1))
		files.Write(t, filepath.Join(s.Path, images.File(blobs.Digest(manifest))), manifest)
		images.ChangeIndex(t, s.Path, func(all []v1.Descriptor) []v1.Descriptor {
			return append(all[:2], v1.Descriptor{MediaType: types.OCIManifestSchema1, Digest: blobs.Digest(manifest), Size: int64(len(manifest))})
		})
	}
	with(seals.SealsMax - 1)
	imported, err := loadSeals(t, s)
	if err != nil || len(imported.Seals) != seals.SealsMax {
		t.Errorf("%v", err)
	}
	with(seals.SealsMax)
	want := "the image has more than 10000 seals, with those of its artifacts"
	if _, err := loadSeals(t, s); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v", err)
	}
	s, _ = bareImage(t)
	images.ChangeManifest(t, s, func(m map[string]any) {
		annotations := map[string]string{}
		for i := range seals.SealsMax + 1 {
			annotations[fmt.Sprint("composefs.", i)] = ""
		}
		m["annotations"] = annotations
	})
	if _, err := loadSeals(t, s); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v", err)
	}
	s, subject = bareImage(t)
	images.ChangeIndex(t, s.Path, func(all []v1.Descriptor) []v1.Descriptor {
		for i := range image.ArtifactsMax + 1 {
			manifest := fmt.Appendf(nil, `{"artifactType":%q,"i":%d,"subject":{"digest":%q}}`, seal.ArtifactType, i, subject.Digest)
			files.Write(t, filepath.Join(s.Path, images.File(blobs.Digest(manifest))), manifest)
			all = append(all, v1.Descriptor{MediaType: types.OCIManifestSchema1, Digest: blobs.Digest(manifest), Size: int64(len(manifest))})
		}
		return all
	})
	if _, err := loadSeals(t, s); err == nil || !strings.Contains(err.Error(), "the image has more than 1000 artifacts with seals") {
		t.Errorf("error %v", err)
	}
}
