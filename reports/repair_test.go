package reports

import (
	"bytes"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cfsverify/canon/fsverity"
	"cfsverify/compare"
	"cfsverify/compare/blame"
	"cfsverify/compare/verify"
	"cfsverify/importers/rewrite"
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
		Layers:  []rewrite.RepairedLayer{{Kept: true}, {Steps: []rewrite.RepairStep{{Kind: "root-entry", Count: 1}, {Kind: "parent-entries", Count: 2}, {Kind: "order", Count: 1}}}},
		Changes: []rewrite.RepairStep{{Kind: "symlink-modes", Count: 2, First: "/b\n"}},
		Prediction: &verify.Prediction{Engines: []verify.EnginePrediction{
			{Engine: "one"}, {Engine: "other", Err: errors.New("no\x07")},
			{Engine: "third", Outcome: verify.Outcome{Differences: make([]compare.Difference, 2), Findings: []blame.Finding{{Cause: "owner-range"}, {Cause: "device-missing"}}}},
		}},
	}
	var out bytes.Buffer
	if err := Write(&out, Text, r, Options{}); err != nil {
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

// TestRepairKinds: there are words for all that a repair does, and no others.
func TestRepairKinds(t *testing.T) {
	for _, kind := range rewrite.RepairKinds() {
		if words := repairKinds[kind]; words[0] == "" || words[1] == "" {
			t.Errorf("%s has no words", kind)
		}
	}
	if len(repairKinds) != len(rewrite.RepairKinds()) {
		t.Errorf("there are words for %d kinds of %d", len(repairKinds), len(rewrite.RepairKinds()))
	}
}
