package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"cfsverify/canon/fsverity"
	"cfsverify/cmd/wholefile"
	"cfsverify/importers"
	"cfsverify/importers/objects"
)

func newMkfs(r *run) *cobra.Command {
	c := &cobra.Command{
		Use:   "mkfs SOURCE IMAGE",
		Short: "Write the composefs image of a source",
		Long:  helpText("mkfs") + helpText("sources"),
		Example: `  cfsverify mkfs oci:image:latest image.cfs
  cfsverify mkfs --objects store oci:image:latest image.cfs`,
		Args: cobra.ExactArgs(2),
	}
	flags := addRecipeFlags(c)
	c.Flags().Lookup("objects").Usage = "also write the content of files to the content store `DIR`; for dump files and composefs images as for other commands"
	c.RunE = func(c *cobra.Command, args []string) error {
		if err := wholefile.Check(args[1]); err != nil {
			return err
		}
		source, err := importers.ParseSource(args[0])
		if err != nil {
			return err
		}
		digest, err := flags.mkfs(c.Context(), r, source, args)
		if err != nil || args[1] == "-" {
			return err
		}
		_, err = fmt.Fprintln(r.Out, digest)
		return err
	}
	return c
}

// mkfs writes the image of a source, whose name is the first argument, to the file
// that is the second, and content to a store if there is one.
func (f *recipeFlags) mkfs(ctx context.Context, r *run, source importers.Source, args []string) (digest fsverity.Digest, err error) {
	var store *objects.Store
	if dir := f.imports.Objects; dir != "" && !(source.IsFinal() && f.bootable) {
		switch {
		case source.IsFinal():
			return digest, fmt.Errorf("%v has no content of files, only their digests: without --bootable, --objects needs a directory or an image", source)
		case source.Transport == importers.Dir && objects.IsBelow(dir, source.Path):
			return digest, fmt.Errorf("--objects %q is in %q, of which the image is made: choose a directory outside", dir, source.Path)
		}
		if store, err = objects.Open(dir); err != nil {
			return digest, err
		}
		r.ifInterrupted(store.Close)
		defer func() { err = errors.Join(err, store.Close()) }()
	}
	imported, s, err := f.loadOne(ctx, r.Err, source, store)
	if err != nil {
		return digest, err
	}
	if store != nil {
		if err := store.Commit(imported.Tree); err != nil {
			return digest, err
		}
	}
	err = wholefile.Write(args[1], r.Out, func(w io.Writer) (err error) {
		if digest, err = s.Write(w, imported.Tree); err != nil {
			return fmt.Errorf("%v: %w", source, err)
		}
		return nil
	})
	if err != nil {
		return digest, err
	}
	return digest, s.warnCorners(r.Err, source, imported.Tree)
}
