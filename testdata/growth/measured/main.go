// Command measured is cfsverify, which at its end writes to the file that CFSVERIFY_BYTES
// names how many bytes it allocated.
package main

import (
	"fmt"
	"os"
	"runtime"

	"cfsverify/cmd"
)

func main() {
	status := cmd.Main(os.Args[1:], cmd.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr})
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	if err := os.WriteFile(os.Getenv("CFSVERIFY_BYTES"), fmt.Append(nil, memory.TotalAlloc), 0o600); err != nil {
		fmt.Fprintln(os.Stderr, "measured:", err)
		status = 3
	}
	os.Exit(status)
}
