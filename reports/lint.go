package reports

import (
	"slices"

	"cfsverify/canon"
	"cfsverify/canon/tarfile"
	"cfsverify/compare/gate"
)

// Lint is what the layers of an image depart from. LintText, LintJSON,
// LintMarkdown, LintJUnit and LintHTML write it.
type Lint struct {
	// Source is the image as the user may write it.
	Source string
	// Layers are the image's, lowest first.
	Layers []*canon.Layer
	// Severity is the least that was looked for.
	Severity tarfile.Severity
	// Departures are all of at least that severity, in the order of layers and
	// entries.
	Departures []tarfile.Departure
	// Gate is set if departures may be accepted.
	Gate *LintGate
}

// LintGate is what was accepted of the departures.
type LintGate struct {
	// File is where the rules are from.
	File string
	gate.AllowedDepartures
}

// Failing are the departures that are not accepted.
func (l *Lint) Failing() []tarfile.Departure {
	if l.Gate == nil {
		return l.Departures
	}
	return l.Gate.Left
}

// Passed says that there are none.
func (l *Lint) Passed() bool { return len(l.Failing()) == 0 }

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
