package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"cfsverify/cmd/flags"
	"cfsverify/cmd/wholefile"
	"cfsverify/reports"
)

// reportFlags say what a report looks like.
type reportFlags struct {
	output         *flags.Enum[reports.Form]
	color          *flags.Enum[string]
	verbose, quiet bool
}

// addReportFlags adds those for documents like d.
func addReportFlags(c *cobra.Command, d reports.Document) *reportFlags {
	f := &reportFlags{output: flags.NewEnum(c, "output", reports.Text, formsOf(d), "form of the report"), color: addColorFlag(c)}
	c.Flags().BoolVarP(&f.verbose, "verbose", "v", false, "list every difference")
	c.Flags().BoolVarP(&f.quiet, "quiet", "q", false, "print no report: the exit status tells")
	return f
}

// addTextFlags adds those of a command whose report is a text.
func addTextFlags(c *cobra.Command) *reportFlags {
	f := &reportFlags{output: &flags.Enum[reports.Form]{Value: reports.Text}, color: addColorFlag(c)}
	c.Flags().BoolVarP(&f.quiet, "quiet", "q", false, "print nothing: the exit status tells")
	return f
}

func addColorFlag(c *cobra.Command) *flags.Enum[string] {
	return flags.NewEnum(c, "color", "auto", []string{"auto", "always", "never"}, "colour the report")
}

// formsOf are the forms of a document that a user can choose: annotations go to GitHub
// Actions by themselves.
func formsOf(d reports.Document) []reports.Form {
	return slices.DeleteFunc(reports.Forms(d), func(f reports.Form) bool { return f == reports.Annotations })
}

func addMaskedFlag(c *cobra.Command) *bool {
	return c.Flags().Bool("show-masked", false, "list also what differs only before the policy is applied")
}

func (f *reportFlags) text(out *os.File) reports.Options {
	o := reports.Options{Color: colored(f.color.Value, out), Verbose: f.verbose}
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

// extraReports are reports in files, besides the one on stdout. They are for what has
// the forms of a comparison.
type extraReports struct{ files *[]string }

func extraForms() *flags.Enum[reports.Form] {
	return &flags.Enum[reports.Form]{Allowed: formsOf(reports.Comparison{})}
}

func addExtraReports(c *cobra.Command) extraReports {
	return extraReports{c.Flags().StringArray("report", nil, "write a report to a file as well, as `FORM=FILE`: "+extraForms().List(", ")+"; may be given several times")}
}

// extraReport is one of them.
type extraReport struct {
	form reports.Form
	file string
}

func (e extraReports) parse() ([]extraReport, error) {
	var list []extraReport
	for _, arg := range *e.files {
		name, file, _ := strings.Cut(arg, "=")
		form := extraForms()
		if err := form.Set(name); err != nil || file == "" {
			return nil, fmt.Errorf("--report %q: write FORM=FILE with one of %s", arg, form.List(", "))
		}
		if err := wholefile.Check(file); err != nil {
			return nil, fmt.Errorf("--report: %w", err)
		}
		list = append(list, extraReport{form.Value, file})
	}
	return list, nil
}

// write writes a report wherever it is wanted. Files come first: what is on
// stdout is the last that can fail.
func (f *reportFlags) write(ctx context.Context, r *run, d reports.Document, extra []extraReport) error {
	var errs []error
	for _, e := range extra {
		errs = append(errs, wholefile.Write(e.file, r.Out, func(w io.Writer) error { return reports.Write(w, e.form, d, reports.Options{Verbose: true}) }))
	}
	if os.Getenv("GITHUB_ACTIONS") == "true" && slices.Contains(reports.Forms(d), reports.Annotations) {
		errs = append(errs, reports.Write(r.Err, reports.Annotations, d, reports.Options{}))
	}
	if err := errors.Join(append(errs, ctx.Err())...); err != nil || f.quiet {
		return err
	}
	return reports.Write(r.Out, f.output.Value, d, f.text(r.Out))
}
