package reports

import (
	"cfsverify/canon/printable"
	"cfsverify/compare"
	"cfsverify/compare/blame"
	"cfsverify/compare/gate"
)

type jsonGate struct {
	File                string         `json:"file,omitempty"`
	RequireEqualDigests bool           `json:"requireEqualDigests"`
	FailOn              []blame.Cause  `json:"failOn"`
	Accepted            []jsonAccepted `json:"accepted"`
	Ignored             []blame.Cause  `json:"ignored"`
	Unused              []jsonRule     `json:"unused"`
	Expired             []jsonRule     `json:"expired"`
}

type jsonRule struct {
	Cause     blame.Cause `json:"cause,omitempty"`
	Path      string      `json:"path,omitempty"`
	Attribute string      `json:"attribute,omitempty"`
	Reason    string      `json:"reason"`
	Expires   string      `json:"expires,omitempty"`
}

type jsonAccepted struct {
	Rule    jsonRule            `json:"rule"`
	Entries []jsonAcceptedEntry `json:"entries"`
}

type jsonAcceptedEntry struct {
	Cause   blame.Cause     `json:"cause"`
	Path    string          `json:"path"`
	Changes []jsonFieldName `json:"changes,omitempty"`
}

func gateJSON(g *gate.Verdict) *jsonGate {
	if g == nil {
		return nil
	}
	j := &jsonGate{
		File: printable.Text(g.File), RequireEqualDigests: g.RequireEqualDigests, FailOn: append([]blame.Cause{}, g.FailOn...),
		Accepted: []jsonAccepted{}, Ignored: []blame.Cause{}, Unused: rulesJSON(g.Unused), Expired: rulesJSON(g.Expired),
	}
	for _, a := range g.Accepted {
		accepted := jsonAccepted{Rule: ruleJSON(a.Allowance)}
		for _, e := range a.Entries {
			accepted.Entries = append(accepted.Entries, jsonAcceptedEntry{e.Cause, printable.Text(e.Path), fieldNamesJSON(e.Explained)})
		}
		j.Accepted = append(j.Accepted, accepted)
	}
	for _, f := range g.Ignored {
		j.Ignored = append(j.Ignored, f.Cause)
	}
	return j
}

func rulesJSON(rules []gate.Allowance) []jsonRule {
	list := []jsonRule{}
	for _, r := range rules {
		list = append(list, ruleJSON(r))
	}
	return list
}

func ruleJSON(r gate.Allowance) jsonRule {
	j := jsonRule{Cause: r.Cause, Path: printable.Text(r.Path), Attribute: printable.Text(r.Attribute), Reason: printable.Text(r.Reason)}
	if !r.Expires.IsZero() {
		j.Expires = r.Expires.Format("2006-01-02")
	}
	return j
}

func fieldNamesJSON(changes []compare.Change) []jsonFieldName {
	var list []jsonFieldName
	for _, c := range changes {
		list = append(list, jsonFieldName{c.Field, printable.Text(c.Xattr)})
	}
	return list
}
