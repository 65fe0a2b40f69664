package cmd

import "github.com/spf13/cobra"

// Command is the root command, for what is generated of it.
func Command() *cobra.Command { return newRoot(&run{}) }
