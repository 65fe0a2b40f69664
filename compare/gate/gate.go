package gate

import (
	"slices"
	"time"

	"cfsverify/canon/tarfile"
	"cfsverify/compare/blame"
)

// Gate says which differences a comparison may have and still be a success.
type Gate struct {
	// File names what the allowances were read from, empty if there are none.
	File       string
	Allowances []Allowance
	// FailOn are the causes that count, all if it is empty.
	FailOn []blame.Cause
	// RequireEqualDigests fails the comparison if the digests differ, whatever is
	// accepted.
	RequireEqualDigests bool
	// Now is the moment at which allowances must not have expired.
	Now time.Time
}

// Verdict is what a gate makes of findings.
type Verdict struct {
	Gate
	Allowed
	// Failing are the findings that are not accepted, and count; Ignored those that are
	// not accepted either, and do not count.
	Failing, Ignored []blame.Finding
	// Passed says that none are failing, and that the digests are equal if they must
	// be.
	Passed bool
}

// Judge applies the gate to the findings of a comparison. equal says that the
// digests are.
func (g Gate) Judge(findings []blame.Finding, equal bool) *Verdict {
	v := &Verdict{Gate: g, Allowed: Allow(findings, g.Allowances, g.Now)}
	for _, f := range v.Left {
		if len(g.FailOn) == 0 || slices.Contains(g.FailOn, f.Cause) {
			v.Failing = append(v.Failing, f)
		} else {
			v.Ignored = append(v.Ignored, f)
		}
	}
	v.Passed = len(v.Failing) == 0 && (equal || !g.RequireEqualDigests)
	return v
}

// LintVerdict is what is made of an image's departures.
type LintVerdict struct {
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
	// File names what the allowances were read from.
	File string
	AllowedDepartures
}

// JudgeLint looks at departures of at least a severity. Of the gate, nil for none,
// the allowances count.
func JudgeLint(found []tarfile.Departure, least tarfile.Severity, g *Gate) LintVerdict {
	v := LintVerdict{Severity: least, Departures: worse(found, least)}
	if g == nil {
		return v
	}
	// Allowances may be for what is not told: they are applied to all.
	allowed := AllowDepartures(found, g.Allowances, g.Now)
	allowed.Left = worse(allowed.Left, least)
	var accepted []AcceptedDepartures
	for _, a := range allowed.Accepted {
		if a.Departures = worse(a.Departures, least); len(a.Departures) > 0 {
			accepted = append(accepted, a)
		}
	}
	allowed.Accepted = accepted
	v.Gate = &LintGate{File: g.File, AllowedDepartures: allowed}
	return v
}

// worse are departures of at least a severity.
func worse(departures []tarfile.Departure, least tarfile.Severity) []tarfile.Departure {
	return slices.DeleteFunc(slices.Clone(departures), func(d tarfile.Departure) bool { return !d.Rule.Severity().AtLeast(least) })
}

// Failing are the departures that are not accepted.
func (v *LintVerdict) Failing() []tarfile.Departure {
	if v.Gate == nil {
		return v.Departures
	}
	return v.Gate.Left
}

// Passed says that there are none.
func (v *LintVerdict) Passed() bool { return len(v.Failing()) == 0 }
