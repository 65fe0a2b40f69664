package oracle

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Apt skips or fails a test that needs packages of Debian, if their tools are missing.
func Apt(tb testing.TB) {
	tb.Helper()
	for _, tool := range []string{"apt-get", "apt-cache"} {
		Tool(tb, tool, "apt")
	}
	Tool(tb, "dpkg-deb", "dpkg")
}

// Suite is the packages of a part of Debian, such as bookworm-backports. The machine's own
// package lists are left alone.
type Suite struct{ dir, name, config string }

// OpenSuite downloads the lists of a suite to a directory.
func OpenSuite(dir, name string) (*Suite, error) {
	s := &Suite{dir, name, filepath.Join(dir, "apt.conf")}
	for name, content := range map[string]string{
		s.config:                            aptConfig(dir),
		filepath.Join(dir, "sources.list"):  "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian " + name + " main\n",
		filepath.Join(dir, "lists/partial"): "", filepath.Join(dir, "cache/archives/partial"): "",
	} {
		if content == "" {
			if err := os.MkdirAll(name, 0o755); err != nil {
				return nil, err
			}
		} else if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
			return nil, err
		}
	}
	_, err := s.Run("apt-get", "-q", "--error-on=any", "update")
	return s, err
}

// Run runs a program of apt with the lists of the suite, and returns what it prints.
func (s *Suite) Run(name string, args ...string) (string, error) {
	c := exec.Command(name, args...)
	c.Dir, c.Env = s.dir, append(os.Environ(), "APT_CONFIG="+s.config, "LC_ALL=C")
	var stdout, stderr bytes.Buffer
	c.Stdout, c.Stderr = &stdout, &stderr
	if err := c.Run(); err != nil {
		return "", fmt.Errorf("%s: %v: %w\n%s", s.name, c, err, stderr.Bytes())
	}
	return stdout.String(), nil
}

// Download gets the newest version of a package to a file.
func (s *Suite) Download(pkg, file string) error {
	if _, err := s.Run("apt-get", "-q", "download", pkg); err != nil {
		return err
	}
	debs, err := filepath.Glob(filepath.Join(s.dir, pkg+"_*.deb"))
	if err != nil || len(debs) != 1 {
		return fmt.Errorf("%s: %d packages %q were downloaded (%v)", s.name, len(debs), pkg, err)
	}
	return move(debs[0], file)
}

func aptConfig(dir string) string {
	return fmt.Sprintf(`APT::Architecture "amd64";
APT::Architectures { "amd64"; };
APT::Sandbox::User "root";
Acquire::Languages "none";
Dir::Etc::sourcelist "%[1]s/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::State::lists "%[1]s/lists";
Dir::State::status "/dev/null";
Dir::Cache "%[1]s/cache";
`, dir)
}

// move is a rename that may cross file systems.
func move(from, to string) error {
	content, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	partial := fmt.Sprintf("%s.%d", to, os.Getpid())
	if err := os.WriteFile(partial, content, 0o644); err != nil {
		return errors.Join(err, os.Remove(partial))
	}
	return os.Rename(partial, to)
}
