package cmd

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestImportArrows holds who may import whom: each package exactly what is listed
// for it, below cfsverify/, and outside libraries nothing but their rooms.
func TestImportArrows(t *testing.T) {
	arrows := map[string]string{
		"canon":               "canon/fsverity canon/printable",
		"canon/dumpfile":      "canon canon/fsverity canon/printable",
		"canon/erofs":         "canon canon/fsverity canon/linux",
		"canon/fsverity":      "",
		"canon/linux":         "canon",
		"canon/overlayfs":     "canon canon/linux",
		"canon/policy":        "canon canon/linux canon/selinux",
		"canon/printable":     "",
		"canon/recipe":        "canon canon/erofs canon/fsverity canon/policy",
		"canon/releases":      "canon canon/erofs canon/fsverity canon/policy canon/recipe canon/seal",
		"canon/seal":          "canon/erofs canon/fsverity",
		"canon/selinux":       "canon canon/fsverity canon/linux canon/printable",
		"canon/tarfile":       "canon canon/fsverity canon/linux",
		"cmd":                 "canon canon/dumpfile canon/erofs canon/fsverity canon/policy canon/printable canon/recipe canon/releases canon/seal canon/tarfile cmd/advice cmd/flags cmd/messages cmd/named cmd/progress cmd/wholefile compare/gate compare/identify compare/seals compare/verify importers importers/composefs importers/content importers/engine importers/image importers/labels importers/layer importers/layout importers/limits importers/objects importers/rewrite importers/scan reports",
		"cmd/advice":          "canon/policy canon/selinux canon/tarfile compare/identify compare/seals compare/verify importers/composefs importers/content importers/engine importers/image importers/layout importers/limits importers/objects importers/scan reports",
		"cmd/cfsverify":       "cmd",
		"cmd/flags":           "canon/fsverity canon/policy canon/releases importers importers/layer importers/limits importers/scan",
		"cmd/gendocs":         "cmd",
		"cmd/messages":        "canon/printable cmd/advice",
		"cmd/named":           "canon/erofs canon/fsverity canon/printable canon/seal importers/seals",
		"cmd/progress":        "importers/limits",
		"cmd/wholefile":       "importers/outpath",
		"compare":             "canon canon/fsverity",
		"compare/blame":       "canon canon/fsverity canon/linux canon/policy canon/selinux canon/tarfile compare",
		"compare/gate":        "canon/printable canon/tarfile compare compare/blame",
		"compare/identify":    "canon canon/erofs canon/fsverity canon/linux canon/policy canon/recipe canon/releases canon/selinux",
		"compare/notes":       "canon canon/linux canon/policy canon/printable canon/selinux",
		"compare/proof":       "canon canon/fsverity canon/linux canon/policy canon/recipe canon/selinux compare compare/blame",
		"compare/raw":         "canon canon/printable canon/tarfile compare",
		"compare/seals":       "canon canon/erofs canon/fsverity canon/policy canon/recipe canon/releases canon/seal canon/selinux compare compare/identify compare/notes importers/layer",
		"compare/verify":      "canon canon/erofs canon/fsverity canon/policy canon/printable canon/recipe canon/selinux compare compare/blame compare/gate compare/notes compare/proof compare/seals importers/layer",
		"importers":           "canon canon/erofs canon/fsverity canon/overlayfs canon/policy canon/seal canon/selinux canon/tarfile compare/raw importers/archive importers/composefs importers/engine importers/image importers/labels importers/layer importers/layout importers/limits importers/lint importers/objects importers/overlay importers/registry importers/scan importers/seals importers/source importers/storage",
		"importers/archive":   "canon/printable importers/document importers/image importers/source",
		"importers/blob":      "canon canon/tarfile importers/limits",
		"importers/composefs": "canon canon/dumpfile canon/erofs canon/fsverity canon/policy importers/document importers/limits importers/source",
		"importers/content":   "canon importers/objects importers/source",
		"importers/document":  "canon/printable",
		"importers/engine":    "canon canon/linux canon/overlayfs canon/tarfile importers/layer",
		"importers/image":     "canon canon/fsverity canon/printable canon/seal canon/tarfile importers/blob importers/document importers/layer importers/limits importers/source",
		"importers/labels":    "canon canon/fsverity canon/selinux importers/image",
		"importers/layer":     "canon canon/fsverity canon/tarfile importers/limits importers/objects",
		"importers/layout":    "canon/printable canon/seal importers/archive importers/blob importers/document importers/image importers/outpath importers/source importers/staging",
		"importers/limits":    "canon",
		"importers/lint":      "canon canon/tarfile importers/layer importers/limits",
		"importers/objects":   "canon canon/fsverity importers/outpath importers/staging",
		"importers/outpath":   "",
		"importers/overlay":   "canon canon/erofs canon/fsverity canon/linux canon/overlayfs importers/objects importers/scan",
		"importers/registry":  "canon/printable canon/seal importers/blob importers/document importers/image importers/source",
		"importers/rewrite":   "canon canon/erofs canon/fsverity canon/linux canon/policy canon/recipe canon/seal canon/tarfile importers/blob importers/document importers/engine importers/image importers/layer importers/layout importers/limits importers/seals",
		"importers/scan":      "canon canon/fsverity importers/objects",
		"importers/seals":     "canon canon/dumpfile canon/fsverity canon/printable canon/seal importers/image importers/layer importers/limits importers/objects",
		"importers/source":    "canon/erofs canon/printable importers/blob importers/document",
		"importers/staging":   "",
		"importers/storage":   "canon canon/erofs canon/printable importers/blob importers/document importers/image importers/source",
		"reports":             "canon canon/erofs canon/fsverity canon/policy canon/printable canon/recipe canon/releases canon/seal canon/tarfile compare compare/blame compare/gate compare/notes compare/proof compare/raw compare/seals compare/verify importers/layer importers/rewrite",
	}
	rooms := map[string]string{
		"github.com/BurntSushi/toml":                            "importers/storage",
		"github.com/dlclark/regexp2":                            "canon/selinux",
		"github.com/fatih/color":                                "reports",
		"github.com/go-json-experiment/json":                    "compare/raw importers/document",
		"github.com/google/go-cmp/cmp":                          "",
		"github.com/google/go-containerregistry/pkg/authn":      "importers/registry",
		"github.com/google/go-containerregistry/pkg/name":       "importers/archive importers/registry importers/source",
		"github.com/google/go-containerregistry/pkg/v1":         "cmd/flags importers importers/archive importers/blob importers/image importers/layout importers/registry importers/rewrite importers/seals importers/storage",
		"github.com/google/go-containerregistry/pkg/v1/remote":  "importers/registry",
		"github.com/google/go-containerregistry/pkg/v1/tarball": "importers/archive",
		"github.com/klauspost/compress":                         "importers/blob",
		"github.com/schollz/progressbar/v3":                     "cmd/progress",
		"github.com/smallstep/pkcs7":                            "canon/seal",
		"github.com/spf13/cobra":                                "cmd cmd/flags cmd/gendocs",
		"github.com/vbatts/tar-split":                           "importers/storage",
		"golang.org/x/sys/unix":                                 "importers/content importers/labels importers/layout importers/objects importers/outpath importers/overlay importers/scan importers/storage",
	}
	const module = "cfsverify/"
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, module+"...").Output()
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		pkg := strings.TrimPrefix(fields[0], module)
		list, listed := arrows[pkg]
		if !listed {
			t.Errorf("%s is not listed", pkg)
			continue
		}
		seen++
		allowed := strings.Fields(list)
		for _, imported := range fields[1:] {
			if own, is := strings.CutPrefix(imported, module); is {
				if !slices.Contains(allowed, own) {
					t.Errorf("%s imports %s", pkg, own)
				}
				allowed = slices.DeleteFunc(allowed, func(a string) bool { return a == own })
			}
			for library, list := range rooms {
				if (imported == library || strings.HasPrefix(imported, library+"/")) && !slices.Contains(strings.Fields(list), pkg) {
					t.Errorf("%s imports %s, which belongs to %s", pkg, imported, list)
				}
			}
		}
		if len(allowed) > 0 {
			t.Errorf("%s does not import %v, which are listed", pkg, allowed)
		}
	}
	if seen != len(arrows) {
		t.Errorf("%d of %d packages seen", seen, len(arrows))
	}
}

// TestOneDecoder: what importers read of an image's documents goes through
// document.Decode. encoding/json, which go-containerregistry uses, takes names that other
// readers do not.
func TestOneDecoder(t *testing.T) {
	lenient := regexp.MustCompile(`\bjson\.(Unmarshal|NewDecoder)\b|\bv1\.Parse(Manifest|IndexManifest|ConfigFile)\b|\bpartial\.|\.(ImageIndex|RawConfigFile|ConfigFile)\(\)`)
	found, err := filepath.Glob("../importers/*/*.go")
	if err != nil || len(found) < 100 {
		t.Fatalf("%d files, %v", len(found), err)
	}
	for _, file := range found {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if use := lenient.Find(text); use != nil {
			t.Errorf("%s uses %s", file, use)
		}
	}
}
