package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"cfsverify/reports"
)

// reportFlags say what a report looks like.
type reportFlags struct {
	output, color          *enum[string]
	verbose, quiet, masked bool
}

func addReportFlags(c *cobra.Command, forms []string) *reportFlags {
	f := &reportFlags{}
	f.output = enumFlag(c, "output", "text", forms, "form of the report")
	f.color = enumFlag(c, "color", "auto", []string{"auto", "always", "never"}, "colour the report")
	c.Flags().BoolVarP(&f.verbose, "verbose", "v", false, "list every difference")
	c.Flags().BoolVarP(&f.quiet, "quiet", "q", false, "print no report: the exit status tells")
	c.Flags().BoolVar(&f.masked, "show-masked", false, "list also what differs only before the policy is applied")
	return f
}

func (f *reportFlags) text(out *os.File) reports.TextOptions {
	o := reports.TextOptions{Color: colored(f.color.value, out), Verbose: f.verbose}
	if width, _, err := term.GetSize(int(out.Fd())); err == nil {
		o.Width = width
	}
	return o
}

// colored follows https://no-color.org unless the user says what to do.
func colored(when string, out *os.File) bool {
	if when != "auto" {
		return when == "always"
	}
	return os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" && term.IsTerminal(int(out.Fd()))
}

// comparisonForms are those in which comparisons are reported.
func comparisonForms() []string { return []string{"text", "json", "markdown", "junit", "html"} }

// extraReports are reports in files, besides the one on stdout.
type extraReports struct{ files *[]string }

func addExtraReports(c *cobra.Command) extraReports {
	return extraReports{c.Flags().StringArray("report", nil, "write a report to a file as well, as `FORM=FILE`: "+strings.Join(comparisonForms(), ", ")+"; may be given several times")}
}

// extraReport is one of them.
type extraReport struct{ form, file string }

func (e extraReports) parse() ([]extraReport, error) {
	var list []extraReport
	for _, arg := range *e.files {
		form, file, found := strings.Cut(arg, "=")
		known := false
		for _, k := range comparisonForms() {
			known = known || form == k
		}
		if !found || !known || file == "" {
			return nil, fmt.Errorf("--report %q: write FORM=FILE with one of %s", arg, strings.Join(comparisonForms(), ", "))
		}
		list = append(list, extraReport{form, file})
	}
	return list, nil
}

// write writes a comparison wherever it is wanted. Files come first: what is on
// stdout is the last that can fail.
func (f *reportFlags) write(ctx context.Context, r *run, report *reports.Report, extra []extraReport) error {
	var errs []error
	for _, e := range extra {
		errs = append(errs, writeFile(e.file, r.Out, func(w io.Writer) error { return writeReport(w, report, e.form, reports.TextOptions{Verbose: true}) }))
	}
	if os.Getenv("GITHUB_ACTIONS") == "true" {
		errs = append(errs, reports.Annotations(r.Err, report))
	}
	if err := errors.Join(append(errs, ctx.Err())...); err != nil || f.quiet {
		return err
	}
	return writeReport(r.Out, report, f.output.value, f.text(r.Out))
}

func writeReport(w io.Writer, report *reports.Report, form string, o reports.TextOptions) error {
	switch form {
	case "json":
		return reports.JSON(w, report)
	case "markdown":
		return reports.Markdown(w, report)
	case "junit":
		return reports.JUnit(w, report)
	case "html":
		return reports.HTML(w, report)
	}
	return reports.Text(w, report, o)
}
