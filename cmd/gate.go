package cmd

import (
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"cfsverify/compare/blame"
	"cfsverify/compare/gate"
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

// read gives the gate, nil if no flag asks for one.
func (f *gateFlags) read() (*gate.Gate, error) {
	flags := f.command.Flags()
	if !flags.Changed("allow") && !flags.Changed("fail-on") && !flags.Changed("require-equal-digests") {
		return nil, nil
	}
	g, err := readAllowances(*f.allow, blame.Causes())
	if err != nil {
		return nil, err
	}
	g.RequireEqualDigests = *f.requireEqual && flags.Changed("require-equal-digests")
	if g.FailOn, err = gate.ParseCauses(*f.failOn); err != nil {
		return nil, fmt.Errorf("--fail-on: %w", err)
	}
	return g, nil
}

// readAllowances makes a gate of the file of --allow, in which rules are about these
// causes. No file has no rules.
func readAllowances(file string, causes []blame.Cause) (*gate.Gate, error) {
	g := &gate.Gate{File: file, Now: time.Now()}
	if file == "" {
		return g, nil
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("--allow: %w", err)
	}
	if g.Allowances, err = gate.Parse(data, causes); err != nil {
		return nil, fmt.Errorf("--allow %s: %w", file, err)
	}
	return g, nil
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
