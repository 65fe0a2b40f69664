package importers

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"cfsverify/canon/seal"
	"cfsverify/importers/image"
	"cfsverify/importers/layout"
	"cfsverify/importers/rewrite"
	"cfsverify/importers/seals"
	"cfsverify/importers/source"
	"cfsverify/testdata/blobs"
	"cfsverify/testdata/files"
	"cfsverify/testdata/layers"
)

// bareImage has no seals, in a layout of its own.
func bareImage(t *testing.T) (source.Source, v1.Descriptor) {
	t.Helper()
	s := source.Source{Transport: source.OCI, Path: filepath.Join(t.TempDir(), "layout"), Ref: "t"}
	image := madeImage{manifest: types.OCIManifestSchema1, config: types.OCIConfigJSON, layers: []madeLayer{{archive: layers.Tar("d usr"), mediaType: types.OCIUncompressedLayer}}}
	return s, image.write(t, s.Path, "t")
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
		withManifest(t, s, func(m map[string]any) {
			m["annotations"] = map[string]string{mergedKey512: hexOf("1"), mergedKey512 + ".sig": base64.StdEncoding.EncodeToString([]byte(signature))}
		})
		checkSeals(t, s, "manifest-annotation "+mergedKey512+" = 1…"+want)
	}
}

func signedArtifact(t *testing.T, dir string, image v1.Descriptor, signature string) v1.Descriptor {
	t.Helper()
	w := openLayout(t, source.Source{Transport: source.OCI, Path: dir})
	layer, err := w.WriteBytes(seal.SignatureType, []byte(signature))
	if err != nil {
		t.Fatal(err)
	}
	layer.Annotations = map[string]string{mergedKey512: hexOf("1")}
	artifact, err := w.WriteBytes(types.OCIManifestSchema1, blobs.JSON(t, map[string]any{
		"schemaVersion": 2, "artifactType": seal.ArtifactType, "config": blobs.Descriptor(types.OCIEmptyJSON, blobs.Digest(nil).String(), 0), "layers": []v1.Descriptor{layer}, "subject": image,
	}))
	artifact.ArtifactType = seal.ArtifactType
	if err := errors.Join(err, w.Commit(artifact), w.Close()); err != nil {
		t.Fatal(err)
	}
	return artifact
}

// withIndex changes the descriptors that index.json has.
func withIndex(t *testing.T, dir string, change func([]v1.Descriptor) []v1.Descriptor) {
	t.Helper()
	index, err := v1.ParseIndexManifest(strings.NewReader(read(t, dir, "index.json")))
	if err != nil {
		t.Fatal(err)
	}
	index.Manifests = change(index.Manifests)
	files.Write(t, filepath.Join(dir, "index.json"), blobs.JSON(t, index))
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
			files.Write(t, filepath.Join(s.Path, blobFile(d.Digest)), []byte(content))
		}
		return d
	}
	damaged := other("damaged", true)
	files.Write(t, filepath.Join(s.Path, blobFile(damaged.Digest)), []byte("DAMAGED"))
	withIndex(t, s.Path, func(all []v1.Descriptor) []v1.Descriptor {
		return append(all, other("absent", false), other("no JSON", true), damaged, other(`{"layers":[],"Layers":1}`, true))
	})
	checkSeals(t, s, want)
	withIndex(t, s.Path, func(all []v1.Descriptor) []v1.Descriptor {
		for i := range image.ArtifactsMax + 1 {
			all = append(all, other(fmt.Sprintf(`{"i":%d}`, i), true))
		}
		return all
	})
	checkSeals(t, s, want)
	for content, part := range map[string]string{"absent": "is listed, and cannot be read", "no JSON": "it is not valid", "damaged": "is not what its digest says"} {
		stated := other(content, false)
		stated.ArtifactType = seal.ArtifactType
		before := read(t, s.Path, "index.json")
		withIndex(t, s.Path, func(all []v1.Descriptor) []v1.Descriptor { return append(all, stated) })
		if _, err := loadSeals(t, s); err == nil || !strings.Contains(err.Error(), "the artifact "+stated.Digest.String()) || !strings.Contains(err.Error(), part) {
			t.Errorf("%s: error %v", content, err)
		}
		files.Write(t, filepath.Join(s.Path, "index.json"), []byte(before))
	}
}

// TestImagesAreNotRead: what says that it is an image is not looked at.
func TestImagesAreNotRead(t *testing.T) {
	s, subject := bareImage(t)
	artifact := artifactOf(t, s.Path, subject, seal.ArtifactType, "", mergedKey512)
	withIndex(t, s.Path, func(all []v1.Descriptor) []v1.Descriptor {
		for i, change := range []func(*v1.Descriptor){
			func(d *v1.Descriptor) { d.Platform = &v1.Platform{OS: "linux", Architecture: "arm64"} },
			func(d *v1.Descriptor) {
				d.Annotations = map[string]string{"vnd.docker.reference.type": "attestation-manifest"}
			},
			func(d *v1.Descriptor) { d.Size = image.UnstatedMax + 1 },
			func(d *v1.Descriptor) { d.ArtifactType = "application/x" },
			func(*v1.Descriptor) {},
		} {
			d := v1.Descriptor{MediaType: types.OCIManifestSchema1, Digest: blobs.Digest([]byte{byte(i)}), Size: 1}
			change(&d)
			all = append(all, d)
		}
		return all
	})
	l := layout.Below(s.Path)
	var names []string
	open := l.Open
	l.Open = func(name string) (content io.ReadCloser, size int64, err error) {
		names = append(names, name)
		return open(name)
	}
	found, err := l.Artifacts(t.Context(), subject.Digest)
	if err != nil || len(found) != 1 || found[0].Digest != artifact.Digest {
		t.Errorf("%v, %v", found, err)
	}
	if diff := cmp.Diff([]string{"index.json", blobFile(artifact.Digest), blobFile(blobs.Digest([]byte{4}))}, names); diff != "" {
		t.Error(diff)
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
		files.Write(t, filepath.Join(s.Path, blobFile(blobs.Digest(manifest))), manifest)
		withIndex(t, s.Path, func(all []v1.Descriptor) []v1.Descriptor {
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
	withManifest(t, s, func(m map[string]any) {
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
	withIndex(t, s.Path, func(all []v1.Descriptor) []v1.Descriptor {
		for i := range image.ArtifactsMax + 1 {
			manifest := fmt.Appendf(nil, `{"artifactType":%q,"i":%d,"subject":{"digest":%q}}`, seal.ArtifactType, i, subject.Digest)
			files.Write(t, filepath.Join(s.Path, blobFile(blobs.Digest(manifest))), manifest)
			all = append(all, v1.Descriptor{MediaType: types.OCIManifestSchema1, Digest: blobs.Digest(manifest), Size: int64(len(manifest))})
		}
		return all
	})
	if _, err := loadSeals(t, s); err == nil || !strings.Contains(err.Error(), "the image has more than 1000 artifacts with seals") {
		t.Errorf("error %v", err)
	}
}

// TestSealNames: names are read as readers in other languages read them.
func TestSealNames(t *testing.T) {
	label := `{"containers.composefs.fsverity":"` + hexOf("1") + `"}`
	for _, c := range []struct {
		config, manifest, want string
	}{
		{`"config":{"Labels":` + label + `}`, "", "label containers.composefs.fsverity = 1…"},
		{`"config":{"labels":` + label + `}`, "", `label: the labels cannot be read: it has "labels" instead of "Labels"`},
		{`"Config":{"Labels":` + label + `}`, "", `label: the labels cannot be read: it has "Config" instead of "config"`},
		{`"config":{"Labels":{},"Labels":` + label + `}`, "", `label: the labels cannot be read: it has "Labels" twice`},
		{`"config":{"Labels":{"containers.composefs.fsverity":"x",` + label[1:] + `}`, "", `label containers.composefs.fsverity: the key "containers.composefs.fsverity" is there 2 times, and readers differ about which counts`},
		{`"config":{"Labels":{"x":"1","x":"2"}}`, "", ""},
		{`"config":{"Labels":null}`, "", ""},
		{`"x":1`, `"annotations":{"` + mergedKey512 + `":"` + hexOf("1") + `","` + mergedKey512 + `.sig":"eA==","` + mergedKey512 + `.sig":"eA=="}`,
			"manifest-annotation " + mergedKey512 + ` = 1…: the key "` + mergedKey512 + `.sig" is there 2 times, and readers differ about which counts`},
		{`"x":1`, `"Annotations":{"` + mergedKey512 + `":"` + hexOf("1") + `"}`, `manifest-annotation: the annotations cannot be read: it has "Annotations" instead of "annotations"`},
	} {
		s, _ := bareImage(t)
		w := openLayout(t, s)
		layer := layers.Tar("d usr")
		config, err := w.WriteBytes(types.OCIConfigJSON, fmt.Appendf(nil, `{"os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":[%q]},%s}`, blobs.Digest(layer), c.config))
		if err != nil {
			t.Fatal(err)
		}
		more := ""
		if c.manifest != "" {
			more = "," + c.manifest
		}
		manifest, err := w.WriteBytes(types.OCIManifestSchema1, fmt.Appendf(nil, `{"schemaVersion":2,"config":%s,"layers":[%s]%s}`, blobs.JSON(t, config),
			blobs.JSON(t, blobs.Descriptor(types.OCIUncompressedLayer, blobs.Digest(layer).String(), len(layer))), more))
		if err := errors.Join(err, w.Commit(manifest), w.Close()); err != nil {
			t.Fatal(err)
		}
		var want []string
		if c.want != "" {
			want = []string{c.want}
		}
		checkSeals(t, s, want...)
		if c.want != "" && strings.Contains(c.want, "times") && c.manifest == "" {
			// Written again it is there once.
			_, written := sealedBy(t, s, s, rewrite.SealPlaces{Label: true}, saidDigests())
			config, err := os.ReadFile(filepath.Join(s.Path, blobFile(parsed(t, written).Config.Digest)))
			if err != nil || strings.Count(string(config), "containers.composefs") != 1 {
				t.Errorf("%s, %v", config, err)
			}
		}
	}
}

// blobFile is the name of a blob in a layout.
func blobFile(h v1.Hash) string { return "blobs/" + h.Algorithm + "/" + h.Hex }
