package cmd

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cfsverify/testdata/images"
)

// TestManyWriters: eight programs write to a layout at once, which is there or not, and
// each image gets its tag.
func TestManyWriters(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	source, repaired := "oci:"+bigImage(t)+":t", "oci:"+filepath.Join(t.TempDir(), "repaired")+":t"
	if out, err := program("repair", "-q", source, "-o", repaired).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	layout := filepath.Join(t.TempDir(), "layout")
	var want []string
	for _, round := range []string{"new", "old"} {
		var all []*exec.Cmd
		for i := range 8 {
			tag := fmt.Sprint(round, i)
			args := []string{"repair", "-q", source, "-o", "oci:" + layout + ":" + tag}
			if i%2 == 1 {
				args = []string{"seal", "write", "-q", "--artifact", "--label", repaired, "-o", "oci:" + layout + ":" + tag}
			}
			cmd := program(args...)
			cmd.Stderr = &bytes.Buffer{}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			all, want = append(all, cmd), append(want, tag)
		}
		for _, cmd := range all {
			if err := cmd.Wait(); cmd.ProcessState.ExitCode() > statusDifferent {
				t.Errorf("%v: %v: %v", cmd, err, cmd.Stderr)
			}
		}
		checkLayout(t, layout)
		var got []string
		for _, listed := range images.Listed(t, layout) {
			if _, tag, _ := strings.Cut(listed, " "); tag != "" {
				got = append(got, tag)
			}
		}
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("want -, got +\n%s", diff)
		}
	}
}

// TestWaits: while another program writes to a layout, the user is told that we wait, and
// for no longer than --timeout.
func TestWaits(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	source, dir := "oci:"+bigImage(t)+":t", t.TempDir()
	lock, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	started := time.Now()
	cmd := program("repair", "-q", "--timeout", "700ms", source, "-o", "oci:"+dir)
	out, _ := cmd.CombinedOutput()
	want := fmt.Sprintf("cfsverify: note: waiting for another program, which writes to oci:%s\ncfsverify: %q is written to by another program, which took longer than 700ms: allow more with --timeout\n", dir, dir)
	if status := cmd.ProcessState.ExitCode(); status != statusTrouble || string(out) != want || time.Since(started) > time.Minute {
		t.Errorf("status %d after %v, %s", status, time.Since(started), out)
	}
}
