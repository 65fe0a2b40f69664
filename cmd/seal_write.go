package cmd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"cfsverify/canon/erofs"
	"cfsverify/canon/policy"
	"cfsverify/canon/printable"
	"cfsverify/canon/seal"
	"cfsverify/cmd/advice"
	"cfsverify/cmd/messages"
	"cfsverify/cmd/progress"
	"cfsverify/compare/seals"
	"cfsverify/importers"
	"cfsverify/importers/image"
	"cfsverify/importers/labels"
	"cfsverify/importers/layer"
	"cfsverify/importers/layout"
	"cfsverify/importers/rewrite"
	"cfsverify/reports"
)

func newSealWrite(r *run) *cobra.Command {
	c := &cobra.Command{
		Use:   "write IMAGE -o oci:PATH[:TAG]",
		Short: "Put the digests on an image",
		Long: helpText("seal-write") + helpText("images") + `
Exit status: 0 the seals are written and all are good, 1 others are not, 2 trouble,
and the layout is as before.`,
		Example: `  cfsverify seal write --annotations -o oci:sealed:1 docker://registry.example/os:1
  cfsverify seal write --label --annotations --artifact -o oci:image:1 oci:image:1`,
		Args: cobra.ExactArgs(1),
	}
	w := sealWriter{flags: addRecipeFlags(c), run: r, stderr: r.Err}
	output := addLayoutFlag(c)
	c.Flags().BoolVar(&w.places.Label, "label", false, "write the label")
	c.Flags().BoolVar(&w.places.Annotations, "annotations", false, "write annotations")
	c.Flags().BoolVar(&w.places.Artifact, "artifact", false, "write an artifact")
	c.Flags().BoolVarP(&w.quiet, "quiet", "q", false, "print nothing: the exit status tells")
	c.RunE = func(c *cobra.Command, args []string) error {
		if err := w.readFlags(); err != nil {
			return err
		}
		source, target, err := parseRewrite(args[0], *output)
		if err != nil {
			return err
		}
		report, err := w.write(c.Context(), source, target)
		if err != nil || w.quiet {
			return err
		}
		return reports.Write(r.Out, reports.Text, report, reports.Options{})
	}
	return c
}

// sealWriter writes the seals of one image.
type sealWriter struct {
	flags  *recipeFlags
	set    setting
	places rewrite.SealPlaces
	quiet  bool
	run    *run
	stderr *os.File
	source importers.Source
	// notes are for stderr once all is written.
	notes []string
}

// readFlags reads those of all commands.
func (w *sealWriter) readFlags() (err error) {
	if w.set, err = w.flags.setting(anyImage); err != nil {
		return err
	}
	w.set.imports.Labels = true
	switch {
	case w.set.writerGiven && w.set.Writer != erofs.ComposefsRS:
		return errors.New("leave out --writer: what checks seals makes the bytes of composefs-rs")
	case !w.places.Label && !w.places.Annotations && !w.places.Artifact:
		return errors.New("say where the digests go: --label, --annotations or --artifact")
	case w.flags.bootable || len(w.flags.Consumers) > 0:
		return errors.New("leave out --bootable and --for: the digest of the bootable tree has a key of its own, and is written where the image is bootable")
	case w.set.Version != erofs.V1 && (w.places.Annotations || w.places.Artifact):
		return fmt.Errorf("there are no annotations for digests of EROFS version %d, only for those of version 1: leave out --erofs-version, or write --label only", w.set.Version)
	}
	w.set.Writer = erofs.ComposefsRS
	return nil
}

func (w *sealWriter) write(ctx context.Context, source, target importers.Source) (report *reports.SealWrite, err error) {
	w.source = source
	out, err := layout.NewWriter(ctx, target, w.run.waiting(target, w.set.imports))
	if err != nil {
		return nil, err
	}
	w.run.ifInterrupted(out.Close)
	defer func() { err = errors.Join(err, out.Close()) }()
	if !source.HasLayers() || source.Transport == importers.Tar {
		return nil, fmt.Errorf("%v has no config and manifest that seals could be in: name a container image", source)
	}
	shown := progress.Start(w.stderr)
	defer shown.Stop()
	w.set.imports.Progress = shown.Add
	o := w.set.imports
	sealed, err := importers.With(ctx, source, o.Platform, o.Timeout, func(ctx context.Context, img *image.Image) (*rewrite.Sealed, error) {
		return w.seal(ctx, img, out)
	})
	if err != nil {
		return nil, err
	}
	if err := w.check(ctx, out, sealed); err != nil {
		return nil, fmt.Errorf("%v: %w: nothing was changed", target, err)
	}
	if err := out.Commit(ctx, sealed.Manifest); err != nil {
		return nil, err
	}
	for _, key := range sealed.Stale {
		w.note("the annotation %s was of the config without the new label, and is left out", key)
	}
	if sealed.NotAlone != nil {
		w.note("the artifact has no digests of the layers alone, as one cannot stand alone: %v", sealed.NotAlone)
	}
	for _, artifact := range sealed.Replaced {
		w.note("the artifact %v had other digests of the same image, and is listed no longer", artifact)
	}
	if !w.quiet {
		for _, note := range w.notes {
			if err := messages.Note(w.stderr, "%s", note); err != nil {
				return nil, err
			}
		}
	}
	report = &reports.SealWrite{Target: target.Name(), Manifest: sealed.Manifest.Digest.String(), Seals: sealed.Seals}
	if sealed.Artifact != nil {
		target.Ref = sealed.Artifact.Digest.String()
		report.Artifact = target.Name()
	}
	return report, nil
}

// seal stages the image with its seals.
func (w *sealWriter) seal(ctx context.Context, img *image.Image, out *layout.Writer) (*rewrite.Sealed, error) {
	rules := w.set.imports.Rules
	reading := w.set.imports.Reading()
	sealer, err := rewrite.StageSeals(ctx, img, out, rewrite.SealOptions{ReadOptions: reading, Places: w.places, Rules: rules})
	if err != nil {
		return nil, err
	}
	merged, err := layer.MergeTaking(sealer.Layers, rules)
	if err != nil {
		return nil, err
	}
	if err := labels.FromImage(ctx, img, reading, merged.Tree); err != nil {
		return nil, err
	}
	digests, err := w.digests(&importers.Import{Tree: merged.Tree, Created: img.Created, Other: merged.Other})
	if err != nil {
		return nil, err
	}
	return sealer.Write(ctx, digests)
}

// check reads the new image again, and computes what its seals should be. What was
// written must be good; of others that are not there are notes.
func (w *sealWriter) check(ctx context.Context, out *layout.Writer, sealed *rewrite.Sealed) error {
	reader := sealReader{policy: w.set.Policy, boot: w.flags.Boot.Value, imports: w.set.imports, ifInterrupted: w.run.ifInterrupted}
	reader.open = func(o importers.Options, work readImage) (*importers.Sealed, error) {
		return importers.WithStaged(ctx, out, sealed.Manifest, o.Timeout, func(ctx context.Context, img *image.Image) (*importers.Sealed, error) {
			return work(ctx, img, o.Reading())
		})
	}
	again, err := reader.load(reader.imports.Hash)
	if err != nil {
		return err
	}
	others := slices.DeleteFunc(again.Seals, func(f seal.Seal) bool {
		return slices.ContainsFunc(sealed.Seals, func(s seal.Seal) bool { return s.Place == f.Place && s.Layer == f.Layer && s.Key == f.Key })
	})
	consumers, err := w.flags.Audiences()
	if err != nil {
		return err
	}
	written := len(sealed.Seals)
	checked, err := reader.check(ctx, append(slices.Clone(sealed.Seals), others...), again, seals.Options{Consumers: consumers})
	if err != nil {
		return err
	}
	for i, c := range checked.Seals {
		switch {
		case c.State == seals.Good:
		case i < written:
			return fmt.Errorf("%s was written as %v, which is not right for what was written", printable.Text(c.Key), c.Claim.Digest)
		default:
			w.run.status = statusDifferent
			w.note("the image has another seal that is not good: %s, which cfsverify seal check tells of", reports.SealPlace(c.Seal))
		}
	}
	return nil
}

func (w *sealWriter) note(format string, args ...any) {
	w.notes = append(w.notes, fmt.Sprintf(format, args...))
}

// digests computes those of the merged tree.
func (w *sealWriter) digests(imported *importers.Import) (d rewrite.SealDigests, err error) {
	bootable := imported.Tree
	if w.places.Annotations || w.places.Artifact {
		bootable = imported.Tree.Clone()
	}
	r := w.set.Recipe
	r.Policy.Created, r.Policy.Boot = imported.Created, policy.BootNo
	var corners []erofs.Corner
	if d.Merged, corners, err = r.ApplyFindingCorners(imported.Tree); err != nil {
		return d, err
	}
	if len(corners) > 0 {
		w.note("%s", reports.CornersText(w.source.String(), corners, r.Writer))
	}
	if !w.quiet {
		if err := warnOther(w.stderr, w.source, imported, r); err != nil {
			return d, err
		}
	}
	if !w.places.Annotations && !w.places.Artifact || bootable.Lookup("/boot") == nil || bootable.Lookup("/sysroot") == nil {
		return d, nil
	}
	r.Policy.Boot = w.flags.Boot.Value
	if d.Bootable, err = r.Apply(bootable); err != nil {
		// All but the preparation for booting has worked for the merged tree.
		w.note("no digest of a bootable tree is written: %v", advice.Wrap(err))
	}
	return d, nil
}
