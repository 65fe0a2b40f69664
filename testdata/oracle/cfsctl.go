package oracle

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
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

// Composefs runs cfsctl with a repository for digests of one hash, "sha256" or
// "sha512". Calls may run at the same time.
type Composefs struct{ cfsctl, repository, hash string }

// NewComposefs makes the repository, which is gone when the test ends.
func NewComposefs(tb testing.TB, hash string) *Composefs {
	tb.Helper()
	c := &Composefs{cfsctl: Cfsctl(tb), hash: hash}
	// The repository has a file for each layer and content: in memory that costs no disk.
	parent := "/dev/shm"
	if _, err := os.Stat(parent); err != nil {
		parent = ""
	}
	dir, err := os.MkdirTemp(parent, "cfsverify-cfsctl-")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { os.RemoveAll(dir) })
	c.repository = filepath.Join(dir, "repository")
	if err := c.Clear(); err != nil {
		tb.Fatal(err)
	}
	return c
}

// Clear empties the repository. cfsctl finds layers in it by the diffIDs that configs
// state, and believes an image of a layout that states wrong ones: another image with such a
// diffID gets that layer then.
func (c *Composefs) Clear() error {
	if err := os.RemoveAll(c.repository); err != nil {
		return err
	}
	_, err := c.run("init", "--insecure", "--algorithm", "fsverity-"+c.hash+"-12", c.repository)
	return err
}

// ComposefsOptions say how a digest or dump is made.
type ComposefsOptions struct {
	// Version is that of the EROFS format. Dumps do not depend on it.
	Version int
	// Bootable prepares the tree for booting.
	Bootable bool
	// UserXattrs keeps user.* besides what is kept always.
	UserXattrs bool
	// Raw, for a directory, leaves the tree as it is.
	Raw bool
}

func (o ComposefsOptions) args() []string {
	var args []string
	if o.Bootable {
		args = append(args, "--bootable")
	}
	if o.UserXattrs {
		args = append(args, "--xattrs=keep-user-xattrs")
	}
	if o.Raw {
		args = append(args, "--no-propagate-usr-to-root")
	}
	return args
}

// Pull reads an OCI layout with one image, which gets a name. An error is what cfsctl
// says against the image.
func (c *Composefs) Pull(layout, name string) error {
	_, err := c.run("oci", "pull", "oci:"+layout, name)
	return err
}

// ImageDigest is that of a pulled image.
func (c *Composefs) ImageDigest(name string, o ComposefsOptions) (string, error) {
	return line(c.run(append([]string{"--erofs-version", strconv.Itoa(o.Version), "oci", "compute-id", name}, o.args()...)...))
}

// ImageDump is the dump of a pulled image.
func (c *Composefs) ImageDump(name string, o ComposefsOptions) (string, error) {
	return c.run(append([]string{"oci", "dump", name}, o.args()...)...)
}

// DirectoryDigest is that of a directory.
func (c *Composefs) DirectoryDigest(dir string, o ComposefsOptions) (string, error) {
	return line(c.runAlone(o, append([]string{"compute-id", dir}, o.args()...)...))
}

// DirectoryDump is the dump of a directory.
func (c *Composefs) DirectoryDump(dir string, o ComposefsOptions) (string, error) {
	return c.runAlone(o, append([]string{"create-dumpfile", dir}, o.args()...)...)
}

// WriteImage writes the composefs image of a directory, and returns its path.
func (c *Composefs) WriteImage(dir string, o ComposefsOptions) (string, error) {
	id, err := line(c.run(append([]string{"--erofs-version", strconv.Itoa(o.Version), "create-image", dir}, o.args()...)...))
	_, digest, _ := strings.Cut(id, ":")
	return filepath.Join(c.repository, "images", digest), err
}

// KernelArgument is what the kernel's command line has for a directory. It is always
// of the tree that is prepared for booting.
func (c *Composefs) KernelArgument(dir string, o ComposefsOptions) (string, error) {
	return line(c.runAlone(o, "compute-karg", dir))
}

// line is output of one line.
func line(output string, err error) (string, error) { return strings.TrimSpace(output), err }

func (c *Composefs) run(args ...string) (string, error) {
	return cfsctl(c.cfsctl, append([]string{"--repo", c.repository}, args...)...)
}

// runAlone runs a command that needs no repository.
func (c *Composefs) runAlone(o ComposefsOptions, args ...string) (string, error) {
	return cfsctl(c.cfsctl, append([]string{"--no-repo", "--hash", c.hash, "--erofs-version", strconv.Itoa(o.Version)}, args...)...)
}

// cfsctlTimeout is more than any call takes that ends.
const cfsctlTimeout = time.Minute

func cfsctl(program string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), cfsctlTimeout)
	defer cancel()
	command := exec.CommandContext(ctx, program, args...)
	// Without a backtrace errors have one line for each cause.
	command.Env = append(os.Environ(), "RUST_BACKTRACE=0")
	var stdout, stderr strings.Builder
	command.Stdout, command.Stderr = &stdout, &stderr
	err := command.Run()
	if ctx.Err() != nil {
		return "", fmt.Errorf("%q: it does not end", args)
	}
	if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) {
		return "", err
	}
	if err != nil {
		return "", fmt.Errorf("%q: %w: %s", args, err, strings.Join(strings.Fields(stderr.String()), " "))
	}
	return stdout.String(), nil
}
