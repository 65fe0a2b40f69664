package cmd

import (
	"context"
	"fmt"
	"os"

	"golang.org/x/sync/errgroup"

	"cfsverify/importers"
)

// loadAll imports sources side by side.
func loadAll(ctx context.Context, stderr *os.File, sources []importers.Source, o importers.Options) ([]*importers.Import, error) {
	progress := startProgress(stderr)
	defer progress.stop()
	o.Progress = progress.add
	imports := make([]*importers.Import, len(sources))
	group, ctx := errgroup.WithContext(ctx)
	for i, s := range sources {
		group.Go(func() (err error) {
			imports[i], err = importers.Load(ctx, s, o)
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
	rec.imports.Objects = objects
	imports, err := loadAll(ctx, stderr, []importers.Source{source}, rec.imports)
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
