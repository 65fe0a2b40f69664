package reports

import (
	"fmt"

	"cfsverify/compare/blame"
	"cfsverify/compare/gate"
)

// Gate is what was accepted of the findings, and whether that is enough.
type Gate struct {
	// File is where the rules are from, empty if there are none.
	File string
	gate.Allowed
	// RequireEqualDigests fails the comparison if the digests differ, whatever is
	// accepted.
	RequireEqualDigests bool
	// FailOn are the causes that count, all if it is empty.
	FailOn []blame.Cause
}

// failing are the findings that are not accepted, and count.
func (g *Gate) failing() []blame.Finding {
	var list []blame.Finding
	for _, f := range g.Left {
		counts := len(g.FailOn) == 0
		for _, c := range g.FailOn {
			counts = counts || c == f.Cause
		}
		if counts {
			list = append(list, f)
		}
	}
	return list
}

// Passed says that the comparison is a success: the digests are equal, or the
// gate lets the difference pass.
func (r *Report) Passed() bool {
	if r.Gate == nil {
		return r.Equal()
	}
	return len(r.Gate.failing()) == 0 && (r.Equal() || !r.Gate.RequireEqualDigests)
}

// Failing are the findings because of which the comparison is no success.
func (r *Report) Failing() []blame.Finding {
	if r.Gate == nil {
		return r.Findings
	}
	return r.Gate.failing()
}

// gateText tells the outcome in a sentence, empty without a gate.
func (r *Report) gateText() string {
	g := r.Gate
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
	case r.Passed():
	case len(g.failing()) > 0:
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
