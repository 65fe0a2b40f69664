package cmd

import (
	"fmt"

	"github.com/spf13/cobra"

	"cfsverify/canon/erofs"
)

func newDigest(r *run) *cobra.Command {
	c := &cobra.Command{
		Use:   "digest SOURCE",
		Short: "Print the composefs digest of a source",
		Long: `Print the fs-verity digest of the composefs image of a source, in hexadecimal and
nothing else.

On a kernel command line composefs-rs has the digest of the --bootable tree, as
composefs.digest=v1-sha512-12:HEX, or composefs=HEX with --erofs-version 2.

` + sourcesHelp,
		Example: `  cfsverify digest --bootable /target
  cfsverify digest --hash sha256 oci:image:latest`,
		Args: cobra.ExactArgs(1),
	}
	flags := addRecipeFlags(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		imported, rec, err := flags.loadOne(c.Context(), r.Err, args[0], nil)
		if err != nil {
			return err
		}
		digest, err := erofs.Digest(imported.Tree, erofs.Options{Version: rec.version}, rec.imports.Hash)
		if err != nil {
			return fmt.Errorf("%s: %w", args[0], err)
		}
		_, err = fmt.Fprintln(r.Out, digest)
		return err
	}
	return c
}
