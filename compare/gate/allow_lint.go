package gate

import (
	"time"

	"cfsverify/canon/tarfile"
	"cfsverify/compare"
	"cfsverify/compare/blame"
)

// AllowedDepartures is what rules make of departures. An Allowance's Cause is then a
// tarfile.Rule, and it has no Attribute.
type AllowedDepartures struct {
	// Left are those that no rule accepts.
	Left []tarfile.Departure
	// Accepted has the departures of each rule that accepted some, in the order of
	// the rules. A departure goes to the first rule that fits.
	Accepted []AcceptedDepartures
	// Unused are rules that fit nothing, Expired those whose time is over.
	Unused, Expired []Allowance
}

// AcceptedDepartures are what one rule accepted.
type AcceptedDepartures struct {
	Allowance  Allowance
	Departures []tarfile.Departure
}

// TarRules are the rules about archives as causes, for Allowance.Validate.
func TarRules() []blame.Cause {
	var causes []blame.Cause
	for _, r := range tarfile.Rules() {
		causes = append(causes, blame.Cause(r))
	}
	return causes
}

// AllowDepartures takes out of departures what rules accept at a moment.
func AllowDepartures(found []tarfile.Departure, rules []Allowance, now time.Time) AllowedDepartures {
	var result AllowedDepartures
	accepted := make([][]tarfile.Departure, len(rules))
	for _, d := range found {
		if i := ruleFor(blame.Cause(d.Rule), d.Path, compare.Change{}, rules, now); i >= 0 {
			accepted[i] = append(accepted[i], d)
		} else {
			result.Left = append(result.Left, d)
		}
	}
	for i, r := range rules {
		if len(accepted[i]) > 0 {
			result.Accepted = append(result.Accepted, AcceptedDepartures{r, accepted[i]})
		}
	}
	result.Unused, result.Expired = idle(rules, now, func(i int) bool { return len(accepted[i]) > 0 })
	return result
}
