// Package oracle finds the tools and privileges that tests compare with. What
// is missing skips a test, or fails it where the environment says
// CFSVERIFY_ORACLES=require. With -short no test runs a tool.
package oracle

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// Tool returns the path of a program that the Debian package pkg has.
func Tool(tb testing.TB, name, pkg string) string {
	tb.Helper()
	if testing.Short() {
		tb.Skip("-short leaves out what runs " + name)
	}
	path, err := exec.LookPath(name)
	if err != nil {
		Missing(tb, "the program "+name+" is missing: install the package "+pkg)
	}
	return path
}

// Root is for tests that mount, make device nodes or set trusted xattrs.
func Root(tb testing.TB) {
	tb.Helper()
	if os.Geteuid() != 0 {
		Missing(tb, "root privileges are missing")
	}
}

// Missing ends a test for the lack of something.
func Missing(tb testing.TB, what string) {
	tb.Helper()
	if os.Getenv("CFSVERIFY_ORACLES") == "require" {
		tb.Fatalf("%s (CFSVERIFY_ORACLES=require)", what)
	}
	tb.Skip(what)
}

// Run runs a program that a Debian package has, and gives what it prints.
func Run(tb testing.TB, pkg, name string, args ...string) string {
	tb.Helper()
	c := exec.Command(Tool(tb, name, pkg), args...)
	var stdout, stderr bytes.Buffer
	c.Stdout, c.Stderr = &stdout, &stderr
	if err := c.Run(); err != nil {
		tb.Fatalf("%v: %v\n%s%s", c, err, stdout.Bytes(), stderr.Bytes())
	}
	return strings.TrimSpace(stdout.String())
}
