package cmd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	"golang.org/x/sync/errgroup"

	"cfsverify/canon/erofs"
	"cfsverify/canon/policy"
	"cfsverify/importers"
)

// loadAll imports sources side by side.
func loadAll(ctx context.Context, stderr *os.File, sources []importers.Source, o importers.Options) ([]*importers.Import, error) {
	if err := checkStdin(sources); err != nil {
		return nil, err
	}
	progress := startProgress(stderr)
	defer progress.stop()
	o.Progress = progress.add
	if len(sources) > 1 {
		o.Shared = &importers.SharedLayers{}
	}
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

// checkStdin refuses to read standard input twice.
func checkStdin(sources []importers.Source) error {
	readers := 0
	for _, s := range sources {
		for _, name := range append([]string{s.Path}, s.Layers...) {
			if name == "-" {
				readers++
			}
		}
	}
	if readers > 1 {
		return errors.New("standard input (-) can be read only once: write one of the sources to a file")
	}
	return nil
}

// warnXattrs tells if a scan cannot see all that the policy keeps.
func (rec setting) warnXattrs(stderr *os.File, sources ...importers.Source) error {
	isDir := func(s importers.Source) bool { return s.Transport == importers.Dir }
	if rec.policy.Xattrs != policy.XattrAll || !slices.ContainsFunc(sources, isDir) || importers.SeesTrustedXattrs() {
		return nil
	}
	_, err := fmt.Fprintln(stderr, "cfsverify: note: without CAP_SYS_ADMIN on the host the kernel hides trusted.* xattrs, so the digest lacks those that there may be: run as root, or leave them out with --xattrs user")
	return err
}

// loadOne imports one source and applies the policy to it.
func (f *recipeFlags) loadOne(ctx context.Context, stderr *os.File, arg string, objects *importers.ObjectStore) (*importers.Import, setting, error) {
	source, err := importers.ParseSource(arg)
	if err != nil {
		return nil, setting{}, err
	}
	rec, err := f.recipe(source.IsFinal())
	if err != nil {
		return nil, setting{}, err
	}
	rec.imports.Objects = objects
	if err := rec.warnXattrs(stderr, source); err != nil {
		return nil, setting{}, err
	}
	imports, err := loadAll(ctx, stderr, []importers.Source{source}, rec.imports)
	if err != nil {
		return nil, setting{}, err
	}
	if err := rec.useVersion(imports); err != nil {
		return nil, setting{}, err
	}
	policy := rec.policy
	policy.Created = imports[0].Created
	if err := policy.Apply(imports[0].Tree); err != nil {
		return nil, setting{}, fmt.Errorf("%v: %w", source, err)
	}
	if imports[0].Other != nil {
		if err := rec.warnOther(stderr, source, imports[0], policy); err != nil {
			return nil, setting{}, err
		}
	}
	return imports[0], rec, nil
}

// warnOther tells on stderr if the layer rules that were not chosen make
// something else of an image, where there is no report to say so.
func (rec setting) warnOther(stderr *os.File, source importers.Source, imported *importers.Import, policy policy.Policy) error {
	own, err := erofs.Digest(imported.Tree, erofs.Options{Version: rec.version}, rec.imports.Hash)
	if err != nil {
		return fmt.Errorf("%v: %w", source, err)
	}
	other := rec.otherRules(imported, policy)
	switch {
	case other.Refusal != "":
		_, err = fmt.Fprintf(stderr, "cfsverify: note: tools disagree about %v: the layer rules %s refuse it: %s\n", source, other.Rules, other.Refusal)
	case other.Digest != own:
		_, err = fmt.Fprintf(stderr, "cfsverify: note: tools disagree about %v: by the layer rules %s its digest is %v\n", source, other.Rules, other.Digest)
	}
	return err
}
