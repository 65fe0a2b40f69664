package reports

import (
	"fmt"
	"strings"
	"testing"

	"cfsverify/canon"
	"cfsverify/compare"
	"cfsverify/compare/blame"
	"cfsverify/compare/verify"
)

// manyDifferences is a comparison of so many files, of which all but one have one cause.
func manyDifferences(n int) Comparison {
	result := &verify.Result{}
	for i := range n {
		e := &canon.Dirent{Node: &canon.Node{Kind: canon.FIFO}}
		result.Differences = append(result.Differences, compare.Difference{Path: fmt.Sprintf("/%06d", i), Status: compare.OnlyInA, A: e})
	}
	entries := make([]blame.Entry, n)
	for i := range entries {
		entries[i] = blame.Entry{Difference: &result.Differences[i]}
	}
	result.Findings = []blame.Finding{{Cause: blame.Socket, Entries: entries[:n-1]}, {Cause: blame.Unexplained, Entries: entries[n-1:]}}
	return Comparison{Result: result}
}

// TestLeftOut: a report that leaves differences out says how many, keeps the first of each
// finding, and decides nothing by that.
func TestLeftOut(t *testing.T) {
	r := manyDifferences(100)
	whole, cut := comparisonJSON(r, 100), comparisonJSON(r, 10)
	if whole.LeftOut != 0 || len(whole.Differences) != 100 || whole.Findings[0].LeftOut != 0 {
		t.Errorf("%d of 100 are left out", whole.LeftOut)
	}
	if cut.LeftOut != 90 || len(cut.Differences) != 10 || cut.Passed != whole.Passed || cut.Conclusion != whole.Conclusion {
		t.Errorf("%d are left out, %d are there", cut.LeftOut, len(cut.Differences))
	}
	for i, want := range []int{9, 1} {
		f := cut.Findings[i]
		if len(f.Entries) != want || f.LeftOut != len(r.Findings[i].Entries)-want {
			t.Errorf("%s: %d entries, %d left out", f.Cause, len(f.Entries), f.LeftOut)
		}
	}
	if without := shownOf(r.Differences, nil, 10); without.leftOut != 90 || !without.has("/000009") || without.has("/000010") {
		t.Errorf("without findings: %+v", without)
	}
}

// TestLargeReports: pages and JSON have bounds, and say what they leave out.
func TestLargeReports(t *testing.T) {
	r := manyDifferences(differencesMax + 10)
	for form, c := range map[Form]struct {
		most  int
		notes string
	}{
		JSON: {20 << 20, `"leftOut":10,"findings"`},
		HTML: {20 << 20, "50000 of 50010 entries that differ are in this page"},
	} {
		var out strings.Builder
		if err := Write(&out, form, r, Options{}); err != nil {
			t.Fatal(err)
		}
		if out.Len() > c.most || !strings.Contains(out.String(), c.notes) {
			t.Errorf("%s: %d bytes", form, out.Len())
		}
	}
}
