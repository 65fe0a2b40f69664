package cmd

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"cfsverify/testdata/oracle"
)

// TestMounts: with a file system mounted in it, a directory is refused; what is
// hidden by the mount has the digest that it had before.
func TestMounts(t *testing.T) {
	oracle.Root(t)
	root := sourceTree(t, 3)
	target := filepath.Join(root, "usr/dir00")
	digest := func(args ...string) string {
		out, err := program(append([]string{"digest", root}, args...)...).CombinedOutput()
		if err != nil {
			return "error " + string(out)
		}
		return string(out)
	}
	before := digest()
	if err := syscall.Mount("tmpfs", target, "tmpfs", 0, ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(target, 0); err != nil {
			t.Error(err)
		}
	})
	if err := os.WriteFile(filepath.Join(target, "file"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if got := digest(); !strings.Contains(got, `"/usr/dir00"`) || !strings.Contains(got, "--mounts") {
		t.Errorf("by default: %s", got)
	}
	if got := digest("--mounts", "skip"); got != before || strings.Contains(got, "error") {
		t.Errorf("skipped: %s, want %s", got, before)
	}
	if got := digest("--mounts", "cross"); got == before || strings.Contains(got, "error") {
		t.Errorf("crossed: %s, before %s", got, before)
	}
}
