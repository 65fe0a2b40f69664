package cmd

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"cfsverify/canon/seal"
	"cfsverify/importers"
)

func newDigest(r *run) *cobra.Command {
	c := &cobra.Command{
		Use:   "digest SOURCE",
		Short: "Print the composefs digest of a source",
		Long:  helpText("digest") + helpText("sources"),
		Example: `  cfsverify digest --karg /target >/etc/kernel/cmdline
  cfsverify digest --hash sha256 oci:image:latest`,
		Args: cobra.ExactArgs(1),
	}
	flags := addRecipeFlags(c)
	karg := c.Flags().Bool("karg", false, "print the digest of the bootable tree as a kernel argument")
	plain := c.Flags().Bool("no-bootable", false, "with --karg: take the tree as it is")
	c.MarkFlagsMutuallyExclusive("bootable", "no-bootable")
	c.RunE = func(c *cobra.Command, args []string) error {
		if *plain && !*karg {
			return errors.New("--no-bootable is for --karg: without it the tree is taken as it is anyway")
		}
		flags.bootable = flags.bootable || *karg && !*plain
		source, err := importers.ParseSource(args[0])
		if err != nil {
			return err
		}
		imported, s, err := flags.loadOne(c.Context(), r.Err, source, nil)
		if err != nil {
			return err
		}
		digest, err := s.Sum(imported.Tree)
		if err != nil {
			return fmt.Errorf("%s: %w", args[0], err)
		}
		text := digest.String()
		if *karg {
			text = seal.Karg(s.Version, digest)
		}
		_, err = fmt.Fprintln(r.Out, text)
		return err
	}
	return c
}
