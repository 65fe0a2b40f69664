package cmd

import (
	"fmt"

	"github.com/spf13/cobra"
)

func newSeal(r *run) *cobra.Command {
	c := &cobra.Command{
		Use:   "seal",
		Short: "Check or write the digests that seal an image",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return fmt.Errorf("say what to do: cfsverify %s check, or write", c.Name())
		},
	}
	c.AddCommand(newSealCheck(r))
	return c
}
