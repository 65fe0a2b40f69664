package identify_test

import (
	"testing"

	"cfsverify/canon/fsverity"
	"cfsverify/canon/recipe"
	"cfsverify/compare/identify"
	"cfsverify/importers"
	"cfsverify/importers/layer"
	"cfsverify/testdata/bootc"
)

// TestReleases: a recipe is found for every digest that releases of bootc and composefs-rs
// give a tree which tells them apart.
func TestReleases(t *testing.T) {
	table, forms := bootc.Table(t)
	made := map[string]map[fsverity.Digest]bool{}
	for form, source := range forms {
		read, err := importers.Load(t.Context(), source, importers.Options{Hash: fsverity.SHA512, Rules: layer.RulesComposefsRS, Labels: true})
		if err != nil {
			t.Fatal(err)
		}
		tried, err := recipe.Try(t.Context(), read.Tree, identify.Recipes(read.Tree, read.Created, fsverity.SHA512))
		if err != nil {
			t.Fatal(err)
		}
		made[form] = map[fsverity.Digest]bool{}
		for _, m := range tried {
			made[form][m.Digest] = true
		}
	}
	for _, m := range table {
		if !made[m.Form][m.Digest] {
			t.Errorf("%s, %s: no recipe gives %v", m.Program, m.Form, m.Digest)
		}
	}
}
