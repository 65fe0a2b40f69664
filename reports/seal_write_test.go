package reports

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cfsverify/canon/fsverity"
	"cfsverify/canon/seal"
)

func TestSealWriteText(t *testing.T) {
	digest, err := fsverity.ParseDigest("0000000000000000000000000000000000000000000000000000000000000001")
	if err != nil {
		t.Fatal(err)
	}
	claim := seal.Claim{Digest: digest}
	var out bytes.Buffer
	err = Write(&out, Text, &SealWrite{Target: "oci:a\x1b:1", Manifest: "sha256:3", Artifact: "oci:a\x1b@sha256:4", Seals: []seal.Seal{
		{Place: seal.Label, Key: "a", Claim: claim}, {Place: seal.LayerAnnotation, Layer: 12, Key: "bcd", Claim: claim},
	}}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := `oci:a\x1b:1@sha256:3
oci:a\x1b@sha256:4 (artifact)
  label                a    0000000000000000000000000000000000000000000000000000000000000001
  layer-annotation 12  bcd  0000000000000000000000000000000000000000000000000000000000000001
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("want -, got +\n%s", diff)
	}
}
