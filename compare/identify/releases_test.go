package identify_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cfsverify/canon/fsverity"
	"cfsverify/canon/recipe"
	"cfsverify/compare/identify"
	"cfsverify/importers"
	"cfsverify/importers/layer"
	"cfsverify/testdata/oracle"
)

// TestReleases: a recipe is found for every digest that releases of bootc and composefs-rs
// give a tree which tells them apart.
func TestReleases(t *testing.T) {
	oracle.Root(t)
	dir := filepath.Join(t.TempDir(), "tree")
	oracle.Run(t, "python3", "python3", "-B", "../../testdata/bootc/tree.py", dir)
	table, err := os.ReadFile("../../testdata/bootc/expected.tsv")
	if err != nil {
		t.Fatal(err)
	}
	made := map[string]map[fsverity.Digest]bool{}
	for name, source := range map[string]importers.Source{
		"dir": {Transport: importers.Dir, Path: filepath.Join(dir, "dir")},
		"oci": {Transport: importers.OCI, Path: filepath.Join(dir, "oci"), Ref: "t"},
	} {
		read, err := importers.Load(t.Context(), source, importers.Options{Hash: fsverity.SHA512, Rules: layer.RulesComposefsRS, Labels: true})
		if err != nil {
			t.Fatal(err)
		}
		tried, err := recipe.Try(t.Context(), read.Tree, identify.Recipes(read.Tree, read.Created, fsverity.SHA512))
		if err != nil {
			t.Fatal(err)
		}
		made[name] = map[fsverity.Digest]bool{}
		for _, m := range tried {
			made[name][m.Digest] = true
		}
	}
	checked := 0
	for line := range strings.Lines(string(table)) {
		row := strings.Split(strings.TrimSpace(line), "\t")
		if strings.HasPrefix(line, "#") || row[2] == "error" {
			continue
		}
		digest, err := fsverity.ParseDigest(row[2])
		if err != nil {
			t.Fatal(err)
		}
		if !made[row[1]][digest] {
			t.Errorf("%s, %s: no recipe gives %v", row[0], row[1], digest)
		}
		checked++
	}
	if checked != 14 {
		t.Errorf("%d digests checked, want 14", checked)
	}
}
