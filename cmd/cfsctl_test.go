package cmd

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// The digests that cfsctl of composefs-rs computes of the example image.
func TestDigestsOfCfsctl(t *testing.T) {
	raw, err := os.ReadFile("../testdata/vectors/cfsctl-example.tsv")
	if err != nil {
		t.Fatal(err)
	}
	xattrs := map[string]string{"allowlist-only": "allowlist", "keep-user-xattrs": "user"}
	checked := 0
	for line := range strings.Lines(string(raw)) {
		f := strings.Split(strings.TrimSpace(line), "\t")
		if f[0] == "hash" {
			continue
		}
		args := []string{"digest", "--hash=" + f[0], "--erofs-version=" + f[1], "--xattrs=" + xattrs[f[2]], "../testdata/example/image"}
		out, err := exec.Command("cfsverify", args...).Output()
		if err != nil {
			t.Fatalf("%q: %v", args, err)
		}
		if got := strings.TrimSpace(string(out)); got != f[3] {
			t.Errorf("%q: %s, cfsctl says %s", args, got, f[3])
		}
		checked++
	}
	if checked != 8 {
		t.Errorf("%d digests checked, want 8", checked)
	}
}
