package cmd

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"cfsverify/canon"
	"cfsverify/importers"
	"cfsverify/reports"
)

func newPredict(r *run) *cobra.Command {
	c := &cobra.Command{
		Use:   "predict IMAGE",
		Short: "Tell what will differ when an image is unpacked and scanned",
		Long: `Tell from the layers alone, without unpacking, root or an engine, what a scan of
the unpacked image will show that the layers do not say: whether a digest made
inside a build will be that of the image. The unpacking of these engines is known:

` + engineHelp() + `
` + imagesHelp + `
Exit status: 0 nothing will differ, 1 something will, 2 trouble.`,
		Example: `  cfsverify predict docker://registry.example/base:1
  cfsverify predict --engine containers-storage --output json oci:image:latest`,
		Args: cobra.ExactArgs(1),
	}
	flags := addRecipeFlags(c)
	engines := c.Flags().StringSlice("engine", nil, "the engines to predict, by `NAME`, all by default")
	look := addReportFlags(c, []string{"text", "json"})
	masked := addMaskedFlag(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		source, err := importers.ParseSource(args[0])
		if err != nil {
			return err
		}
		if source.Transport == importers.Dir || source.IsFinal() {
			return fmt.Errorf("%v has no layers: predict needs a container image", source)
		}
		rec, err := flags.recipe(false)
		if err != nil {
			return err
		}
		if rec.imports.Engines, err = chooseEngines(*engines); err != nil {
			return err
		}
		p, err := rec.predict(c.Context(), r.Err, source, *masked)
		if err != nil {
			return err
		}
		if !p.Same() {
			r.status = statusDifferent
		}
		if look.quiet {
			return nil
		}
		if look.output.value == "json" {
			return reports.PredictionJSON(r.Out, p)
		}
		return reports.PredictionText(r.Out, p, look.text(r.Out))
	}
	return c
}

func engineHelp() string {
	var help strings.Builder
	for _, e := range importers.Engines() {
		fmt.Fprintf(&help, "    %-20s %s\n", e.Name, e.Summary)
	}
	return help.String()
}

func chooseEngines(names []string) ([]importers.Engine, error) {
	all := importers.Engines()
	if len(names) == 0 {
		return all, nil
	}
	var chosen []importers.Engine
	for _, name := range names {
		i := slices.IndexFunc(all, func(e importers.Engine) bool { return e.Name == name })
		if i < 0 {
			var known []string
			for _, e := range all {
				known = append(known, e.Name)
			}
			return nil, fmt.Errorf("--engine %q is not known: use %s", name, strings.Join(known, " or "))
		}
		chosen = append(chosen, all[i])
	}
	return chosen, nil
}

// predict compares what engines will show of an image with its layers.
func (rec setting) predict(ctx context.Context, stderr *os.File, source importers.Source, masked bool) (*reports.Prediction, error) {
	imports, err := loadAll(ctx, stderr, []importers.Source{source}, rec.imports)
	if err != nil {
		return nil, err
	}
	return rec.predictOf(ctx, imports[0], source.String(), masked)
}

// predictOf does it for an image that was imported with engines.
func (rec setting) predictOf(ctx context.Context, imported *importers.Import, source string, masked bool) (*reports.Prediction, error) {
	p := &reports.Prediction{Recipe: rec.report(), Image: reports.Side{Name: "outside", Source: source, Layers: imported.Layers}}
	raw := imported.Tree.Clone()
	if err := rec.finish(imported, imported.Created, &p.Image); err != nil {
		return nil, err
	}
	for _, u := range imported.Unpacked {
		e := reports.EnginePrediction{Engine: u.Engine.Name, UnpackTime: imported.UnpackTime}
		if u.Err != nil {
			e.Refusal = u.Err.Error()
			p.Engines = append(p.Engines, e)
			continue
		}
		x := explanation{rec: rec, raw: [2]*canon.Tree{u.Tree, raw}, final: [2]*canon.Tree{u.Tree.Clone(), imported.Tree}, masked: masked}
		if err := x.predict(ctx, imported, p.Image, &e); err != nil {
			return nil, err
		}
		p.Engines = append(p.Engines, e)
	}
	return p, nil
}

// predict fills in the prediction for one engine.
func (x *explanation) predict(ctx context.Context, imported *importers.Import, image reports.Side, e *reports.EnginePrediction) error {
	x.created = [2]*canon.Time{imported.Created, imported.Created}
	inside := reports.Side{Name: "inside", Source: e.Engine}
	unpacked := importers.Import{Tree: x.final[0]}
	if err := x.rec.finish(&unpacked, imported.Created, &inside); err != nil {
		return err
	}
	r := &reports.Report{Recipe: x.rec.report(), A: inside, B: image}
	if err := x.compare(ctx, r); err != nil {
		return err
	}
	e.Differences, e.Findings, e.Masked = r.Differences, r.Findings, r.Masked
	if r.Proof == nil {
		return nil
	}
	for _, f := range r.Proof.Flags {
		if f.DigestA == f.DigestB {
			e.Flags = append(e.Flags, f)
		}
	}
	return nil
}
