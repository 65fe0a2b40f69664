package cmd

import (
	"context"
	"fmt"
	"os"
	"slices"

	"golang.org/x/sync/errgroup"

	"cfsverify/canon"
	"cfsverify/canon/erofs"
	"cfsverify/canon/policy"
	"cfsverify/canon/recipe"
	"cfsverify/cmd/advice"
	"cfsverify/cmd/messages"
	"cfsverify/cmd/progress"
	"cfsverify/compare/verify"
	"cfsverify/importers"
	"cfsverify/importers/image"
	"cfsverify/importers/objects"
	"cfsverify/importers/scan"
	"cfsverify/reports"
)

// loadAll imports sources side by side.
func loadAll(ctx context.Context, stderr *os.File, sources []importers.Source, o importers.Options) ([]*importers.Import, error) {
	if err := importers.Check(o, sources...); err != nil {
		return nil, err
	}
	shown := progress.Start(stderr)
	o.Progress = shown.Add
	if len(sources) > 1 {
		o.Shared = &image.Shared{}
	}
	imports := make([]*importers.Import, len(sources))
	group, ctx := errgroup.WithContext(ctx)
	for i, s := range sources {
		group.Go(func() (err error) {
			imports[i], err = importers.Load(ctx, s, o)
			return err
		})
	}
	err := group.Wait()
	shown.Stop()
	if err != nil {
		return nil, err
	}
	for _, read := range imports {
		if read.RecordErr != nil {
			if err := messages.Note(stderr, "%v", read.RecordErr); err != nil {
				return nil, err
			}
		}
	}
	return imports, nil
}

// withImage opens a container image for some work, and shows how far its reading is.
func withImage[T any](ctx context.Context, stderr *os.File, source importers.Source, o importers.Options, work func(context.Context, *image.Image, image.ReadOptions) (T, error)) (result T, err error) {
	if err := importers.Check(o, source); err != nil {
		return result, err
	}
	shown := progress.Start(stderr)
	defer shown.Stop()
	o.Progress = shown.Add
	return importers.With(ctx, source, o.Platform, o.Timeout, func(ctx context.Context, img *image.Image) (T, error) { return work(ctx, img, o.Reading()) })
}

// load imports one source.
func load(ctx context.Context, stderr *os.File, source importers.Source, o importers.Options) (*importers.Import, error) {
	imports, err := loadAll(ctx, stderr, []importers.Source{source}, o)
	if err != nil {
		return nil, err
	}
	return imports[0], nil
}

// inputOf is an import as verify compares it.
func inputOf(name string, s importers.Source, imported *importers.Import) verify.Input {
	return verify.Input{Name: name, Source: s.Name(), Tree: imported.Tree, Created: imported.Created, Final: s.IsFinal(), Written: imported.Written, Layers: imported.Layers, Other: imported.Other}
}

// warnXattrs tells if a scan cannot see all that the policy keeps.
func (s *setting) warnXattrs(stderr *os.File, sources ...importers.Source) error {
	if s.Policy.Xattrs != policy.XattrAll || !slices.ContainsFunc(sources, importers.Source.IsScan) || scan.SeesTrustedXattrs() {
		return nil
	}
	return messages.Note(stderr, "without CAP_SYS_ADMIN on the host the kernel hides trusted.* xattrs, so the digest lacks those that there may be: run as root, or leave them out with --xattrs user")
}

// warnCorners tells on stderr if another program writes another image of a source, whose
// tree has the policy applied, where there is no report to say so.
func (s *setting) warnCorners(stderr *os.File, source importers.Source, tree *canon.Tree) error {
	corners := erofs.Corners(tree, s.Version)
	if len(corners) == 0 {
		return nil
	}
	return messages.Note(stderr, "%s; --writer chooses", reports.CornersText(source.String(), corners, s.Writer))
}

// loadOne reads the flags, and loads a source by them; objects may be nil.
func (f *recipeFlags) loadOne(ctx context.Context, stderr *os.File, source importers.Source, objects *objects.Store) (*importers.Import, setting, error) {
	s, err := f.setting(source)
	if err != nil {
		return nil, s, err
	}
	s.imports.Objects = objects
	imported, err := s.load(ctx, stderr, source)
	return imported, s, err
}

// load imports one source and applies the policy to it. It is not fitted to the version,
// as a dump file holds what an image of it cannot tell.
func (s *setting) load(ctx context.Context, stderr *os.File, source importers.Source) (*importers.Import, error) {
	if err := s.warnXattrs(stderr, source); err != nil {
		return nil, err
	}
	imported, err := load(ctx, stderr, source, s.imports)
	if err != nil {
		return nil, err
	}
	return imported, s.apply(stderr, source, imported)
}

// warnBootMtime tells on stderr if bootc and composefs-rs make different digests of a tree,
// unless the user chose.
func (s *setting) warnBootMtime(stderr *os.File, source importers.Source, t *canon.Tree) error {
	if !s.Policy.Boot.Prepares() || s.bootGiven || s.Version == erofs.V2 || s.Policy.Mtime == policy.MtimeSeconds || !policy.BootPrecisionMatters(t) {
		return nil
	}
	return messages.Note(stderr, "of %v bootc and composefs-rs make different digests for booting, as /usr, /boot and /sysroot have different nanoseconds: this one is bootc's, that of composefs-rs is given by --for composefs-rs", source)
}

// apply applies the policy to what was imported.
func (s *setting) apply(stderr *os.File, source importers.Source, imported *importers.Import) error {
	if err := s.useFormat(imported); err != nil {
		return err
	}
	if err := s.warnBootMtime(stderr, source, imported.Tree); err != nil {
		return err
	}
	r := s.Recipe
	r.Policy.Created, r.Policy.Labelled = imported.Created, source.IsFinal()
	if err := r.Policy.Apply(imported.Tree); err != nil {
		return fmt.Errorf("%v: %w", source, err)
	}
	if s.forKernel && !s.rulesGiven {
		return refuseOther(source, imported, r)
	}
	return warnOther(stderr, source, imported, r)
}

// warnOther tells on stderr if the layer rules that were not chosen make
// something else of an image to which the policy was applied, where there is no report
// to say so.
func warnOther(stderr *os.File, source importers.Source, imported *importers.Import, r recipe.Recipe) error {
	note, _, err := disagreement(source, imported, r)
	if note == "" {
		return err
	}
	return messages.Note(stderr, "%s", note)
}

// refuseOther is an error where warnOther tells: no kernel argument is right then, as those
// who read it have layer rules of their own.
func refuseOther(source importers.Source, imported *importers.Import, r recipe.Recipe) error {
	note, other, err := disagreement(source, imported, r)
	if note == "" {
		return err
	}
	return fmt.Errorf("%s; %s", note, advice.OfConsumers(other))
}

// disagreement says in a line what the layer rules that were not chosen make of an image
// to which the policy was applied; it is empty if they make the same digest.
func disagreement(source importers.Source, imported *importers.Import, r recipe.Recipe) (string, *verify.OtherRules, error) {
	if imported.Other == nil {
		return "", nil, nil
	}
	own, err := r.Sum(imported.Tree)
	if err != nil {
		return "", nil, fmt.Errorf("%v: %w", source, err)
	}
	other := verify.CompareRules(imported.Tree, imported.Other, r)
	other.Err = advice.Wrap(other.Err)
	return reports.DisagreementNote(source.String(), other, own), other, nil
}
