package cmd

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"cfsverify/canon"
	"cfsverify/canon/policy"
	"cfsverify/cmd/progress"
	"cfsverify/importers"
	"cfsverify/importers/content"
	"cfsverify/importers/engine"
	"cfsverify/importers/image"
	"cfsverify/importers/labels"
	"cfsverify/importers/layer"
	"cfsverify/importers/layout"
	"cfsverify/importers/rewrite"
	"cfsverify/reports"
)

func newRepair(r *run) *cobra.Command {
	c := &cobra.Command{
		Use:   "repair IMAGE -o oci:PATH[:TAG]",
		Short: "Rewrite an image so that what engines unpack is what its layers say",
		Long: helpText("repair") + helpText("images") + `
Exit status: 0 nothing will differ in any engine that predict knows, 1 something
will, 2 trouble, and the layout is as before.`,
		Example: `  cfsverify repair -o oci:repaired:1 docker://registry.example/base:1`,
		Args:    cobra.ExactArgs(1),
	}
	flags := addRecipeFlags(c)
	output := addLayoutFlag(c)
	look := addTextFlags(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		s, err := flags.setting(anyImage)
		if err != nil {
			return err
		}
		if s.imports.Rules != layer.RulesOCI {
			return fmt.Errorf("repair reads layers by the rules %s only: what it writes is the same by all rules", layer.RulesOCI)
		}
		source, target, err := parseRewrite(args[0], *output)
		if err != nil {
			return err
		}
		report, err := r.repair(c.Context(), s, source, target)
		if err != nil {
			return err
		}
		if !report.Prediction.Same() {
			r.status = statusDifferent
		}
		return look.write(c.Context(), r, report, nil)
	}
	return c
}

// repair writes a repaired image and says what engines will make of it.
func (r *run) repair(ctx context.Context, s setting, source, target importers.Source) (report *reports.Repair, err error) {
	files, err := content.Of(source, "", r.ifInterrupted)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, files.Close()) }()
	out, err := layout.NewWriter(ctx, target, r.waiting(target, s.imports))
	if err != nil {
		return nil, err
	}
	r.ifInterrupted(out.Close)
	defer func() { err = errors.Join(err, out.Close()) }()
	if !source.HasLayers() {
		return nil, fmt.Errorf("%v has no layers: repair needs a container image", source)
	}
	shown := progress.Start(r.Err)
	defer shown.Stop()
	s.imports.Progress = shown.Add
	before := s.Recipe
	repaired, err := importers.With(ctx, source, s.imports.Platform, s.imports.Timeout, func(ctx context.Context, img *image.Image) (*rewrite.Repaired, error) {
		before.Policy.Created = img.Created
		o := rewrite.RepairOptions{ReadOptions: s.imports.Reading(), Platform: s.imports.Platform}
		o.Objects = files.Store
		repaired, err := rewrite.Repair(ctx, img, out, o)
		if err == nil && s.imports.Labels {
			err = labels.FromImage(ctx, img, o.ReadOptions, repaired.Tree)
		}
		return repaired, err
	})
	if err != nil {
		return nil, err
	}
	if usr := repaired.Tree.Lookup("/usr"); !s.rootGiven && (usr == nil || usr.Node.Kind != canon.Directory) {
		// What is written does not depend on where the root takes its metadata from.
		s.Policy.Root, before.Policy.Root = policy.RootEpoch, policy.RootEpoch
	}
	report = &reports.Repair{Target: target.Name(), Manifest: repaired.Manifest.Digest.String(), Layers: repaired.Layers, Changes: repaired.Changes}
	if report.Before, err = before.Apply(repaired.Tree); err != nil {
		return nil, fmt.Errorf("%v: %w", source, err)
	}
	again, err := importers.WithStaged(ctx, out, repaired.Manifest, s.imports.Timeout, func(ctx context.Context, img *image.Image) (*importers.Unpacked, error) {
		return importers.Unpack(ctx, img, s.imports.Reading(), s.imports.Rules, engine.Engines())
	})
	if err != nil {
		return nil, err
	}
	if report.Prediction, err = s.prediction(ctx, again, target, false); err != nil {
		return nil, err
	}
	report.After = report.Prediction.Image.Digest
	return report, out.Commit(ctx, repaired.Manifest)
}
