package image_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"cfsverify/canon/seal"
	"cfsverify/importers/image"
	"cfsverify/testdata/blobs"
)

// shelf holds documents by their digests, as a layout or registry does.
type shelf struct {
	held map[v1.Hash][]byte
	read []v1.Hash // what was asked for
}

func newShelf() *shelf { return &shelf{held: map[v1.Hash][]byte{}} }

// put holds a manifest, and gives a descriptor of it.
func (s *shelf) put(format string, args ...any) v1.Descriptor {
	raw := fmt.Appendf(nil, format, args...)
	s.held[blobs.Digest(raw)] = raw
	return v1.Descriptor{MediaType: types.OCIManifestSchema1, Digest: blobs.Digest(raw), Size: int64(len(raw))}
}

// collect reads candidates about subject.
func (s *shelf) collect(ctx context.Context, subject v1.Hash, listed ...image.Candidate) ([]image.Artifact, error) {
	return image.CollectArtifacts(ctx, listed, subject, image.Parts{Open: notOpened, Document: func(d v1.Descriptor) ([]byte, error) {
		s.read = append(s.read, d.Digest)
		raw, found := s.held[d.Digest]
		if !found {
			return nil, fmt.Errorf("%v is not there", d.Digest)
		}
		return raw, nil
	}})
}

// TestCollectArtifacts: those with seals whose subject is the image, in the order of
// their digests.
func TestCollectArtifacts(t *testing.T) {
	s := newShelf()
	subject, other := blobs.Digest([]byte("image")), blobs.Digest([]byte("another image"))
	about := func(subject v1.Hash, artifactType string, i int) v1.Descriptor {
		return s.put(`{"artifactType":%q,"subject":{"digest":%q},"layers":[{"size":%d,"digest":%q,"x":{"b":1,"a":2}}]}`, artifactType, subject, i, other)
	}
	first, second := about(subject, seal.ArtifactType, 1), about(subject, seal.ArtifactType, 2)
	listed := []image.Candidate{
		{Descriptor: first}, {Descriptor: second, Stated: true}, {Descriptor: first, Tagged: true},
		{Descriptor: about(other, seal.ArtifactType, 3)},
		{Descriptor: about(subject, "application/x", 4)},
		{Descriptor: s.put(`{"artifactType":%q}`, seal.ArtifactType)},
		{Descriptor: v1.Descriptor{MediaType: types.OCIManifestSchema1, Digest: subject}, Stated: true},
		// Nobody says that these are artifacts.
		{Descriptor: s.put("no JSON")},
		{Descriptor: s.put(`{"artifactType":%q,"subject":{"digest":%q},"layers":[],"Layers":1}`, seal.ArtifactType, other)},
		{Descriptor: s.put(`{"artifactType":%q,"subject":{"digest":%q},"layers":1}`, seal.ArtifactType, subject)},
		{Descriptor: v1.Descriptor{MediaType: types.OCIManifestSchema1, Digest: other}},
	}
	got, err := s.collect(t.Context(), subject, listed...)
	if err != nil {
		t.Fatal(err)
	}
	want := []v1.Descriptor{first, second}
	slices.SortFunc(want, func(a, b v1.Descriptor) int { return strings.Compare(a.Digest.Hex, b.Digest.Hex) })
	if len(got) != 2 || got[0].Digest != want[0].Digest || got[1].Digest != want[1].Digest {
		t.Fatalf("got %+v, want %+v", got, want)
	}
	for _, a := range got {
		if a.Tagged != (a.Digest == first.Digest) {
			t.Errorf("%v is tagged: %v", a.Digest, a.Tagged)
		}
		if len(a.Layers) != 1 || a.Layers[0].Digest != other {
			t.Errorf("layers %+v", a.Layers)
		}
		if _, err := a.Open(a.Layers[0]); err == nil || err.Error() != "a layer is opened" {
			t.Errorf("error %v", err)
		}
	}
	if slices.Contains(s.read, subject) {
		t.Error("the image is taken for an artifact")
	}
}

func TestCollectArtifactsErrors(t *testing.T) {
	s := newShelf()
	subject := blobs.Digest([]byte("image"))
	absent := v1.Descriptor{MediaType: types.OCIManifestSchema1, Digest: blobs.Digest([]byte("absent"))}
	for name, c := range map[string]struct {
		stated v1.Descriptor
		want   string
	}{
		"not there":    {absent, absent.Digest.String() + " is not there"},
		"no JSON":      {s.put("no JSON"), "the artifact " + blobs.Digest([]byte("no JSON")).String() + " is not valid: invalid character 'o' in literal null (expecting 'u'), at byte 1"},
		"layers twice": {s.put(`{"artifactType":%q,"subject":{"digest":%q},"layers":[],"layers":[]}`, seal.ArtifactType, subject), `member "/layers" is there twice`},
	} {
		if _, err := s.collect(t.Context(), subject, image.Candidate{Descriptor: c.stated, Stated: true}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %s", name, err, c.want)
		}
		// Whoever states it again in another place states it.
		if _, err := s.collect(t.Context(), subject, image.Candidate{Descriptor: c.stated}, image.Candidate{Descriptor: c.stated, Stated: true}); err == nil {
			t.Errorf("%s, listed twice: no error", name)
		}
	}
	// So is what some readers may take for one, if nobody states it.
	for content, want := range map[string]string{
		`{"artifactType":%q,"subject":{"digest":%q},"layers":[],"Layers":1}`:                                       `member "/Layers" is "layers" in another case`,
		`{"artifactType":"","artifactType":%q,"subject":{"digest":%q}}`:                                            `member "/artifactType" is there twice`,
		`{"artifactType":%q,"subject":{"digest":"","digest":%q}}`:                                                  `member "/subject/digest" is there twice`,
		`{"artifactType":%q,"Subject":{"digest":%q}}`:                                                              `member "/Subject" is "subject" in another case`,
		`{"artifactType":%q,"subject":{"digest":%q},"mediaType":"application/vnd.oci.image.index.v1+json"}`:        `member "/mediaType" is "application/vnd.oci.image.index.v1+json"`,
		`{"artifactType":%q,"subject":{"digest":%q},"layers":[],"manifests":[]}`:                                   `member "/manifests" does not belong to an image manifest`,
		`{"artifactType":%q,"x":"%v","y":1,"y":2}`:                                                                 `member "/y" is there twice`,
		`{"artifactType":%q,"x":1,"x":"` + strings.Replace(subject.String(), "sha", `\u0073ha`, 1) + `","z":"%v"}`: `member "/x" is there twice`,
	} {
		d := s.put(content, seal.ArtifactType, subject)
		if _, err := s.collect(t.Context(), subject, image.Candidate{Descriptor: d}); err == nil || !strings.HasPrefix(err.Error(), "the artifact "+d.Digest.String()+" is not valid: "+want) {
			t.Errorf("%s: error %v, want %s", content, err, want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.collect(ctx, subject, image.Candidate{Descriptor: s.put("{}")}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

// TestArtifactLimits: so many artifacts, and so many bytes of them, are read, not more.
func TestArtifactLimits(t *testing.T) {
	s := newShelf()
	subject := blobs.Digest([]byte("image"))
	const want = "the image has more than 1000 artifacts with seals, or more than 67108864 bytes of them"
	var listed []image.Candidate
	for i := range image.ArtifactsMax + 1 {
		listed = append(listed, image.Candidate{Descriptor: s.put(`{"artifactType":%q,"i":%d,"subject":{"digest":%q}}`, seal.ArtifactType, i, subject)})
	}
	if found, err := s.collect(t.Context(), subject, listed[1:]...); len(found) != image.ArtifactsMax || err != nil {
		t.Errorf("%d artifacts, %v", len(found), err)
	}
	if _, err := s.collect(t.Context(), subject, listed...); err == nil || err.Error() != want {
		t.Errorf("error %v", err)
	}
	// Blanks behind a manifest are bytes of it.
	pad := bytes.Repeat([]byte(" "), 16<<20)
	listed = listed[:5]
	read := func(d v1.Descriptor) ([]byte, error) { return append(bytes.Clone(s.held[d.Digest]), pad...), nil }
	if _, err := image.CollectArtifacts(t.Context(), listed, subject, image.Parts{Document: read, Open: notOpened}); err == nil || err.Error() != want {
		t.Errorf("error %v", err)
	}
}

// TestDistinct: what its type shows to be something else is not read at all.
func TestDistinct(t *testing.T) {
	descriptor := func(name string, mediaType types.MediaType, artifactType string) v1.Descriptor {
		return v1.Descriptor{MediaType: mediaType, ArtifactType: artifactType, Digest: blobs.Digest([]byte(name))}
	}
	var listed []image.Candidate
	for _, d := range []v1.Descriptor{
		descriptor("untyped", types.OCIManifestSchema1, ""), descriptor("of its config", types.OCIManifestSchema1, string(types.OCIEmptyJSON)),
		descriptor("typed", types.OCIManifestSchema1, seal.ArtifactType), descriptor("docker's", types.DockerManifestSchema2, ""),
		descriptor("other", types.OCIManifestSchema1, "application/x"), descriptor("index", types.OCIImageIndex, seal.ArtifactType), descriptor("layer", types.OCILayer, ""),
	} {
		listed = append(listed, image.Candidate{Descriptor: d})
	}
	again := listed[0]
	again.Stated = true
	tagged := listed[2]
	tagged.Tagged = true
	got := image.Distinct(append(listed, again, tagged))
	want := slices.Clone(listed[:4])
	want[0], want[2] = again, tagged
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("want -, got +\n%s", diff)
	}
}

// TestReferrersTag is as OCI distribution-spec, "Referrers Tag Schema", has it.
func TestReferrersTag(t *testing.T) {
	h := v1.Hash{Algorithm: "sha256", Hex: strings.Repeat("a", 64)}
	if got, want := image.ReferrersTag(h), "sha256-"+strings.Repeat("a", 64); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
