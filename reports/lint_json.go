package reports

import (
	"cfsverify/canon/tarfile"

	"cfsverify/canon/printable"
)

type jsonLint struct {
	SchemaVersion int             `json:"schemaVersion"`
	Passed        bool            `json:"passed"`
	Source        string          `json:"source"`
	Layers        []jsonLayer     `json:"layers"`
	Severity      string          `json:"severity"`
	Counts        map[string]int  `json:"counts"`
	Rules         []jsonLintRule  `json:"rules"`
	Departures    []jsonDeparture `json:"departures"`
	Gate          *jsonLintGate   `json:"gate,omitempty"`
}

type jsonLintRule struct {
	Rule        tarfile.Rule     `json:"rule"`
	Severity    tarfile.Severity `json:"severity"`
	Title       string           `json:"title"`
	Explanation string           `json:"explanation"`
	Fix         string           `json:"fix"`
	Departures  int              `json:"departures"`
}

type jsonDeparture struct {
	Rule     tarfile.Rule     `json:"rule"`
	Severity tarfile.Severity `json:"severity"`
	Layer    int              `json:"layer"`
	Entry    int              `json:"entry"`
	Path     string           `json:"path,omitempty"`
	Detail   string           `json:"detail,omitempty"`
	Fix      string           `json:"fix"`
	Accepted bool             `json:"accepted"`
}

type jsonLintGate struct {
	File     string             `json:"file"`
	Accepted []jsonLintAccepted `json:"accepted"`
	Unused   []jsonRule         `json:"unused"`
	Expired  []jsonRule         `json:"expired"`
}

type jsonLintAccepted struct {
	Rule       jsonRule `json:"rule"`
	Departures int      `json:"departures"`
}

// json is in the form that lint.schema.json describes.
func (l *Lint) json() any {
	doc := jsonLint{
		SchemaVersion: SchemaVersion, Passed: l.Passed(), Source: printable.Text(l.Source), Layers: layersJSON(l.Layers), Severity: string(l.Severity),
		Counts: map[string]int{}, Rules: []jsonLintRule{}, Departures: departuresJSON(l.Failing(), false),
	}
	for i, n := range severityCounts(l.Departures) {
		doc.Counts[string(tarfile.Severities()[i])] = n
	}
	for _, g := range lintGroups(l.Departures) {
		text := LintRuleOf(g.rule)
		doc.Rules = append(doc.Rules, jsonLintRule{g.rule, g.rule.Severity(), text.Title, text.Why, text.Fix, len(g.departures)})
	}
	if g := l.Gate; g != nil {
		doc.Gate = &jsonLintGate{File: printable.Text(g.File), Accepted: []jsonLintAccepted{}, Unused: rulesJSON(g.Unused), Expired: rulesJSON(g.Expired)}
		for _, a := range g.Accepted {
			doc.Gate.Accepted = append(doc.Gate.Accepted, jsonLintAccepted{ruleJSON(a.Allowance), len(a.Departures)})
			doc.Departures = append(doc.Departures, departuresJSON(a.Departures, true)...)
		}
	}
	return doc
}

func departuresJSON(departures []tarfile.Departure, accepted bool) []jsonDeparture {
	list := make([]jsonDeparture, 0, len(departures))
	for _, d := range departures {
		list = append(list, jsonDeparture{
			Rule: d.Rule, Severity: d.Rule.Severity(), Layer: d.Layer.Index, Entry: d.Entry, Path: printable.Text(d.Path), Detail: d.Detail,
			Fix: LintRuleOf(d.Rule).Fix, Accepted: accepted,
		})
	}
	return list
}
