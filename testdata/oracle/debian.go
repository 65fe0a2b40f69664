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

// Debian is a tarball of a small Debian system. It stays in the user's cache; without
// one it is made again, as root.
func Debian(tb testing.TB) string {
	tb.Helper()
	Root(tb)
	codename := Release(tb)
	file := filepath.Join(Cache(tb), "debian-"+codename+"-2.tar")
	if _, err := os.Stat(file); err == nil {
		return file
	}
	partial := filepath.Join(tb.TempDir(), "debian.tar")
	Run(tb, "mmdebstrap", "mmdebstrap", "--mode=root", "--variant=minbase", "--include=libcap2-bin,attr,binutils", codename, partial)
	// The cache may be on another file system.
	Run(tb, "coreutils", "mv", partial, file+".new")
	if err := os.Rename(file+".new", file); err != nil {
		tb.Fatal(err)
	}
	return file
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
