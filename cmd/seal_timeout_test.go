package cmd

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"cfsverify/testdata/layers"
)

// TestSealTimeout: when time runs out for the explanation of a wrong seal, its verdict is
// told all the same.
func TestSealTimeout(t *testing.T) {
	t.Chdir(t.TempDir())
	var files []string
	for l := range 60 {
		spec := fmt.Sprintf("d usr mtime=1\nd usr/%d mtime=1\n", l)
		for i := range 200 {
			spec += fmt.Sprintf("f usr/%d/%d mtime=1 =x\n", l, i)
		}
		files = append(files, fmt.Sprintf("%d.tar", l))
		if err := os.WriteFile(files[l], layers.Tar(spec), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	stderr, err := os.Create("stderr")
	if err != nil {
		t.Fatal(err)
	}
	defer stderr.Close()
	// To read the image takes a small part of the time of the search.
	for timeout := 20 * time.Millisecond; ; timeout *= 2 {
		if timeout > time.Minute {
			t.Fatalf("the image cannot be read in %v", timeout)
		}
		out, status := tryMain(t, stderr, "seal", "check", "--expect", strings.Repeat("0", 128), "--timeout", timeout.String(), "tar:"+strings.Join(files, ","))
		if status == statusTrouble {
			continue
		}
		late := fmt.Sprintf("  not explained: what gives that digest was not found in %v, and there is more to try: allow more with --timeout", timeout)
		for _, want := range []string{"WRONG: 1 of 1 seal is wrong", "  should be ", late} {
			if status != statusDifferent || !strings.Contains(out, want) {
				t.Errorf("status %d, %q is not in\n%s", status, want, out)
			}
		}
		return
	}
}
