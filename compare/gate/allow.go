package gate

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bmatcuk/doublestar/v4"

	"cfsverify/compare"
	"cfsverify/compare/blame"
)

// Allowance accepts differences. Empty fields accept all.
type Allowance struct {
	Cause blame.Cause
	// Path is a glob over the whole path, in which ** is any number of directories.
	Path string
	// Attribute is a Field, or the name of an xattr after "xattr:". What is on one
	// side only is accepted by rules without an attribute.
	Attribute string
	// Reason is why the difference is accepted. It must be there.
	Reason string
	// Expires is the last day on which the rule accepts anything, as its beginning
	// in UTC; zero if it stays.
	Expires time.Time
}

// Validate says what is wrong with a rule about these causes.
func (r Allowance) Validate(causes []blame.Cause) error {
	switch {
	case strings.TrimSpace(r.Reason) == "":
		return fmt.Errorf("there is no reason: say why the difference is accepted")
	case r.Cause != "" && !slices.Contains(causes, r.Cause):
		return &CauseError{r.Cause}
	case r.Path != "" && !doublestar.ValidatePattern(r.Path):
		return fmt.Errorf("the path %q is not a valid glob", r.Path)
	case r.Path != "" && r.Path[0] != '/' && !strings.HasPrefix(r.Path, "**"):
		return fmt.Errorf("the path %q does not begin with / or **: no difference would fit", r.Path)
	}
	name, isXattr := strings.CutPrefix(r.Attribute, "xattr:")
	if r.Attribute != "" && !slices.Contains(compare.Fields(), compare.Field(r.Attribute)) && (!isXattr || name == "") {
		return fmt.Errorf("the attribute %q is not known: write one of %s, or xattr:NAME", r.Attribute, joinFields())
	}
	return nil
}

func joinFields() string {
	var names []string
	for _, f := range compare.Fields() {
		names = append(names, string(f))
	}
	return strings.Join(names, ", ")
}

// Allowed is what rules make of findings.
type Allowed struct {
	// Left are the findings without what was accepted.
	Left []blame.Finding
	// Accepted has the entries of each rule that accepted some, in the order of the
	// rules. An entry goes to the first rule that fits.
	Accepted []Accepted
	// Unused are rules that fit nothing, Expired those whose time is over.
	Unused, Expired []Allowance
}

// Accepted is what one rule accepted.
type Accepted struct {
	Allowance Allowance
	Entries   []AcceptedEntry
}

// AcceptedEntry is an entry with the cause that it was found under.
type AcceptedEntry struct {
	Cause blame.Cause
	blame.Entry
}

// Allow takes out of findings what rules accept at a moment.
func Allow(findings []blame.Finding, rules []Allowance, now time.Time) Allowed {
	var result Allowed
	accepted := make([][]AcceptedEntry, len(rules))
	for _, f := range findings {
		left := f
		left.Entries = nil
		for _, e := range f.Entries {
			var rest []compare.Change
			taken := make([][]compare.Change, len(rules))
			for _, c := range changesOrWhole(e) {
				if i := ruleFor(f.Cause, e.Path, c, rules, now); i >= 0 {
					taken[i] = append(taken[i], c)
				} else {
					rest = append(rest, c)
				}
			}
			for i, changes := range taken {
				if changes != nil {
					accepted[i] = append(accepted[i], AcceptedEntry{f.Cause, withChanges(e, changes)})
				}
			}
			if rest != nil {
				left.Entries = append(left.Entries, withChanges(e, rest))
			}
		}
		if len(left.Entries) > 0 {
			result.Left = append(result.Left, left)
		}
	}
	for i, r := range rules {
		if len(accepted[i]) > 0 {
			result.Accepted = append(result.Accepted, Accepted{r, accepted[i]})
		}
	}
	result.Unused, result.Expired = idle(rules, now, func(i int) bool { return len(accepted[i]) > 0 })
	return result
}

// idle are the rules that accepted nothing: those that fit nothing, and those
// whose time is over.
func idle(rules []Allowance, now time.Time, accepts func(i int) bool) (unused, expired []Allowance) {
	for i, r := range rules {
		switch {
		case accepts(i):
		case r.isOver(now):
			expired = append(expired, r)
		default:
			unused = append(unused, r)
		}
	}
	return unused, expired
}

// changesOrWhole is one change without a field for what is on one side only.
func changesOrWhole(e blame.Entry) []compare.Change {
	if e.Status != compare.Changed {
		return []compare.Change{{}}
	}
	return e.Explained
}

// withChanges is the entry with other changes, none for what is on one side only.
func withChanges(e blame.Entry, changes []compare.Change) blame.Entry {
	e.Explained = nil
	if e.Status == compare.Changed {
		e.Explained = changes
	}
	return e
}

// ruleFor is the first rule that accepts a change, -1 if none does.
func ruleFor(cause blame.Cause, path string, c compare.Change, rules []Allowance, now time.Time) int {
	return slices.IndexFunc(rules, func(r Allowance) bool { return !r.isOver(now) && r.fits(cause, path, c) })
}

func (r Allowance) isOver(now time.Time) bool {
	return !r.Expires.IsZero() && !now.Before(r.Expires.AddDate(0, 0, 1))
}

func (r Allowance) fits(cause blame.Cause, path string, c compare.Change) bool {
	if r.Cause != "" && r.Cause != cause {
		return false
	}
	if r.Attribute != "" && r.Attribute != string(c.Field) && (c.Field != compare.Xattr || r.Attribute != "xattr:"+c.Xattr) {
		return false
	}
	return r.Path == "" || doublestar.MatchUnvalidated(r.Path, path)
}
