package reports

import (
	"fmt"
	"io"
	"strings"

	"cfsverify/canon/printable"
	"cfsverify/compare/blame"
	"cfsverify/compare/gate"
)

// annotations writes errors for findings and layer rules that fail the comparison, and
// warnings for those that are ignored and for rules that accept nothing.
func (c Comparison) annotations(w io.Writer) error {
	var out annotations
	failing := c.Failing()
	for i := range failing {
		f := &failing[i]
		out.command("error", string(f.Cause), findingMessage(f)+"\n"+samplePaths(f))
	}
	if c.FailsByOtherRules() {
		out.command("error", layerRules, c.about()+"\n"+layerRulesAdvice)
	} else if !c.Passed() && len(failing) == 0 {
		out.command("error", "digests", gateText(c.Gate))
	}
	if text := recognisedText(c.Recognised); text != "" {
		out.command("notice", "recognised", text)
	}
	if g := c.Gate; g != nil {
		for i := range g.Ignored {
			f := &g.Ignored[i]
			out.command("warning", "ignored: "+string(f.Cause), findingMessage(f)+"\n"+samplePaths(f))
		}
		out.idleRules(g.Unused, g.Expired)
	}
	_, err := io.WriteString(w, out.String())
	return err
}

type annotations struct{ strings.Builder }

// command writes one. Whatever was forgotten before, nothing in it but the line breaks of the
// message is not printable, and nothing is another command.
func (a *annotations) command(kind, title, message string) {
	var lines []string
	for line := range strings.SplitSeq(message, "\n") {
		lines = append(lines, printable.Message(line))
	}
	fmt.Fprintf(a, "::%s title=%s::%s\n", kind, commandProperty("cfsverify: "+printable.Message(title)), commandData(strings.Join(lines, "\n")))
}

func (a *annotations) idleRules(unused, expired []gate.Allowance) {
	for _, rule := range unused {
		a.command("warning", "unused rule", ruleText(rule))
	}
	for _, rule := range expired {
		a.command("warning", "expired rule", ruleText(rule))
	}
}

func samplePaths(f *blame.Finding) string {
	const shown = 5
	var paths []string
	for _, e := range f.Entries[:min(shown, len(f.Entries))] {
		paths = append(paths, shortText(printable.Text(e.Path), 200))
	}
	if more := len(f.Entries) - shown; more > 0 {
		paths = append(paths, fmt.Sprintf("… and %d more", more))
	}
	return strings.Join(paths, "\n")
}

// commandData and commandProperty escape as GitHub's toolkit does (toolkit,
// packages/core/src/command.ts).
func commandData(s string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A").Replace(s)
}

func commandProperty(s string) string {
	return strings.NewReplacer(":", "%3A", ",", "%2C").Replace(commandData(s))
}
