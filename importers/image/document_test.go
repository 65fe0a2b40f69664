package image_test

import (
	"errors"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"cfsverify/importers/document"
	"cfsverify/importers/image"
)

// TestParse: a document is of one kind, in the eyes of all readers, and has the members
// of that kind under their own names.
func TestParse(t *testing.T) {
	const oci, list, docker = `"mediaType":"application/vnd.oci.image.manifest.v1+json"`, `"mediaType":"application/vnd.oci.image.index.v1+json"`, `"mediaType":"application/vnd.docker.distribution.manifest.v2+json"`
	manifest := func(raw []byte, stated types.MediaType) error { _, err := image.ParseManifest(raw, stated); return err }
	index := func(raw []byte, stated types.MediaType) error { _, err := image.ParseIndex(raw, stated); return err }
	config := func(raw []byte, _ types.MediaType) error { _, err := image.ParseConfig(raw); return err }
	for _, c := range []struct {
		parse  func([]byte, types.MediaType) error
		doc    string
		stated types.MediaType
		want   string
	}{
		{manifest, `{}`, "", ""},
		{manifest, `{"schemaVersion":2,` + oci + `,"config":{},"layers":[],"x":{"layers":1,"manifests":2}}`, types.OCIManifestSchema1, ""},
		{manifest, `{` + docker + `,"manifests":null}`, types.DockerManifestSchema2, ""},
		{manifest, `{"layers":[]}`, types.DockerManifestSchema2, ""},
		{manifest, `{` + docker + `}`, "", ""},
		{manifest, `{` + oci + `}`, types.DockerManifestSchema2, `member "/mediaType" is "application/vnd.oci.image.manifest.v1+json", while what leads to the document says "application/vnd.docker.distribution.manifest.v2+json"`},
		{manifest, `{` + list + `}`, types.OCIManifestSchema1, `member "/mediaType" is "application/vnd.oci.image.index.v1+json", while`},
		{manifest, `{` + list + `}`, "", `member "/mediaType" is "application/vnd.oci.image.index.v1+json", which is not of an image manifest`},
		{manifest, `{"mediaType":"\u001b[2J"}`, types.OCIManifestSchema1, `member "/mediaType" is "\x1b[2J", while`},
		{manifest, `{"layers":[],"manifests":[]}`, types.OCIManifestSchema1, `member "/manifests" does not belong to an image manifest`},
		{manifest, `{"layers":[],"Manifests":[]}`, types.OCIManifestSchema1, `member "/Manifests" is "manifests" in another case`},
		{manifest, `{"schemaVersion":1,"layers":[]}`, types.OCIManifestSchema1, `member "/schemaVersion" is 1, which is not of an image manifest`},
		{manifest, `{"schemaVersion":2,"fsLayers":[]}`, types.DockerManifestSchema2, `member "/fsLayers" does not belong to an image manifest`},
		{manifest, `{"Config":{}}`, "", `member "/Config" is "config" in another case`},
		{manifest, `{"config":{"Digest":""}}`, "", `member "/config/Digest" is "digest" in another case`},
		{manifest, `{"config":{"annotations":{"Digest":"","digest":""}}}`, "", ""},
		{manifest, `{"layers":[{"mediaType":"x","mediatype":"y"}]}`, "", `member "/layers/0/mediatype" is "mediaType" in another case`},
		{manifest, `{"layers":[{"URLs":[]}]}`, "", `member "/layers/0/URLs" is "urls" in another case`},
		{manifest, `{"layers":[{"platform":{"OS":"x"}}]}`, "", `member "/layers/0/platform/OS" is "os" in another case`},
		{manifest, `{"subject":{"SIZE":1}}`, "", `member "/subject/SIZE" is "size" in another case`},
		{manifest, `{"layers":[{"size":1,"size":2}]}`, "", `member "/layers/0/size" is there twice`},
		{index, `{}`, "", ""},
		{index, `{"schemaVersion":2,` + list + `,"manifests":[{"platform":{"os":"linux","architecture":"arm64","os.version":"1"}}]}`, types.OCIImageIndex, ""},
		{index, `{` + oci + `}`, types.OCIImageIndex, `member "/mediaType" is "application/vnd.oci.image.manifest.v1+json", while`},
		{index, `{` + oci + `}`, "", `member "/mediaType" is "application/vnd.oci.image.manifest.v1+json", which is not of an image index`},
		{index, `{` + list + `}`, types.DockerManifestList, `member "/mediaType" is "application/vnd.oci.image.index.v1+json", while`},
		{index, `{"manifests":[],"layers":[]}`, types.OCIImageIndex, `member "/layers" does not belong to an image index`},
		{index, `{"manifests":[],"config":{}}`, types.OCIImageIndex, `member "/config" does not belong to an image index`},
		{index, `{"manifests":[],"fsLayers":[]}`, types.DockerManifestList, `member "/fsLayers" does not belong to an image index`},
		{index, `{"manifests":[],"LAYERS":[]}`, types.OCIImageIndex, `member "/LAYERS" is "layers" in another case`},
		{index, `{"Manifests":[]}`, "", `member "/Manifests" is "manifests" in another case`},
		{index, `{"manifests":[],"manifests":[]}`, "", `member "/manifests" is there twice`},
		{index, `{"schemaVersion":1}`, "", `member "/schemaVersion" is 1, which is not of an image index`},
		{index, `{"manifests":[{"annotations":{"org.opencontainers.image.ref.name":"a","org.opencontainers.image.ref.\u006eame":"b"}}]}`, "", `member "/manifests/0/annotations/org.opencontainers.image.ref.name" is there twice`},
		{index, `{"manifests":[{"platform":{"architecture":"a","Architecture":"b"}}]}`, "", `member "/manifests/0/platform/Architecture" is "architecture" in another case`},
		{config, `{"os":"linux","config":{"Labels":{"labels":"","Labels":""},"Env":[],"Healthcheck":{"Interval":5,"StartInterval":6}},"container_config":{"env":1},"history":[{"created_by":"x"}]}`, "", ""},
		{config, `{"RootFS":{}}`, "", `member "/RootFS" is "rootfs" in another case`},
		{config, `{"rootfs":{"Diff_ids":[]}}`, "", `member "/rootfs/Diff_ids" is "diff_ids" in another case`},
		{config, `{"rootfs":{"diff_ids":[],"diff_ids":[]}}`, "", `member "/rootfs/diff_ids" is there twice`},
		{config, `{"config":{"labels":{}}}`, "", `member "/config/labels" is "Labels" in another case`},
		{config, `{"Created":"2023-11-14T22:13:20Z"}`, "", `member "/Created" is "created" in another case`},
		{config, `{"OS":"linux"}`, "", `member "/OS" is "os" in another case`},
	} {
		err := c.parse([]byte(c.doc), c.stated)
		var ambiguous *document.AmbiguityError
		if c.want == "" && err != nil || c.want != "" && (!errors.As(err, &ambiguous) || !strings.HasPrefix(err.Error(), c.want)) {
			t.Errorf("%s as %q: error %v, want %s", c.doc, c.stated, err, c.want)
		}
	}
}

// TestNestedKinds: below an index the media type of each descriptor is held against the
// document that it leads to.
func TestNestedKinds(t *testing.T) {
	s := newShelf()
	from := image.Parts{Document: func(d v1.Descriptor) ([]byte, error) { return s.held[d.Digest], nil }, Open: notOpened}
	both := s.put(`{"manifests":[],"layers":[],"config":{}}`)
	asIndex := both
	asIndex.MediaType = types.OCIImageIndex
	for want, d := range map[string]v1.Descriptor{
		`the index ` + asIndex.Digest.String() + ` is not valid: member "/config" does not belong to an image index`:       asIndex,
		`the manifest ` + both.Digest.String() + ` is not valid: member "/manifests" does not belong to an image manifest`: both,
	} {
		if _, err := image.FromIndex(named, &v1.IndexManifest{Manifests: []v1.Descriptor{d}}, from, "", nil); err == nil || !strings.HasPrefix(err.Error(), "oci:layout: "+want) {
			t.Errorf("error %v, want %s", err, want)
		}
	}
}

// TestParsed: what there is none of says nothing.
func TestParsed(t *testing.T) {
	w := writeImage(t, func(c, m map[string]any) {
		c["config"] = map[string]any{"Labels": map[string]string{"k": "v"}}
		m["annotations"] = map[string]string{"a": "b"}
	})
	img, err := w.open(t, notOpened, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		img               *image.Image
		label, annotation string
	}{{img, "v", "b"}, {image.Bare(nil), "", ""}} {
		config, err := c.img.ParsedConfig()
		if err != nil || config.Config.Labels["k"] != c.label {
			t.Errorf("%+v, %v", config, err)
		}
		manifest, err := c.img.ParsedManifest()
		if err != nil || manifest.Annotations["a"] != c.annotation {
			t.Errorf("%+v, %v", manifest, err)
		}
	}
	broken := &image.Image{Manifest: []byte(`{"Layers":[]}`), Config: []byte(`{"RootFS":{}}`)}
	if _, err := broken.ParsedManifest(); err == nil || !strings.HasPrefix(err.Error(), `the manifest is not valid: member "/Layers"`) {
		t.Errorf("error %v", err)
	}
	if _, err := broken.ParsedConfig(); err == nil || !strings.HasPrefix(err.Error(), `the config is not valid: member "/RootFS"`) {
		t.Errorf("error %v", err)
	}
}
