package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"cfsverify/canon"
	"cfsverify/canon/policy"
	"cfsverify/canon/tarfile"
	"cfsverify/cmd/wholefile"
	"cfsverify/importers"
	"cfsverify/importers/content"
	"cfsverify/importers/image"
)

func newTar(r *run) *cobra.Command {
	c := &cobra.Command{
		Use:   "tar SOURCE",
		Short: "Write the canonical tar of a source",
		Long:  helpText("tar") + helpText("sources"),
		Example: `  cfsverify tar -o root.tar dir:/target
  cfsverify tar --layer 2 oci:image:latest | sha256sum`,
		Args: cobra.ExactArgs(1),
	}
	flags := addRecipeFlags(c)
	flags.raw = true
	c.Flags().Lookup("policy").Usage = "what is done to the tree before it is written (raw)"
	t := tarWriter{run: r, flags: flags}
	c.Flags().StringVarP(&t.file, "output", "o", "-", "write to `FILE`, - for standard output")
	c.Flags().IntVar(&t.layer, "layer", 0, "write layer `N` of an image alone, counted from 1, with whiteouts and with the directories above what is in it")
	c.Flags().BoolVar(&t.plain, "no-global-header", false, "leave out the header that marks the tar as canonical: umoci refuses archives that have one")
	c.RunE = func(c *cobra.Command, args []string) error {
		if t.layer < 0 || c.Flags().Changed("layer") && t.layer == 0 {
			return errors.New("--layer counts from 1, the lowest layer")
		}
		if err := wholefile.Check(t.file); err != nil {
			return err
		}
		source, err := importers.ParseSource(args[0])
		switch {
		case err != nil:
			return err
		case t.layer > 0 && !source.HasLayers():
			return fmt.Errorf("%v has no layers: --layer needs an image", source)
		case flags.imports.Objects != "" && !source.IsFinal():
			return fmt.Errorf("%v has content of its own: --objects is for dump files and composefs images", source)
		}
		s, err := flags.setting(source)
		if err != nil {
			return err
		}
		if t.layer > 0 && s.Policy != policy.Raw() {
			return errors.New("--layer writes a layer as it is: leave out the policy")
		}
		return t.write(c.Context(), s, source)
	}
	return c
}

// tarWriter is the flags of tar.
type tarWriter struct {
	run   *run
	flags *recipeFlags
	file  string
	plain bool
	layer int
}

func (t *tarWriter) write(ctx context.Context, s setting, source importers.Source) (err error) {
	files, err := content.Of(source, t.flags.imports.Objects, t.run.ifInterrupted)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, files.Close()) }()
	s.imports.Objects = files.Store
	tree, err := t.tree(ctx, s, source)
	if err != nil {
		return err
	}
	err = wholefile.Write(t.file, t.run.Out, func(w io.Writer) error {
		return tarfile.Write(w, tree, tarfile.Options{Layer: t.layer > 0, NoGlobalHeader: t.plain, Open: files.Open})
	})
	if err != nil {
		return fmt.Errorf("%v: %w", source, err)
	}
	return nil
}

// tree is that of the source, or of one of its layers.
func (t *tarWriter) tree(ctx context.Context, s setting, source importers.Source) (*canon.Tree, error) {
	if t.layer == 0 {
		imported, err := s.load(ctx, t.run.Err, source)
		if err != nil {
			return nil, err
		}
		return imported.Tree, nil
	}
	return withImage(ctx, t.run.Err, source, s.imports, func(ctx context.Context, img *image.Image, reading image.ReadOptions) (*canon.Tree, error) {
		return importers.Layer(ctx, img, reading, t.layer)
	})
}
