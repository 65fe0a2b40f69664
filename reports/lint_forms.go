package reports

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"cfsverify/canon/printable"
	"cfsverify/canon/tarfile"
)

// markdown writes what lint found for a job summary or a comment.
func (l *Lint) markdown(w io.Writer) error {
	var m markdown
	failing := l.Failing()
	groups := lintGroups(failing)
	switch {
	case len(failing) > 0:
		m.printf("## ❌ %s\n\n", lintCounts(failing))
	case len(l.Departures) > 0:
		m.printf("## ✅ Accepted: %s\n\n", lintCounts(l.Departures))
	default:
		m.printf("## ✅ Clean: %s\n\n", cleanText(l))
	}
	m.printf("%s, %s\n", pathCode(l.Source), count(len(l.Layers), "layer", "layers"))
	if len(groups) > 0 {
		m.printf("\n| rule | severity | times | is |\n|---|---|---|---|\n")
	}
	for _, g := range groups {
		m.printf("| `%s` | %s | %d | %s |\n", g.rule, g.rule.Severity(), len(g.departures), LintRuleOf(g.rule).Title)
	}
	for i := range groups {
		if m.Len() > markdownMax {
			m.printf("\n… and %s: the JSON report has all.\n", count(len(groups)-i, "more rule", "more rules"))
			break
		}
		m.lintGroup(&groups[i])
	}
	if g := l.Gate; g != nil {
		m.printf("\n### Gate\n\n%s.\n\n", lintGateText(g))
		for _, a := range g.Accepted {
			m.printf("- accepted %s: %s\n", count(len(a.Departures), "departure", "departures"), shortCode(ruleText(a.Allowance)))
		}
		m.idleRules(g.Unused, g.Expired)
	}
	_, err := io.WriteString(w, m.String())
	return err
}

func (m *markdown) lintGroup(g *lintGroup) {
	text := LintRuleOf(g.rule)
	m.printf("\n### `%s`: %s (%d)\n\n%s\n\n**Do:** %s\n\n| where | path | what |\n|---|---|---|\n", g.rule, text.Title, len(g.departures), text.Why, text.Fix)
	for i, d := range g.departures {
		if i == markdownShownEntries || m.Len() > markdownMax {
			m.printf("\n… and %d more\n", len(g.departures)-i)
			return
		}
		m.printf("| %s | %s | %s |\n", departurePlace(&d), optionalCode(printable.Text(d.Path)), optionalCode(d.Detail))
	}
}

// optionalCode is code of what may be empty.
func optionalCode(s string) string {
	if s == "" {
		return ""
	}
	return shortCode(s)
}

// junit writes a test case for each rule that was looked for.
func (l *Lint) junit(w io.Writer) error {
	suite := junitSuite{Name: "cfsverify lint", Properties: []junitProperty{{"image", printable.Text(l.Source)}}}
	failing := lintGroups(l.Failing())
	all := lintGroups(l.Departures)
	for _, rule := range tarfile.Rules() {
		if !rule.Severity().AtLeast(l.Severity) {
			continue
		}
		c := junitCase{Name: string(rule), Classname: "cfsverify.lint." + string(rule.Severity())}
		isRule := func(g lintGroup) bool { return g.rule == rule }
		if i := slices.IndexFunc(failing, isRule); i >= 0 {
			c.Failure = &junitFailure{Message: groupMessage(&failing[i]), Type: string(rule), Text: groupText(&failing[i])}
		} else if slices.ContainsFunc(all, isRule) {
			c.Skipped = &junitSkipped{Message: "accepted: " + lintGateText(l.Gate)}
		}
		suite.Cases = append(suite.Cases, c)
	}
	var out strings.Builder
	if err := l.text(&out, Options{}); err != nil {
		return err
	}
	suite.SystemOut.Text = out.String()
	return writeJUnit(w, suite)
}

// groupMessage is a group in a line.
func groupMessage(g *lintGroup) string {
	text := LintRuleOf(g.rule)
	return fmt.Sprintf("%s (%s). %s", text.Title, count(len(g.departures), "time", "times"), text.Fix)
}

// groupText is a group as the text report has it.
func groupText(g *lintGroup) string {
	var out strings.Builder
	newText(&out, Options{}).lintGroup(g)
	return strings.TrimPrefix(out.String(), "\n")
}

// annotations writes what lint found as workflow commands of GitHub Actions.
func (l *Lint) annotations(w io.Writer) error {
	var out annotations
	for _, g := range lintGroups(l.Failing()) {
		kind := map[tarfile.Severity]string{tarfile.Equality: "error", tarfile.Reproducibility: "warning", tarfile.Style: "notice"}[g.rule.Severity()]
		const shown = 5
		var lines []string
		for _, d := range g.departures[:min(shown, len(g.departures))] {
			lines = append(lines, shortText(departureText(&d), 200))
		}
		if more := len(g.departures) - shown; more > 0 {
			lines = append(lines, fmt.Sprintf("… and %d more", more))
		}
		out.command(kind, string(g.rule), groupMessage(&g)+"\n"+strings.Join(lines, "\n"))
	}
	if l.Gate != nil {
		out.idleRules(l.Gate.Unused, l.Gate.Expired)
	}
	_, err := io.WriteString(w, out.String())
	return err
}
