package cmd

import (
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"cfsverify/canon/printable"
	"cfsverify/compare/gate"
)

// gateFlags say what differences may be there.
type gateFlags struct {
	allow        *pflag.Flag
	failOn       *string
	requireEqual *bool
	flags        *pflag.FlagSet
}

func addGateFlags(c *cobra.Command) *gateFlags {
	f := &gateFlags{flags: c.Flags(), allow: addAllowFlag(c, "differences")}
	f.failOn = c.Flags().String("fail-on", "", "only these `CAUSES`, separated by commas, make the exit status 1")
	f.requireEqual = c.Flags().Bool("require-equal-digests", true, "make the exit status 1 if the digests differ; the default is false with --allow or --fail-on")
	return f
}

// addAllowFlag adds the flag for rules about what is called so.
func addAllowFlag(c *cobra.Command, what string) *pflag.Flag {
	c.Flags().String("allow", "", "accept the "+what+" that the rules in `FILE` fit (YAML; see cfsverify help gate)")
	return c.Flags().Lookup("allow")
}

// read gives the gate, nil if no flag asks for one.
func (f *gateFlags) read() (*gate.Gate, error) {
	failOn, requireEqual := f.flags.Changed("fail-on"), f.flags.Changed("require-equal-digests")
	if !f.allow.Changed && !failOn && !requireEqual {
		return nil, nil
	}
	g, err := readAllowances(f.allow, gate.Parse)
	if err != nil {
		return nil, err
	}
	g.RequireEqualDigests = *f.requireEqual && requireEqual
	if failOn {
		if g.FailOn, err = gate.ParseCauses(*f.failOn); err != nil {
			return nil, fmt.Errorf("--fail-on: %w", err)
		}
	}
	return g, nil
}

// readAllowances makes a gate of the file of --allow. If there is none, there are no rules.
func readAllowances(allow *pflag.Flag, parse func([]byte) ([]gate.Allowance, error)) (*gate.Gate, error) {
	file := allow.Value.String()
	g := &gate.Gate{File: file, Now: time.Now()}
	if !allow.Changed {
		return g, nil
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("--allow: %w", err)
	}
	if g.Allowances, err = parse(data); err != nil {
		return nil, fmt.Errorf("--allow %s: %w", printable.Text(file), err)
	}
	return g, nil
}

func newGateHelp() *cobra.Command {
	return &cobra.Command{Use: "gate", Short: "How differences can be accepted (--allow, --fail-on)", Long: helpText("gate")}
}
