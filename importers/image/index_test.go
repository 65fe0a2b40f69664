package image_test

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"cfsverify/importers/image"
	"cfsverify/importers/source"
)

var named = source.Source{Transport: source.OCI, Path: "layout"}

// randomImage is one for a platform.
func randomImage(t *testing.T, platform string) v1.Image {
	t.Helper()
	img, err := random.Image(100, 1)
	if err != nil {
		t.Fatal(err)
	}
	config, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	config = config.DeepCopy()
	config.OS, config.Architecture, _ = strings.Cut(platform, "/")
	if img, err = mutate.ConfigFile(img, config); err != nil {
		t.Fatal(err)
	}
	return mutate.MediaType(img, types.OCIManifestSchema1)
}

func digestOf(t *testing.T, of interface{ Digest() (v1.Hash, error) }) string {
	t.Helper()
	digest, err := of.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return digest.String()
}

// notOpened fails where layers need not be opened.
func notOpened(v1.Descriptor) (io.ReadCloser, error) { return nil, errors.New("a layer is opened") }

func parsePlatform(t *testing.T, platform string) *v1.Platform {
	t.Helper()
	if platform == "" {
		return nil
	}
	p, err := v1.ParsePlatform(platform)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestChoice: an image is chosen by its tag, digest and platform; what is attached to
// images is none.
func TestChoice(t *testing.T) {
	other := map[string]string{"amd64": "arm64", "arm64": "amd64"}[runtime.GOARCH]
	if other == "" {
		t.Skip("the machine is neither amd64 nor arm64")
	}
	native, foreign, plain, attached := randomImage(t, "linux/"+runtime.GOARCH), randomImage(t, "linux/"+other), randomImage(t, "linux/"+runtime.GOARCH), randomImage(t, "unknown/unknown")
	artifact := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), "application/vnd.example+json")
	platform := func(arch string) *v1.Platform { return &v1.Platform{OS: "linux", Architecture: arch} }
	tag := func(key, value string) map[string]string { return map[string]string{key: value} }
	const oci, containerd = "org.opencontainers.image.ref.name", "io.containerd.image.name"
	multi := mutate.AppendManifests(empty.Index,
		mutate.IndexAddendum{Add: attached, Descriptor: v1.Descriptor{Annotations: tag("vnd.docker.reference.type", "attestation-manifest"), Platform: platform(runtime.GOARCH)}},
		mutate.IndexAddendum{Add: native, Descriptor: v1.Descriptor{Platform: platform(runtime.GOARCH)}},
		mutate.IndexAddendum{Add: foreign, Descriptor: v1.Descriptor{Platform: platform(other)}},
	)
	index := mutate.AppendManifests(empty.Index,
		mutate.IndexAddendum{Add: multi, Descriptor: v1.Descriptor{Annotations: tag(oci, "multi")}},
		mutate.IndexAddendum{Add: plain, Descriptor: v1.Descriptor{Annotations: tag(containerd, "docker.io/library/plain:1")}},
		mutate.IndexAddendum{Add: plain, Descriptor: v1.Descriptor{Annotations: tag(oci, "again")}},
		mutate.IndexAddendum{Add: artifact, Descriptor: v1.Descriptor{ArtifactType: "application/vnd.example+json", Annotations: tag(oci, "artifact")}},
	)
	alone := mutate.AppendManifests(empty.Index, mutate.IndexAddendum{Add: foreign, Descriptor: v1.Descriptor{ArtifactType: string(types.OCIConfigJSON)}})
	onlyArtifact := mutate.AppendManifests(empty.Index, mutate.IndexAddendum{Add: artifact, Descriptor: v1.Descriptor{ArtifactType: "application/vnd.example+json"}})
	for name, c := range map[string]struct {
		index         v1.ImageIndex
		ref, platform string
		want          v1.Image
		refused       string
	}{
		"tag":                          {index: index, ref: "again", want: plain},
		"containerd's name":            {index: index, ref: "docker.io/library/plain:1", want: plain},
		"digest":                       {index: index, ref: digestOf(t, plain), want: plain},
		"index, for this machine":      {index: index, ref: "multi", want: native},
		"index by its digest":          {index: index, ref: digestOf(t, multi), want: native},
		"index, for another platform":  {index: index, ref: "multi", platform: "linux/" + other, want: foreign},
		"the same digest twice":        {index: mutate.AppendManifests(empty.Index, mutate.IndexAddendum{Add: plain}, mutate.IndexAddendum{Add: plain}), want: plain},
		"the only image, of any":       {index: alone, want: foreign},
		"the only image, other wanted": {index: alone, platform: "linux/" + runtime.GOARCH, refused: "oci:layout: the image is for linux/" + other + ", not for linux/" + runtime.GOARCH},
		"no such tag":                  {index: index, ref: "none", refused: `oci:layout: there is no image "none": there are multi, docker.io/library/plain:1, again`},
		"an artifact's tag":            {index: index, ref: "artifact", refused: `there is no image "artifact"`},
		"none named":                   {index: index, refused: "there are several images: name one of multi, docker.io/library/plain:1, again"},
		"several without names":        {index: mutate.AppendManifests(empty.Index, mutate.IndexAddendum{Add: plain}, mutate.IndexAddendum{Add: native}), refused: fmt.Sprintf("name one of @%s, @%s", digestOf(t, plain), digestOf(t, native))},
		"no such platform":             {index: multi, platform: "linux/s390x", refused: fmt.Sprintf("there is no image for linux/s390x: there are linux/%s, linux/%s", runtime.GOARCH, other)},
		"no image":                     {index: empty.Index, refused: "the index lists no image"},
		"nothing but an artifact":      {index: onlyArtifact, refused: "the index lists no image"},
		"no image, one named":          {index: empty.Index, ref: "x", refused: `there is no image "x": there are none`},
	} {
		t.Run(name, func(t *testing.T) {
			img, err := image.FromIndex(named, c.index, notOpened, c.ref, parsePlatform(t, c.platform))
			if c.refused != "" {
				if err == nil || !strings.HasPrefix(err.Error(), "oci:layout: ") || !strings.Contains(err.Error(), c.refused) {
					t.Errorf("error %v\nwant  %s", err, c.refused)
				}
				var platform *image.PlatformError
				if is := strings.HasPrefix(c.refused, "there is no image for"); errors.As(err, &platform) != is || is && platform.Want.String() != c.platform {
					t.Errorf("error %#v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got, want := img.Digest().String(), digestOf(t, c.want); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		})
	}
}

// TestChoiceIsVerified: what an index leads to has the digest and size that it states.
func TestChoiceIsVerified(t *testing.T) {
	img := randomImage(t, "linux/amd64")
	inner := mutate.AppendManifests(empty.Index, mutate.IndexAddendum{Add: img})
	wrong := v1.Hash{Algorithm: "sha256", Hex: strings.Repeat("a", 64)}
	nested := func(depth int) v1.ImageIndex {
		index := mutate.AppendManifests(empty.Index, mutate.IndexAddendum{Add: img})
		for range depth {
			index = mutate.AppendManifests(empty.Index, mutate.IndexAddendum{Add: index})
		}
		return index
	}
	listing := func(add mutate.Appendable, d v1.Descriptor) v1.ImageIndex {
		return mutate.AppendManifests(empty.Index, mutate.IndexAddendum{Add: add, Descriptor: d})
	}
	for name, c := range map[string]struct {
		index v1.ImageIndex
		want  string
	}{
		"manifest's digest":    {listing(img, v1.Descriptor{Digest: wrong}), "the manifest " + wrong.String() + " is not what its digest says: it has " + digestOf(t, img)},
		"manifest's size":      {listing(img, v1.Descriptor{Size: 9}), "bytes, its descriptor says 9"},
		"manifest's algorithm": {listing(img, v1.Descriptor{Digest: v1.Hash{Algorithm: "sha512", Hex: strings.Repeat("a", 128)}}), "the manifest has a sha512 digest: only sha256 can be verified"},
		"index's digest":       {listing(inner, v1.Descriptor{Digest: wrong}), "the index " + wrong.String() + " is not what its digest says: it has " + digestOf(t, inner)},
		"index's size":         {listing(inner, v1.Descriptor{Size: 9}), "the index " + digestOf(t, inner) + " has "},
		"type":                 {listing(img, v1.Descriptor{MediaType: "application/x"}), `is of type "application/x", which is no container image`},
		"absent manifest":      {absent{listing(img, v1.Descriptor{})}, "it is not there"},
		"absent index":         {absent{listing(inner, v1.Descriptor{})}, "it is not there"},
		"no JSON":              {unreadable{empty.Index}, "the index is no valid JSON: it cannot be read"},
		"depth":                {nested(4), "more than 4 indexes lead to each other"},
		"depth that may be":    {nested(3), ""},
	} {
		_, err := image.FromIndex(named, c.index, notOpened, "", nil)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.HasPrefix(err.Error(), "oci:layout: ") || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: error %v, want %s", name, err, c.want)
		}
	}
}

// index can be embedded beside its method ImageIndex.
type index = v1.ImageIndex

// absent lists what it does not have.
type absent struct{ index }

func (absent) Image(v1.Hash) (v1.Image, error)           { return nil, errors.New("it is not there") }
func (absent) ImageIndex(v1.Hash) (v1.ImageIndex, error) { return nil, errors.New("it is not there") }

type unreadable struct{ index }

func (unreadable) IndexManifest() (*v1.IndexManifest, error) {
	return nil, errors.New("it cannot be read")
}
