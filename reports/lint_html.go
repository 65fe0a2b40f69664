package reports

import (
	"html/template"
	"io"

	"cfsverify/canon/printable"
	"cfsverify/canon/tarfile"
)

// lintRowsMax is how many departures from one rule a page lists.
const lintRowsMax = 2000

// html writes what lint found as one page that needs nothing else, not even a
// script.
func (l *Lint) html(w io.Writer) error {
	style, err := htmlFiles.ReadFile("html/report.css")
	if err != nil {
		return err
	}
	t, err := template.ParseFS(htmlFiles, "html/lint.html", "html/head.html")
	if err != nil {
		return err
	}
	page := lintPage{
		Style: template.CSS(style), Policy: contentPolicy(string(style), ""), Source: printable.Text(l.Source), Layers: len(l.Layers),
		Verdict: "FOUND", Class: "bad", About: lintCounts(l.Failing()),
	}
	switch {
	case len(l.Departures) == 0:
		page.Verdict, page.Class, page.About = "CLEAN", "good", cleanText(l)
	case l.Passed():
		page.Verdict, page.Class, page.About = "ACCEPTED", "warn", lintCounts(l.Departures)
	}
	if g := l.Gate; g != nil {
		page.Gate = &htmlGate{Text: lintGateText(g), File: printable.Text(g.File), Unused: ruleTexts(g.Unused), Expired: ruleTexts(g.Expired)}
		for _, a := range g.Accepted {
			page.Gate.Accepted = append(page.Gate.Accepted, count(len(a.Departures), "departure", "departures")+": "+ruleText(a.Allowance))
		}
	}
	for _, g := range lintGroups(l.Failing()) {
		page.Groups = append(page.Groups, groupHTML(g))
	}
	return t.Execute(w, page)
}

type lintPage struct {
	Style                 template.CSS
	Policy                string
	Verdict, Class, About string
	Source                string
	Layers                int
	Gate                  *htmlGate
	Groups                []lintHTMLGroup
}

type lintHTMLGroup struct {
	Rule     tarfile.Rule
	Severity tarfile.Severity
	Text     LintRule
	Count    int
	Rows     []lintHTMLRow
	// More is how many departures have no row.
	More int
}

type lintHTMLRow struct {
	Layer, Entry int
	Path, Detail string
}

func groupHTML(g lintGroup) lintHTMLGroup {
	h := lintHTMLGroup{Rule: g.rule, Severity: g.rule.Severity(), Text: LintRuleOf(g.rule), Count: len(g.departures)}
	for _, d := range g.departures[:min(lintRowsMax, len(g.departures))] {
		h.Rows = append(h.Rows, lintHTMLRow{d.Layer.Index, d.Entry, printable.Text(d.Path), d.Detail})
	}
	h.More = len(g.departures) - len(h.Rows)
	return h
}
