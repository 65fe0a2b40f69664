package reports

import (
	"fmt"

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
	left := 0
	for _, f := range g.Left {
		left += len(f.Entries)
	}
	text += ", " + fmt.Sprintf("%d not", left)
	switch {
	case g.Passed:
	case len(g.Failing) > 0:
	case g.RequireEqualDigests:
		text += "; the digests must be equal all the same (--require-equal-digests)"
	}
	return text
}

// ruleText is a rule in a line.
func ruleText(r gate.Allowance) string {
	text := ""
	add := func(name, value string) {
		if value != "" {
			text += name + " " + escape(value) + ", "
		}
	}
	add("cause", string(r.Cause))
	add("path", r.Path)
	add("attribute", r.Attribute)
	if !r.Expires.IsZero() {
		add("until", r.Expires.Format("2006-01-02"))
	}
	return text + "because: " + escape(r.Reason)
}
