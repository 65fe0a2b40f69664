package cmd

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"cfsverify/compare/verify"
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
		source, err := importers.ParseSource(args[0])
		if err != nil {
			return err
		}
		if !hasLayers(source) {
			return fmt.Errorf("%v has no layers: predict needs a container image", source)
		}
		s, err := flags.setting(false)
		if err != nil {
			return err
		}
		if s.imports.Engines, err = chooseEngines(*engines); err != nil {
			return err
		}
		return s.predict(c.Context(), r, look, source, *masked)
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
func (s *setting) predict(ctx context.Context, r *run, look *reportFlags, source importers.Source, masked bool) error {
	imported, err := load(ctx, r.Err, source, s.imports)
	if err != nil {
		return err
	}
	p, err := s.prediction(ctx, imported, source, masked)
	if err != nil {
		return err
	}
	if !p.Same() {
		r.status = statusDifferent
	}
	return look.write(ctx, r, reports.Prediction{Prediction: p}, nil)
}

// prediction is for an image that was imported with engines.
func (s *setting) prediction(ctx context.Context, imported *importers.Import, source importers.Source, masked bool) (*verify.Prediction, error) {
	var unpacked []verify.Unpacked
	for _, u := range imported.Unpacked {
		unpacked = append(unpacked, verify.Unpacked{Engine: u.Engine.Name, Tree: u.Tree, Err: u.Err})
	}
	p, err := verify.Predict(ctx, inputOf("outside", source, imported), unpacked, imported.UnpackTime, s.Recipe, verify.Options{Rules: s.imports.Rules, Masked: masked})
	if err == nil {
		advise(&p.Image)
	}
	return p, err
}
