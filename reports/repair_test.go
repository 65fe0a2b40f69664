package reports

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cfsverify/canon/fsverity"
	"cfsverify/compare"
	"cfsverify/compare/blame"
)

func TestRepairText(t *testing.T) {
	before, err := fsverity.ParseDigest("0000000000000000000000000000000000000000000000000000000000000001")
	if err != nil {
		t.Fatal(err)
	}
	after, err := fsverity.ParseDigest("0000000000000000000000000000000000000000000000000000000000000002")
	if err != nil {
		t.Fatal(err)
	}
	r := &Repair{
		Target: "oci:a\x1b:1", Manifest: "sha256:3", Before: before, After: after,
		Layers:  []RepairedLayer{{Kept: true}, {Steps: []RepairStep{{Kind: "root-entry", Count: 1}, {Kind: "parent-entries", Count: 2}, {Kind: "order", Count: 1}}}},
		Changes: []RepairStep{{Kind: "symlink-modes", Count: 2, First: "/b\n"}},
		Prediction: &Prediction{Engines: []EnginePrediction{
			{Engine: "one"}, {Engine: "other", Refusal: "no\x07"},
			{Engine: "third", Differences: make([]compare.Difference, 2), Findings: []blame.Finding{{Cause: "owner-range"}, {Cause: "device-missing"}}},
		}},
	}
	var out bytes.Buffer
	if err := RepairText(&out, r, TextOptions{}); err != nil {
		t.Fatal(err)
	}
	want := `REPAIRED IN PART: oci:a\x1b:1  (sha256:3)
  layer 1  kept
  layer 2  rewritten: root entry added, 2 parent directories added, reordered
  changed  2 modes of symlinks are 0777 now (first /b\x0a)
  digest   0000000000000000000000000000000000000000000000000000000000000002, was 0000000000000000000000000000000000000000000000000000000000000001
  one      nothing will differ
  other    will refuse the image: no\x07
  third    2 entries will differ: owner-range, device-missing
cfsverify predict oci:a\x1b:1 tells more of what cannot be repaired.
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("want -, got +\n%s", diff)
	}
}
