package tarfile_test

import (
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cfsverify/canon/tarfile"
)

// TestRulesAreDocumented: RULES.md lists the rules in their order, with their
// severity and whether a canonical tar may depart from them.
func TestRulesAreDocumented(t *testing.T) {
	data, err := os.ReadFile("RULES.md")
	if err != nil {
		t.Fatal(err)
	}
	type rule struct {
		Name, Severity string
		Canonical      bool
	}
	var want, got []rule
	for _, line := range regexp.MustCompile("(?m)^\\| `([a-z0-9-]+)` \\| ([a-z]+) \\| (yes)? ?\\|").FindAllStringSubmatch(string(data), -1) {
		want = append(want, rule{line[1], line[2], line[3] == "yes"})
	}
	for _, r := range tarfile.Rules() {
		got = append(got, rule{string(r), string(r.Severity()), r.InCanonical()})
	}
	if len(want) == 0 {
		t.Fatal("RULES.md has no rules")
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("RULES.md -, the code +\n%s", diff)
	}
}

// TestRules: the most severe come first, each once.
func TestRules(t *testing.T) {
	seen := map[tarfile.Rule]bool{}
	last := tarfile.Equality
	for _, r := range tarfile.Rules() {
		if seen[r] || !last.AtLeast(r.Severity()) {
			t.Errorf("%s, of severity %q, stands there twice or behind one of %q", r, r.Severity(), last)
		}
		seen[r], last = true, r.Severity()
	}
	if unknown := tarfile.Rule("no-such-rule"); unknown.Severity() != "" || unknown.InCanonical() {
		t.Errorf("a rule that does not exist has the severity %q", unknown.Severity())
	}
}

// TestRepairable: how an archive is written can always be repaired; only what a
// tree is, or an entry without a meaning, is the user's to decide.
func TestRepairable(t *testing.T) {
	meaningless := []tarfile.Rule{tarfile.RefusedEntry, tarfile.HardlinkTargetOrder}
	for _, r := range tarfile.Rules() {
		if !r.Repairable() && !r.InCanonical() && !slices.Contains(meaningless, r) || r.Repairable() && slices.Contains(meaningless, r) {
			t.Errorf("%s is repairable: %v", r, r.Repairable())
		}
	}
	for _, r := range []tarfile.Rule{tarfile.OwnerRange, tarfile.XattrUnsettable, tarfile.NameEncoding} {
		if r.Repairable() {
			t.Errorf("%s is repairable, but nobody can know what should be there", r)
		}
	}
}

func TestAtLeast(t *testing.T) {
	order := []tarfile.Severity{tarfile.Style, tarfile.Reproducibility, tarfile.Equality}
	for i, a := range order {
		for j, b := range order {
			if a.AtLeast(b) != (i >= j) {
				t.Errorf("%s is at least %s: %v", a, b, a.AtLeast(b))
			}
		}
	}
}
