package cmd

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"cfsverify/testdata/layers"
	"cfsverify/testdata/oracle"
)

// bigImage makes a layout with an image of some hundred kB that a repair changes.
func bigImage(t *testing.T) string {
	t.Helper()
	var spec strings.Builder
	spec.WriteString("d usr mtime=1\n")
	for i := range 200 {
		fmt.Fprintf(&spec, "f usr/%d/file mtime=1 =%s\n", i, strings.Repeat(fmt.Sprint(i), 500))
	}
	dir := filepath.Join(t.TempDir(), "image")
	if err := (layers.Image{Layers: []string{spec.String(), "f usr/late mtime=2"}}).WriteLayout(dir, "t"); err != nil {
		t.Fatal(err)
	}
	return dir
}

// checkLayout checks that what has a blob's name is that blob, and gives the
// index.
func checkLayout(t *testing.T, dir string) string {
	t.Helper()
	for _, name := range filesIn(t, dir) {
		if !strings.HasPrefix(name, "blobs/sha256/") || strings.HasSuffix(name, "/") {
			continue
		}
		content, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if fmt.Sprintf("blobs/sha256/%x", sha256.Sum256(content)) != name {
			t.Errorf("the blob %s has other content", name)
		}
	}
	index, err := os.ReadFile(filepath.Join(dir, "index.json"))
	if err != nil {
		t.Fatal(err)
	}
	return string(index)
}

func checkNoStaging(t *testing.T, what, dir string) {
	t.Helper()
	for _, name := range filesIn(t, dir) {
		if strings.Contains(name, ".cfsverify-") {
			t.Errorf("%s: %s is left", what, name)
		}
	}
}

// TestRepairFull: on file systems of every size that is too small, a layout
// stays as it is.
func TestRepairFull(t *testing.T) {
	oracle.Root(t)
	source, disk := bigImage(t), t.TempDir()
	old := filepath.Join(t.TempDir(), "old")
	if err := (layers.Image{Layers: []string{"d usr"}}).WriteLayout(old, "old"); err != nil {
		t.Fatal(err)
	}
	statuses := map[int]int{}
	for _, kib := range []int{40, 60, 100, 200, 400, 440, 2000} {
		if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, fmt.Sprintf("size=%dk", kib)); err != nil {
			t.Fatal(err)
		}
		layout := filepath.Join(disk, "layout")
		if err := os.CopyFS(layout, os.DirFS(old)); err != nil {
			t.Fatal(err)
		}
		before := checkLayout(t, layout)
		cmd := program("repair", "-q", "oci:"+source, "-o", "oci:"+layout+":new")
		out, _ := cmd.CombinedOutput()
		statuses[cmd.ProcessState.ExitCode()]++
		after := checkLayout(t, layout)
		checkNoStaging(t, fmt.Sprint(kib, " KiB"), disk)
		if err := syscall.Unmount(disk, 0); err != nil {
			t.Fatal(err)
		}
		refused := cmd.ProcessState.ExitCode() == statusTrouble
		if refused != (after == before) || refused && !strings.Contains(string(out), fmt.Sprintf("%q cannot be written: no space left on device", layout)) {
			t.Errorf("%d KiB: %s\n%s", kib, out, after)
		}
	}
	if statuses[statusTrouble] < 3 || statuses[0] == 0 || len(statuses) != 2 {
		t.Errorf("statuses %v", statuses)
	}
}

// TestRepairKilled: whenever a repair is killed, the layout has the old image or
// the new one.
func TestRepairKilled(t *testing.T) {
	layout, temporary := bigImage(t), t.TempDir()
	t.Setenv("TMPDIR", temporary)
	run := func() (args []string) {
		return []string{"repair", "-q", "oci:" + layout + ":t", "-o", "oci:" + layout + ":t"}
	}
	old := checkLayout(t, layout)
	start := time.Now()
	if out, err := program(run()...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	took := time.Since(start)
	repaired := checkLayout(t, layout)
	if repaired == old {
		t.Fatal("the repair changes nothing")
	}
	random := rand.New(rand.NewPCG(9, 10))
	ended := 0
	for i := range 15 {
		if err := os.WriteFile(filepath.Join(layout, "index.json"), []byte(old), 0o644); err != nil {
			t.Fatal(err)
		}
		signal := []syscall.Signal{syscall.SIGKILL, syscall.SIGTERM, syscall.SIGINT}[i%3]
		cmd := program(run()...)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(random.Int64N(int64(took))))
		_ = cmd.Process.Signal(signal)
		err := cmd.Wait()
		if index := checkLayout(t, layout); index != old && index != repaired || err == nil && index != repaired {
			t.Errorf("%v: %v, and the index is %s", signal, err, index)
		}
		if err != nil {
			ended++
		}
		if signal == syscall.SIGKILL {
			for _, pattern := range []string{layout + "/.cfsverify-*", temporary + "/cfsverify-*"} {
				left, err := filepath.Glob(pattern)
				for _, name := range left {
					err = errors.Join(err, os.RemoveAll(name))
				}
				if err != nil {
					t.Fatal(err)
				}
			}
		} else if !isSignalled(cmd, signal) {
			checkNoStaging(t, signal.String(), layout)
			if files := filesIn(t, temporary); len(files) > 0 {
				t.Errorf("%v: %q are left", signal, files)
			}
		}
	}
	if ended == 0 {
		t.Error("no run was ended")
	}
	if out, err := program(run()...).CombinedOutput(); err != nil || checkLayout(t, layout) != repaired {
		t.Errorf("afterwards: %v: %s", err, out)
	}
}

// TestRepairInterrupted: work that waits for what never comes does not notice a
// signal, and all that it staged is removed all the same.
func TestRepairInterrupted(t *testing.T) {
	dir, temporary := t.TempDir(), t.TempDir()
	t.Setenv("TMPDIR", temporary)
	fifo := filepath.Join(dir, "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := program("repair", "tar:"+fifo, "-o", "oci:"+filepath.Join(dir, "layout"))
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for len(filesIn(t, temporary)) == 0 || len(filesIn(t, filepath.Join(dir))) < 3 {
		time.Sleep(10 * time.Millisecond)
	}
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	err := cmd.Wait()
	if cmd.ProcessState.ExitCode() != statusInterrupted {
		t.Errorf("error %v", err)
	}
	if left := append(filesIn(t, temporary), filesIn(t, dir)...); len(left) != 1 || left[0] != "fifo" {
		t.Errorf("left are %q", left)
	}
}
