package cmd

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cfsverify/testdata/oracle"
)

// TestDebianBuild is the main job on a real image: a multi-stage build scans a
// stage from inside, skopeo exports the image, and both digests are the same;
// then differences are planted, and these and no others are found.
func TestDebianBuild(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a Debian image: not with -short")
	}
	oracle.Root(t)
	for tool, pkg := range map[string]string{"buildah": "buildah", "skopeo": "skopeo", "mmdebstrap": "mmdebstrap", "setfattr": "attr"} {
		oracle.Tool(t, tool, pkg)
	}
	b := newBuild(t)
	b.image()

	t.Run("inside equals outside", func(t *testing.T) {
		out := b.cfsverify(t, statusSame, "inside-vs-outside", b.inside, "oci:"+b.layout)
		if !strings.HasPrefix(out, "SAME: ") {
			t.Errorf("%s", out)
		}
		digest := b.cfsverify(t, statusSame, "digest", b.inside)
		if outside := b.cfsverify(t, statusSame, "digest", "oci:"+b.layout); outside != digest || len(digest) != 129 {
			t.Errorf("digests %q and %q", digest, outside)
		}
	})
	t.Run("unpacked", func(t *testing.T) {
		stored := fmt.Sprintf("containers-storage:[overlay@%s/root]localhost/final:latest", b.dir)
		wantText(t, b.cfsverify(t, statusSame, "inside-vs-outside", stored), "SAME: ")
		wantText(t, b.cfsverify(t, statusSame, "inside-vs-outside", b.inside, stored), "SAME: ")
		if digest := b.cfsverify(t, statusSame, "digest", "unpacked:"+stored); digest != b.cfsverify(t, statusSame, "digest", b.inside) {
			t.Errorf("digest %q", digest)
		}
	})
	t.Run("predicted", func(t *testing.T) { b.cfsverify(t, statusSame, "predict", "oci:"+b.layout) })
	t.Run("archives", func(t *testing.T) {
		for _, transport := range []string{"oci-archive", "docker-archive"} {
			file := filepath.Join(b.dir, transport)
			b.command("skopeo", "--insecure-policy", "copy", "oci:"+b.layout, transport+":"+file+":localhost/final:latest")
			b.cfsverify(t, statusSame, "inside-vs-outside", b.inside, transport+":"+file)
		}
	})
	t.Run("the dump holds what the layers changed", func(t *testing.T) { checkDump(t, b.inside) })
	t.Run("planted differences", func(t *testing.T) { plantDifferences(t, b) })
}

// build is a place for an image and all that is needed to make it.
type build struct {
	t                    *testing.T
	dir, program         string
	store                []string // options of buildah
	inside, layout, root string
}

func newBuild(t *testing.T) *build {
	b := &build{t: t}
	var err error
	// Overlay directories do not go below overlay, which /tmp may be.
	if b.dir, err = os.MkdirTemp("/var/tmp", "cfsverify-e2e-"); err != nil {
		t.Fatal(err)
	}
	b.store = []string{"--root", filepath.Join(b.dir, "root"), "--runroot", filepath.Join(b.dir, "run"), "--storage-driver", "overlay"}
	t.Cleanup(b.remove)
	b.program = filepath.Join(b.dir, "context/cfsverify")
	b.command("go", "build", "-C", "..", "-o", b.program, "./cmd/cfsverify")
	return b
}

// remove unmounts what buildah may have left behind, and removes the rest.
func (b *build) remove() {
	b.buildah("rm", "--all")
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		b.t.Error(err)
	}
	var points []string
	for line := range strings.Lines(string(mounts)) {
		if fields := strings.Fields(line); strings.HasPrefix(fields[1], b.dir+"/") {
			points = append(points, fields[1])
		}
	}
	sort.Sort(sort.Reverse(sort.StringSlice(points)))
	for _, point := range points {
		b.command("umount", point)
	}
	b.command("rm", "-rf", "--one-file-system", b.dir)
}

// command runs a tool and ends the test if it fails.
func (b *build) command(name string, args ...string) string {
	b.t.Helper()
	c := exec.Command(name, args...)
	c.Env = append(os.Environ(), "CGO_ENABLED=0", "BUILDAH_ISOLATION=chroot")
	var stdout, stderr bytes.Buffer
	c.Stdout, c.Stderr = &stdout, &stderr
	if err := c.Run(); err != nil {
		b.t.Fatalf("%v: %v\n%s%s", c, err, stdout.Bytes(), stderr.Bytes())
	}
	return stdout.String()
}

func (b *build) buildah(args ...string) string {
	b.t.Helper()
	return b.command("buildah", append(append([]string{}, b.store...), args...)...)
}

// cfsverify runs the program and compares its exit status.
func (b *build) cfsverify(t *testing.T, status int, args ...string) string {
	t.Helper()
	c := exec.Command(b.program, args...)
	var stdout, stderr bytes.Buffer
	c.Stdout, c.Stderr = &stdout, &stderr
	err := c.Run()
	if c.ProcessState == nil {
		t.Fatal(err)
	}
	if got := c.ProcessState.ExitCode(); got != status {
		t.Fatalf("%v: status %d, want %d\n%s%s", c, got, status, stdout.Bytes(), stderr.Bytes())
	}
	return stdout.String()
}

// image builds the image, exports it as an OCI layout, takes the dump out of
// it, and mounts its root.
func (b *build) image() {
	context := filepath.Join(b.dir, "context")
	for _, name := range []string{"Containerfile", "change.sh"} {
		b.command("cp", "../testdata/e2e/"+name, context)
	}
	b.command("cp", oracle.Debian(b.t), filepath.Join(context, "base.tar"))
	b.buildah("bud", "--layers", "--cap-add", "CAP_MKNOD", "--target", "final", "--tag", "final", context)
	b.layout = filepath.Join(b.dir, "layout")
	b.export("final")
	b.root = b.mount("localhost/final:latest")
	b.inside = filepath.Join(b.dir, "inside.dump")
	b.command("cp", filepath.Join(b.root, "run/inside.dump"), b.inside)
}

// export writes an image of that name to the layout, with the name as its tag.
func (b *build) export(name string) {
	storage := fmt.Sprintf("containers-storage:[overlay@%s/root+%s/run]localhost/%s:latest", b.dir, b.dir, name)
	b.command("skopeo", "--insecure-policy", "copy", storage, "oci:"+b.layout+":"+name)
}

// mount makes a container of an image and returns where its root is.
func (b *build) mount(image string) string {
	return strings.TrimSpace(b.buildah("mount", strings.TrimSpace(b.buildah("from", image))))
}

// checkDump looks for lines that show that the layers were applied, by what
// change.sh did.
func checkDump(t *testing.T, dump string) {
	f, err := os.Open(dump)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	found := map[string][]string{}
	lines := bufio.NewReader(f)
	count := 0
	for {
		line, err := lines.ReadString('\n')
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		fields := strings.Fields(line)
		found[fields[0]] = fields
		count++
	}
	if count < 5000 {
		t.Errorf("%d entries are too few for a Debian system", count)
	}
	for path, mode := range map[string]string{
		"/usr/share/doc/libc6": "", "/etc/issue.net": "", "/usr/share/locale/de": "", "/usr/share/man/man1": "", "/run/app": "",
		"/usr/share/locale/new": "100644", "/usr/share/man": "100644", "/etc/debian_version": "40755", "/etc/issue": "120777",
		"/opt/app/big2": "@100644", "/usr/bin/env2": "@100755", "/opt/app/fifo": "10644", "/opt/app/chr": "20644",
		"/opt/app/suid": "104755", "/usr/bin/perl": "100700", "/opt/app/none": "40000", `/opt/app/new\nline`: "100644",
	} {
		fields := found[path]
		switch {
		case mode == "" && fields != nil:
			t.Errorf("%s is there: %q", path, fields)
		case mode != "" && (fields == nil || fields[2] != mode):
			t.Errorf("%s is %q, want mode %s", path, fields, mode)
		}
	}
	if ping := found["/opt/app/ping"]; len(ping) != 12 || !strings.HasPrefix(ping[11], "security.capability=") {
		t.Errorf("the capability is not in %q", ping)
	}
}

// plantDifferences changes a copy of the root and expects to be told of that.
func plantDifferences(t *testing.T, b *build) {
	copied := filepath.Join(b.dir, "copy")
	b.command("cp", "-a", b.root, copied)
	b.cfsverify(t, statusSame, "inside-vs-outside", copied, "oci:"+b.layout)

	for _, plant := range [][]string{
		{"touch", "-d", "2020-01-01 00:00:00.5 UTC", "usr/lib"},
		{"chmod", "0750", "opt/app/n64"},
		{"setfattr", "-n", "user.planted", "-v", "x", "opt/app/n65"},
		{"setfattr", "-n", "security.capability", "-v", "0x0100000200040000000000000000000000000000", "opt/app/n0"},
		{"rm", "usr/bin/env2"},
	} {
		b.command("env", append([]string{"-C", copied}, plant...)...)
	}
	// The removal itself would change the directory's mtime.
	b.command("touch", "--reference="+filepath.Join(b.root, "usr/bin"), filepath.Join(copied, "usr/bin"))

	// user.* is not among the xattrs that count, unless one asks.
	for _, tt := range []struct {
		args []string
		want []string
	}{
		{nil, []string{
			"/opt/app/n0 changed xattr=security.capability", "/opt/app/n64 changed mode",
			"/usr/bin/env changed hardlinks", "/usr/bin/env2 only-in-b", "/usr/lib changed mtime mtime-nsec"}},
		{[]string{"--xattrs=user"}, []string{
			"/opt/app/n0 changed xattr=security.capability", "/opt/app/n64 changed mode", "/opt/app/n65 changed xattr=user.planted",
			"/usr/bin/env changed hardlinks", "/usr/bin/env2 only-in-b", "/usr/lib changed mtime mtime-nsec"}},
	} {
		args := append([]string{"inside-vs-outside", "--output=json"}, tt.args...)
		out := b.cfsverify(t, statusDifferent, append(args, copied, "oci:"+b.layout)...)
		if diff := cmp.Diff(tt.want, reported(t, out)); diff != "" {
			t.Errorf("%q: %s", tt.args, diff)
		}
	}
}

// reported reads the differences out of a JSON report, as "PATH status field…".
func reported(t *testing.T, report string) []string {
	t.Helper()
	var doc struct {
		Proof       struct{ Complete bool }
		Differences []struct {
			Path, Status string
			Changes      []struct{ Field, Xattr string }
		}
	}
	if err := json.Unmarshal([]byte(report), &doc); err != nil {
		t.Fatal(err)
	}
	if !doc.Proof.Complete {
		t.Error("the findings are not all there is")
	}
	var list []string
	for _, d := range doc.Differences {
		line := d.Path + " " + d.Status
		for _, c := range d.Changes {
			line += " " + c.Field
			if c.Xattr != "" {
				line += "=" + c.Xattr
			}
		}
		list = append(list, line)
	}
	return list
}
