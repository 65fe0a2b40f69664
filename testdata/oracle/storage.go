package oracle

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Storage is a local storage of containers/storage with the overlay driver, which Debian's
// buildah, skopeo and podman fill.
type Storage struct {
	// Dir holds all, Root is the graph root, and Config a storage.conf that names it.
	Dir, Root, Config string
}

// NewStorage makes one, which goes when the test ends.
func NewStorage(tb testing.TB) *Storage {
	tb.Helper()
	Root(tb)
	// Overlay directories do not go below overlay, which /tmp may be.
	dir, err := os.MkdirTemp("/var/tmp", "cfsverify-storage-")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		// The programs leave a mount there.
		_ = exec.Command("umount", "--lazy", filepath.Join(dir, "root/overlay")).Run()
		if err := os.RemoveAll(dir); err != nil {
			tb.Error(err)
		}
	})
	s := &Storage{Dir: dir, Root: filepath.Join(dir, "root"), Config: filepath.Join(dir, "storage.conf")}
	config := fmt.Sprintf("[storage]\ndriver = \"overlay\"\ngraphroot = %q\nrunroot = %q\n", s.Root, filepath.Join(dir, "run"))
	if err := os.WriteFile(s.Config, []byte(config), 0o644); err != nil {
		tb.Fatal(err)
	}
	return s
}

// Name is that of an image in the storage, as skopeo has it.
func (s *Storage) Name(image string) string {
	return fmt.Sprintf("containers-storage:[overlay@%s+%s/run]%s", s.Root, s.Dir, image)
}

// Run runs buildah, podman or skopeo with the storage, and gives what it prints.
func (s *Storage) Run(tb testing.TB, program string, args ...string) (string, error) {
	tb.Helper()
	if program == "skopeo" {
		args = append([]string{"--insecure-policy"}, args...)
	}
	c := exec.Command(Tool(tb, program, program), args...)
	c.Env = append(os.Environ(), "CONTAINERS_STORAGE_CONF="+s.Config)
	var stderr strings.Builder
	c.Stderr = &stderr
	out, err := c.Output()
	if err != nil {
		return "", fmt.Errorf("%v: %w: %s", c, err, &stderr)
	}
	return strings.TrimSpace(string(out)), nil
}

// Must does what Run does, and fails the test where the program fails.
func (s *Storage) Must(tb testing.TB, program string, args ...string) string {
	tb.Helper()
	out, err := s.Run(tb, program, args...)
	if err != nil {
		tb.Fatal(err)
	}
	return out
}

// Copy copies the image of an OCI layout into the storage.
func (s *Storage) Copy(tb testing.TB, layout, image string) error {
	tb.Helper()
	_, err := s.Run(tb, "skopeo", "copy", "--quiet", layout, s.Name(image))
	return err
}

// Inodes lists all inodes of the storage with all that changes when anything is done to
// one but reading.
func (s *Storage) Inodes(tb testing.TB) string {
	tb.Helper()
	out, err := exec.Command("find", s.Root, "-printf", `%p %i %y %C@ %T@ %s %m %U %G %n %l\n`).Output()
	if err != nil {
		tb.Fatal(err)
	}
	return string(out)
}
