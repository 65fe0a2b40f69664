// Command cfsverify tells why the composefs digest of a container image differs
// between two places.
package main

import (
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"

	"cfsverify/cmd"
)

func main() {
	if os.Getenv("GOGC") == "" {
		go boundGarbage()
	}
	os.Exit(cmd.Main(os.Args[1:], cmd.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}))
}

// boundGarbage lets garbage have as much memory as what is used, which is the
// default and fast, only as long as that is little: trees of a million files
// would take twice of what they need.
func boundGarbage() {
	const (
		little  = 64 << 20
		percent = 15
	)
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	for range time.Tick(20 * time.Millisecond) {
		metrics.Read(live)
		if live[0].Value.Uint64() > little {
			debug.SetGCPercent(percent)
			return
		}
	}
}
