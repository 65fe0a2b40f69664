package cmd

import (
	"context"
	"fmt"
	"os"

	"golang.org/x/sync/errgroup"

	"cfsverify/importers"
)

// loadAll imports sources side by side.
func (rec recipe) loadAll(ctx context.Context, stderr *os.File, sources []importers.Source, objects *importers.ObjectStore) ([]*importers.Import, error) {
	progress := startProgress(stderr)
	defer progress.stop()
	imports := make([]*importers.Import, len(sources))
	group, ctx := errgroup.WithContext(ctx)
	for i, s := range sources {
		group.Go(func() (err error) {
			imports[i], err = importers.Load(ctx, s, importers.Options{
				Hash: rec.hash, Platform: rec.platform, Rules: rec.rules, Lenient: rec.lenient, Objects: objects, Progress: progress.add,
			})
			return err
		})
	}
	return imports, group.Wait()
}

// loadOne imports one source and applies the policy to it.
func (f *recipeFlags) loadOne(ctx context.Context, stderr *os.File, arg string, objects *importers.ObjectStore) (*importers.Import, recipe, error) {
	source, err := importers.ParseSource(arg)
	if err != nil {
		return nil, recipe{}, err
	}
	rec, err := f.recipe(source.IsFinal())
	if err != nil {
		return nil, recipe{}, err
	}
	imports, err := rec.loadAll(ctx, stderr, []importers.Source{source}, objects)
	if err != nil {
		return nil, recipe{}, err
	}
	rec.useVersion(imports)
	policy := rec.policy
	policy.Created = imports[0].Created
	if err := policy.Apply(imports[0].Tree); err != nil {
		return nil, recipe{}, fmt.Errorf("%v: %w", source, err)
	}
	return imports[0], rec, nil
}
