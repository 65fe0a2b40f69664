package cmd

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// TestImportArrows holds who may import whom: each package only what is listed
// for it.
func TestImportArrows(t *testing.T) {
	allowed := map[string][]string{
		"cfsverify/canon":            {"cfsverify/canon/fsverity"},
		"cfsverify/canon/dumpfile":   {"cfsverify/canon", "cfsverify/canon/fsverity"},
		"cfsverify/canon/erofs":      {"cfsverify/canon", "cfsverify/canon/fsverity"},
		"cfsverify/canon/fsverity":   nil,
		"cfsverify/canon/linux":      {"cfsverify/canon"},
		"cfsverify/canon/policy":     {"cfsverify/canon", "cfsverify/canon/linux"},
		"cfsverify/canon/recipe":     {"cfsverify/canon", "cfsverify/canon/erofs", "cfsverify/canon/fsverity", "cfsverify/canon/policy"},
		"cfsverify/canon/seal":       {"cfsverify/canon/erofs", "cfsverify/canon/fsverity"},
		"cfsverify/canon/tarfile":    {"cfsverify/canon", "cfsverify/canon/fsverity", "cfsverify/canon/linux"},
		"cfsverify/cmd/wholefile":    nil,
		"cfsverify/compare":          {"cfsverify/canon", "cfsverify/canon/fsverity"},
		"cfsverify/compare/blame":    {"cfsverify/canon", "cfsverify/canon/fsverity", "cfsverify/canon/linux", "cfsverify/canon/policy", "cfsverify/compare"},
		"cfsverify/compare/gate":     {"cfsverify/canon/tarfile", "cfsverify/compare", "cfsverify/compare/blame"},
		"cfsverify/compare/identify": {"cfsverify/canon", "cfsverify/canon/erofs", "cfsverify/canon/fsverity", "cfsverify/canon/linux", "cfsverify/canon/policy", "cfsverify/canon/recipe"},
		"cfsverify/compare/proof":    {"cfsverify/canon", "cfsverify/canon/fsverity", "cfsverify/canon/policy", "cfsverify/canon/recipe", "cfsverify/compare", "cfsverify/compare/blame"},
		"cfsverify/compare/raw":      {"cfsverify/canon", "cfsverify/canon/tarfile", "cfsverify/compare"},
		"cfsverify/compare/seals":    {"cfsverify/canon", "cfsverify/canon/erofs", "cfsverify/canon/fsverity", "cfsverify/canon/policy", "cfsverify/canon/recipe", "cfsverify/canon/seal", "cfsverify/compare", "cfsverify/compare/identify", "cfsverify/importers"},
		"cfsverify/compare/verify":   {"cfsverify/canon", "cfsverify/canon/erofs", "cfsverify/canon/fsverity", "cfsverify/canon/policy", "cfsverify/canon/recipe", "cfsverify/compare", "cfsverify/compare/blame", "cfsverify/compare/gate", "cfsverify/compare/proof", "cfsverify/importers"},
		"cfsverify/importers":        {"cfsverify/canon", "cfsverify/canon/dumpfile", "cfsverify/canon/erofs", "cfsverify/canon/fsverity", "cfsverify/canon/linux", "cfsverify/canon/seal", "cfsverify/canon/tarfile", "cfsverify/compare/raw"},
		"cfsverify/reports":          {"cfsverify/canon", "cfsverify/canon/fsverity", "cfsverify/canon/policy", "cfsverify/canon/recipe", "cfsverify/canon/seal", "cfsverify/canon/tarfile", "cfsverify/compare", "cfsverify/compare/blame", "cfsverify/compare/gate", "cfsverify/compare/identify", "cfsverify/compare/proof", "cfsverify/compare/raw", "cfsverify/compare/seals", "cfsverify/compare/verify", "cfsverify/importers"},
	}
	// Outside libraries keep to one room each.
	rooms := map[string]string{
		"github.com/spf13/cobra":                     "cfsverify/cmd cfsverify/cmd/gendocs",
		"github.com/fatih/color":                     "cfsverify/reports",
		"github.com/schollz/progressbar/v3":          "cfsverify/cmd",
		"github.com/google/go-cmp/cmp":               "none",
		"github.com/google/go-containerregistry/pkg": "cfsverify/importers cfsverify/cmd",
	}
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, "cfsverify/...").Output()
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		pkg, imports := fields[0], fields[1:]
		targets, listed := allowed[pkg]
		if listed {
			seen++
		}
		for _, imported := range imports {
			if listed && strings.HasPrefix(imported, "cfsverify/") && !slices.Contains(targets, imported) {
				t.Errorf("%s imports %s", pkg, imported)
			}
			for library, room := range rooms {
				if strings.HasPrefix(imported, library) && !slices.Contains(strings.Fields(room), pkg) {
					t.Errorf("%s imports %s, which belongs to %s", pkg, imported, room)
				}
			}
		}
	}
	if seen != len(allowed) {
		t.Errorf("%d of %d packages seen", seen, len(allowed))
	}
}
