package cmd

import (
	"context"
	"fmt"
	"os"

	"golang.org/x/sync/errgroup"

	"cfsverify/canon"
	"cfsverify/importers"
)

// loadAll imports sources side by side.
func (rec recipe) loadAll(ctx context.Context, stderr *os.File, sources []importers.Source) ([]*importers.Import, error) {
	progress := startProgress(stderr)
	defer progress.stop()
	imports := make([]*importers.Import, len(sources))
	group, ctx := errgroup.WithContext(ctx)
	for i, s := range sources {
		group.Go(func() (err error) {
			imports[i], err = importers.Load(ctx, s, importers.Options{
				Hash: rec.hash, Platform: rec.platform, Rules: rec.rules, Progress: progress.add,
			})
			return err
		})
	}
	return imports, group.Wait()
}

// loadTree imports one source and applies the policy to it.
func (f *recipeFlags) loadTree(ctx context.Context, stderr *os.File, arg string) (*canon.Tree, recipe, error) {
	source, err := importers.ParseSource(arg)
	if err != nil {
		return nil, recipe{}, err
	}
	rec, err := f.recipe(source.IsFinal())
	if err != nil {
		return nil, recipe{}, err
	}
	imports, err := rec.loadAll(ctx, stderr, []importers.Source{source})
	if err != nil {
		return nil, recipe{}, err
	}
	policy := rec.policy
	policy.Created = imports[0].Created
	if err := policy.Apply(imports[0].Tree); err != nil {
		return nil, recipe{}, fmt.Errorf("%v: %w", source, err)
	}
	return imports[0].Tree, rec, nil
}
