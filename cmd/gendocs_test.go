package cmd

import (
	"os/exec"
	"path/filepath"
	"testing"

	"cfsverify/testdata/oracle"
)

// The committed man pages and completions are what the commands give.
func TestDocsAreFresh(t *testing.T) {
	dir := t.TempDir()
	if out, err := exec.Command("go", "run", "./gendocs", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if out, err := exec.Command("diff", "-r", dir, "docs").CombinedOutput(); err != nil {
		t.Errorf("go run ./cmd/gendocs cmd/docs writes something else: %v\n%s", err, out)
	}
}

// TestManPages: mandoc finds nothing in the pages that it would not show.
func TestManPages(t *testing.T) {
	mandoc := oracle.Tool(t, "mandoc", "mandoc")
	pages, err := filepath.Glob("docs/man/*.1")
	if err != nil || len(pages) < 8 {
		t.Fatal(err, pages)
	}
	for _, page := range pages {
		if out, err := exec.Command(mandoc, "-T", "lint", "-W", "error", page).CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
	}
}

// TestCompletions: the shells read what is written for them.
func TestCompletions(t *testing.T) {
	bash := oracle.Tool(t, "bash", "bash")
	if out, err := exec.Command(bash, "-n", "docs/completions/cfsverify.bash").CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
