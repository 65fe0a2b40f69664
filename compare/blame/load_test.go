package blame

import (
	"testing"

	"cfsverify/canon"
	"cfsverify/canon/fsverity"
	"cfsverify/importers"
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
