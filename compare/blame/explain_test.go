package blame

import (
	"fmt"
	"testing"

	"cfsverify/canon"
	"cfsverify/canon/policy"
	"cfsverify/compare"
)

// explained compares two trees, without a policy, and gives what the findings
// say: cause, path and changes, a line each.
func explained(t *testing.T, a, b *canon.Tree) []string {
	t.Helper()
	differences := compare.Trees(a, b)
	findings := Explain(Comparison{A: a, B: b, NameA: "inside", NameB: "outside", Differences: differences, Policy: policy.Raw()})
	checkPartition(t, differences, findings)
	return findingLines(findings)
}

func findingLines(findings []Finding) []string {
	var lines []string
	for _, f := range findings {
		for _, e := range f.Entries {
			line := fmt.Sprintf("%s %s", f.Cause, e.Path)
			for _, c := range e.Explained {
				line += " " + string(c.Field) + c.Xattr
			}
			lines = append(lines, line)
		}
	}
	return lines
}

// checkPartition: every change of every difference has exactly one cause.
func checkPartition(t *testing.T, differences []compare.Difference, findings []Finding) {
	t.Helper()
	type key struct {
		path string
		c    compare.Change
	}
	open := map[key]int{}
	for _, d := range differences {
		if d.Status != compare.Changed {
			open[key{d.Path, compare.Change{}}]++
		}
		for _, c := range d.Changes {
			open[key{d.Path, c}]++
		}
	}
	for _, f := range findings {
		if len(f.Entries) == 0 {
			t.Errorf("%s has no entries", f.Cause)
		}
		for _, e := range f.Entries {
			if e.Status != compare.Changed {
				open[key{e.Path, compare.Change{}}]--
			} else if len(e.Explained) == 0 {
				t.Errorf("%s %s explains nothing", f.Cause, e.Path)
			}
			for _, c := range e.Explained {
				open[key{e.Path, c}]--
			}
		}
	}
	for k, n := range open {
		if n != 0 {
			t.Errorf("%v has %d causes too few", k, n)
		}
	}
}
