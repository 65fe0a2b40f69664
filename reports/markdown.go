package reports

import (
	"fmt"
	"io"
	"strings"

	"cfsverify/canon"
	"cfsverify/canon/printable"
	"cfsverify/compare"
	"cfsverify/compare/blame"
	"cfsverify/compare/gate"
	"cfsverify/compare/verify"
)

// Limits of a Markdown report, which suits comments and job summaries: GitHub
// takes 65,536 characters in a comment.
const (
	markdownMax           = 60000
	markdownShownEntries  = 10
	markdownShownFindings = 40
)

// markdown writes counts first. What had no room is counted.
func (c Comparison) markdown(w io.Writer) error {
	m := markdown{report: c}
	m.head()
	m.counts()
	for i, f := range c.Failing() {
		if i == markdownShownFindings || m.Len() > markdownMax {
			m.printf("\n… and %s: the JSON report has all.\n", count(len(c.Failing())-i, "more finding", "more findings"))
			break
		}
		m.finding(f)
	}
	m.gate()
	m.masked()
	for _, side := range c.sides() {
		m.otherRules(side)
	}
	_, err := io.WriteString(w, m.String())
	return err
}

type markdown struct {
	strings.Builder
	report Comparison
}

func (m *markdown) printf(format string, args ...any) { fmt.Fprintf(m, format, args...) }

// code is text, in which names are escaped already, in a code span, also in a
// table: the fence is longer than any in it.
func code(s string) string {
	s = strings.ReplaceAll(s, "|", `\x7c`)
	fence := "`"
	for strings.Contains(s, fence) {
		fence += "`"
	}
	if s == "" || strings.HasPrefix(s, "`") || strings.HasSuffix(s, "`") {
		s = " " + s + " "
	}
	return fence + s + fence
}

// shortCode is code of text that may be of any length.
func shortCode(s string) string { return code(shortText(s, 200)) }

// pathCode is code of a name of the image.
func pathCode(s string) string { return shortCode(printable.Text(s)) }

func (m *markdown) head() {
	r := m.report
	if r.Equal() {
		m.printf("## ✅ Same composefs digest\n\n")
	} else {
		heading := map[verify.Conclusion]string{verify.Accepted: "✅ Accepted", verify.Ignored: "⚠️ Ignored", verify.Different: "❌ Different"}[r.Conclusion()]
		m.printf("## %s: %s\n\n", heading, r.about())
	}
	m.printf("| | source | entries | composefs digest |\n|---|---|---|---|\n")
	for _, side := range r.sides() {
		m.printf("| %s | %s | %d | `%s` |\n", side.Name, pathCode(side.Source), side.Entries, side.Digest)
	}
	m.printf("\n%s\n", recipeText(r.Recipe, r.Rules))
	if text := recognisedAs(r.Recognised, shortCode); text != "" {
		m.printf("\n**Recognised:** %s\n", text)
	}
	if first := firstOf(r.Failing()); first != nil {
		m.printf("\n**First:** `%s`: %s\n", first.Cause, CauseOf(first.Cause).Advice)
	}
	if r.FailsByOtherRules() {
		m.printf("\n**First:** `%s`: %s\n", layerRules, layerRulesAdvice)
	}
	if text := proofText(r.Proof, len(r.Findings)); text != "" {
		m.printf("\n%s.\n", text)
	}
}

func (m *markdown) counts() {
	r := m.report
	if len(r.Findings) == 0 {
		return
	}
	m.printf("\n| cause | entries | layers | is |\n|---|---|---|---|\n")
	m.findingCounts(r.Findings)
	if r.Proof == nil {
		return
	}
	for _, f := range r.Proof.Effects {
		m.printf("\nWith `%s` there is no %s: ", flagText(f), causeList(f.Removes))
		if f.DigestA == f.DigestB {
			m.printf("both digests are `%s`\n", f.DigestA)
		} else {
			m.printf("the digests are `%s` and `%s`\n", f.DigestA, f.DigestB)
		}
	}
}

func (m *markdown) finding(f blame.Finding) {
	text := CauseOf(f.Cause)
	m.printf("\n### `%s`: %s (%s)\n\n%s\n\n**Do:** %s\n", f.Cause, text.Title, count(len(f.Entries), "entry", "entries"), text.Why, text.Advice)
	for _, url := range text.See {
		m.printf("\n<%s>\n", url)
	}
	for _, e := range f.Evidence {
		m.printf("\n- %s", e.Text)
		if e.Path != "" {
			m.printf(": %s", pathCode(e.Path))
		}
		if e.Quote != "" {
			m.printf(": %s", pathCode(e.Quote))
		}
		if e.Origin != nil && e.Origin.Layer != nil {
			m.printf(" (%s)", code(entryText(e.Origin)))
		}
	}
	m.printf("\n\n| path | %s | %s | from |\n|---|---|---|---|\n", m.report.A.Name, m.report.B.Name)
	for i, e := range f.Entries {
		if i == markdownShownEntries || m.Len() > markdownMax {
			m.printf("\n… and %d more\n", len(f.Entries)-i)
			return
		}
		a, b := m.entry(e)
		m.printf("| %s | %s | %s | %s |\n", pathCode(e.Path), a, b, m.from(e))
	}
}

// entry shows both sides of an entry in cells of a table.
func (m *markdown) entry(e blame.Entry) (a, b string) {
	cell := func(d *canon.Dirent) string {
		if d == nil {
			return "–"
		}
		return shortCode(nodeText(d.Node))
	}
	if e.Status != compare.Changed {
		return cell(e.A), cell(e.B)
	}
	var as, bs []string
	for _, c := range e.Explained {
		name := code(changeName(c))
		as = append(as, name+" "+code(shortText(fieldText(c, sideA(c, e.Difference)), 100)))
		bs = append(bs, name+" "+code(shortText(fieldText(c, sideB(c, e.Difference)), 100)))
	}
	return strings.Join(as, "<br>"), strings.Join(bs, "<br>")
}

func (m *markdown) from(e blame.Entry) string {
	var parts []string
	for _, d := range []*canon.Dirent{e.A, e.B} {
		if d != nil && originText(d.Origin) != "" {
			parts = append(parts, originText(d.Origin))
		}
	}
	if text := sourceText(e); text != "" {
		parts = append(parts, "because of "+shortCode(text))
	}
	return strings.Join(parts, "<br>")
}

func (m *markdown) gate() {
	g := m.report.Gate
	if g == nil {
		return
	}
	m.printf("\n### Gate\n\n%s.\n\n", gateText(g))
	for _, a := range g.Accepted {
		m.printf("- accepted %s: %s\n", count(len(a.Entries), "entry", "entries"), shortCode(ruleText(a.Allowance)))
	}
	for _, f := range g.Ignored {
		m.printf("- ⚠️ ignored: `%s` (%s)\n", f.Cause, count(len(f.Entries), "entry", "entries"))
	}
	m.idleRules(g.Unused, g.Expired)
}

func (m *markdown) idleRules(unused, expired []gate.Allowance) {
	for _, r := range unused {
		m.printf("- ⚠️ unused rule: %s\n", shortCode(ruleText(r)))
	}
	for _, r := range expired {
		m.printf("- ⚠️ expired rule: %s\n", shortCode(ruleText(r)))
	}
}

func (m *markdown) masked() {
	masked := m.report.Masked
	if masked == nil {
		return
	}
	m.printf("\n### Hidden by the policy: %s\n\n", count(len(masked.Differences), "entry", "entries"))
	if len(masked.Findings) == 0 {
		return
	}
	m.printf("| cause | entries | layers | is |\n|---|---|---|---|\n")
	m.findingCounts(masked.Findings)
}

// findingCounts are rows of a table of findings.
func (m *markdown) findingCounts(findings []blame.Finding) {
	for _, f := range findings {
		m.printf("| `%s` | %d | %s | %s |\n", f.Cause, len(f.Entries), shortText(layersText(f.Entries), 100), CauseOf(f.Cause).Title)
	}
}

func (m *markdown) otherRules(side *verify.Side) {
	o := side.OtherRules
	if o == nil {
		return
	}
	m.printf("\n### Tools disagree about %s\n\n%s\n\n", side.Name, otherRulesText(side))
	for i, e := range o.Events {
		if i == markdownShownEntries || m.Len() > markdownMax {
			m.printf("- … and %d more\n", len(o.Events)-i)
			return
		}
		m.printf("- %s: %s\n", shortCode(eventPlace(e)), code(printable.Text(e.What)))
	}
}
