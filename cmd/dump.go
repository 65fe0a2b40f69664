package cmd

import (
	"crypto/sha256"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"cfsverify/canon/dumpfile"
	"cfsverify/canon/policy"
	"cfsverify/cmd/wholefile"
	"cfsverify/importers"
	"cfsverify/importers/composefs"
)

func newDump(r *run) *cobra.Command {
	c := &cobra.Command{
		Use:   "dump SOURCE",
		Short: "Write the composefs dump file of a source",
		Long:  helpText("dump") + helpText("sources"),
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
		err = wholefile.Write(*file, r.Out, func(w io.Writer) error { return writeRecorded(w, *file, source, imported, &s) })
		if err != nil {
			return fmt.Errorf("%v: %w", source, err)
		}
		return nil
	}
	return c
}

// writeRecorded writes a dump file and, before it is in its place, the record beside it.
func writeRecorded(w io.Writer, file string, source importers.Source, imported *importers.Import, s *setting) error {
	sum := sha256.New()
	if err := writeDump(io.MultiWriter(w, sum), imported, s.Policy); err != nil {
		return err
	}
	record := composefs.NewRecord(source, string(s.imports.Rules), s.Policy, imported.Written)
	if record == nil || !wholefile.Makes(file) {
		return nil
	}
	record.Dump = composefs.Digest(sum)
	return wholefile.Write(composefs.RecordName(file), nil, record.Write)
}

// writeDump writes an image that no policy changed as composefs-info prints it.
func writeDump(w io.Writer, imported *importers.Import, applied policy.Policy) error {
	if img := imported.Composefs; img != nil && applied == policy.Raw() {
		return dumpfile.WriteImage(w, img.Tree, dumpfile.ImageDetails{DirSize: img.DirSize, XattrOrder: img.XattrOrder})
	}
	return dumpfile.Write(w, imported.Tree)
}
