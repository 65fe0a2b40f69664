package oracle

import (
	"archive/tar"
	"io"
	"os"
	"path"
	"strings"
	"testing"
)

// SELinuxFiles is the content of the files in /etc/selinux that SELinuxPolicy has, by
// their paths.
func SELinuxFiles(tb testing.TB) map[string][]byte {
	tb.Helper()
	f, err := os.Open(SELinuxPolicy(tb))
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
