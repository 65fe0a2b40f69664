package cmd

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"cfsverify/canon/erofs"
	"cfsverify/canon/fsverity"
	"cfsverify/importers"
)

func newMkfs(r *run) *cobra.Command {
	c := &cobra.Command{
		Use:   "mkfs SOURCE IMAGE",
		Short: "Write the composefs image of a source",
		Long: `Write the composefs EROFS image of a source to the file IMAGE (- for standard
output) and print its digest, unless the image itself goes there.

With --objects the content of files goes to a content store, each under the path
that the image has for it, so that image and store can be mounted:

  mount -t overlay -o ro,metacopy=on,redirect_dir=on,lowerdir=IMAGE-MOUNT::DIR overlay TARGET

` + sourcesHelp,
		Example: `  cfsverify mkfs oci:image:latest image.cfs
  cfsverify mkfs --objects store oci:image:latest image.cfs`,
		Args: cobra.ExactArgs(2),
	}
	flags := addRecipeFlags(c)
	objects := c.Flags().String("objects", "", "also write the content of files to the content store `DIR`")
	c.RunE = func(c *cobra.Command, args []string) (err error) {
		var store *importers.ObjectStore
		if *objects != "" {
			if store, err = importers.OpenObjectStore(*objects); err != nil {
				return err
			}
			defer func() { err = errors.Join(err, store.Close()) }()
		}
		imported, rec, err := flags.loadOne(c.Context(), r.Err, args[0], store)
		if err != nil {
			return err
		}
		if store != nil {
			if err := store.Commit(imported.Tree); err != nil {
				return err
			}
		}
		hasher := fsverity.New(rec.imports.Hash)
		err = writeFile(args[1], r.Out, func(w io.Writer) error {
			return erofs.Write(io.MultiWriter(w, hasher), imported.Tree, erofs.Options{Version: rec.version})
		})
		if err != nil {
			return fmt.Errorf("%s: %w", args[0], err)
		}
		if args[1] != "-" {
			_, err = fmt.Fprintln(r.Out, hasher.Digest())
		}
		return err
	}
	return c
}
