package reports

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"cfsverify/canon"
	"cfsverify/canon/tarfile"
	"cfsverify/compare/gate"
)

// lintOf has departures from some rules, with names that are markup, commands and
// controls.
func lintOf(rules ...tarfile.Rule) *Lint {
	layer := &canon.Layer{Index: 2, Name: "x", DiffID: "sha256:" + strings.Repeat("1", 64)}
	l := &Lint{Source: "oci:<b>|`x`\x1b[1m", Layers: []*canon.Layer{layer}, LintVerdict: gate.LintVerdict{Severity: tarfile.Style}}
	for i, rule := range rules {
		l.Departures = append(l.Departures, tarfile.Departure{Rule: rule, Layer: layer, Entry: i, Path: "/<script>|`\x1b\n::error::x", Detail: `"<i>\x1b" | x`})
	}
	return l
}

func acceptedLint() *Lint {
	l := lintOf(tarfile.MissingParent, tarfile.OwnerName, tarfile.OwnerName)
	rules := []gate.Allowance{
		{Cause: "owner-name", Reason: "known <b>"}, {Cause: "style", Path: "/none", Reason: "unused"},
		{Reason: "old", Expires: time.Date(2020, 1, 31, 0, 0, 0, 0, time.UTC)},
	}
	l.Gate = &gate.LintGate{File: "allow.yaml", AllowedDepartures: gate.AllowDepartures(l.Departures, rules, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))}
	return l
}

// TestLintRuleTexts: every rule has them, and the schema has every rule.
func TestLintRuleTexts(t *testing.T) {
	raw, err := os.ReadFile("lint.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	var schema struct {
		Defs struct {
			Rule     struct{ Enum []tarfile.Rule }
			Severity struct{ Enum []tarfile.Severity }
		} `json:"$defs"`
	}
	if err := json.Unmarshal(raw, &schema); err != nil {
		t.Fatal(err)
	}
	inSchema := map[tarfile.Rule]bool{}
	for _, rule := range schema.Defs.Rule.Enum {
		inSchema[rule] = true
	}
	for _, rule := range tarfile.Rules() {
		text := LintRuleOf(rule)
		if text.Title == "" || text.Why == "" || text.Fix == "" || rule.Severity() == "" || !inSchema[rule] {
			t.Errorf("%s: %+v, severity %q, in the schema %v", rule, text, rule.Severity(), inSchema[rule])
		}
	}
	if len(inSchema) != len(tarfile.Rules()) || len(lintRules) != len(tarfile.Rules()) {
		t.Errorf("%d rules, %d in the schema, %d with texts", len(tarfile.Rules()), len(inSchema), len(lintRules))
	}
	if diff := cmp.Diff(tarfile.Severities(), schema.Defs.Severity.Enum); diff != "" {
		t.Error(diff)
	}
}

func TestLintJSONFollowsSchema(t *testing.T) {
	schema, err := jsonschema.NewCompiler().Compile("lint.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	gated := acceptedLint()
	// The schema knows rules about archives only.
	gated.Gate.Unused[0].Cause = "missing-root"
	for _, l := range []*Lint{lintOf(), lintOf(tarfile.Rules()...), gated} {
		var buf bytes.Buffer
		if err := Write(&buf, JSON, l, Options{}); err != nil {
			t.Fatal(err)
		}
		validate(t, schema, &buf)
	}
}

// TestLintNames: names of an image are data in every form.
func TestLintNames(t *testing.T) {
	for _, form := range Forms(&Lint{}) {
		for _, l := range []*Lint{lintOf(tarfile.MissingParent), acceptedLint()} {
			var buf bytes.Buffer
			if err := Write(&buf, form, l, Options{}); err != nil {
				t.Fatal(err)
			}
			text := buf.String()
			for _, bad := range []string{"\x1b", "\n::error::x", "<script>"} {
				isData := bad == "<script>" && form != HTML
				if strings.Contains(text, bad) && !isData {
					t.Errorf("%s has %q:\n%s", form, bad, text)
				}
			}
			if form == JUnit {
				var suites junitSuites
				if err := xml.Unmarshal(buf.Bytes(), &suites); err != nil || suites.Tests != len(tarfile.Rules()) {
					t.Errorf("%d tests, error %v", suites.Tests, err)
				}
			}
		}
	}
}

// TestLintGate: what is accepted counts nowhere as a failure, and every form says
// what accepted nothing.
func TestLintGate(t *testing.T) {
	l := acceptedLint()
	if l.Passed() || len(l.Failing()) != 1 || l.Failing()[0].Rule != tarfile.MissingParent {
		t.Errorf("%+v", l.Failing())
	}
	for _, form := range Forms(&Lint{}) {
		var buf bytes.Buffer
		if err := Write(&buf, form, l, Options{}); err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"missing-parent", "unused", "old"} {
			if !strings.Contains(buf.String(), want) {
				t.Errorf("%s lacks %q:\n%s", form, want, buf.String())
			}
		}
	}
}

// TestLintJUnitCases: a rule that was looked for in vain is a success, one that
// was not looked for is none.
func TestLintJUnitCases(t *testing.T) {
	l := lintOf(tarfile.MissingParent)
	l.Severity = tarfile.Reproducibility
	var buf bytes.Buffer
	if err := Write(&buf, JUnit, l, Options{}); err != nil {
		t.Fatal(err)
	}
	var suites junitSuites
	if err := xml.Unmarshal(buf.Bytes(), &suites); err != nil {
		t.Fatal(err)
	}
	failed := map[string]bool{}
	for _, c := range suites.Suite.Cases {
		failed[c.Name] = c.Failure != nil
	}
	_, style := failed[string(tarfile.NameEncoding)]
	if !failed["missing-parent"] || failed["missing-root"] || style || suites.Failures != 1 || suites.Tests != len(failed) {
		t.Errorf("%v, %d of %d", failed, suites.Failures, suites.Tests)
	}
}

// TestLintMany: reports for people stay of a size that people can bear.
func TestLintMany(t *testing.T) {
	l := lintOf(tarfile.Rules()...)
	for range 100_000 {
		l.Departures = append(l.Departures, l.Departures[1])
	}
	for form, limit := range map[Form]int{Text: 30_000, Markdown: 65_536, HTML: 1 << 20, Annotations: 65_536} {
		var buf bytes.Buffer
		if err := Write(&buf, form, l, Options{}); err != nil {
			t.Fatal(err)
		}
		if buf.Len() > limit {
			t.Errorf("%s has %d bytes", form, buf.Len())
		}
		if !strings.Contains(buf.String(), " more") {
			t.Errorf("%s does not say that there is more", form)
		}
	}
	var buf bytes.Buffer
	if err := Write(&buf, Text, l, Options{Verbose: true}); err != nil {
		t.Fatal(err)
	}
	if lines := strings.Count(buf.String(), "layer 2"); lines < len(l.Departures) {
		t.Errorf("%d lines of %d departures", lines, len(l.Departures))
	}
}

// TestLintWidth: lines fit the terminal, but for what cannot be broken.
func TestLintWidth(t *testing.T) {
	l := lintOf(tarfile.MissingParent, tarfile.MissingRoot)
	for i := range l.Departures {
		l.Departures[i].Path, l.Departures[i].Detail = "/a", fmt.Sprintf("needed for %q", "/a/b")
	}
	l.Source = "oci:x"
	var buf bytes.Buffer
	if err := Write(&buf, Text, l, Options{Width: 60}); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(buf.String()) {
		if line = strings.TrimSpace(line); len(line) > 60 && strings.Contains(line, " ") {
			t.Errorf("%d columns: %s", len(line), line)
		}
	}
}

// TestLintRulesDocumented: canon/tarfile/RULES.md lists the rules, with these
// texts.
func TestLintRulesDocumented(t *testing.T) {
	data, err := os.ReadFile("../canon/tarfile/RULES.md")
	if err != nil {
		t.Fatal(err)
	}
	var want, got []string
	for _, rule := range tarfile.Rules() {
		canonical := ""
		if rule.InCanonical() {
			canonical = "yes"
		}
		text := LintRuleOf(rule)
		want = append(want, fmt.Sprintf("| `%s` | %s | %s | %s. %s | %s |", rule, rule.Severity(), canonical, text.Title, text.Why, text.Fix))
	}
	for line := range strings.Lines(string(data)) {
		if strings.HasPrefix(line, "| `") {
			got = append(got, strings.TrimSuffix(line, "\n"))
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
