package cmd

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"cfsverify/canon/dumpfile"
	"cfsverify/canon/policy"
	"cfsverify/cmd/wholefile"
	"cfsverify/importers"
)

func newDump(r *run) *cobra.Command {
	c := &cobra.Command{
		Use:   "dump SOURCE",
		Short: "Write the composefs dump file of a source",
		Long: `Write a source as a composefs dump file, which inside-vs-outside, diff and
mkcomposefs --from-file read.

` + helpText("sources"),
		Example: `  cfsverify dump dir:/target >inside.dump
  cfsverify dump -o image.dump oci:image:latest`,
		Args: cobra.ExactArgs(1),
	}
	flags := addRecipeFlags(c)
	file := c.Flags().StringP("output", "o", "-", "write to `FILE`, - for standard output")
	c.RunE = func(c *cobra.Command, args []string) error {
		if err := wholefile.Check(*file); err != nil {
			return err
		}
		source, err := importers.ParseSource(args[0])
		if err != nil {
			return err
		}
		imported, s, err := flags.loadOne(c.Context(), r.Err, source, nil)
		if err != nil {
			return err
		}
		err = wholefile.Write(*file, r.Out, func(w io.Writer) error { return writeDump(w, imported, s.Policy) })
		if err != nil {
			return fmt.Errorf("%s: %w", args[0], err)
		}
		return nil
	}
	return c
}

// writeDump writes an image that no policy changed as composefs-info prints it.
func writeDump(w io.Writer, imported *importers.Import, applied policy.Policy) error {
	if img := imported.Composefs; img != nil && applied == policy.Raw() {
		return dumpfile.WriteImage(w, img.Tree, dumpfile.ImageDetails{DirSize: img.DirSize, XattrOrder: img.XattrOrder})
	}
	return dumpfile.Write(w, imported.Tree)
}
