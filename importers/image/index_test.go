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

func parsed(t *testing.T, index v1.ImageIndex) *v1.IndexManifest {
	t.Helper()
	raw, err := index.RawManifest()
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := image.ParseIndex(raw, "")
	if err != nil {
		t.Fatal(err)
	}
	return manifest
}

// partsOf has the documents of all images that an index leads to, under the digests that
// are listed.
func partsOf(t *testing.T, index v1.ImageIndex) image.Parts {
	t.Helper()
	held := map[v1.Hash][]byte{}
	hold := func(h v1.Hash, raw []byte, err error) {
		if err != nil {
			t.Fatal(err)
		}
		held[h] = raw
	}
	var walk func(v1.ImageIndex)
	walk = func(index v1.ImageIndex) {
		for _, d := range parsed(t, index).Manifests {
			switch {
			case d.MediaType.IsIndex():
				child, err := index.ImageIndex(d.Digest)
				if err != nil {
					t.Fatal(err)
				}
				raw, err := child.RawManifest()
				hold(d.Digest, raw, err)
				walk(child)
			case d.MediaType.IsImage():
				img, err := index.Image(d.Digest)
				if err != nil {
					t.Fatal(err)
				}
				raw, err := img.RawManifest()
				hold(d.Digest, raw, err)
				config, err := img.ConfigName()
				if err != nil {
					t.Fatal(err)
				}
				raw, err = img.RawConfigFile()
				hold(config, raw, err)
			}
		}
	}
	walk(index)
	return image.Parts{Document: func(d v1.Descriptor) ([]byte, error) {
		raw, found := held[d.Digest]
		if !found {
			return nil, fmt.Errorf("%v is not there", d.Digest)
		}
		return raw, nil
	}, Open: notOpened}
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
		mutate.IndexAddendum{Add: attached, Descriptor: v1.Descriptor{Annotations: tag("vnd.docker.reference.type", "attestation-manifest"), Platform: &v1.Platform{OS: "unknown", Architecture: "unknown"}}},
		mutate.IndexAddendum{Add: native, Descriptor: v1.Descriptor{Platform: platform(runtime.GOARCH)}},
		mutate.IndexAddendum{Add: foreign, Descriptor: v1.Descriptor{Platform: platform(other)}},
	)
	index := mutate.AppendManifests(empty.Index,
		mutate.IndexAddendum{Add: multi, Descriptor: v1.Descriptor{Annotations: tag(oci, "multi")}},
		mutate.IndexAddendum{Add: plain, Descriptor: v1.Descriptor{Annotations: tag(containerd, "docker.io/library/plain:1")}},
		mutate.IndexAddendum{Add: plain, Descriptor: v1.Descriptor{Annotations: tag(oci, "again")}},
		mutate.IndexAddendum{Add: artifact, Descriptor: v1.Descriptor{ArtifactType: "application/vnd.example+json", Annotations: tag(oci, "artifact")}},
	)
	posing := mutate.AppendManifests(empty.Index,
		mutate.IndexAddendum{Add: plain, Descriptor: v1.Descriptor{Annotations: tag(oci, digestOf(t, native))}},
		mutate.IndexAddendum{Add: plain, Descriptor: v1.Descriptor{Annotations: tag(containerd, digestOf(t, native))}},
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
		"a tag like a digest":          {index: posing, ref: digestOf(t, native), refused: fmt.Sprintf("there is no image %q: there are @%s, @%s", digestOf(t, native), digestOf(t, plain), digestOf(t, plain))},
		"index, for this machine":      {index: index, ref: "multi", want: native},
		"index by its digest":          {index: index, ref: digestOf(t, multi), want: native},
		"digest in an index":           {index: index, ref: digestOf(t, foreign), want: foreign},
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
			img, err := image.FromIndex(named, parsed(t, c.index), partsOf(t, c.index), c.ref, parsePlatform(t, c.platform))
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
		index  v1.ImageIndex
		absent bool
		want   string
	}{
		"manifest's digest":    {listing(img, v1.Descriptor{Digest: wrong}), false, "the manifest " + wrong.String() + " is not what its digest says: it has " + digestOf(t, img)},
		"manifest's size":      {listing(img, v1.Descriptor{Size: 9}), false, "bytes, its descriptor says 9"},
		"manifest's algorithm": {listing(img, v1.Descriptor{Digest: v1.Hash{Algorithm: "sha512", Hex: strings.Repeat("a", 128)}}), false, "the manifest has a sha512 digest: only sha256 can be verified"},
		"index's digest":       {listing(inner, v1.Descriptor{Digest: wrong}), false, "the index " + wrong.String() + " is not what its digest says: it has " + digestOf(t, inner)},
		"index's size":         {listing(inner, v1.Descriptor{Size: 9}), false, "the index " + digestOf(t, inner) + " has "},
		"type":                 {listing(img, v1.Descriptor{MediaType: "application/x"}), false, `is of type "application/x", which is no container image`},
		"absent manifest":      {listing(img, v1.Descriptor{}), true, "it is not there"},
		"absent index":         {listing(inner, v1.Descriptor{}), true, "it is not there"},
		"depth":                {nested(4), false, "more than 4 indexes lead to each other"},
		"depth that may be":    {nested(3), false, ""},
	} {
		from := partsOf(t, c.index)
		if c.absent {
			from.Document = func(v1.Descriptor) ([]byte, error) { return nil, errors.New("it is not there") }
		}
		_, err := image.FromIndex(named, parsed(t, c.index), from, "", nil)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.HasPrefix(err.Error(), "oci:layout: ") || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: error %v, want %s", name, err, c.want)
		}
	}
}
