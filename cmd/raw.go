package cmd

import (
	"fmt"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"cfsverify/canon/fsverity"
	"cfsverify/canon/printable"
	"cfsverify/cmd/progress"
	"cfsverify/importers"
	"cfsverify/reports"
)

// rawFlags go with --raw; the others are about trees and digests.
var rawFlags = [...]string{"raw", "output", "color", "verbose", "quiet", "platform", "timeout", "max-entries", "max-size", "max-metadata", "max-ratio"}

func addRawFlag(c *cobra.Command) *bool {
	return c.Flags().Bool("raw", false, "compare the bytes of two images, not their trees")
}

func (f *comparison) runRaw(c *cobra.Command, r *run, sources []importers.Source) error {
	for _, s := range sources {
		if !s.HasLayers() {
			return fmt.Errorf("%v has no layers: --raw compares container images", s)
		}
	}
	// Any hash will do, as no tree is made.
	o, err := f.recipe.imports.Options(fsverity.SHA512)
	if err != nil {
		return err
	}
	if err := importers.Check(o, sources...); err != nil {
		return err
	}
	shown := progress.Start(r.Err)
	images, err := importers.CompareRaw(c.Context(), sources[0], sources[1],
		importers.RawOptions{Platform: o.Platform, Limits: o.Limits, Timeout: o.Timeout, Progress: shown.Add})
	shown.Stop()
	if err != nil {
		return err
	}
	if !images.Same() {
		r.status = statusDifferent
	}
	return f.look.write(c.Context(), r, reports.Raw{Images: images}, nil)
}

// checkRaw refuses what would have no effect, and what is wrong.
func (f *comparison) checkRaw(c *cobra.Command) error {
	var wrong []string
	c.Flags().Visit(func(f *pflag.Flag) {
		if !slices.Contains(rawFlags[:], f.Name) {
			wrong = append(wrong, "--"+f.Name)
		}
	})
	if len(wrong) > 0 {
		return fmt.Errorf("with --raw bytes are compared, not trees, so leave out %s", printable.List(wrong))
	}
	if form := f.look.output.Value; !slices.Contains(formsOf(reports.Raw{}), form) {
		return fmt.Errorf("--output %s does not go with --raw: use text or json", form)
	}
	return f.recipe.check()
}
