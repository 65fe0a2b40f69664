package cmd

import "github.com/spf13/cobra"

func newSeal(r *run) *cobra.Command {
	c := &cobra.Command{
		Use:   "seal",
		Short: "Digests that an image carries",
		Args:  cobra.NoArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newSealWrite(r))
	return c
}
