package cmd

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"cfsverify/canon/fsverity"
	"cfsverify/testdata/oracle"
)

// sourceTree has files that go into an image's content store.
func sourceTree(t *testing.T, files int) string {
	t.Helper()
	root := t.TempDir()
	for i := range files {
		dir := filepath.Join(root, fmt.Sprintf("usr/dir%02d", i/50))
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		content := bytes.Repeat([]byte(fmt.Sprintf("file %d\n", i)), 20+i%300)
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("file%04d", i)), content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// program runs the command line as a program of its own.
func program(args ...string) *exec.Cmd {
	path, err := exec.LookPath("cfsverify")
	if err != nil {
		path = os.Args[0]
	}
	return &exec.Cmd{Path: path, Args: append([]string{"cfsverify"}, args...)}
}

// filesIn lists the files below a directory.
func filesIn(t *testing.T, dir string) []string {
	t.Helper()
	var files []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && path != dir {
			name, _ := filepath.Rel(dir, path)
			if d.IsDir() {
				name += "/"
			}
			files = append(files, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// TestDiskFull: on file systems of every size that is too small, what is there
// stays as it is, and nothing else is left.
func TestDiskFull(t *testing.T) {
	oracle.Root(t)
	source, other, disk := sourceTree(t, 300), t.TempDir(), t.TempDir()
	for _, c := range []struct {
		name string
		args func(file string) []string
	}{
		{"mkfs", func(file string) []string { return []string{"mkfs", source, file} }},
		{"dump", func(file string) []string { return []string{"dump", "-o", file, source} }},
		{"html", func(file string) []string {
			return []string{"diff", "--report", "html=" + file, "--policy", "raw", source, other}
		}},
	} {
		refused := 0
		for _, pages := range []int{1, 3, 8, 20, 100, 1000} {
			if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, fmt.Sprintf("size=%d", 4096*(1+pages))); err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(disk, "file")
			if err := os.WriteFile(file, []byte("old"), 0o644); err != nil {
				t.Fatal(err)
			}
			out, err := program(c.args(file)...).CombinedOutput()
			content, _ := os.ReadFile(file)
			files := filesIn(t, disk)
			if err := syscall.Unmount(disk, 0); err != nil {
				t.Fatal(err)
			}
			if err == nil && c.name == "dump" {
				// Its record, and no more.
				files = slices.DeleteFunc(files, func(name string) bool { return name == "file.policy" })
			}
			if len(files) != 1 || files[0] != "file" {
				t.Errorf("%s on %d pages leaves %q", c.name, pages, files)
			}
			var exit *exec.ExitError
			if !errors.As(err, &exit) || exit.ExitCode() != statusTrouble {
				if string(content) == "old" {
					t.Errorf("%s on %d pages: %v, and nothing is written", c.name, pages, err)
				}
				continue
			}
			refused++
			if string(content) != "old" || !strings.Contains(string(out), file+`" cannot be written: no space left on device`) {
				t.Errorf("%s on %d pages: %s\nthe file begins with %.20q", c.name, pages, out, content)
			}
		}
		if refused == 0 || refused == 6 {
			t.Errorf("%s: %d of 6 were refused", c.name, refused)
		}
	}
}

// TestStoreFull is the same for a content store.
func TestStoreFull(t *testing.T) {
	oracle.Root(t)
	source := sourceTree(t, 300)
	disk := t.TempDir()
	statuses := map[int]int{}
	for _, kib := range []int{4, 16, 64, 200, 400, 700, 1000, 1300, 8192} {
		if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, fmt.Sprintf("size=%dk", kib)); err != nil {
			t.Fatal(err)
		}
		cmd := program("mkfs", "--objects", filepath.Join(disk, "store"), source, filepath.Join(disk, "image"))
		out, _ := cmd.CombinedOutput()
		statuses[cmd.ProcessState.ExitCode()]++
		checkObjectFiles(t, filepath.Join(disk, "store"))
		files := filesIn(t, disk)
		if err := syscall.Unmount(disk, 0); err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			if strings.Contains(f, ".cfsverify-") || cmd.ProcessState.ExitCode() != 0 && f == "image" {
				t.Errorf("%d KiB: %s is left", kib, f)
			}
		}
		if cmd.ProcessState.ExitCode() != 0 && !strings.Contains(string(out), "no space left on device") {
			t.Errorf("%d KiB: %s", kib, out)
		}
	}
	if statuses[statusTrouble] == 0 || statuses[0] == 0 || len(statuses) != 2 {
		t.Errorf("statuses %v", statuses)
	}
}

// checkObjectFiles checks that what has an object's name is that object.
func checkObjectFiles(t *testing.T, store string) (objects int) {
	t.Helper()
	for _, name := range filesIn(t, store) {
		digest, err := fsverity.ParseDigest(strings.ReplaceAll(name, "/", ""))
		if err != nil || strings.HasSuffix(name, "/") {
			continue
		}
		content, err := os.ReadFile(filepath.Join(store, name))
		if err != nil {
			t.Fatal(err)
		}
		if fsverity.SumBytes(digest.Algorithm(), content) != digest {
			t.Errorf("the object %s has other content", name)
		}
		objects++
	}
	return objects
}

// TestKilled: whenever the program is killed, no final name has a part, and what
// comes after works. A signal that it can handle leaves nothing.
func TestKilled(t *testing.T) {
	oracle.Root(t)
	source := sourceTree(t, 400)
	// On a disk it would wait for all that others write there.
	disk := t.TempDir()
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(disk, 0); err != nil {
			t.Error(err)
		}
	})
	work := filepath.Join(disk, "work")
	if err := os.Mkdir(work, 0o755); err != nil {
		t.Fatal(err)
	}
	image, store := filepath.Join(work, "image"), filepath.Join(work, "store")
	run := func() *exec.Cmd { return program("mkfs", "--objects", store, source, image) }
	start := time.Now()
	if out, err := run().CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	took := time.Since(start)
	want, err := os.ReadFile(image)
	if err != nil {
		t.Fatal(err)
	}
	objects := checkObjectFiles(t, store)
	random := rand.New(rand.NewPCG(7, 8))
	killed := map[syscall.Signal]int{}
	for i := range 24 {
		signal := []syscall.Signal{syscall.SIGKILL, syscall.SIGTERM, syscall.SIGINT}[i%3]
		if err := errors.Join(os.RemoveAll(work), os.Mkdir(work, 0o755), os.WriteFile(image, []byte("old"), 0o644)); err != nil {
			t.Fatal(err)
		}
		cmd := run()
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(random.Int64N(int64(took))))
		_ = cmd.Process.Signal(signal)
		err := cmd.Wait()
		content, readErr := os.ReadFile(image)
		if readErr != nil || string(content) != "old" && !bytes.Equal(content, want) {
			t.Fatalf("%v: the image is %d bytes, error %v", signal, len(content), readErr)
		}
		if _, statErr := os.Stat(store); statErr == nil {
			checkObjectFiles(t, store)
		}
		if err == nil {
			continue
		}
		killed[signal]++
		if signal == syscall.SIGKILL {
			continue
		}
		if code := cmd.ProcessState.ExitCode(); code != statusInterrupted && !isSignalled(cmd, signal) {
			t.Errorf("%v: status %d", signal, code)
		}
		if !isSignalled(cmd, signal) {
			checkNothingLeft(t, work)
		}
	}
	for _, signal := range []syscall.Signal{syscall.SIGKILL, syscall.SIGTERM, syscall.SIGINT} {
		if killed[signal] == 0 {
			t.Errorf("no run was ended by %v", signal)
		}
	}
	if out, err := run().CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if got, err := os.ReadFile(image); err != nil || !bytes.Equal(got, want) || checkObjectFiles(t, store) != objects {
		t.Errorf("the run after gives another image or store: %v", err)
	}
}

// isSignalled says that the signal came before the program handled it.
func isSignalled(cmd *exec.Cmd, signal syscall.Signal) bool {
	status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == signal
}

// checkNothingLeft looks for what is neither the image nor a part of the store.
func checkNothingLeft(t *testing.T, work string) {
	t.Helper()
	for _, name := range filesIn(t, work) {
		if name != "image" && !strings.HasPrefix(name, "store/") || strings.Contains(name, ".cfsverify-") {
			t.Errorf("%s is left", name)
		}
	}
}
