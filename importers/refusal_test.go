package importers_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/types"

	"cfsverify/canon/fsverity"
	"cfsverify/canon/tarfile"
	"cfsverify/importers"
	"cfsverify/importers/layer"
	"cfsverify/testdata/images"
	"cfsverify/testdata/layers"
)

// TestComposefsRSRefusal: what composefs-rs refuses of an image, whatever its layers hold, is
// told as what its layer rules make of it. That it does is proven in importers/layer, by the
// cases media-type-docker, media-type-compression and missing-member.
func TestComposefsRSRefusal(t *testing.T) {
	archive := layers.Tar("d usr\nf usr/a =1")
	of := func(compression tarfile.Compression, mediaType types.MediaType) images.Image {
		return images.Image{Manifest: types.OCIManifestSchema1, Config: types.OCIConfigJSON, Layers: []images.Layer{{Archive: archive, Compression: compression, MediaType: mediaType}}}
	}
	docker := of(tarfile.Gzip, types.DockerLayer)
	docker.Manifest, docker.Config = types.DockerManifestSchema2, types.DockerConfigJSON
	for name, c := range map[string]struct {
		image images.Image
		// without is a member of the config that is taken out.
		without, want string
	}{
		"gzip":                {image: of(tarfile.Gzip, types.OCILayer)},
		"zstd":                {image: of(tarfile.Zstd, types.OCILayerZStd)},
		"not compressed":      {image: of(tarfile.Uncompressed, types.OCIUncompressedLayer)},
		"Docker's manifest":   {image: docker},
		"Docker's layer type": {image: of(tarfile.Gzip, types.DockerLayer), want: "refuses Docker's media type application/vnd.docker.image.rootfs.diff.tar.gzip in an OCI manifest"},
		"gzip as plain":       {image: of(tarfile.Gzip, types.OCIUncompressedLayer), want: "refuses the media type application/vnd.oci.image.layer.v1.tar for a layer that is stored as gzip"},
		"plain as gzip":       {image: of(tarfile.Uncompressed, types.OCILayer), want: "stored as none"},
		"zstd as gzip":        {image: of(tarfile.Zstd, types.OCILayer), want: "stored as zstd"},
		"no os":               {image: of(tarfile.Gzip, types.OCILayer), without: "os", want: `refuses a config without "os"`},
		"no architecture":     {image: of(tarfile.Gzip, types.OCILayer), without: "architecture", want: `refuses a config without "architecture"`},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "layout")
			if c.without != "" {
				c.image.Fields = map[string]any{c.without: nil}
			}
			c.image.Write(t, dir, "t")
			s := importers.Source{Transport: importers.OCI, Path: dir, Ref: "t"}
			read, err := importers.Load(t.Context(), s, importers.Options{Hash: fsverity.SHA256, Rules: layer.RulesOCI})
			if err != nil {
				t.Fatal(err)
			}
			_, chosen := importers.Load(t.Context(), s, importers.Options{Hash: fsverity.SHA256, Rules: layer.RulesComposefsRS})
			if c.want == "" {
				if read.Other != nil || chosen != nil {
					t.Errorf("%+v, %v", read.Other, chosen)
				}
				return
			}
			if o := read.Other; o == nil || o.Tree != nil || o.Err == nil || !strings.Contains(o.Err.Error(), c.want) || o.Rules != layer.RulesComposefsRS {
				t.Errorf("%+v", o)
			}
			if chosen == nil || !strings.Contains(chosen.Error(), c.want) {
				t.Errorf("by the rules of composefs-rs: %v", chosen)
			}
		})
	}
}
