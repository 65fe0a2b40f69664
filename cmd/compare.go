package cmd

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"cfsverify/canon"
	"cfsverify/canon/erofs"
	"cfsverify/canon/policy"
	"cfsverify/compare"
	"cfsverify/importers"
	"cfsverify/reports"
)

func newInsideVsOutside(r *run) *cobra.Command {
	c := &cobra.Command{
		Use:   "inside-vs-outside INSIDE OUTSIDE",
		Short: "Compare a root file system scanned in a build with the image that came of it",
		Long: `Compare the root file system of a build stage, scanned through a bind mount, with
the image that the build made of it. INSIDE is a directory, or a dump file that
cfsverify dump wrote in the build; OUTSIDE is a container image.

` + sourcesHelp + `
Exit status: 0 the digests are the same, 1 they differ, 2 trouble.`,
		Example: `  cfsverify inside-vs-outside /target oci:image:latest
  cfsverify inside-vs-outside dump:inside.dump docker://registry.example/os:1`,
		Args: cobra.ExactArgs(2),
	}
	f := addComparison(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		sources, err := parsePair(args)
		if err != nil {
			return err
		}
		a, b := sources[0], sources[1]
		if a.Transport != importers.Dir && a.Transport != importers.Dump {
			return fmt.Errorf("%v: INSIDE is a directory or a dump file: to compare any two sources use cfsverify diff", a)
		}
		if b.Transport == importers.Dir || b.IsFinal() {
			return fmt.Errorf("%v: OUTSIDE is a container image: to compare any two sources use cfsverify diff", b)
		}
		return f.run(c.Context(), r, sources, [2]string{"inside", "outside"})
	}
	return c
}

func newDiff(r *run) *cobra.Command {
	c := &cobra.Command{
		Use:   "diff A B",
		Short: "Compare any two sources",
		Long: `Compare any two sources, whatever they are.

` + rawHelp + `
` + sourcesHelp + `
Exit status: 0 the digests are the same, or with --raw the bytes, 1 they differ, 2 trouble.`,
		Example: `  cfsverify diff oci:image:old oci:image:new
  cfsverify diff --policy raw /mnt/a /mnt/b
  cfsverify diff --raw oci:first oci:second`,
		Args: cobra.ExactArgs(2),
	}
	f := addComparison(c)
	raw := addRawFlag(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		sources, err := parsePair(args)
		if err != nil {
			return err
		}
		if *raw {
			return f.runRaw(c, r, sources)
		}
		return f.run(c.Context(), r, sources, [2]string{"a", "b"})
	}
	return c
}

func parsePair(args []string) (sources [2]importers.Source, err error) {
	for i := range sources {
		if sources[i], err = importers.ParseSource(args[i]); err != nil {
			return sources, err
		}
	}
	return sources, nil
}

// comparison is the flags of a command that compares two sources.
type comparison struct {
	recipe *recipeFlags
	look   *reportFlags
	extra  extraReports
	gate   *gateFlags
	masked *bool
}

func addComparison(c *cobra.Command) *comparison {
	return &comparison{addRecipeFlags(c), addReportFlags(c, reportForms()), addExtraReports(c), addGateFlags(c), addMaskedFlag(c)}
}

// run compares two sources that the report calls by these names.
func (f *comparison) run(ctx context.Context, r *run, sources [2]importers.Source, names [2]string) error {
	files, err := f.extra.parse()
	if err != nil {
		return err
	}
	rec, err := f.recipe.recipe(sources[0].IsFinal() && sources[1].IsFinal())
	if err != nil {
		return err
	}
	report, err := rec.compare(ctx, r.Err, sources, names, *f.masked)
	if err != nil {
		return err
	}
	if err := f.gate.apply(report, time.Now()); err != nil {
		return err
	}
	if !report.Passed() {
		r.status = statusDifferent
	}
	return f.look.write(ctx, r, comparisonReport(report), files)
}

// compare imports both sources side by side, compares trees and images, and
// explains what differs.
func (rec setting) compare(ctx context.Context, stderr *os.File, sources [2]importers.Source, names [2]string, masked bool) (*reports.Report, error) {
	if err := rec.warnXattrs(stderr, sources[:]...); err != nil {
		return nil, err
	}
	rec.imports.Headers = true
	imports, err := loadAll(ctx, stderr, sources[:], rec.imports)
	if err != nil {
		return nil, err
	}
	if err := rec.useVersion(imports); err != nil {
		return nil, err
	}
	report := &reports.Report{Recipe: rec.report()}
	created := imports[0].Created
	if created == nil {
		created = imports[1].Created
	}
	e := explanation{rec: rec, masked: masked}
	group, _ := errgroup.WithContext(ctx)
	for i, side := range []*reports.Side{&report.A, &report.B} {
		group.Go(func() error {
			*side = reports.Side{Name: names[i], Source: sources[i].String(), Layers: imports[i].Layers}
			e.raw[i], e.created[i] = imports[i].Tree.Clone(), imports[i].Created
			if e.created[i] == nil {
				e.created[i] = created
			}
			e.final[i] = imports[i].Tree
			return rec.finish(imports[i], e.created[i], side)
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return report, e.compare(ctx, report)
}

// report is the recipe as reports have it.
func (rec setting) report() reports.Recipe {
	return reports.Recipe{
		ErofsVersion: int(rec.version), Hash: rec.imports.Hash, Policy: rec.policy, LayerRules: string(rec.imports.Rules),
	}
}

// finish applies the policy to an import and fills in its side of the report.
func (rec setting) finish(imported *importers.Import, created *canon.Time, side *reports.Side) error {
	policy := rec.policy
	policy.Created = created
	if err := policy.Apply(imported.Tree); err != nil {
		return fmt.Errorf("%s: %w", side.Source, err)
	}
	erofs.Fit(imported.Tree, rec.version)
	side.Tree = imported.Tree
	for range imported.Tree.All() {
		side.Entries++
	}
	digest, err := erofs.Digest(imported.Tree, erofs.Options{Version: rec.version}, rec.imports.Hash)
	if err != nil {
		return fmt.Errorf("%s: %w", side.Source, err)
	}
	side.Digest = digest
	if imported.Other != nil {
		side.OtherRules = rec.otherRules(imported, policy)
	}
	return nil
}

// otherRules compares what the layer rules that were not chosen make of an
// image with the tree of the chosen ones.
func (rec setting) otherRules(imported *importers.Import, policy policy.Policy) *reports.OtherRules {
	other := imported.Other
	o := &reports.OtherRules{Rules: string(other.Rules)}
	for _, e := range other.Events {
		o.Events = append(o.Events, reports.RuleEvent{Layer: e.Layer, Entry: e.Entry, Path: e.Path, Effect: e.What})
	}
	err := other.Err
	if err == nil {
		err = policy.Apply(other.Tree)
	}
	if err == nil {
		erofs.Fit(other.Tree, rec.version)
		o.Digest, err = erofs.Digest(other.Tree, erofs.Options{Version: rec.version}, rec.imports.Hash)
	}
	if err != nil {
		o.Refusal = advise(err)
		return o
	}
	o.Differences = compare.Trees(imported.Tree, other.Tree)
	return o
}
