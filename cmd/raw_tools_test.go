package cmd

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cfsverify/testdata/oracle"
)

// rawReport is what tests read of the JSON report.
type rawReport struct {
	Same   bool
	Causes []struct{ Cause string }
	Config struct{ Changes []struct{ Path string } }
	Layers []struct {
		Archive *struct{ First struct{ Place string } }
	}
}

func (r *rawReport) causes() []string {
	var list []string
	for _, c := range r.Causes {
		list = append(list, c.Cause)
	}
	return list
}

func readRawReport(t *testing.T, data []byte) *rawReport {
	t.Helper()
	var r rawReport
	if err := json.Unmarshal(data, &r); err != nil {
		t.Fatalf("%v\n%s", err, data)
	}
	return &r
}

// TestRawTools: two archives of one tree that real tools wrote with other
// options are given the cause that these options are.
func TestRawTools(t *testing.T) {
	oracle.Tool(t, "tar", "tar")
	oracle.Tool(t, "bsdtar", "libarchive-tools")
	dir := t.TempDir()
	tree := filepath.Join(dir, "tree")
	for _, name := range []string{"usr/bin/b", "usr/bin/a", "usr/lib/c"} {
		path := filepath.Join(tree, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(name), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	const same = "tar --sort=name --numeric-owner --owner=0 --group=0 --mtime=@1700000000 "
	const pax = same + "--format=posix --pax-option=exthdr.name=%d/PaxHeaders/%f,exthdr.mtime={@5} "
	for name, tt := range map[string]struct {
		a, b string
		want []string
	}{
		"nothing":            {same + "-cf $OUT .", same + "-cf $OUT .", nil},
		"mtime":              {same + "-cf $OUT .", same + "--mtime=@1700000001 -cf $OUT .", []string{"mtimes"}},
		"order":              {same + "-cf $OUT ./usr/bin ./usr/lib", same + "-cf $OUT ./usr/lib ./usr/bin", []string{"order"}},
		"owners":             {same + "-cf $OUT .", same + "--owner=5 -cf $OUT .", []string{"owners"}},
		"names of owners":    {"tar --sort=name --mtime=@5 --owner=ann:7 -cf $OUT .", "tar --sort=name --mtime=@5 --owner=bob:7 -cf $OUT .", []string{"owner-names"}},
		"numeric owners":     {"tar --sort=name --mtime=@5 --owner=ann:7 -cf $OUT .", "tar --sort=name --mtime=@5 --owner=ann:7 --numeric-owner -cf $OUT .", []string{"owner-names"}},
		"modes":              {same + "-cf $OUT .", same + "--mode=go-r -cf $OUT .", []string{"modes"}},
		"gnu and ustar":      {same + "--format=gnu -cf $OUT .", same + "--format=ustar -cf $OUT .", []string{"tar-format"}},
		"ustar and v7":       {same + "--format=ustar -cf $OUT .", same + "--format=v7 -cf $OUT .", []string{"tar-format"}},
		"record size":        {same + "-cf $OUT .", same + "-b 1 -cf $OUT .", []string{"archive-end"}},
		"atime":              {pax + "-cf $OUT .", "find . -exec touch -a -d @77 {} + && " + pax + "--atime-preserve -cf $OUT .", []string{"access-times"}},
		"no atime and ctime": {pax + "-cf $OUT .", pax + "--pax-option=delete=atime,delete=ctime -cf $OUT .", []string{"access-times"}},
		"process in names": {
			same + "--format=posix --pax-option=exthdr.name=%d/PaxHeaders.%p/%f,delete=ctime,delete=atime --mtime=@5.5 -cf $OUT .",
			same + "--format=posix --pax-option=exthdr.name=%d/PaxHeaders.%p/%f,delete=ctime,delete=atime --mtime=@5.5 -cf $OUT .", []string{"pax-header-names"}},
		"gnu and bsdtar": {same + "--format=ustar -b 1 -cf $OUT ./usr/bin/a", "bsdtar --numeric-owner --uid 0 --gid 0 --format=ustar -cf $OUT ./usr/bin/a", []string{"tar-writer", "mtimes"}},
	} {
		t.Run(name, func(t *testing.T) {
			var files [2]string
			for i, command := range []string{tt.a, tt.b} {
				files[i] = filepath.Join(t.TempDir(), "layer.tar")
				c := exec.Command("sh", "-c", command)
				c.Dir, c.Env = tree, append(os.Environ(), "OUT="+files[i])
				if out, err := c.CombinedOutput(); err != nil {
					t.Fatalf("%v\n%s", err, out)
				}
			}
			r := readRawReport(t, rawJSONOf(t, "tar:"+files[0], "tar:"+files[1]))
			if diff := cmp.Diff(tt.want, r.causes()); diff != "" || r.Same != (tt.want == nil) {
				t.Errorf("same %v, causes (-) want (+) got: %s", r.Same, diff)
			}
		})
	}
}

// rawJSONOf runs the command line in this process.
func rawJSONOf(t *testing.T, a, b string) []byte {
	t.Helper()
	out, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	if status := Main([]string{"diff", "--raw", "--output", "json", a, b}, Streams{In: os.Stdin, Out: out, Err: os.Stderr}); status == statusTrouble {
		t.Fatalf("status %d", status)
	}
	data, err := os.ReadFile(out.Name())
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestRawBuildah builds one Containerfile twice: without times that are set the
// report says that these are why both images differ, and with them there is
// nothing to say.
func TestRawBuildah(t *testing.T) {
	if testing.Short() {
		t.Skip("builds images: not with -short")
	}
	oracle.Root(t)
	oracle.Tool(t, "buildah", "buildah")
	b := newBuild(t)
	source := filepath.Join(b.dir, "source")
	b.command("mkdir", "-p", source)
	for name, content := range map[string]string{"file": "content", "Containerfile": "FROM scratch\nCOPY file /usr/share/file\n"} {
		if err := os.WriteFile(filepath.Join(source, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	image := func(tag string, options ...string) string {
		b.buildah(append(append([]string{"bud", "--no-cache", "--tag", tag}, options...), source)...)
		layout := filepath.Join(b.dir, tag)
		b.buildah("push", "-q", tag, "oci:"+layout+":latest")
		return "oci:" + layout
	}
	first := image("first")
	// Layers have whole seconds.
	time.Sleep(1100 * time.Millisecond)
	r := readRawReport(t, []byte(b.cfsverify(t, statusDifferent, "diff", "--raw", "--output", "json", first, image("second"))))
	if diff := cmp.Diff([]string{"mtimes", "created"}, r.causes()); diff != "" {
		t.Error(diff)
	}
	if len(r.Config.Changes) == 0 || r.Config.Changes[0].Path != "created" || len(r.Layers) != 1 || r.Layers[0].Archive.First.Place != "entry" {
		t.Errorf("%+v", r)
	}
	third := image("third", "--timestamp", "1700000000")
	b.cfsverify(t, statusSame, "diff", "--raw", third, image("fourth", "--timestamp", "1700000000"))
}
