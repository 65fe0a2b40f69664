// Gendocs writes the man pages and the completions of cfsverify to a
// directory: go run ./cmd/gendocs cmd/docs
package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra/doc"

	"cfsverify/cmd"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "gendocs: name the directory to write to")
		os.Exit(2)
	}
	if err := write(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "gendocs:", err)
		os.Exit(2)
	}
}

func write(dir string) error {
	man, completions := filepath.Join(dir, "man"), filepath.Join(dir, "completions")
	for _, d := range []string{man, completions} {
		// What is no command any more has no page.
		if err := errors.Join(os.RemoveAll(d), os.MkdirAll(d, 0o755)); err != nil {
			return err
		}
	}
	root := cmd.Command()
	root.DisableAutoGenTag = true
	// The same pages whenever they are written.
	date := time.Date(2026, time.November, 1, 0, 0, 0, 0, time.UTC)
	header := &doc.GenManHeader{Title: "CFSVERIFY", Section: "1", Date: &date, Source: "cfsverify", Manual: "cfsverify"}
	if err := doc.GenManTree(root, header, man); err != nil {
		return err
	}
	return errors.Join(
		root.GenBashCompletionFileV2(filepath.Join(completions, "cfsverify.bash"), true),
		root.GenZshCompletionFile(filepath.Join(completions, "_cfsverify")),
		root.GenFishCompletionFile(filepath.Join(completions, "cfsverify.fish"), true),
	)
}
