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
	output, color  *enum[string]
	verbose, quiet bool
}

func addReportFlags(c *cobra.Command, forms []string) *reportFlags {
	f := &reportFlags{}
	f.output = enumFlag(c, "output", "text", forms, "form of the report")
	f.color = enumFlag(c, "color", "auto", []string{"auto", "always", "never"}, "colour the report")
	c.Flags().BoolVarP(&f.verbose, "verbose", "v", false, "list every difference")
	c.Flags().BoolVarP(&f.quiet, "quiet", "q", false, "print no report: the exit status tells")
	return f
}

func addMaskedFlag(c *cobra.Command) *bool {
	return c.Flags().Bool("show-masked", false, "list also what differs only before the policy is applied")
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

// reportForms are those in which comparisons are reported, and what lint finds.
func reportForms() []string { return []string{"text", "json", "markdown", "junit", "html"} }

// extraReports are reports in files, besides the one on stdout.
type extraReports struct{ files *[]string }

func addExtraReports(c *cobra.Command) extraReports {
	return extraReports{c.Flags().StringArray("report", nil, "write a report to a file as well, as `FORM=FILE`: "+strings.Join(reportForms(), ", ")+"; may be given several times")}
}

// extraReport is one of them.
type extraReport struct{ form, file string }

func (e extraReports) parse() ([]extraReport, error) {
	var list []extraReport
	for _, arg := range *e.files {
		form, file, found := strings.Cut(arg, "=")
		known := false
		for _, k := range reportForms() {
			known = known || form == k
		}
		if !found || !known || file == "" {
			return nil, fmt.Errorf("--report %q: write FORM=FILE with one of %s", arg, strings.Join(reportForms(), ", "))
		}
		list = append(list, extraReport{form, file})
	}
	return list, nil
}

// anyReport is a report that can be written in several forms.
type anyReport struct {
	write       func(w io.Writer, form string, o reports.TextOptions) error
	annotations func(io.Writer) error
}

// write writes a report wherever it is wanted. Files come first: what is on
// stdout is the last that can fail.
func (f *reportFlags) write(ctx context.Context, r *run, report anyReport, extra []extraReport) error {
	var errs []error
	for _, e := range extra {
		errs = append(errs, writeFile(e.file, r.Out, func(w io.Writer) error { return report.write(w, e.form, reports.TextOptions{Verbose: true}) }))
	}
	if os.Getenv("GITHUB_ACTIONS") == "true" {
		errs = append(errs, report.annotations(r.Err))
	}
	if err := errors.Join(append(errs, ctx.Err())...); err != nil || f.quiet {
		return err
	}
	return report.write(r.Out, f.output.value, f.text(r.Out))
}

func comparisonReport(report *reports.Report) anyReport {
	return anyReport{
		write: func(w io.Writer, form string, o reports.TextOptions) error {
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
		},
		annotations: func(w io.Writer) error { return reports.Annotations(w, report) },
	}
}
