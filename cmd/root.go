// Package cmd is the command line of cfsverify: it reads flags, opens sources, calls
// one library function, and hands the result to reports. What is found out, and how it
// is written, belongs in other packages.
package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"cfsverify/cmd/messages"
)

// Exit statuses, as those of diff(1).
const (
	statusSame      = 0
	statusDifferent = 1
	statusTrouble   = 2
	// What a shell reports of a program that SIGINT ended.
	statusInterrupted = 130
	// The same of SIGPIPE.
	statusPipe = 141
)

// Streams are the standard streams of a run.
type Streams struct {
	In, Out, Err *os.File
}

// run is what the commands of one run share.
type run struct {
	Streams
	status int
	help   helpWriter

	mu      sync.Mutex
	cleanup []func() error // guarded by mu
}

// ifInterrupted registers what is done if a signal ends the run and the work does
// not notice in time. It must do no harm once it was done.
func (r *run) ifInterrupted(cleanup func() error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cleanup = append(r.cleanup, cleanup)
}

func (r *run) cleanUp() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, f := range r.cleanup {
		// Nobody is left to be told.
		_ = f()
	}
}

// helpWriter remembers the error of a write, which cobra does not look at when
// it prints help.
type helpWriter struct {
	out io.Writer
	err error
}

func (w *helpWriter) Write(p []byte) (int, error) {
	n, err := w.out.Write(p)
	w.err = errors.Join(w.err, err)
	return n, err
}

// Main runs one command line, without the program's name, and returns the exit
// status.
func Main(args []string, streams Streams) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	// A reader that goes away is an error of the write, so that temporary files
	// are removed.
	signal.Ignore(syscall.SIGPIPE)
	r := &run{Streams: streams, help: helpWriter{out: streams.Out}}
	root := newRoot(r)
	root.SetArgs(args)
	done := make(chan error, 1)
	go func() {
		err := root.ExecuteContext(ctx)
		done <- errors.Join(err, r.help.err)
	}()
	var err error
	select {
	case err = <-done:
	case <-ctx.Done():
		// What reads from a pipe or terminal may never notice.
		select {
		case <-done:
		case <-time.After(interruptGrace):
			r.cleanUp()
		}
	}
	switch {
	case ctx.Err() != nil:
		return statusInterrupted
	case errors.Is(err, syscall.EPIPE):
		return statusPipe
	case err != nil:
		// Nobody is left to be told that it cannot be.
		_ = messages.Error(streams.Err, err)
		return statusTrouble
	}
	return r.status
}

// interruptGrace is how long work may take to remove its temporary files.
const interruptGrace = time.Second

func newRoot(r *run) *cobra.Command {
	root := &cobra.Command{
		Use:   "cfsverify",
		Short: "Tell why the composefs digest of a container image differs between two places",
		Long: `cfsverify computes the composefs digest of a root file system from a directory,
a dump file or a container image, and tells which entries make it differ.

` + helpText("sources") + `
Exit status: 0 same, 1 different, 2 trouble.`,
		Version:       version(),
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.SetIn(r.In)
	root.SetOut(&r.help)
	root.SetErr(r.Err)
	root.SetVersionTemplate("cfsverify {{.Version}}\n")
	root.SetHelpCommand(newHelp())
	root.AddCommand(newInsideVsOutside(r), newDiff(r), newDigest(r), newDump(r), newMkfs(r), newTar(r), newIdentify(r), newPredict(r), newLint(r), newRepair(r), newSeal(r), newGateHelp())
	return root
}

// newHelp is cobra's help command, but knows what is not there.
func newHelp() *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND]",
		Short: "Help about a command or topic",
		RunE: func(c *cobra.Command, args []string) error {
			about, rest, err := c.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return fmt.Errorf("there is no help for %q: cfsverify help lists commands and topics", strings.Join(args, " "))
			}
			return about.Help()
		},
	}
}

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

// Command is the root command, for what is generated of it.
func Command() *cobra.Command { return newRoot(&run{}) }
