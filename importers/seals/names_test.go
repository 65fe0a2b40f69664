package seals_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/types"

	"cfsverify/testdata/blobs"
	"cfsverify/testdata/images"
	"cfsverify/testdata/layers"
)

// TestSealNames: seals stand under the names that all readers know, once, or the image
// is refused.
func TestSealNames(t *testing.T) {
	label := `{"containers.composefs.fsverity":"` + hexOf("1") + `"}`
	const merged = "label containers.composefs.fsverity = 1…"
	for _, c := range []struct {
		config, manifest, want, refused string
	}{
		{`"config":{"Labels":` + label + `}`, "", merged, ""},
		{`"config":{"labels":` + label + `}`, "", "", `member "/config/labels" is "Labels" in another case`},
		{`"Config":{"Labels":` + label + `}`, "", "", `member "/Config" is "config" in another case`},
		{`"config":{"Labels":{},"Labels":` + label + `}`, "", "", `member "/config/Labels" is there twice`},
		{`"config":{"Labels":{"containers.composefs.fsverity":"x",` + label[1:] + `}`, "", "", `member "/config/Labels/containers.composefs.fsverity" is there twice`},
		{`"config":{"Labels":{"containers.composefs.\u0066sverity":"x",` + label[1:] + `}`, "", "", `member "/config/Labels/containers.composefs.fsverity" is there twice`},
		{`"config":{"Labels":{"x":"1","x":"2"}}`, "", "", `member "/config/Labels/x" is there twice`},
		{`"config":{"Labels":{"x":"1","X":"2","Labels":"3",` + label[1:] + `}`, "", merged, ""},
		{`"config":{"Labels":{"x":1}}`, "", "", `member "/config/Labels/x" cannot be such a number`},
		{`"config":{"Labels":null}`, "", "", ""},
		{`"x":1`, `"annotations":{"` + mergedKey512 + `":"` + hexOf("1") + `","` + mergedKey512 + `.sig":"eA==","` + mergedKey512 + `.sig":"eA=="}`,
			"", `member "/annotations/` + mergedKey512 + `.sig" is there twice`},
		{`"x":1`, `"Annotations":{"` + mergedKey512 + `":"` + hexOf("1") + `"}`, "", `member "/Annotations" is "annotations" in another case`},
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
		if err := errors.Join(err, w.Commit(t.Context(), manifest), w.Close()); err != nil {
			t.Fatal(err)
		}
		if c.refused != "" {
			if _, err := loadSeals(t, s); err == nil || !strings.Contains(err.Error(), " is not valid: "+c.refused) {
				t.Errorf("error %v, want %s", err, c.refused)
			}
			continue
		}
		var want []string
		if c.want != "" {
			want = []string{c.want}
		}
		checkSeals(t, s, want...)
	}
}
