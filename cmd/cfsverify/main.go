// Command cfsverify tells why the composefs digest of a container image differs
// between two places.
package main

import (
	"os"

	"cfsverify/cmd"
)

func main() {
	os.Exit(cmd.Main(os.Args[1:], cmd.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}))
}
