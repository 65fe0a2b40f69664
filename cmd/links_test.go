package cmd

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cfsverify/testdata/oracle"
)

// TestForeignOutput: whatever a command writes, it does not go through a symlink that
// another user has put into a directory of all, and nothing is left beside.
func TestForeignOutput(t *testing.T) {
	oracle.Root(t)
	image, source, shared, outside := "oci:"+bigImage(t)+":t", sourceTree(t, 3), t.TempDir(), t.TempDir()
	const other = 4711
	file, dir := filepath.Join(shared, "file"), filepath.Join(shared, "dir")
	victim := filepath.Join(outside, "victim")
	if err := errors.Join(os.Chmod(shared, os.ModeSticky|0o777), os.WriteFile(victim, []byte("old"), 0o600), os.Symlink(victim, file), os.Symlink(outside, dir),
		os.Lchown(file, other, other), os.Lchown(dir, other, other)); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", t.TempDir())
	for _, args := range [][]string{
		{"dump", "-o", file, source}, {"mkfs", source, file}, {"tar", "-o", file, source}, {"tar", "-o", dir + "/new", source},
		{"diff", "--report", "html=" + file, source, source}, {"diff", "--report", "json=" + dir + "/new", source, source},
		{"mkfs", "--objects", dir, source, "/dev/null"}, {"mkfs", "--objects", dir + "/store", source, "/dev/null"},
		{"repair", "-o", "oci:" + dir, image}, {"repair", "-o", "oci:" + dir + "/layout", image}, {"seal", "write", "--label", "-o", "oci:" + dir + "/layout", image},
		{"TMPDIR", "seal", "check", image}, {"TMPDIR", "tar", image}, {"TMPDIR", "repair", "-o", "oci:" + filepath.Join(t.TempDir(), "layout"), image},
	} {
		cmd := program(args...)
		if args[0] == "TMPDIR" {
			cmd = program(args[1:]...)
			cmd.Env = append(os.Environ(), "TMPDIR="+dir)
		}
		out, _ := cmd.CombinedOutput()
		link := file
		if strings.Contains(cmd.String(), dir) || args[0] == "TMPDIR" {
			link = dir
		}
		want := fmt.Sprintf("%q is a symlink of user %d in a directory that others can write to, and is not trusted: remove it, or choose another path", link, other)
		if status := cmd.ProcessState.ExitCode(); status != statusTrouble || !strings.Contains(string(out), want) {
			t.Errorf("%q: status %d, %s", args, status, out)
		}
	}
	if content, err := os.ReadFile(victim); err != nil || string(content) != "old" {
		t.Errorf("the file is %q, %v", content, err)
	}
	if files := append(filesIn(t, outside), filesIn(t, shared)...); len(files) != 3 {
		t.Errorf("there are %q", files)
	}
}
