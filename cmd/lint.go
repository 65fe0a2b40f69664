package cmd

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"cfsverify/canon/fsverity"
	"cfsverify/canon/tarfile"
	"cfsverify/cmd/flags"
	"cfsverify/compare/gate"
	"cfsverify/importers"
	"cfsverify/importers/image"
	"cfsverify/reports"
)

func newLint(r *run) *cobra.Command {
	c := &cobra.Command{
		Use:   "lint IMAGE",
		Short: "Tell what the layers of an image depart from",
		Long: helpText("lint") + helpText("images") + `
Exit status: 0 nothing found, 1 something, 2 trouble.`,
		Example: `  cfsverify lint oci:image:latest
  cfsverify lint --severity equality --output junit docker://registry.example/base:1
  cfsverify lint tar:layer.tar`,
		Args: cobra.ExactArgs(1),
	}
	l := &linter{run: r, imports: flags.AddLayer(c), look: addReportFlags(c, &reports.Lint{}), extra: addExtraReports(c)}
	l.severity = flags.NewEnum(c, "severity", tarfile.Reproducibility, tarfile.Severities(), "the least that is told")
	l.allow = addAllowFlag(c, "departures")
	c.RunE = func(c *cobra.Command, args []string) error {
		return l.lint(c.Context(), args[0])
	}
	return c
}

// linter is the flags of lint.
type linter struct {
	run      *run
	imports  *flags.Import
	look     *reportFlags
	extra    extraReports
	severity *flags.Enum[tarfile.Severity]
	allow    *pflag.Flag
}

func (l *linter) lint(ctx context.Context, name string) error {
	files, err := l.extra.parse()
	if err != nil {
		return err
	}
	allowed, err := l.gate()
	if err != nil {
		return err
	}
	options, err := l.imports.Options(fsverity.SHA256)
	if err != nil {
		return err
	}
	source, err := importers.ParseSource(name)
	if err != nil {
		return err
	}
	if !source.HasLayers() {
		return fmt.Errorf("%v has no layers: lint needs a container image or a layer", source)
	}
	report := &reports.Lint{Source: source.Name()}
	found, err := withImage(ctx, l.run.Err, source, options, func(ctx context.Context, img *image.Image, reading image.ReadOptions) ([]tarfile.Departure, error) {
		report.Layers = img.LayerList()
		return importers.Lint(ctx, img, reading)
	})
	if err != nil {
		return err
	}
	report.LintVerdict = gate.JudgeLint(found, l.severity.Value, allowed)
	if !report.Passed() {
		l.run.status = statusDifferent
	}
	return l.look.write(ctx, l.run, report, files)
}

// gate is nil without --allow.
func (l *linter) gate() (*gate.Gate, error) {
	if !l.allow.Changed {
		return nil, nil
	}
	return readAllowances(l.allow, gate.ParseLint)
}
