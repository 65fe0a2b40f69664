package reports

import (
	"slices"

	"cfsverify/canon"
	"cfsverify/canon/tarfile"
	"cfsverify/compare/gate"
)

// Lint is what the layers of an image depart from, as a document of every form.
type Lint struct {
	// Source is the image as the user may write it.
	Source string
	// Layers are the image's, lowest first.
	Layers []*canon.Layer
	gate.LintVerdict
}

func (l *Lint) writers() writers {
	return writers{text: l.text, json: l.json, markdown: l.markdown, junit: l.junit, html: l.html, annotations: l.annotations}
}

// lintGroup is the departures from one rule.
type lintGroup struct {
	rule       tarfile.Rule
	departures []tarfile.Departure
}

// lintGroups are in the order of the rules, the most severe first.
func lintGroups(departures []tarfile.Departure) []lintGroup {
	byRule := map[tarfile.Rule][]tarfile.Departure{}
	for _, d := range departures {
		byRule[d.Rule] = append(byRule[d.Rule], d)
	}
	var groups []lintGroup
	for _, rule := range tarfile.Rules() {
		if found := byRule[rule]; found != nil {
			groups = append(groups, lintGroup{rule, found})
		}
	}
	return groups
}

// severityCounts are in the order of tarfile.Severities.
func severityCounts(departures []tarfile.Departure) []int {
	counts := make([]int, len(tarfile.Severities()))
	for _, d := range departures {
		counts[slices.Index(tarfile.Severities(), d.Rule.Severity())]++
	}
	return counts
}
