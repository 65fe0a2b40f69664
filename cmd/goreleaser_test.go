//go:build goreleaser

package cmd

import (
	"os/exec"
	"testing"

	"cfsverify/testdata/oracle"
)

// TestGoreleaser: goreleaser itself finds nothing wrong with its configuration.
// It wants a repository that comes from somewhere. Building goreleaser takes
// longer than all tests together, so it is asked for by a build tag before a
// release.
func TestGoreleaser(t *testing.T) {
	goreleaser := oracle.Tool(t, "goreleaser", "goreleaser (go install github.com/goreleaser/goreleaser/v2@v2.14.3)")
	dir := t.TempDir()
	c := exec.Command("sh", "-ec", `cp ../.goreleaser.yaml "$1"; cd "$1"; git init -q; git remote add origin https://github.com/example/cfsverify.git; exec "$2" check`, "-", dir, goreleaser)
	if out, err := c.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
