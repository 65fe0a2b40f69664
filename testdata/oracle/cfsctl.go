package oracle

import (
	"os"
	"path/filepath"
	"testing"
)

// CfsctlVersion is the version of the crate composefs-ctl that tests compare with.
const CfsctlVersion = "0.9.4"

// Cfsctl returns the path of composefs-rs's cfsctl. Cargo builds it, in minutes, so
// that .ci/run keeps it in the cache.
func Cfsctl(tb testing.TB) string {
	tb.Helper()
	if testing.Short() {
		tb.Skip("-short leaves out what runs cfsctl")
	}
	root := filepath.Join(Cache(tb), "composefs-ctl-"+CfsctlVersion)
	path := filepath.Join(root, "bin", "cfsctl")
	if _, err := os.Stat(path); err != nil {
		Missing(tb, "cfsctl is missing: cargo install composefs-ctl --locked --version "+CfsctlVersion+" --root "+root)
	}
	return path
}
