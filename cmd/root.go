// Package cmd is the command line of cfsverify.
package cmd

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/spf13/cobra"
)

// Exit statuses, as those of diff(1).
const (
	statusSame      = 0
	statusDifferent = 1
	statusTrouble   = 2
	// What a shell reports of a program that SIGINT ended.
	statusInterrupted = 130
)

// Streams are the standard streams of a run.
type Streams struct {
	In, Out, Err *os.File
}

// run is what the commands of one run share.
type run struct {
	Streams
	status int
}

// Main runs one command line, without the program's name, and returns the exit
// status.
func Main(args []string, streams Streams) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	r := &run{Streams: streams}
	root := newRoot(r)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if ctx.Err() != nil {
		return statusInterrupted
	}
	if err != nil {
		fmt.Fprintf(streams.Err, "cfsverify: %v\n", err)
		return statusTrouble
	}
	return r.status
}

func newRoot(r *run) *cobra.Command {
	root := &cobra.Command{
		Use:   "cfsverify",
		Short: "Tell why the composefs digest of a container image differs between two places",
		Long: `cfsverify computes the composefs digest of a root file system from a directory,
a dump file or a container image, and tells which entries make it differ.

` + sourcesHelp + `
Exit status: 0 same, 1 different, 2 trouble.`,
		Version:       version(),
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.SetIn(r.In)
	root.SetOut(r.Out)
	root.SetErr(r.Err)
	root.SetVersionTemplate("cfsverify {{.Version}}\n")
	root.AddCommand(newInsideVsOutside(r), newDiff(r), newDigest(r), newDump(r), newMkfs(r), newIdentify(r), newPredict(r), newGateHelp())
	return root
}

const sourcesHelp = `Sources:
  dir:PATH                          a root file system, such as a stage bound into a build
  dump:FILE                         a composefs dump file, - for standard input
  erofs:FILE                        a composefs image
  oci:PATH[:TAG|@DIGEST]            an image in an OCI layout
  oci-archive:FILE[:TAG|@DIGEST]    the same as a tar file
  docker-archive:FILE[:NAME:TAG]    an image from docker save
  docker://REF                      an image in a registry
  tar:FILE[,FILE…]                  bare layers, lowest first
A path alone will do where there is no doubt what it is.
`

// version tells the module version and the commit that the program was built
// from.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "(unknown)"
	}
	commit, modified := "unknown", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			commit = s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			modified = ", modified"
		}
	}
	return fmt.Sprintf("%s (commit %s%s, %s)", info.Main.Version, commit, modified, info.GoVersion)
}
