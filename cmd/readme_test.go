package cmd

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"

	"cfsverify/compare/blame"
	"cfsverify/reports"
)

// The first command of README prints what README says.
func TestReadmeExample(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, block, _ := strings.Cut(string(readme), "```console\n$ ")
	block, _, found := strings.Cut(block, "```\n")
	if !found {
		t.Fatal("README has no console block")
	}
	command, want, _ := strings.Cut(block, "\n")
	c := exec.Command("sh", "-c", command)
	c.Dir = ".."
	out, err := c.Output()
	if c.ProcessState == nil || c.ProcessState.ExitCode() != statusDifferent {
		t.Fatalf("%s: %v", command, err)
	}
	if diff := cmp.Diff(want, string(out)); diff != "" {
		t.Error(diff)
	}
}

// The example is what its generator makes.
func TestExampleIsGenerated(t *testing.T) {
	dir := t.TempDir()
	if out, err := exec.Command("go", "run", "../testdata/example", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	out, err := exec.Command("diff", "-r", "--exclude=generate.go", dir, filepath.Join("..", "testdata", "example")).CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// README lists the causes as reports name them.
func TestReadmeCauses(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range blame.Causes() {
		title := reports.CauseOf(c).Title
		if row := "| `" + string(c) + "` | " + title; !strings.Contains(string(readme), row) {
			t.Errorf("README has no row %q", row)
		}
	}
}

// Every YAML block of README is YAML.
func TestReadmeYAML(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := strings.Split(string(readme), "```yaml\n")[1:]
	if len(blocks) < 4 {
		t.Errorf("only %d blocks", len(blocks))
	}
	for _, b := range blocks {
		text, _, _ := strings.Cut(b, "```")
		for doc := range strings.SplitSeq(text, "---\n") {
			var v any
			if err := yaml.Unmarshal([]byte(doc), &v); err != nil || v == nil {
				t.Errorf("%v in\n%s", err, doc)
			}
		}
	}
}
