package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime/debug"
	"slices"
	"syscall"
	"time"
)

// usage is what one run of a command took.
type usage struct {
	wall, cpu time.Duration
	peak      int64 // resident bytes
	out       string
}

// measure runs a command. Its exit status may be 1, as that of a comparison that
// finds differences.
func measure(ctx context.Context, args []string) (usage, error) {
	if err := forgetPeak(); err != nil {
		return usage{}, err
	}
	c := exec.CommandContext(ctx, args[0], args[1:]...)
	var stdout, stderr bytes.Buffer
	c.Stdout, c.Stderr = &stdout, &stderr
	start := time.Now()
	err := c.Run()
	u := usage{wall: time.Since(start), out: stdout.String()}
	if err != nil && (c.ProcessState == nil || c.ProcessState.ExitCode() != 1) {
		return u, fmt.Errorf("%q: %w\n%s", args, err, stderr.String())
	}
	u.cpu = c.ProcessState.UserTime() + c.ProcessState.SystemTime()
	u.peak = c.ProcessState.SysUsage().(*syscall.Rusage).Maxrss << 10
	return u, nil
}

// forgetPeak makes this process's peak what it uses now: a new process counts it
// as its own until it is another program.
func forgetPeak() error {
	debug.FreeOSMemory()
	return os.WriteFile("/proc/self/clear_refs", []byte("5"), 0)
}

// inTurn runs each command so many times, one after the other, after a run of
// each that warms the caches, and gives the medians.
func inTurn(ctx context.Context, runs int, commands ...[]string) ([]usage, error) {
	all := make([][]usage, len(commands))
	for round := range runs + 1 {
		for i, args := range commands {
			u, err := measure(ctx, args)
			if err != nil {
				return nil, err
			}
			if round > 0 {
				all[i] = append(all[i], u)
			}
		}
	}
	medians := make([]usage, len(commands))
	for i, a := range all {
		medians[i] = usage{
			wall: median(a, func(u usage) time.Duration { return u.wall }),
			cpu:  median(a, func(u usage) time.Duration { return u.cpu }),
			peak: median(a, func(u usage) int64 { return u.peak }),
			out:  a[0].out,
		}
	}
	return medians, nil
}

func median[T time.Duration | int64](all []usage, of func(usage) T) T {
	values := make([]T, len(all))
	for i, u := range all {
		values[i] = of(u)
	}
	slices.Sort(values)
	middle := len(values) / 2
	if len(values)%2 == 1 {
		return values[middle]
	}
	return (values[middle-1] + values[middle]) / 2
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.3f", d.Seconds()) }
