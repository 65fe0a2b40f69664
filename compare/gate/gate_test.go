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
		ignored int
	}{
		"nothing accepted":            {Gate{}, false, false, 2, 0},
		"some accepted":               {Gate{Allowances: []Allowance{{Cause: blame.UserXattr, Reason: "known"}}}, false, false, 1, 0},
		"all accepted":                {Gate{Allowances: all}, false, true, 0, 0},
		"all accepted, digests count": {Gate{Allowances: all, RequireEqualDigests: true}, false, false, 0, 0},
		"equal digests":               {Gate{Allowances: all, RequireEqualDigests: true}, true, true, 0, 0},
		"a cause that is there":       {Gate{FailOn: []blame.Cause{blame.UserXattr}}, false, false, 1, 1},
		"causes that are not there":   {Gate{FailOn: []blame.Cause{blame.LateLayers, blame.Umask}}, false, true, 0, 2},
		"what is left is ignored":     {Gate{Allowances: []Allowance{{Cause: blame.UserXattr, Reason: "known"}}, FailOn: []blame.Cause{blame.Umask}}, false, true, 0, 1},
		"all accepted, none counts":   {Gate{Allowances: all, FailOn: []blame.Cause{blame.Umask}}, false, true, 0, 0},
		"an allowance that is over":   {Gate{Allowances: []Allowance{{Reason: "old", Expires: time.Unix(0, 0)}}, Now: time.Unix(1e9, 0)}, false, false, 2, 0},
	} {
		v := tt.gate.Judge(twoFindings(), tt.equal)
		if v.Passed != tt.passed || len(v.Failing) != tt.failing || len(v.Ignored) != tt.ignored {
			t.Errorf("%s: passed %v with %d findings and %d ignored, want %v with %d and %d", name, v.Passed, len(v.Failing), len(v.Ignored), tt.passed, tt.failing, tt.ignored)
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
	rules, err := Parse([]byte("allow:\n  - {cause: user-xattr, path: /usr/**, attribute: mtime, reason: known, expires: 2027-01-31}\n  - reason: all\n"))
	want := []Allowance{
		{Cause: blame.UserXattr, Path: "/usr/**", Attribute: "mtime", Reason: "known", Expires: time.Date(2027, 1, 31, 0, 0, 0, 0, time.UTC)},
		{Reason: "all"},
	}
	if diff := cmp.Diff(want, rules); err != nil || diff != "" {
		t.Errorf("%v, %s", err, diff)
	}
}

// TestParseForms: texts in all the forms that YAML has, and the name of a rule that is
// used again.
func TestParseForms(t *testing.T) {
	rules, err := Parse([]byte(`
allow:
  - &known
    reason: >
      two
      lines
    "path": '/usr/**'
  - *known
  - {reason: !!str 5, ? path : /x}
  - {reason: true, cause: &cause umask}
  - reason: |-
      kept
    cause: *cause
`))
	want := []Allowance{
		{Reason: "two lines\n", Path: "/usr/**"}, {Reason: "two lines\n", Path: "/usr/**"}, {Reason: "5", Path: "/x"}, {Reason: "true", Cause: blame.Umask}, {Reason: "kept", Cause: blame.Umask},
	}
	if diff := cmp.Diff(want, rules); err != nil || diff != "" {
		t.Errorf("%v, %s", err, diff)
	}
}

// TestParseErrors: what is wrong is told with line and column.
func TestParseErrors(t *testing.T) {
	for text, message := range map[string]string{
		"":                                 "[1:1] there is no rule",
		"# nothing":                        "[1:1] there is no rule",
		"allow: []":                        "[1:1] there is no rule",
		"{}":                               "[1:1] there is no rule",
		"allow: {":                         "[1:8] ",
		"allow:":                           `[1:1] write a list under the key "allow"`,
		"allow: {reason: x}":               `[1:1] write a list under the key "allow"`,
		"- reason: x":                      "[1:1] write allow: and its value",
		"deny: []":                         `[1:1] unknown field "deny"`,
		"allow: [{}]":                      "[1:9] rule 1: there is no reason",
		"allow: [x]":                       "[1:9] write cause:, path:, attribute:, reason:, expires: and its value",
		"allow:\n-\n":                      "[2:3] write cause:",
		"allow: [{reason: a}, *b]":         "[1:22] ",
		"allow:\n- {reason: a}\n---\nx: y": "[3:1] a second document begins",
		"allow: [{reason: a}]\n...\nx: y":  "[3:2] a second document begins",
		"allow: [{reason: a}, {reason: b, expires: tomorrow}]":      `[1:34] rule 2: "tomorrow" is not a date such as 2027-01-31`,
		"allow: [{reason: a, expires: 0001-01-01}]":                 `[1:21] rule 1: "0001-01-01" is not a date`,
		"allow: [{reason: a, cause: nothing}]":                      `[1:10] rule 1: the cause "nothing" is not known`,
		"allow:\n  - path: usr\n    reason: a":                      `[2:5] rule 1: the path "usr" does not begin with /`,
		"allow:\n  - path: [/usr]\n    reason: a":                   "[2:5] rule 1: path is no text",
		"allow:\n  - reason: a\n    pth: /usr":                      `[3:5] unknown field "pth"`,
		"allow:\n  - reason: a\n    Path: /usr":                     `[3:5] unknown field "Path"`,
		"allow:\n  - reason: a\n    <<: {path: /usr}":               `[3:5] unknown field "<<"`,
		"allow:\n  - reason: a\n    reason: b":                      `[3:5] mapping key "reason" already defined`,
		"allow:\n  - reason: a\n    ? path\n    : /a\n    path: /b": `[5:5] mapping key "path" already defined`,
		"allow: [{reason: a}]\nallow: [{reason: b}]":                `[2:1] mapping key "allow" already defined`,
	} {
		if rules, err := Parse([]byte(text)); err == nil || !strings.HasPrefix(err.Error(), message) {
			t.Errorf("%q: %+v, %v", text, rules, err)
		}
	}
}

// TestParseLint: rules for lint name rules about archives, and no attribute.
func TestParseLint(t *testing.T) {
	rules, err := ParseLint([]byte("allow: [{cause: missing-parent, reason: a}]"))
	if err != nil || len(rules) != 1 || rules[0].Cause != blame.Cause(tarfile.MissingParent) {
		t.Errorf("%+v, %v", rules, err)
	}
	for text, message := range map[string]string{
		"allow:\n  - reason: a\n    attribute: mode": "[3:5] rule 1: rules for lint have no attribute",
		"allow: [{attribute: '', reason: a}]":        "[1:10] rule 1: rules for lint have no attribute",
		"allow: [{cause: umask, reason: a}]":         `[1:10] rule 1: the cause "umask" is not known`,
	} {
		if rules, err := ParseLint([]byte(text)); err == nil || !strings.HasPrefix(err.Error(), message) {
			t.Errorf("%q: %+v, %v", text, rules, err)
		}
	}
}

// TestParseBlank: a key without a value would make a rule that fits more than was meant.
func TestParseBlank(t *testing.T) {
	for _, key := range []string{"cause", "path", "attribute", "reason", "expires"} {
		for _, value := range []string{"", " ", "null", "~", `""`, `''`, `" "`, `"\t\n"`, `"\u200b"`, `"\u00a0"`, "|\n      \n", "&a ''", "!!str"} {
			text := "allow:\n  - " + key + ": " + value + "\n"
			want := "[2:5] rule 1: " + key + " has no value"
			if key != "reason" {
				text, want = "allow:\n  - reason: a\n    "+key+": "+value+"\n", "[3:5] rule 1: "+key+" has no value"
			}
			if rules, err := Parse([]byte(text)); err == nil || !strings.HasPrefix(err.Error(), want) {
				t.Errorf("%q: %+v, %v", text, rules, err)
			}
		}
	}
}

func TestParseCauses(t *testing.T) {
	for text, want := range map[string][]blame.Cause{
		"umask": {blame.Umask}, "umask,": {blame.Umask}, ",umask": {blame.Umask}, " user-xattr ,umask": {blame.UserXattr, blame.Umask},
	} {
		if got, err := ParseCauses(text); err != nil || cmp.Diff(want, got) != "" {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", " , ", "\t"} {
		if got, err := ParseCauses(text); err == nil || err.Error() != "no cause is named" {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	var unknown *CauseError
	if _, err := ParseCauses("umask,nothing"); !errors.As(err, &unknown) || unknown.Cause != "nothing" {
		t.Errorf("%v", err)
	}
}
