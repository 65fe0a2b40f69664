package cmd

import (
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"cfsverify/reports"
)

// reportFlags say what a report looks like.
type reportFlags struct {
	output, color   *enum[string]
	verbose, masked bool
}

func addReportFlags(c *cobra.Command) *reportFlags {
	f := &reportFlags{}
	f.output = enumFlag(c, "output", "text", []string{"text", "json"}, "form of the report")
	f.color = enumFlag(c, "color", "auto", []string{"auto", "always", "never"}, "colour the report")
	c.Flags().BoolVarP(&f.verbose, "verbose", "v", false, "list every difference")
	c.Flags().BoolVar(&f.masked, "show-masked", false, "list also what differs only before the policy is applied")
	return f
}

func (f *reportFlags) text(out *os.File) reports.TextOptions {
	return reports.TextOptions{Color: colored(f.color.value, out), Verbose: f.verbose}
}

// colored follows https://no-color.org unless the user says what to do.
func colored(when string, out *os.File) bool {
	if when != "auto" {
		return when == "always"
	}
	return os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" && term.IsTerminal(int(out.Fd()))
}
