package cmd

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"cfsverify/canon/fsverity"
	"cfsverify/importers"
	"cfsverify/reports"
)

const rawHelp = `With --raw two images are compared byte by byte, as two builds that should be
identical: the report tells which layer first differs, at which tar entry, in which
header field or byte of its content, what else differs, and the likely cause. The
manifests, configs and blobs of all layers decide whether they are the same.
`

// rawFlags go with --raw; the others are about trees and digests.
var rawFlags = [...]string{"raw", "output", "color", "verbose", "quiet", "platform", "timeout", "max-entries", "max-size", "max-metadata", "max-ratio"}

func addRawFlag(c *cobra.Command) *bool {
	return c.Flags().Bool("raw", false, "compare the bytes of two images, not their trees")
}

func (f *comparison) runRaw(c *cobra.Command, r *run, sources []importers.Source) error {
	for _, s := range sources {
		if !hasLayers(s) {
			return fmt.Errorf("%v has no layers: --raw compares container images", s)
		}
	}
	if err := checkRawFlags(c); err != nil {
		return err
	}
	if form := f.look.output.value; !slices.Contains(formsOf(reports.Raw{}), form) {
		return fmt.Errorf("--output %s does not go with --raw: use text or json", form)
	}
	if err := checkStdin(sources); err != nil {
		return err
	}
	// Any hash will do, as no tree is made.
	options, err := f.recipe.imports.options(fsverity.SHA512)
	if err != nil {
		return err
	}
	progress := startProgress(r.Err)
	options.Progress = progress.add
	images, err := importers.CompareRaw(c.Context(), sources[0], sources[1], options)
	progress.stop()
	if err != nil {
		return err
	}
	if !images.Same() {
		r.status = statusDifferent
	}
	return f.look.write(c.Context(), r, reports.Raw{Images: images}, nil)
}

// checkRawFlags refuses what would have no effect.
func checkRawFlags(c *cobra.Command) error {
	var wrong []string
	c.Flags().Visit(func(f *pflag.Flag) {
		if !slices.Contains(rawFlags[:], f.Name) {
			wrong = append(wrong, "--"+f.Name)
		}
	})
	if len(wrong) > 0 {
		return fmt.Errorf("with --raw bytes are compared, not trees, so leave out %s", strings.Join(wrong, ", "))
	}
	return nil
}
