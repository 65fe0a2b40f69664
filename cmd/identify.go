package cmd

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"cfsverify/canon"
	"cfsverify/cmd/flags"
	"cfsverify/cmd/named"
	"cfsverify/compare/identify"
	"cfsverify/importers"
	"cfsverify/importers/composefs"
	"cfsverify/reports"
)

func newIdentify(r *run) *cobra.Command {
	c := &cobra.Command{
		Use:   "identify --digest HEX SOURCE…",
		Short: "Find the recipe by which a digest was made",
		Long: helpText("identify") + helpText("sources") + `
Exit status: 0 found, 1 not found, 2 trouble.`,
		Example: `  cfsverify identify --digest "$(grep -o 'composefs[^ ]*' /proc/cmdline)" oci:image:latest`,
		Args:    cobra.MinimumNArgs(1),
	}
	imports := flags.AddImport(c)
	hex := c.Flags().String("digest", "", "the digest, 64 or 128 hexadecimal digits (`HEX`), or the argument of a kernel command line that has it")
	// The only error is a flag that is not there.
	if err := c.MarkFlagRequired("digest"); err != nil {
		panic(err)
	}
	c.RunE = func(c *cobra.Command, args []string) error {
		want, err := named.Digest(*hex)
		if err != nil {
			return fmt.Errorf("--digest: %w", err)
		}
		options, err := imports.Options(want.Algorithm())
		if err != nil {
			return err
		}
		sources, err := parseSources(args)
		if err != nil {
			return err
		}
		search := identification{reports.Identification{Want: want}}
		if err := search.sources(c.Context(), r.Err, sources, options); err != nil {
			return err
		}
		if len(search.Found) == 0 {
			r.status = statusDifferent
		}
		return reports.Write(r.Out, reports.Text, &search.Identification, reports.Options{})
	}
	return c
}

func parseSources(args []string) ([]importers.Source, error) {
	sources := make([]importers.Source, len(args))
	for i, arg := range args {
		var err error
		if sources[i], err = importers.ParseSource(arg); err != nil {
			return nil, err
		}
	}
	return sources, nil
}

// identification is the search for a digest.
type identification struct{ reports.Identification }

// sources looks for the digest in all sources.
func (id *identification) sources(ctx context.Context, stderr *os.File, sources []importers.Source, o importers.Options) error {
	o.Labels = true
	if err := importers.Check(o, sources...); err != nil {
		return err
	}
	for _, s := range sources {
		if err := id.source(ctx, stderr, s, o); err != nil {
			return err
		}
	}
	return nil
}

// source looks for the digest in a source.
func (id *identification) source(ctx context.Context, stderr *os.File, s importers.Source, o importers.Options) error {
	imported, err := load(ctx, stderr, s, o)
	var other *composefs.HashError
	if errors.As(err, &other) {
		id.Nearest = append(id.Nearest, reports.Identified{Source: s.Name(), Has: other.Has})
		return nil
	}
	if err != nil {
		return err
	}
	if err := id.tree(ctx, s, imported.Tree, imported.Created, o); err != nil {
		return err
	}
	if other := imported.Other; other != nil && other.Tree != nil {
		o.Rules = other.Rules
		return id.tree(ctx, s, other.Tree, imported.Created, o)
	}
	return nil
}

func (id *identification) tree(ctx context.Context, s importers.Source, tree *canon.Tree, created *canon.Time, o importers.Options) error {
	result, err := identify.Search(ctx, tree, created, id.Want, identify.Origin{Layers: s.HasLayers(), Final: s.IsFinal()}, o.Timeout)
	if err != nil {
		return fmt.Errorf("%v: %w", s, err)
	}
	id.Tried += result.Tried
	for _, found := range result.Found {
		id.Found = append(id.Found, reports.Identified{Source: s.Name(), Rules: o.Rules, Made: found})
	}
	if len(result.Makers) > 0 {
		id.Makers = append(id.Makers, reports.Makers{Source: s.Name(), Releases: result.Makers})
	}
	for _, made := range result.Usual {
		id.Nearest = append(id.Nearest, reports.Identified{Source: s.Name(), Rules: o.Rules, Made: made})
	}
	return nil
}
