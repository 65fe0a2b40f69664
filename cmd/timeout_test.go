package cmd

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"cfsverify/testdata/layers"
)

// manyLayers writes an image of 60 layers of 200 files, whose search takes far longer than
// to read it, and gives its name.
func manyLayers(t *testing.T) string {
	t.Helper()
	var files []string
	for l := range 60 {
		// There is something for each rule of a policy.
		spec := fmt.Sprintf("d usr mtime=1\nd boot mtime=1\nd sysroot mtime=1\nd run mtime=1\nf run/x pax:mtime=1.5\nh run/y ->run/x pax:mtime=1.5\nd usr/%d mtime=1 pax:SCHILY.xattr.user.x=1 pax:SCHILY.xattr.security.x=1\n", l)
		for i := range 200 {
			spec += fmt.Sprintf("f usr/%d/%d mtime=1 =x\n", l, i)
		}
		files = append(files, fmt.Sprintf("%d.tar", l))
		if err := os.WriteFile(files[l], layers.Tar(spec), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return "tar:" + strings.Join(files, ",")
}

// timesOut runs a command with more and more time, until that ends not while it reads but
// later, which the error then says.
func timesOut(t *testing.T, late func(timeout time.Duration) string, args ...string) {
	t.Helper()
	// To read takes a small part of the time that all takes.
	for timeout := 20 * time.Millisecond; timeout < time.Minute; timeout *= 2 {
		if told := refused(t, append(args, "--timeout", timeout.String())...); strings.Contains(told, late(timeout)) || t.Failed() {
			return
		}
	}
	t.Error("it is not read in a minute")
}

// TestIdentifyTimeout: the search ends with the time, not only the reading.
func TestIdentifyTimeout(t *testing.T) {
	t.Chdir(t.TempDir())
	timesOut(t, func(timeout time.Duration) string {
		return fmt.Sprintf("what gives the digest was not found in %v, and there is more to try: allow more with --timeout", timeout)
	}, "identify", "--digest", strings.Repeat("0", 128), manyLayers(t))
}

// TestCompareTimeout: comparing ends with the time too.
func TestCompareTimeout(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, mtime := range []int{1, 2} {
		dump := fmt.Sprintf("/ 0 40755 3 0 0 0 %d.0 - - -\n/usr 0 40755 2 0 0 0 %d.0 - - -\n", mtime, mtime)
		for i := range 20_000 {
			dump += fmt.Sprintf("/usr/%05d 0 10%d44 1 %d 0 0 %d.%d - - -\n", i, 5+mtime%2, i%3*mtime, i%7*mtime, mtime)
		}
		if err := os.WriteFile(fmt.Sprint(mtime), []byte(dump), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	timesOut(t, func(timeout time.Duration) string {
		return fmt.Sprintf("cfsverify: dump:1 and dump:2 could not be compared in %v: allow more with --timeout\n", timeout)
	}, "diff", "dump:1", "dump:2")
}

// TestSealTimeout: when time runs out for the explanation of a wrong seal, its verdict is
// told all the same.
func TestSealTimeout(t *testing.T) {
	t.Chdir(t.TempDir())
	image := manyLayers(t)
	stderr, err := os.Create("stderr")
	if err != nil {
		t.Fatal(err)
	}
	defer stderr.Close()
	// To read the image takes a small part of the time of the search.
	for timeout := 20 * time.Millisecond; ; timeout *= 2 {
		if timeout > time.Minute {
			t.Fatalf("the image cannot be read in %v", timeout)
		}
		out, status := tryMain(t, stderr, "seal", "check", "--expect", strings.Repeat("0", 128), "--timeout", timeout.String(), image)
		if status == statusTrouble {
			continue
		}
		late := fmt.Sprintf("  not explained: what gives that digest was not found in %v, and there is more to try: allow more with --timeout", timeout)
		for _, want := range []string{"WRONG: 1 of 1 seal is wrong", "  should be ", late} {
			if status != statusDifferent || !strings.Contains(out, want) {
				t.Errorf("status %d, %q is not in\n%s", status, want, out)
			}
		}
		return
	}
}
