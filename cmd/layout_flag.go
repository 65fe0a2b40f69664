package cmd

import (
	"errors"

	"github.com/spf13/cobra"

	"cfsverify/cmd/messages"
	"cfsverify/importers"
	"cfsverify/importers/layout"
)

// addLayoutFlag adds the flag of commands that write an image.
func addLayoutFlag(c *cobra.Command) *string {
	return c.Flags().StringP("output", "o", "", "add the new image to the OCI layout `oci:PATH[:TAG]`")
}

// parseRewrite reads the names of an image and of the layout that a changed one goes
// to.
func parseRewrite(image, output string) (source, target importers.Source, err error) {
	if output == "" {
		return source, target, errors.New("name the layout to write to: -o oci:PATH[:TAG]")
	}
	if target, err = importers.ParseLayout(output); err != nil {
		return source, target, err
	}
	source, err = importers.ParseSource(image)
	return source, target, err
}

// waiting tells the user that another program writes to the layout.
func (r *run) waiting(target importers.Source, o importers.Options) layout.Waiting {
	return layout.Waiting{Timeout: o.Timeout, Tell: func() {
		// Waiting goes on even if nobody can be told.
		_ = messages.Note(r.Err, "waiting for another program, which writes to %v", target)
	}}
}
