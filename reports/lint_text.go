package reports

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"cfsverify/canon/printable"
	"cfsverify/canon/tarfile"
	"cfsverify/compare/gate"
)

// text writes what lint found for a person to read.
func (l *Lint) text(w io.Writer, o Options) error {
	buf := bufio.NewWriter(w)
	t := newText(buf, o)
	verdict, paint, about := "FOUND", t.bad, lintCounts(l.Failing())
	switch {
	case len(l.Departures) == 0:
		verdict, paint, about = "CLEAN", t.good, cleanText(l)
	case l.Passed():
		verdict, paint, about = "ACCEPTED", t.good, lintCounts(l.Departures)
	}
	fmt.Fprintf(t, "%s: %s\n", paint.Sprint(verdict), wrap(about, t.width, len(verdict)+2, "  "))
	fmt.Fprintf(t, "  image  %s  %s\n", printable.Text(l.Source), t.dim.Sprintf("(%s)", count(len(l.Layers), "layer", "layers")))
	groups := lintGroups(l.Failing())
	if len(groups) > 0 {
		fmt.Fprintln(t)
		t.prose("", "first:", string(groups[0].rule)+": "+LintRuleOf(groups[0].rule).Fix)
		if n := repairable(l.Failing()); n > 0 {
			t.prose("", "", fmt.Sprintf("cfsverify repair writes the image anew, without %d of these.", n))
		}
	}
	t.lintGate(l.Gate)
	for i := range groups {
		t.lintGroup(&groups[i])
	}
	return buf.Flush()
}

// repairable counts the departures that repair takes away.
func repairable(departures []tarfile.Departure) int {
	n := 0
	for _, d := range departures {
		if d.Rule.Repairable() {
			n++
		}
	}
	return n
}

// cleanText says what was looked for in vain.
func cleanText(l *Lint) string {
	switch l.Severity {
	case tarfile.Equality:
		return "nothing is known to make tools disagree"
	case tarfile.Reproducibility:
		return "all layers are canonical"
	}
	return "all layers are canonical, in style too"
}

// lintCounts counts departures by severity.
func lintCounts(departures []tarfile.Departure) string {
	var parts []string
	for i, n := range severityCounts(departures) {
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%d of %s", n, tarfile.Severities()[i]))
		}
	}
	return fmt.Sprintf("%s from %s: %s", count(len(departures), "departure", "departures"),
		count(len(lintGroups(departures)), "rule", "rules"), strings.Join(parts, ", "))
}

func (t *text) lintGroup(g *lintGroup) {
	rule := LintRuleOf(g.rule)
	fmt.Fprintln(t)
	t.prose("", string(g.rule)+":", fmt.Sprintf("%s (%s; %s)", rule.Title, g.rule.Severity(), count(len(g.departures), "time", "times")))
	t.prose("  ", "", rule.Why)
	t.prose("  ", "do:", rule.Fix)
	for i, d := range g.departures {
		if i == shownPerFinding && !t.verbose {
			fmt.Fprintf(t, "  %s\n", t.dim.Sprintf("… and %d more: --verbose lists all", len(g.departures)-i))
			return
		}
		t.prose("  ", "", departureText(&d))
	}
}

// departureText is a departure in a line.
func departureText(d *tarfile.Departure) string {
	text := departurePlace(d)
	if d.Path != "" {
		text += " " + printable.Text(d.Path)
	}
	if d.Detail != "" {
		text += ": " + d.Detail
	}
	return text
}

// departurePlace says which entry of which layer a departure is about.
func departurePlace(d *tarfile.Departure) string {
	if d.Entry == 0 {
		return fmt.Sprintf("layer %d", d.Layer.Index)
	}
	return fmt.Sprintf("layer %d, entry %d", d.Layer.Index, d.Entry)
}

func (t *text) lintGate(g *gate.LintGate) {
	if g == nil {
		return
	}
	fmt.Fprintf(t, "\n%s %s\n", t.head.Sprint("gate:"), lintGateText(g))
	for _, a := range g.Accepted {
		fmt.Fprintf(t, "  accepted %s %s\n", count(len(a.Departures), "departure", "departures"), t.dim.Sprintf("(%s)", ruleText(a.Allowance)))
	}
	t.idleRules(g.Unused, g.Expired)
}

// lintGateText tells how much was accepted.
func lintGateText(g *gate.LintGate) string {
	accepted := 0
	for _, a := range g.Accepted {
		accepted += len(a.Departures)
	}
	return fmt.Sprintf("%s, %d not", count(accepted, "departure is accepted", "departures are accepted"), len(g.Left))
}
