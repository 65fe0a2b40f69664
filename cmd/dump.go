package cmd

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"cfsverify/canon/dumpfile"
)

func newDump(r *run) *cobra.Command {
	c := &cobra.Command{
		Use:   "dump SOURCE",
		Short: "Write the composefs dump file of a source",
		Long: `Write a source as a composefs dump file, which inside-vs-outside, diff and
mkcomposefs --from-file read.

` + sourcesHelp,
		Example: `  cfsverify dump /target >inside.dump
  cfsverify dump -o image.dump oci:image:latest`,
		Args: cobra.ExactArgs(1),
	}
	flags := addRecipeFlags(c)
	file := c.Flags().StringP("output", "o", "-", "write to `FILE`, - for standard output")
	c.RunE = func(c *cobra.Command, args []string) error {
		tree, _, err := flags.loadTree(c.Context(), r.Err, args[0])
		if err != nil {
			return err
		}
		err = writeFile(*file, r.Out, func(w io.Writer) error { return dumpfile.Write(w, tree) })
		if err != nil {
			return fmt.Errorf("%s: %w", args[0], err)
		}
		return nil
	}
	return c
}
