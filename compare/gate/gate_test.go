package gate

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cfsverify/canon"
	"cfsverify/canon/tarfile"
	"cfsverify/compare/blame"
)

func TestJudge(t *testing.T) {
	all := []Allowance{{Reason: "all"}}
	for name, tt := range map[string]struct {
		gate    Gate
		equal   bool
		passed  bool
		failing int
	}{
		"nothing accepted":            {Gate{}, false, false, 2},
		"some accepted":               {Gate{Allowances: []Allowance{{Cause: blame.UserXattr, Reason: "known"}}}, false, false, 1},
		"all accepted":                {Gate{Allowances: all}, false, true, 0},
		"all accepted, digests count": {Gate{Allowances: all, RequireEqualDigests: true}, false, false, 0},
		"equal digests":               {Gate{Allowances: all, RequireEqualDigests: true}, true, true, 0},
		"a cause that is there":       {Gate{FailOn: []blame.Cause{blame.UserXattr}}, false, false, 1},
		"causes that are not there":   {Gate{FailOn: []blame.Cause{blame.LateLayers, blame.Umask}}, false, true, 0},
		"an allowance that is over":   {Gate{Allowances: []Allowance{{Reason: "old", Expires: time.Unix(0, 0)}}, Now: time.Unix(1e9, 0)}, false, false, 2},
	} {
		v := tt.gate.Judge(twoFindings(), tt.equal)
		if v.Passed != tt.passed || len(v.Failing) != tt.failing {
			t.Errorf("%s: passed %v with %d findings, want %v with %d", name, v.Passed, len(v.Failing), tt.passed, tt.failing)
		}
	}
}

// TestJudgeLint: allowances may be for departures that are not told, which then count
// nowhere, but make the allowance a used one.
func TestJudgeLint(t *testing.T) {
	layer := &canon.Layer{Index: 1}
	departure := func(rule tarfile.Rule) tarfile.Departure {
		return tarfile.Departure{Rule: rule, Layer: layer, Path: "/x"}
	}
	severe, mild := departure(tarfile.MissingParent), departure(tarfile.NameEncoding)
	found := []tarfile.Departure{severe, mild}
	plain := JudgeLint(found, tarfile.Reproducibility, nil)
	if plain.Passed() || plain.Gate != nil || len(plain.Departures) != 1 || cmp.Diff([]tarfile.Departure{severe}, plain.Failing()) != "" {
		t.Errorf("without a gate: %+v", plain)
	}
	if style := JudgeLint(found, tarfile.Style, nil); len(style.Failing()) != 2 {
		t.Errorf("of style: %+v", style)
	}
	if clean := JudgeLint([]tarfile.Departure{mild}, tarfile.Equality, nil); !clean.Passed() || len(clean.Departures) > 0 {
		t.Errorf("of equality: %+v", clean)
	}
	gate := &Gate{File: "f", Allowances: []Allowance{
		{Cause: blame.Cause(tarfile.NameEncoding), Reason: "mild"}, {Cause: blame.Cause(tarfile.MissingParent), Reason: "severe"}, {Cause: blame.Cause(tarfile.OpaqueRoot), Reason: "unused"},
	}}
	v := JudgeLint(found, tarfile.Reproducibility, gate)
	if !v.Passed() || v.Gate.File != "f" || len(v.Gate.Accepted) != 1 || v.Gate.Accepted[0].Allowance.Reason != "severe" || len(v.Gate.Unused) != 1 {
		t.Errorf("with a gate: %+v", v.Gate)
	}
}

// TestTarRules: every rule about archives can be named as a cause.
func TestTarRules(t *testing.T) {
	causes := TarRules()
	for i, rule := range tarfile.Rules() {
		if string(causes[i]) != string(rule) {
			t.Errorf("%s is %s", rule, causes[i])
		}
	}
}

func TestParse(t *testing.T) {
	rules, err := Parse([]byte("allow:\n  - {cause: user-xattr, path: /usr/**, attribute: mtime, reason: known, expires: 2027-01-31}\n  - reason: all\n"), blame.Causes())
	want := []Allowance{
		{Cause: blame.UserXattr, Path: "/usr/**", Attribute: "mtime", Reason: "known", Expires: time.Date(2027, 1, 31, 0, 0, 0, 0, time.UTC)},
		{Reason: "all"},
	}
	if diff := cmp.Diff(want, rules); err != nil || diff != "" {
		t.Errorf("%v, %s", err, diff)
	}
	for text, message := range map[string]string{
		"":            "there is no rule",
		"allow: []":   "there is no rule",
		"allow: {":    "",
		"deny: []":    `unknown field "deny"`,
		"allow: [{}]": "rule 1: there is no reason",
		"allow: [{reason: a}, {reason: b, expires: tomorrow}]": `rule 2: "tomorrow" is not a date such as 2027-01-31`,
		"allow: [{reason: a, cause: nothing}]":                 `rule 1: the cause "nothing" is not known`,
	} {
		if rules, err := Parse([]byte(text), blame.Causes()); err == nil || !strings.Contains(err.Error(), message) {
			t.Errorf("%q: %+v, %v", text, rules, err)
		}
	}
}

func TestParseCauses(t *testing.T) {
	for text, want := range map[string][]blame.Cause{
		"": nil, " , ": nil, "umask": {blame.Umask}, " user-xattr ,umask": {blame.UserXattr, blame.Umask},
	} {
		if got, err := ParseCauses(text); err != nil || cmp.Diff(want, got) != "" {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	var unknown *CauseError
	if _, err := ParseCauses("umask,nothing"); !errors.As(err, &unknown) || unknown.Cause != "nothing" {
		t.Errorf("%v", err)
	}
}
