package cmd

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"cfsverify/canon/erofs"
	"cfsverify/canon/fsverity"
)

func newMkfs(r *run) *cobra.Command {
	c := &cobra.Command{
		Use:   "mkfs SOURCE IMAGE",
		Short: "Write the composefs image of a source",
		Long: `Write the composefs EROFS image of a source to the file IMAGE (- for standard
output) and print its digest, unless the image itself goes there.

` + sourcesHelp,
		Example: `  cfsverify mkfs oci:image:latest image.cfs`,
		Args:    cobra.ExactArgs(2),
	}
	flags := addRecipeFlags(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		tree, rec, err := flags.loadTree(c.Context(), r.Err, args[0])
		if err != nil {
			return err
		}
		hasher := fsverity.New(rec.hash)
		err = writeFile(args[1], r.Out, func(w io.Writer) error {
			return erofs.Write(io.MultiWriter(w, hasher), tree, erofs.Options{Version: rec.version})
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
