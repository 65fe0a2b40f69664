package cmd

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cfsverify/canon/erofs"
	"cfsverify/canon/fsverity"
	"cfsverify/canon/policy"
	"cfsverify/canon/recipe"
	"cfsverify/canon/tarfile"
	"cfsverify/cmd/advice"
	"cfsverify/compare/blame"
	"cfsverify/compare/verify"
	"cfsverify/importers"
	"cfsverify/importers/engine"
	"cfsverify/importers/image"
	"cfsverify/importers/layer"
	"cfsverify/testdata/layers"
	"cfsverify/testdata/oracle"
)

// TestEngines: what inside-vs-outside says of hostile images that real engines
// unpacked is what testdata/engines.txt expects, and what predict says of the
// layers alone.
func TestEngines(t *testing.T) {
	oracle.Root(t)
	for _, engine := range engine.Engines() {
		t.Run(engine.Name, func(t *testing.T) {
			expected := expectedCauses(t, engine.Name)
			unpack := oracle.Engine(t, engine.Name)
			for _, image := range layers.Hostile() {
				t.Run(image.Name, func(t *testing.T) {
					layout := filepath.Join(t.TempDir(), "layout")
					if err := image.WriteLayout(layout, "t"); err != nil {
						t.Fatal(err)
					}
					root, refusal := unpack(t, image)
					for _, p := range []policy.Policy{policy.Raw(), policy.ComposefsRS()} {
						e := engineTest{engine, "oci:" + layout + ":t", setting{Recipe: recipe.Recipe{Policy: p, Version: erofs.V1, Hash: fsverity.SHA256},
							imports: importers.Options{Hash: fsverity.SHA256, Rules: layer.RulesOCI}}}
						predicted := e.predicted(t)
						found := predicted
						if refusal == nil {
							found = e.found(t, "dir:"+root)
						} else if text := strings.Join(predicted, "\n"); text != engineRefuses && !strings.HasPrefix(text, "error: ") {
							t.Errorf("the engine refuses the image, predicted is %q: %v", predicted, refusal)
						}
						if diff := cmp.Diff(found, predicted); diff != "" {
							t.Errorf("found (-) and predicted (+) causes:\n%s", diff)
						}
						if p == policy.Raw() && e.isLintClean(t) && slices.ContainsFunc(found, func(line string) bool { return !strings.HasPrefix(line, "root-metadata ") }) {
							t.Errorf("lint finds nothing that makes tools disagree, and the engine's tree has %q", found)
						}
						if diff := cmp.Diff(expected[image.Name], found); p == policy.Raw() && diff != "" {
							t.Errorf("expected (-) and found (+) causes:\n%s", diff)
						}
					}
				})
			}
		})
	}
}

// What is said of images that cannot be compared.
const (
	engineRefuses = "refused by the engine"
	scanFails     = "no scan: overlayfs lists a whiteout and does not have it"
)

// expectedCauses reads what testdata/engines.txt has for an engine, by image.
func expectedCauses(t *testing.T, engine string) map[string][]string {
	t.Helper()
	data, err := os.ReadFile("testdata/engines.txt")
	if err != nil {
		t.Fatal(err)
	}
	expected := map[string][]string{}
	image := ""
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSuffix(line, "\n")
		name, isHead := strings.CutPrefix(line, "# "+engine+" ")
		switch {
		case isHead:
			image = name
		case strings.HasPrefix(line, "#"):
			image = ""
		case image != "" && line != "":
			expected[image] = append(expected[image], line)
		}
	}
	return expected
}

// engineTest compares an image with what an engine makes of it.
type engineTest struct {
	engine engine.Engine
	image  string
	set    setting
}

// found is what inside-vs-outside says of the unpacked image.
func (e *engineTest) found(t *testing.T, root string) []string {
	t.Helper()
	sources, err := parseSources([]string{root, e.image})
	if err != nil {
		t.Fatal(err)
	}
	report, err := e.compared(t, sources)
	if err != nil {
		if strings.Contains(err.Error(), "is listed but not there") {
			return []string{scanFails}
		}
		return []string{e.errorText(err)}
	}
	if report.Proof != nil && !report.Proof.Complete {
		t.Error("the findings are not all there is")
	}
	return append(causeLines("", report.Findings), causeLines("masked ", report.Masked.Findings)...)
}

func (e *engineTest) compared(t *testing.T, sources []importers.Source) (*verify.Result, error) {
	set := e.set
	inputs, err := set.loadPair(t.Context(), os.Stderr, sources, [2]string{"inside", "outside"})
	if err != nil {
		return nil, err
	}
	return verify.Run(t.Context(), inputs, set.Recipe, verify.Options{Rules: set.imports.Rules, Masked: true})
}

func (e *engineTest) predicted(t *testing.T) []string {
	t.Helper()
	s, err := importers.ParseSource(e.image)
	if err != nil {
		t.Fatal(err)
	}
	unpacked, err := importers.With(t.Context(), s, nil, 0, func(ctx context.Context, img *image.Image) (*importers.Unpacked, error) {
		return importers.Unpack(ctx, img, e.set.imports.Reading(), e.set.imports.Rules, []engine.Engine{e.engine})
	})
	if err != nil {
		return []string{e.errorText(err)}
	}
	p, err := e.set.prediction(t.Context(), unpacked, s, true)
	if err != nil {
		return []string{e.errorText(err)}
	}
	prediction := p.Engines[0]
	switch {
	case prediction.Err != nil && strings.Contains(prediction.Err.Error(), "overlayfs lists this whiteout"):
		return []string{scanFails}
	case prediction.Err != nil:
		return []string{engineRefuses}
	}
	return append(causeLines("", prediction.Findings), causeLines("masked ", prediction.Masked.Findings)...)
}

// isLintClean says that lint finds nothing that makes tools disagree.
func (e *engineTest) isLintClean(t *testing.T) bool {
	t.Helper()
	s, err := importers.ParseSource(e.image)
	if err != nil {
		t.Fatal(err)
	}
	found, err := importers.With(t.Context(), s, nil, 0, func(ctx context.Context, img *image.Image) ([]tarfile.Departure, error) {
		return importers.Lint(ctx, img, importers.Options{Hash: fsverity.SHA256}.Reading())
	})
	return err == nil && !slices.ContainsFunc(found, func(d tarfile.Departure) bool { return d.Rule.Severity() == tarfile.Equality })
}

// errorText is an error without the name of the image.
func (e *engineTest) errorText(err error) string {
	return "error: " + strings.TrimPrefix(advice.Of(err), e.image+": ")
}

func causeLines(prefix string, findings []blame.Finding) []string {
	var lines []string
	for _, f := range findings {
		for _, e := range f.Entries {
			var line bytes.Buffer
			line.WriteString(prefix + string(f.Cause) + " " + strings.ToValidUTF8(e.Path, "?"))
			for _, c := range e.Explained {
				line.WriteString(" " + string(c.Field))
				if c.Xattr != "" {
					line.WriteString("=" + c.Xattr)
				}
			}
			lines = append(lines, line.String())
		}
	}
	return lines
}

// TestRandomImagesAreExplained: what engines make of images of few names has a
// cause that is known.
func TestRandomImagesAreExplained(t *testing.T) {
	explained := 0
	for seed := range uint64(400) {
		image := layers.Random(seed)
		var sources []string
		dir := t.TempDir()
		for i, spec := range image.Layers {
			file := filepath.Join(dir, strconv.Itoa(i)+".tar")
			if err := os.WriteFile(file, layers.Tar(spec), 0o600); err != nil {
				t.Fatal(err)
			}
			sources = append(sources, file)
		}
		for _, engine := range engine.Engines() {
			e := engineTest{engine, "tar:" + strings.Join(sources, ","), setting{Recipe: recipe.Recipe{Policy: policy.Raw(), Version: erofs.V1, Hash: fsverity.SHA256},
				imports: importers.Options{Hash: fsverity.SHA256, Rules: layer.RulesOCI}}}
			for _, line := range e.predicted(t) {
				switch {
				case strings.HasPrefix(line, string(blame.Unexplained)):
					t.Errorf("seed %d, %s: %s\n%s", seed, engine.Name, line, strings.Join(image.Layers, "---\n"))
				case !strings.HasPrefix(line, "error: ") && line != engineRefuses && line != scanFails:
					explained++
				}
			}
		}
	}
	if explained < 400 {
		t.Errorf("only %d differences", explained)
	}
}
