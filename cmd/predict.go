package cmd

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"cfsverify/cmd/advice"
	"cfsverify/compare/verify"
	"cfsverify/importers"
	"cfsverify/importers/engine"
	"cfsverify/importers/image"
	"cfsverify/importers/limits"
	"cfsverify/reports"
)

func newPredict(r *run) *cobra.Command {
	c := &cobra.Command{
		Use:   "predict IMAGE",
		Short: "Tell what will differ when an image is unpacked and scanned",
		Long: helpText("predict") + engineHelp() + `
` + helpText("images") + `
Exit status: 0 nothing will differ, 1 something will, 2 trouble.`,
		Example: `  cfsverify predict docker://registry.example/base:1
  cfsverify predict --engine containers-storage --output json oci:image:latest`,
		Args: cobra.ExactArgs(1),
	}
	flags := addRecipeFlags(c)
	engines := c.Flags().StringSlice("engine", nil, "the engines to predict, by `NAME`, all by default")
	look := addReportFlags(c, reports.Prediction{})
	masked := addMaskedFlag(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		chosen, err := engine.Choose(*engines)
		if err != nil {
			return err
		}
		s, err := flags.setting(anyImage)
		if err != nil {
			return err
		}
		source, err := importers.ParseSource(args[0])
		if err != nil {
			return err
		}
		if !source.HasLayers() {
			return fmt.Errorf("%v has no layers: predict needs a container image", source)
		}
		return s.predict(c.Context(), r, look, source, chosen, *masked)
	}
	return c
}

func engineHelp() string {
	var help strings.Builder
	for _, e := range engine.Engines() {
		fmt.Fprintf(&help, "    %-20s %s\n", e.Name, e.Summary)
	}
	return help.String()
}

// predict compares what engines will show of an image with its layers.
func (s *setting) predict(ctx context.Context, r *run, look *reportFlags, source importers.Source, engines []engine.Engine, masked bool) error {
	unpacked, err := withImage(ctx, r.Err, source, s.imports, func(ctx context.Context, img *image.Image, reading image.ReadOptions) (*importers.Unpacked, error) {
		return importers.Unpack(ctx, img, reading, s.imports.Rules, engines)
	})
	if err != nil {
		return err
	}
	p, err := s.prediction(ctx, unpacked, source, masked)
	if err != nil {
		return err
	}
	if !p.Same() {
		r.status = statusDifferent
	}
	return look.write(ctx, r, reports.Prediction{Prediction: p}, nil)
}

func (s *setting) prediction(ctx context.Context, u *importers.Unpacked, source importers.Source, masked bool) (*verify.Prediction, error) {
	var unpacked []verify.Unpacked
	for _, e := range u.Engines {
		unpacked = append(unpacked, verify.Unpacked{Engine: e.Engine.Name, Tree: e.Tree, Err: e.Err})
	}
	o := verify.Options{Rules: s.imports.Rules, Masked: masked}
	p, err := limits.InTime(ctx, s.imports.Timeout, fmt.Sprintf("what engines make of %v could not be compared", source), func(ctx context.Context) (*verify.Prediction, error) {
		return verify.Predict(ctx, inputOf("outside", source, u.Image), unpacked, u.Time, s.Recipe, o)
	})
	if err == nil {
		advice.WrapSide(&p.Image)
	}
	return p, err
}
