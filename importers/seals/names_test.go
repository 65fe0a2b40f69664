package seals_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/types"

	"cfsverify/canon/fsverity"
	"cfsverify/importers"
	"cfsverify/importers/image"
	"cfsverify/importers/layer"
	"cfsverify/importers/rewrite"
	"cfsverify/testdata/blobs"
	"cfsverify/testdata/images"
	"cfsverify/testdata/layers"
)

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
		w := images.OpenLayout(t, s)
		archive := layers.Tar("d usr")
		config, err := w.WriteBytes(types.OCIConfigJSON, fmt.Appendf(nil, `{"os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":[%q]},%s}`, blobs.Digest(archive), c.config))
		if err != nil {
			t.Fatal(err)
		}
		more := ""
		if c.manifest != "" {
			more = "," + c.manifest
		}
		manifest, err := w.WriteBytes(types.OCIManifestSchema1, fmt.Appendf(nil, `{"schemaVersion":2,"config":%s,"layers":[%s]%s}`, blobs.JSON(t, config),
			blobs.JSON(t, blobs.Descriptor(types.OCIUncompressedLayer, blobs.Digest(archive).String(), len(archive))), more))
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
			w := images.OpenLayout(t, s)
			sealed, err := importers.With(t.Context(), s, nil, 0, func(ctx context.Context, img *image.Image) (*rewrite.Sealed, error) {
				o := rewrite.SealOptions{ReadOptions: importers.Options{Hash: fsverity.SHA256}.Reading(), Places: rewrite.SealPlaces{Label: true}, Rules: layer.RulesOCI}
				sealer, err := rewrite.StageSeals(ctx, img, w, o)
				if err != nil {
					return nil, err
				}
				return sealer.Write(ctx, rewrite.SealDigests{Merged: fsverity.SumBytes(fsverity.SHA256, nil)})
			})
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(w.Commit(sealed.Manifest), w.Close()); err != nil {
				t.Fatal(err)
			}
			config := images.Read(t, s.Path, images.File(images.Parsed(t, images.Read(t, s.Path, images.File(sealed.Manifest.Digest))).Config.Digest))
			if strings.Count(config, "containers.composefs") != 1 {
				t.Errorf("%s", config)
			}
		}
	}
}
