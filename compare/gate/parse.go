package gate

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

	"cfsverify/compare/blame"
)

// CauseError says that a cause is not known.
type CauseError struct{ Cause blame.Cause }

func (e *CauseError) Error() string {
	return fmt.Sprintf("the cause %q is not known: causes are the names that reports begin findings with", e.Cause)
}

// ParseCauses reads a list of causes that are separated by commas.
func ParseCauses(list string) ([]blame.Cause, error) {
	var causes []blame.Cause
	for name := range strings.SplitSeq(list, ",") {
		cause := blame.Cause(strings.TrimSpace(name))
		if cause == "" {
			continue
		}
		if !slices.Contains(blame.Causes(), cause) {
			return nil, &CauseError{cause}
		}
		causes = append(causes, cause)
	}
	return causes, nil
}

// allowFile is the form of a file of allowances.
type allowFile struct {
	Allow []allowRule `yaml:"allow"`
}

type allowRule struct {
	Cause     string `yaml:"cause"`
	Path      string `yaml:"path"`
	Attribute string `yaml:"attribute"`
	Reason    string `yaml:"reason"`
	Expires   string `yaml:"expires"`
}

// Parse reads allowances in YAML: a list under the key allow, of mappings with the
// keys cause, path, attribute, reason and expires (a date). Causes must be among
// those given. What Parse does not know is an error.
func Parse(data []byte, causes []blame.Cause) ([]Allowance, error) {
	var file allowFile
	if err := yaml.UnmarshalWithOptions(data, &file, yaml.Strict()); err != nil {
		return nil, errors.New(strings.TrimSpace(yaml.FormatError(err, false, true)))
	}
	if len(file.Allow) == 0 {
		return nil, errors.New(`there is no rule: write a list under the key "allow"`)
	}
	var rules []Allowance
	for i, r := range file.Allow {
		rule := Allowance{Cause: blame.Cause(r.Cause), Path: r.Path, Attribute: r.Attribute, Reason: r.Reason}
		if r.Expires != "" {
			day, err := time.Parse(time.DateOnly, r.Expires)
			if err != nil {
				return nil, fmt.Errorf("rule %d: %q is not a date such as 2027-01-31", i+1, r.Expires)
			}
			rule.Expires = day
		}
		if err := rule.Validate(causes); err != nil {
			return nil, fmt.Errorf("rule %d: %w", i+1, err)
		}
		rules = append(rules, rule)
	}
	return rules, nil
}
