package oracle

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"testing"
)

// SELinuxPolicy is the content of the files in /etc/selinux of Debian 12 with
// selinux-policy-default, by their paths. The policy is made when the package is installed,
// and stays in the user's cache.
func SELinuxPolicy(tb testing.TB) map[string][]byte {
	tb.Helper()
	file := filepath.Join(Cache(tb), "selinux-policy-default.tar")
	if _, err := os.Stat(file); err != nil {
		if testing.Short() {
			tb.Skip("installs a package of Debian: not with -short")
		}
		Root(tb)
		program := Tool(tb, "mmdebstrap", "mmdebstrap")
		partial := filepath.Join(tb.TempDir(), "policy.tar")
		out, err := exec.Command(program, "--mode=root", "--variant=apt", "--format=null", "--include=selinux-policy-default",
			"--customize-hook=tar-out /etc/selinux "+partial, "bookworm", "-").CombinedOutput()
		if err != nil {
			Missing(tb, fmt.Sprintf("Debian's policy is missing, and cannot be installed: %v\n%s", err, out))
		}
		content, err := os.ReadFile(partial)
		if err != nil {
			tb.Fatal(err)
		}
		if err := errors.Join(os.WriteFile(file+".new", content, 0o644), os.Rename(file+".new", file)); err != nil {
			tb.Fatal(err)
		}
	}
	f, err := os.Open(file)
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	files := map[string][]byte{}
	for r := tar.NewReader(f); ; {
		h, err := r.Next()
		if err == io.EOF {
			return files
		}
		if err != nil {
			tb.Fatal(err)
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		_, name, _ := strings.Cut(path.Clean("/"+h.Name), "selinux")
		if files["/etc/selinux"+name], err = io.ReadAll(r); err != nil {
			tb.Fatal(err)
		}
	}
}
