package cmd

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"cfsverify/cmd/advice"
	"cfsverify/compare/gate"
	"cfsverify/compare/verify"
	"cfsverify/importers"
	"cfsverify/importers/limits"
	"cfsverify/reports"
)

func newInsideVsOutside(r *run) *cobra.Command {
	c := &cobra.Command{
		Use:   "inside-vs-outside [INSIDE] OUTSIDE",
		Short: "Compare a root file system scanned in a build with the image that came of it",
		Long: helpText("inside-vs-outside") + helpText("sources") + `
Exit status: 0 the digests are the same, 1 they differ, 2 trouble.`,
		Example: `  cfsverify inside-vs-outside dir:/target oci:image:latest
  cfsverify inside-vs-outside dump:inside.dump docker://registry.example/os:1
  cfsverify inside-vs-outside containers-storage:localhost/os:1`,
		Args: cobra.RangeArgs(1, 2),
	}
	f := addComparison(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		sources, err := parseSources(args)
		if err != nil {
			return err
		}
		if sources, err = insideAndOutside(sources); err != nil {
			return err
		}
		return f.run(c.Context(), r, sources, [2]string{"inside", "outside"})
	}
	return c
}

// insideAndOutside are the two sources to compare. One that is named alone has both sides:
// its layers, and what the engine unpacked of them.
func insideAndOutside(sources []importers.Source) ([]importers.Source, error) {
	if len(sources) == 1 {
		unpacked, ok := sources[0].Unpacked()
		if !ok {
			return nil, fmt.Errorf("%v: name INSIDE and OUTSIDE, or an image in a local storage, such as containers-storage:NAME, which has both", sources[0])
		}
		sources = []importers.Source{unpacked, sources[0]}
	}
	a, b := sources[0], sources[1]
	if !a.IsScan() && a.Transport != importers.Dump {
		return nil, fmt.Errorf("%v: INSIDE is a directory, a dump file or unpacked:IMAGE: to compare any two sources use cfsverify diff", a)
	}
	if !b.HasLayers() {
		return nil, fmt.Errorf("%v: OUTSIDE is a container image: to compare any two sources use cfsverify diff", b)
	}
	return sources, nil
}

func newDiff(r *run) *cobra.Command {
	c := &cobra.Command{
		Use:   "diff A B",
		Short: "Compare any two sources",
		Long: `Compare any two sources, whatever they are. A dump file or composefs image that was
written after the tree had been prepared for booting is recognised, as by
inside-vs-outside.

` + helpText("raw") + `
` + helpText("sources") + `
Exit status: 0 the digests are the same, or with --raw the bytes, 1 they differ, 2 trouble.`,
		Example: `  cfsverify diff oci:image:old oci:image:new
  cfsverify diff --policy raw dir:/mnt/a dir:/mnt/b
  cfsverify diff --raw oci:first oci:second`,
		Args: cobra.ExactArgs(2),
	}
	f := addComparison(c)
	raw := addRawFlag(c)
	c.PreRunE = func(c *cobra.Command, _ []string) error {
		if *raw {
			return f.checkRaw(c)
		}
		return f.check()
	}
	c.RunE = func(c *cobra.Command, args []string) error {
		sources, err := parseSources(args)
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

// comparison is the flags of a command that compares two sources.
type comparison struct {
	recipe *recipeFlags
	look   *reportFlags
	extra  extraReports
	gate   *gateFlags
	masked *bool
	// files and judge are what extra and gate come to.
	files []extraReport
	judge *gate.Gate
}

func addComparison(c *cobra.Command) *comparison {
	f := &comparison{recipe: addRecipeFlags(c), look: addReportFlags(c, reports.Comparison{}), extra: addExtraReports(c), gate: addGateFlags(c), masked: addMaskedFlag(c)}
	c.PreRunE = func(*cobra.Command, []string) error { return f.check() }
	return f
}

// check reads the flags as far as they do not depend on the sources.
func (f *comparison) check() (err error) {
	if f.files, err = f.extra.parse(); err != nil {
		return err
	}
	if f.judge, err = f.gate.read(); err != nil {
		return err
	}
	return f.recipe.check()
}

// run compares two sources that the report calls by these names.
func (f *comparison) run(ctx context.Context, r *run, sources []importers.Source, names [2]string) error {
	s, err := f.recipe.setting(sources...)
	if err != nil {
		return err
	}
	s.imports.Labels = s.imports.Labels || s.recognise && (sources[0].IsFinal() || sources[1].IsFinal())
	inputs, err := s.loadPair(ctx, r.Err, sources, names)
	if err != nil {
		return err
	}
	o := verify.Options{Rules: s.imports.Rules, RulesChosen: s.rulesGiven, Masked: *f.masked, Gate: f.judge, Recognise: s.recognise, KeepWriter: s.writerGiven}
	result, err := limits.InTime(ctx, s.imports.Timeout, fmt.Sprintf("%v and %v could not be compared", sources[0], sources[1]), func(ctx context.Context) (*verify.Result, error) {
		return verify.Run(ctx, inputs, s.Recipe, o)
	})
	if err != nil {
		return err
	}
	advice.WrapResult(result)
	if !result.Passed() {
		r.status = statusDifferent
	}
	return f.look.write(ctx, r, reports.Comparison{Result: result}, f.files)
}

// loadPair imports two sources side by side, as explanations of differences need them.
func (s *setting) loadPair(ctx context.Context, stderr *os.File, sources []importers.Source, names [2]string) (inputs [2]verify.Input, err error) {
	if err := s.warnXattrs(stderr, sources...); err != nil {
		return inputs, err
	}
	s.imports.Headers = true
	imports, err := loadAll(ctx, stderr, sources, s.imports)
	if err != nil {
		return inputs, err
	}
	for i := range inputs {
		inputs[i] = inputOf(names[i], sources[i], imports[i])
	}
	return inputs, s.useFormat(imports...)
}
