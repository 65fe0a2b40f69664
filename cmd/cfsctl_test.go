package cmd

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"cfsverify/testdata/oracle"
)

// TestDigestsOfCfsctl: the digests that cfsctl 0.9.0 computed of the example image.
func TestDigestsOfCfsctl(t *testing.T) {
	raw, err := os.ReadFile("../testdata/vectors/cfsctl-example.tsv")
	if err != nil {
		t.Fatal(err)
	}
	xattrs := map[string]string{"allowlist-only": "allowlist", "keep-user-xattrs": "user"}
	checked := 0
	for line := range strings.Lines(string(raw)) {
		f := strings.Split(strings.TrimSpace(line), "\t")
		if f[0] == "hash" {
			continue
		}
		args := []string{"digest", "--hash=" + f[0], "--erofs-version=" + f[1], "--xattrs=" + xattrs[f[2]], "../testdata/example/image"}
		out, err := exec.Command("cfsverify", args...).Output()
		if err != nil {
			t.Fatalf("%q: %v", args, err)
		}
		if got := strings.TrimSpace(string(out)); got != f[3] {
			t.Errorf("%q: %s, cfsctl says %s", args, got, f[3])
		}
		checked++
	}
	if checked != 8 {
		t.Errorf("%d digests checked, want 8", checked)
	}
}

// TestCfsctl: cfsctl and cfsverify compute the same digests of images and of directories,
// by all recipes that cfsctl has. The example is not made ready for booting by either, as it
// has no /boot.
func TestCfsctl(t *testing.T) {
	oracle.Root(t)
	oracle.Tool(t, "umoci", "umoci")
	oracle.Tool(t, "setfattr", "attr")
	dir := t.TempDir()
	image, bundle := filepath.Join(dir, "image"), filepath.Join(dir, "bundle")
	root := filepath.Join(bundle, "rootfs")
	runTool(t, "cp", "-r", "../testdata/example/image", image)
	runTool(t, "umoci", "unpack", "--image", image+":latest", bundle)
	checkCfsctl(t, "oci:"+image+":latest", root, false, [2]int{6, 12})
	runTool(t, "sh", "-ec", `
		cd "$1"
		mkdir boot sysroot
		echo >boot/kernel
		echo >run/pid
		setfattr -n user.note -v x usr/share/late
		setfattr -n security.capability -v 0x0100000200040000000000000000000000000000 usr/bin/su
		touch -d '2026-03-05 06:07:08.9 UTC' usr
	`, "sh", root)
	runTool(t, "umoci", "repack", "--image", image+":bootable", bundle)
	checkCfsctl(t, "oci:"+image+":bootable", root, true, [2]int{24, 36})
}

// checkCfsctl compares the digests of an image and of a directory, which have so many
// different ones.
func checkCfsctl(t *testing.T, image, root string, bootable bool, different [2]int) {
	t.Helper()
	for i, source := range []string{image, root} {
		found := map[string]bool{}
		for _, hash := range []string{"sha256", "sha512"} {
			r, command := newRepository(t, hash), []string{"compute-id", root}
			if source == image {
				r.run(t, "oci", "pull", image, "image")
				command = []string{"oci", "compute-id", "image"}
			}
			for _, c := range cfsctlRecipes(source == root) {
				want, refusal := r.try(append(append([]string{"--erofs-version", c.version}, command...), c.cfsctl...)...)
				out, err := exec.Command("cfsverify", append([]string{"digest", "--hash", hash, "--erofs-version", c.version, source}, c.cfsverify...)...).Output()
				got := strings.TrimSpace(string(out))
				if refused := slices.Contains(c.cfsctl, "--bootable") && !bootable; (refusal != nil) != refused || (err != nil) != refused || got != want {
					t.Errorf("%s %s %+v: %s, %v; cfsctl says %s, %v", hash, source, c, got, err, want, refusal)
				}
				if err == nil {
					found[got] = true
				}
			}
		}
		if len(found) != different[i] {
			t.Errorf("%s has %d digests, want %d", source, len(found), different[i])
		}
	}
}

// cfsctlRecipe is a version of the image format, and the rest of a recipe in the words of
// both programs.
type cfsctlRecipe struct {
	version           string
	cfsctl, cfsverify []string
}

func cfsctlRecipes(directory bool) []cfsctlRecipe {
	words := map[string]string{"--xattrs=allowlist-only": "--xattrs=allowlist", "--xattrs=keep-user-xattrs": "--xattrs=user"}
	if directory {
		words["--no-propagate-usr-to-root"] = "--policy=raw"
	}
	var list []cfsctlRecipe
	for _, version := range []string{"0", "1", "2"} {
		for cfsctl, cfsverify := range words {
			list = append(list, cfsctlRecipe{version, []string{cfsctl}, []string{cfsverify}},
				cfsctlRecipe{version, []string{cfsctl, "--bootable"}, []string{cfsverify, "--bootable", "--boot-mtime=ns"}})
		}
	}
	return list
}

// repository is one of cfsctl's.
type repository struct{ program, dir string }

// newRepository makes a repository whose objects have digests of a hash.
func newRepository(t *testing.T, hash string) repository {
	t.Helper()
	r := repository{program: oracle.Cfsctl(t), dir: filepath.Join(t.TempDir(), "repository")}
	r.run(t, "init", "--insecure", "--algorithm", "fsverity-"+hash+"-12")
	return r
}

// try is what cfsctl prints, or says when it fails.
func (r repository) try(args ...string) (string, error) {
	c := exec.Command(r.program, append([]string{"--repo", r.dir}, args...)...)
	var stderr bytes.Buffer
	c.Stderr = &stderr
	out, err := c.Output()
	if err != nil {
		err = fmt.Errorf("%v: %w\n%s", c, err, stderr.Bytes())
	}
	return strings.TrimSpace(string(out)), err
}

func (r repository) run(t *testing.T, args ...string) string {
	t.Helper()
	out, err := r.try(args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}
