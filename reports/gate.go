package reports

import (
	"fmt"

	"cfsverify/canon/printable"
	"cfsverify/compare/blame"
	"cfsverify/compare/gate"
)

// gateText tells the outcome in a sentence, empty without a gate.
func gateText(g *gate.Verdict) string {
	if g == nil {
		return ""
	}
	accepted := 0
	for _, a := range g.Accepted {
		accepted += len(a.Entries)
	}
	text := count(accepted, "difference is accepted", "differences are accepted")
	text += ", " + fmt.Sprintf("%d not", entriesOf(g.Failing))
	if ignored := entriesOf(g.Ignored); ignored > 0 {
		text += fmt.Sprintf(", %d ignored, as --fail-on does not name what caused %s", ignored, map[bool]string{true: "it", false: "them"}[ignored == 1])
	}
	if !g.Passed && len(g.Failing) == 0 {
		text += "; the digests must be equal all the same (--require-equal-digests)"
	}
	return text
}

// entriesOf counts those of all findings.
func entriesOf(findings []blame.Finding) int {
	n := 0
	for _, f := range findings {
		n += len(f.Entries)
	}
	return n
}

// ruleText is a rule in a line.
func ruleText(r gate.Allowance) string {
	text := ""
	add := func(name, value string) {
		if value != "" {
			text += name + " " + printable.Text(value) + ", "
		}
	}
	add("cause", string(r.Cause))
	add("path", r.Path)
	add("attribute", r.Attribute)
	if !r.Expires.IsZero() {
		add("until", r.Expires.Format("2006-01-02"))
	}
	return text + "because: " + printable.Text(r.Reason)
}
