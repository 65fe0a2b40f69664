package cmd

import "github.com/spf13/cobra"

func newSeal(r *run) *cobra.Command {
	c := &cobra.Command{
		Use:   "seal",
		Short: "Check or write the digests that seal an image",
		Args:  cobra.NoArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newSealCheck(r), newSealWrite(r))
	return c
}
