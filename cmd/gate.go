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

func newGateHelp() *cobra.Command {
	return &cobra.Command{Use: "gate", Short: "How differences can be accepted (--allow, --fail-on)", Long: helpText("gate")}
}
