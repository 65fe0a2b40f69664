package layout_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"cfsverify/canon/seal"
	"cfsverify/importers/image"
	"cfsverify/importers/layout"
	"cfsverify/importers/source"
	"cfsverify/testdata/blobs"
	"cfsverify/testdata/files"
	"cfsverify/testdata/images"
)

// putArtifact writes a manifest about an image, of one layer, into a layout that does
// not list it.
func putArtifact(t *testing.T, dir string, subject v1.Descriptor, layer string) v1.Descriptor {
	t.Helper()
	put := func(mediaType types.MediaType, data []byte) v1.Descriptor {
		d := v1.Descriptor{MediaType: mediaType, Digest: blobs.Digest(data), Size: int64(len(data))}
		files.Write(t, filepath.Join(dir, images.File(d.Digest)), data)
		return d
	}
	d := put(types.OCIManifestSchema1, blobs.JSON(t, map[string]any{
		"schemaVersion": 2, "mediaType": types.OCIManifestSchema1, "artifactType": seal.ArtifactType, "subject": subject,
		"config": put(types.OCIEmptyJSON, []byte("{}")), "layers": []v1.Descriptor{put(seal.SignatureType, []byte(layer))},
	}))
	d.ArtifactType = seal.ArtifactType
	return d
}

// list adds descriptors to a layout's index.
func list(t *testing.T, dir string, more ...v1.Descriptor) {
	t.Helper()
	images.ChangeIndex(t, dir, func(all []v1.Descriptor) []v1.Descriptor { return append(all, more...) })
}

// TestArtifacts: those that the index lists are found, and those that an index lists
// which is tagged as the image's referrers.
func TestArtifacts(t *testing.T) {
	both, _ := written(t)
	dir := both[0].Path
	subject := manifestOf(t, dir)
	other := subject
	other.Digest = blobs.Digest([]byte("another image"))
	listed, untyped, tagged := putArtifact(t, dir, subject, "listed"), putArtifact(t, dir, subject, "untyped"), putArtifact(t, dir, subject, "tagged")
	untyped.ArtifactType = ""
	referrers := blobs.JSON(t, v1.IndexManifest{SchemaVersion: 2, Manifests: []v1.Descriptor{tagged}})
	index := v1.Descriptor{MediaType: types.OCIImageIndex, Digest: blobs.Digest(referrers), Size: int64(len(referrers)),
		Annotations: map[string]string{"org.opencontainers.image.ref.name": strings.Replace(subject.Digest.String(), ":", "-", 1)}}
	files.Write(t, filepath.Join(dir, images.File(index.Digest)), referrers)
	list(t, dir, listed, untyped, putArtifact(t, dir, other, "of another image"), index, index)
	both[1].Path = images.Archive(t, dir)
	for _, s := range both {
		img, err := layout.Open(s, nil)
		if err != nil {
			t.Fatal(err)
		}
		found, err := img.Artifacts(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, a := range found {
			content, err := a.Open(a.Layers[0])
			if err != nil {
				t.Fatal(err)
			}
			layer, err := io.ReadAll(content)
			if err := errors.Join(err, content.Close()); err != nil {
				t.Fatal(err)
			}
			got = append(got, fmt.Sprintf("%v %s %v", a.Digest, layer, a.Tagged))
		}
		want := []string{listed.Digest.String() + " listed false", untyped.Digest.String() + " untyped false", tagged.Digest.String() + " tagged true"}
		slices.Sort(want)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: want -, got +\n%s", s.Transport, diff)
		}
		if err := img.Close(); err != nil {
			t.Error(err)
		}
	}
	// A writer finds them too.
	w := images.OpenLayout(t, both[0])
	found, err := w.Artifacts(t.Context(), subject.Digest)
	if err := errors.Join(err, w.Close()); err != nil || len(found) != 3 {
		t.Errorf("%d artifacts, %v", len(found), err)
	}
}

// TestArtifactErrors: what is stated to be about the image must be readable.
func TestArtifactErrors(t *testing.T) {
	absent := v1.Descriptor{MediaType: types.OCIManifestSchema1, Digest: blobs.Digest([]byte("absent")), Size: 6, ArtifactType: seal.ArtifactType}
	// tagged lists an index that is tagged as the image's referrers.
	tagged := func(t *testing.T, dir string, subject v1.Descriptor, content string, size int) v1.Descriptor {
		d := v1.Descriptor{MediaType: types.OCIImageIndex, Digest: blobs.Digest([]byte(content)), Size: int64(size), Annotations: map[string]string{"org.opencontainers.image.ref.name": image.ReferrersTag(subject.Digest)}}
		if content != "absent" {
			files.Write(t, filepath.Join(dir, images.File(d.Digest)), []byte(content))
		}
		list(t, dir, d)
		return d
	}
	for name, c := range map[string]struct {
		change func(t *testing.T, dir string, subject v1.Descriptor)
		want   string
	}{
		"index.json is no JSON": {func(t *testing.T, dir string, _ v1.Descriptor) {
			files.Write(t, filepath.Join(dir, "index.json"), []byte("{"))
		}, "index.json is not valid: it breaks off at byte 1"},
		"artifact not there": {func(t *testing.T, dir string, _ v1.Descriptor) { list(t, dir, absent) }, "the artifact " + absent.Digest.String() + " is listed, and cannot be read: "},
		"artifact of other size": {func(t *testing.T, dir string, subject v1.Descriptor) {
			d := putArtifact(t, dir, subject, "x")
			d.Size++
			list(t, dir, d)
		}, "the artifact sha256:"},
		"referrers not there":     {func(t *testing.T, dir string, s v1.Descriptor) { tagged(t, dir, s, "absent", 6) }, "the index " + absent.Digest.String() + " is listed, and cannot be read: "},
		"referrers of other size": {func(t *testing.T, dir string, s v1.Descriptor) { tagged(t, dir, s, "{}", 3) }, "has 2 bytes, its descriptor says 3"},
		"referrers are no JSON":   {func(t *testing.T, dir string, s v1.Descriptor) { tagged(t, dir, s, "no", 2) }, "the index " + blobs.Digest([]byte("no")).String() + " is not valid: invalid character 'o' in literal null"},
		"referrer not there": {func(t *testing.T, dir string, s v1.Descriptor) {
			content := blobs.JSON(t, v1.IndexManifest{Manifests: []v1.Descriptor{{MediaType: types.OCIManifestSchema1, Digest: absent.Digest, Size: 6}}})
			tagged(t, dir, s, string(content), len(content))
		}, "the artifact " + absent.Digest.String() + " is listed, and cannot be read: "},
	} {
		both, _ := written(t)
		dir := both[0].Path
		subject := manifestOf(t, dir)
		c.change(t, dir, subject)
		if found, err := layout.Below(dir).Artifacts(t.Context(), subject.Digest); err == nil || !strings.Contains(err.Error(), c.want) || found != nil {
			t.Errorf("%s: error %v, want %s", name, err, c.want)
		}
	}
	if _, err := layout.Below(t.TempDir()).Artifacts(t.Context(), absent.Digest); err == nil || !strings.Contains(err.Error(), "index.json") {
		t.Errorf("error %v", err)
	}
}

// TestImagesAreNotRead: what says that it is an image is not looked at.
func TestImagesAreNotRead(t *testing.T) {
	both, _ := written(t)
	dir := both[0].Path
	subject := manifestOf(t, dir)
	artifact := putArtifact(t, dir, subject, "x")
	list(t, dir, artifact)
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
		list(t, dir, d)
	}
	l := layout.Below(dir)
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
	if diff := cmp.Diff([]string{"index.json", images.File(artifact.Digest), images.File(blobs.Digest([]byte{4}))}, names); diff != "" {
		t.Error(diff)
	}
}

// TestAttach: an artifact is listed beside the image and in place of another one.
func TestAttach(t *testing.T) {
	both, _ := written(t)
	dir := both[0].Path
	subject := manifestOf(t, dir)
	old, kept := putArtifact(t, dir, subject, "old"), putArtifact(t, dir, subject, "kept")
	list(t, dir, old, kept)
	w := images.OpenLayout(t, source.Source{Transport: source.OCI, Path: dir, Ref: "v1"})
	artifact, err := w.WriteBytes(types.OCIManifestSchema1, []byte("new"))
	if err != nil {
		t.Fatal(err)
	}
	before := images.Read(t, dir, "index.json")
	w.Attach(artifact, func(context.Context) ([]v1.Hash, error) { return []v1.Hash{old.Digest}, nil })
	if images.Read(t, dir, "index.json") != before {
		t.Error("the index changes before Commit")
	}
	if err := errors.Join(w.Commit(t.Context(), subject), w.Close()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{subject.Digest.String() + " v1", kept.Digest.String() + " ", artifact.Digest.String() + " "}, images.Listed(t, dir)); diff != "" {
		t.Errorf("want -, got +\n%s", diff)
	}
	// What is listed no longer stays: other indexes may list it.
	if images.Read(t, dir, images.File(old.Digest)) == "" || images.Read(t, dir, images.File(artifact.Digest)) != "new" {
		t.Error("a blob is not there")
	}
}
