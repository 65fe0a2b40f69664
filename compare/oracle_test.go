package compare

import (
	"bytes"
	"os/exec"
	"strings"
	"testing"

	"cfsverify/canon"
	"cfsverify/canon/fsverity"
	"cfsverify/importers"
	"cfsverify/testdata/oracle"
)

// load imports a source as a command would: "dir:…", "tar:lower,upper", ….
func load(t *testing.T, source string) *canon.Tree {
	t.Helper()
	s, err := importers.ParseSource(source)
	if err != nil {
		t.Fatal(err)
	}
	imported, err := importers.Load(t.Context(), s, importers.Options{Hash: fsverity.SHA256, Rules: importers.RulesOCI, Headers: true})
	if err != nil {
		t.Fatal(err)
	}
	return imported.Tree
}

// tool runs a program that a Debian package has, and gives what it prints.
func tool(t *testing.T, pkg, name string, args ...string) string {
	t.Helper()
	c := exec.Command(oracle.Tool(t, name, pkg), args...)
	var stdout, stderr bytes.Buffer
	c.Stdout, c.Stderr = &stdout, &stderr
	if err := c.Run(); err != nil {
		t.Fatalf("%v: %v\n%s%s", c, err, stdout.Bytes(), stderr.Bytes())
	}
	return strings.TrimSpace(stdout.String())
}
