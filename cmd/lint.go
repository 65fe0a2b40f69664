package cmd

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"cfsverify/canon/fsverity"
	"cfsverify/canon/tarfile"
	"cfsverify/compare/gate"
	"cfsverify/importers"
	"cfsverify/reports"
)

func newLint(r *run) *cobra.Command {
	c := &cobra.Command{
		Use:   "lint IMAGE",
		Short: "Tell what the layers of an image depart from",
		Long: `Tell for every layer of an image where it departs from the canonical tar, and
what in it makes tools disagree. A departure is of one of three severities:

    equality         tools make different trees of it, or refuse the layer
    reproducibility  the bytes are not those of the canonical tar
    style            harmless; told with --severity style only

Where nothing of equality is found, a scan of the unpacked image shows what its
layers say, but for the root's metadata. Where nothing of reproducibility is found
either, but what a canonical tar may have too, every layer is what cfsverify tar
--layer N --no-global-header writes, or without that flag if it has the mark.

` + imagesHelp + `
Exit status: 0 nothing found, 1 something, 2 trouble.`,
		Example: `  cfsverify lint oci:image:latest
  cfsverify lint --severity equality --output junit docker://registry.example/base:1
  cfsverify lint tar:layer.tar`,
		Args: cobra.ExactArgs(1),
	}
	imports := addLayerFlags(c)
	look := addReportFlags(c, reportForms())
	extra := addExtraReports(c)
	severity := enumFlag(c, "severity", tarfile.Reproducibility, tarfile.Severities(), "the least that is told")
	allow := c.Flags().String("allow", "", "accept the departures that the rules in `FILE` fit (YAML; see cfsverify help gate)")
	c.RunE = func(c *cobra.Command, args []string) error {
		source, err := importers.ParseSource(args[0])
		if err != nil {
			return err
		}
		if source.Transport == importers.Dir || source.IsFinal() {
			return fmt.Errorf("%v has no layers: lint needs a container image or a layer", source)
		}
		files, err := extra.parse()
		if err != nil {
			return err
		}
		rules, err := readRules(*allow, gate.TarRules())
		if err != nil {
			return err
		}
		if slices.ContainsFunc(rules, func(r gate.Allowance) bool { return r.Attribute != "" }) {
			return errors.New("--allow: rules for lint have no attribute: a departure is accepted as a whole")
		}
		options, err := imports.options(fsverity.SHA256)
		if err != nil {
			return err
		}
		options.Lint = true
		loaded, err := loadAll(c.Context(), r.Err, []importers.Source{source}, options)
		if err != nil {
			return err
		}
		found := loaded[0].Departures
		report := &reports.Lint{Source: source.String(), Layers: loaded[0].Layers, Severity: severity.value, Departures: worse(found, severity.value)}
		if *allow != "" {
			report.Gate = &reports.LintGate{File: *allow, AllowedDepartures: allowWorse(found, rules, severity.value)}
		}
		if !report.Passed() {
			r.status = statusDifferent
		}
		return look.write(c.Context(), r, lintReport(report), files)
	}
	return c
}

// worse are departures of at least a severity.
func worse(departures []tarfile.Departure, least tarfile.Severity) []tarfile.Departure {
	return slices.DeleteFunc(slices.Clone(departures), func(d tarfile.Departure) bool { return !d.Rule.Severity().AtLeast(least) })
}

// allowWorse applies rules to all departures, since rules may be about what is not
// told, and then leaves out what is not told.
func allowWorse(found []tarfile.Departure, rules []gate.Allowance, least tarfile.Severity) gate.AllowedDepartures {
	allowed := gate.AllowDepartures(found, rules, time.Now())
	allowed.Left = worse(allowed.Left, least)
	var accepted []gate.AcceptedDepartures
	for _, a := range allowed.Accepted {
		if a.Departures = worse(a.Departures, least); len(a.Departures) > 0 {
			accepted = append(accepted, a)
		}
	}
	allowed.Accepted = accepted
	return allowed
}

func lintReport(report *reports.Lint) anyReport {
	return anyReport{
		write: func(w io.Writer, form string, o reports.TextOptions) error {
			switch form {
			case "json":
				return reports.LintJSON(w, report)
			case "markdown":
				return reports.LintMarkdown(w, report)
			case "junit":
				return reports.LintJUnit(w, report)
			case "html":
				return reports.LintHTML(w, report)
			}
			return reports.LintText(w, report, o)
		},
		annotations: func(w io.Writer) error { return reports.LintAnnotations(w, report) },
	}
}
