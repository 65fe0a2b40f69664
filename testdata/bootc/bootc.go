// Package bootc has the digests that releases of bootc and composefs-rs give a tree which
// tells their recipes apart.
package bootc

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cfsverify/canon/fsverity"
	"cfsverify/importers"
	"cfsverify/testdata/oracle"
)

// Made is a digest for booting that a program gives the tree as a directory, "dir", or as
// an image, "oci".
type Made struct {
	Program, Form string
	Digest        fsverity.Digest
}

// dir is this directory, from that of a package two levels down.
const dir = "../../testdata/bootc"

// Table reads expected.tsv, without what programs refused, and writes the tree.
func Table(tb testing.TB) (table []Made, forms map[string]importers.Source) {
	tb.Helper()
	oracle.Root(tb)
	tree := filepath.Join(tb.TempDir(), "tree")
	oracle.Run(tb, "python3", "python3", "-B", filepath.Join(dir, "tree.py"), tree)
	text, err := os.ReadFile(filepath.Join(dir, "expected.tsv"))
	if err != nil {
		tb.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		row := strings.Split(strings.TrimSpace(line), "\t")
		if strings.HasPrefix(line, "#") || row[2] == "error" {
			continue
		}
		digest, err := fsverity.ParseDigest(row[2])
		if err != nil {
			tb.Fatal(err)
		}
		table = append(table, Made{row[0], row[1], digest})
	}
	if len(table) != 14 {
		tb.Fatalf("%d digests, want 14", len(table))
	}
	return table, map[string]importers.Source{
		"dir": {Transport: importers.Dir, Path: filepath.Join(tree, "dir")},
		"oci": {Transport: importers.OCI, Path: filepath.Join(tree, "oci"), Ref: "t"},
	}
}
