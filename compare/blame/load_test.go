package blame

import (
	"testing"

	"cfsverify/canon"
	"cfsverify/canon/fsverity"
	"cfsverify/importers"
	"cfsverify/importers/layer"
)

// load imports a source as a command would: "dir:…", "tar:lower,upper", ….
func load(t *testing.T, source string) *canon.Tree {
	t.Helper()
	s, err := importers.ParseSource(source)
	if err != nil {
		t.Fatal(err)
	}
	imported, err := importers.Load(t.Context(), s, importers.Options{Hash: fsverity.SHA256, Rules: layer.RulesOCI, Headers: true})
	if err != nil {
		t.Fatal(err)
	}
	return imported.Tree
}
