package oracle

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Release is the name of the Debian release that this machine has, such as
// bookworm.
func Release(tb testing.TB) string {
	tb.Helper()
	release, err := os.ReadFile("/etc/os-release")
	if err != nil {
		tb.Fatal(err)
	}
	for line := range strings.Lines(string(release)) {
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), "VERSION_CODENAME="); ok {
			return name
		}
	}
	Missing(tb, "this is no Debian release, of which /etc/os-release would say the name")
	return ""
}

// Cache is a directory of the user for what takes long to get. Tests that run at
// the same time share it: put files there by renaming them.
func Cache(tb testing.TB) string {
	tb.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		return tb.TempDir()
	}
	dir := filepath.Join(cache, "cfsverify-test")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		tb.Fatal(err)
	}
	return dir
}
