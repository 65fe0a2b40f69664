package oracle

import (
	"fmt"
	"os"
	"os/exec"
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

// SELinuxPolicy is a tarball of the directory selinux, which is /etc/selinux of Debian
// 12 with selinux-policy-default: the policy is made when the package is installed. It
// stays in the user's cache.
func SELinuxPolicy(tb testing.TB) string {
	tb.Helper()
	file := filepath.Join(Cache(tb), "selinux-policy-default.tar")
	if _, err := os.Stat(file); err == nil {
		return file
	}
	if testing.Short() {
		tb.Skip("installs a package of Debian: not with -short")
	}
	Root(tb)
	program := Tool(tb, "mmdebstrap", "mmdebstrap")
	dir, err := os.MkdirTemp(Cache(tb), "selinux-policy-")
	if err != nil {
		tb.Fatal(err)
	}
	defer os.RemoveAll(dir)
	partial := filepath.Join(dir, "policy.tar")
	out, err := exec.Command(program, "--mode=root", "--variant=apt", "--format=null", "--include=selinux-policy-default",
		"--customize-hook=tar-out /etc/selinux "+partial, "bookworm", "-").CombinedOutput()
	if err != nil {
		Missing(tb, fmt.Sprintf("Debian's policy is missing, and cannot be installed: %v\n%s", err, out))
	}
	if err := os.Rename(partial, file); err != nil {
		tb.Fatal(err)
	}
	return file
}
