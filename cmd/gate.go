package cmd

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/spf13/cobra"

	"cfsverify/compare/blame"
	"cfsverify/compare/gate"
	"cfsverify/reports"
)

// gateFlags say what differences may be there.
type gateFlags struct {
	allow, failOn *string
	requireEqual  *bool
	command       *cobra.Command
}

func addGateFlags(c *cobra.Command) *gateFlags {
	f := &gateFlags{command: c}
	f.allow = c.Flags().String("allow", "", "accept the differences that the rules in `FILE` fit (YAML; see cfsverify help gate)")
	f.failOn = c.Flags().String("fail-on", "", "only these `CAUSES`, separated by commas, make the exit status 1")
	f.requireEqual = c.Flags().Bool("require-equal-digests", true, "make the exit status 1 if the digests differ; the default is false with --allow or --fail-on")
	return f
}

// apply sets the report's gate, if there is one.
func (f *gateFlags) apply(r *reports.Report, now time.Time) error {
	flags := f.command.Flags()
	if !flags.Changed("allow") && !flags.Changed("fail-on") && !flags.Changed("require-equal-digests") {
		return nil
	}
	result := &reports.Gate{File: *f.allow, RequireEqualDigests: *f.requireEqual}
	if !flags.Changed("require-equal-digests") {
		result.RequireEqualDigests = false
	}
	rules, err := readRules(*f.allow, blame.Causes())
	if err != nil {
		return err
	}
	for name := range strings.SplitSeq(*f.failOn, ",") {
		if name = strings.TrimSpace(name); name == "" {
			continue
		}
		if !slices.Contains(blame.Causes(), blame.Cause(name)) {
			return fmt.Errorf("--fail-on: the cause %q is not known: causes are the names that reports begin findings with", name)
		}
		result.FailOn = append(result.FailOn, blame.Cause(name))
	}
	result.Allowed = gate.Allow(r.Findings, rules, now)
	r.Gate = result
	return nil
}

const gateHelp = `With --allow FILE, differences that rules in FILE accept make no failure. FILE is
YAML:

    # Every rule needs a reason; cause, path and attribute are optional, and what is
    # left out fits all.
    allow:
      - cause: implicit-parent        # as reports name it
        path: /usr/share/**           # a glob: ** is any number of directories
        attribute: mtime              # mode, uid, content, …, or xattr:NAME
        reason: the base image has no entries for these until issue 17 is done
        expires: 2027-01-31           # the last day on which the rule holds, in UTC

A difference is accepted attribute by attribute. What exists on one side only is
accepted by rules without an attribute. Reports list what was accepted, rules that
fit nothing, and rules that have expired.

The exit status is then 0 if nothing is left that was not accepted, though the
digests differ: a machine that compares them will not boot. --require-equal-digests
makes the digests decide all the same; without --allow and --fail-on they always
do. --fail-on CAUSE,… lets only findings of these causes count.

For cfsverify lint the cause is the name of a rule, such as missing-parent, and
there are no attributes.
`

func newGateHelp() *cobra.Command {
	return &cobra.Command{Use: "gate", Short: "How differences can be accepted (--allow, --fail-on)", Long: gateHelp}
}

// allowFile is the form of a file for --allow.
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

// readRules reads the file of --allow, in which rules are about these causes. No
// file has no rules.
func readRules(file string, causes []blame.Cause) ([]gate.Allowance, error) {
	if file == "" {
		return nil, nil
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("--allow: %w", err)
	}
	rules, err := parseRules(data, causes)
	if err != nil {
		return nil, fmt.Errorf("--allow %s: %w", file, err)
	}
	return rules, nil
}

// parseRules reads rules; what it does not know is an error.
func parseRules(data []byte, causes []blame.Cause) ([]gate.Allowance, error) {
	var file allowFile
	if err := yaml.UnmarshalWithOptions(data, &file, yaml.Strict()); err != nil {
		return nil, errors.New(strings.TrimSpace(yaml.FormatError(err, false, true)))
	}
	if len(file.Allow) == 0 {
		return nil, errors.New(`there is no rule: write a list under the key "allow"`)
	}
	var rules []gate.Allowance
	for i, r := range file.Allow {
		rule := gate.Allowance{Cause: blame.Cause(r.Cause), Path: r.Path, Attribute: r.Attribute, Reason: r.Reason}
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
