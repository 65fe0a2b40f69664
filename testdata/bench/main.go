// Command bench times whole commands of cfsverify against other programs: both
// in turn, several times, and the medians compared. It builds cfsverify from the
// source it is run in. Cases whose other program is not installed are skipped,
// and said to be.
//
//	go run ./testdata/bench -tar debian.tar
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
)

func main() {
	if len(os.Args) > 2 {
		switch args := os.Args[2:]; os.Args[1] {
		case "decompress":
			exitOn(decompress(args))
			return
		case "unpacked":
			exitOn(unpackedView(context.Background(), args))
			return
		case "mounted":
			exitOn(scanMounted(context.Background(), args))
			return
		}
	}
	base := flag.String("tar", "", "the root file system that is measured, as a tar `FILE`; without it mmdebstrap makes one")
	only := flag.String("case", "", "run only cases whose name matches `REGEXP`")
	runs := flag.Int("runs", 5, "run each command `N` times")
	dir := flag.String("dir", "", "keep inputs in `DIR` and use those that are there")
	program := flag.String("program", "", "measure this cfsverify `FILE` instead of building one")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	exitOn(run(ctx, *base, *dir, *only, *program, *runs))
}

func exitOn(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, base, dir, only, program string, runs int) (err error) {
	wanted, err := regexp.Compile(only)
	if err != nil {
		return err
	}
	if dir == "" {
		if dir, err = os.MkdirTemp("", "cfsverify-bench-"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	}
	if base, err = absolute(base); err != nil {
		return err
	}
	if dir, err = absolute(dir); err != nil {
		return err
	}
	if program == "" {
		program = filepath.Join(dir, "cfsverify")
		if out, err := exec.CommandContext(ctx, "go", "build", "-o", program, "cfsverify/cmd/cfsverify").CombinedOutput(); err != nil {
			return fmt.Errorf("go build: %w\n%s", err, out)
		}
	}
	in := &inputs{ctx: ctx, dir: dir, base: base}
	fmt.Printf("%d CPUs, %s; medians of %d runs in turn\n\n", runtime.NumCPU(), runtime.Version(), runs)
	fmt.Println("| case | program | wall s | CPU s | peak MiB | wall, program/other |")
	fmt.Println("|---|---|--:|--:|--:|--:|")
	for _, c := range comparisons {
		if !wanted.MatchString(c.name) {
			continue
		}
		if err := c.run(ctx, in, program, runs); err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
	}
	fmt.Println("\n| growth | entries | wall s | µs/entry | peak bytes/entry | of these names and xattrs |")
	fmt.Println("|---|--:|--:|--:|--:|--:|")
	for _, g := range growths {
		if !wanted.MatchString("memory " + g.name) {
			continue
		}
		if err := g.run(ctx, in, program, runs); err != nil {
			return fmt.Errorf("%s: %w", g.name, err)
		}
	}
	return nil
}

func absolute(path string) (string, error) {
	if path == "" {
		return "", nil
	}
	return filepath.Abs(path)
}

// row writes a line of a table.
func row(cells ...string) { fmt.Println("| " + strings.Join(cells, " | ") + " |") }
