package blame

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cfsverify/canon"
	"cfsverify/testdata/oracle"
)

// TestSocketsOfPrograms: a socket with two names, one that stands for a file of
// the layer, and one that engines own.
func TestSocketsOfPrograms(t *testing.T) {
	oracle.Root(t)
	files, outside := layerOf(t, "d a mtime=1\nf a/file mtime=2\nd run mtime=3")
	u := unpacking{t: t, dir: t.TempDir()}
	u.root = filepath.Join(u.dir, "root")
	u.sh(u.dir, "mkdir -m 755 root; tar -px -C root -f "+files[0]+"; rm root/a/file")
	for _, name := range []string{"a/file", "a/socket", "run/socket"} {
		l, err := net.Listen("unix", filepath.Join(u.root, name))
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
	}
	u.sh(u.root, "chmod 644 a/file; ln a/socket a/again; touch -d @1 a .; touch -d @2 a/file; touch -d @3 run")
	outside.Root.Perm, outside.Root.Mtime.Sec = 0o755, 1
	checkExplained(t, load(t, "dir:"+u.root), outside, []string{
		"engine-file /run/socket", "socket /a/again", "socket /a/socket", "unexplained /a/file type"})
}

// TestDevicesWithoutPrivilege: umoci puts empty files for them.
func TestDevicesWithoutPrivilege(t *testing.T) {
	oracle.Tool(t, "setpriv", "util-linux")
	spec := strings.ReplaceAll(strings.ReplaceAll(owned, "uid=3 gid=4", ""), "uid=7 gid=8", "") + "b a/disk dev=8,1 mtime=6\np a/fifo mtime=7\n"
	inside, outside := umociUnpack(t, "setpriv --reuid 12345 --regid 12345 --clear-groups", []string{"--rootless"}, spec)
	checkExplained(t, inside, outside, []string{
		"id-mapping / uid gid", "id-mapping /a uid gid", "id-mapping /a/b uid gid", "id-mapping /a/c uid gid", "id-mapping /a/disk uid gid",
		"id-mapping /a/fifo uid gid", "id-mapping /a/null uid gid", "id-mapping /a/su uid gid",
		"root-metadata / mode", "device-missing /a/disk type", "device-missing /a/null type"})
}

// TestDevicesThatWereRemoved: what is gone along with its directory, or is
// something else, was not left out for being a device.
func TestDevicesThatWereRemoved(t *testing.T) {
	const spec = "d a mtime=1\nc a/null dev=1,3 mtime=2\nf a/x mtime=2\nb disk dev=8,1 mtime=2\np fifo mtime=3"
	for name, tt := range map[string]struct {
		scan string
		want []string
	}{
		"with its directory":       {"b disk dev=8,1 mtime=2\np fifo mtime=3", []string{"unexplained /a", "unexplained /a/null", "unexplained /a/x"}},
		"alone":                    {"d a mtime=1\nf a/x mtime=2\np fifo mtime=3", []string{"device-missing /a/null", "device-missing /disk"}},
		"a file of some content":   {"d a mtime=1\nf a/null =x mtime=2\nf a/x mtime=2\nb disk dev=8,1 mtime=2\np fifo mtime=3", []string{"unexplained /a/null type"}},
		"of the other type":        {"d a mtime=1\nb a/null dev=1,3 mtime=2\nf a/x mtime=2\nb disk dev=8,1 mtime=2\np fifo mtime=3", []string{"unexplained /a/null type"}},
		"FIFOs need no privileges": {"d a mtime=1\nc a/null dev=1,3 mtime=2\nf a/x mtime=2\nb disk dev=8,1 mtime=2", []string{"unexplained /fifo"}},
		"more devices":             {spec + "\nc tty dev=5,0 mtime=2", []string{"unexplained /tty"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, outside := layerOf(t, spec)
			_, inside := layerOf(t, tt.scan)
			checkExplained(t, withoutOrigins(inside), outside, tt.want)
		})
	}
}

// TestKindsWithoutDirection: of two images or dumps either may lack a device.
func TestKindsWithoutDirection(t *testing.T) {
	_, a := layerOf(t, "d a mtime=1\nf a/null mtime=2")
	_, b := layerOf(t, "d a mtime=1\nc a/null dev=1,3 mtime=2\nb disk dev=8,1 mtime=1")
	want := []string{"device-missing /a/null type mode", "device-missing /disk"}
	b.Lookup("/a/null").Node.Perm = 0o600
	checkExplained(t, a, b, want)
	checkExplained(t, withoutOrigins(a), withoutOrigins(b), want)
}

// dumpOf reads a dump file of a root directory and these lines.
func dumpOf(t *testing.T, lines string) *canon.Tree {
	t.Helper()
	file := filepath.Join(t.TempDir(), "tree.dump")
	if err := os.WriteFile(file, []byte("/ 0 40755 2 0 0 0 1.0 - - -\n"+lines), 0o600); err != nil {
		t.Fatal(err)
	}
	return load(t, "dump:"+file)
}

// TestFormsOfDumpFiles: dump files may state the same in several ways.
func TestFormsOfDumpFiles(t *testing.T) {
	// The fs-verity digests of 100 bytes of 0, and of 100 times the letter a: made
	// with "fsverity digest --compact".
	const zeros, letters = "b0fb44a8078cc2d7d91ede6d16dfe63943613e6286bd7c49efd0223940d51229", "2aa7269baa451a6a9de06bd75d2657b4be63d3be65a9e09fb5beee8ed7f26dd4"
	object := func(digest string) string { return digest[:2] + "/" + digest[2:] }
	for name, tt := range map[string]struct {
		a, b string
		want []string
	}{
		"link count":           {"/a 0 100644 1 0 0 0 1.0 - - -\n", "/a 0 100644 9 0 0 0 1.0 - - -\n", []string{"dump-form /a nlink"}},
		"a path of its own":    {"/a 100 100644 1 0 0 0 1.0 " + object(zeros) + " - " + zeros + "\n", "/a 100 100644 1 0 0 0 1.0 x - " + zeros + "\n", []string{"dump-form /a payload"}},
		"no digest":            {"/a 100 100644 1 0 0 0 1.0 " + object(zeros) + " - " + zeros + "\n", "/a 100 100644 1 0 0 0 1.0 " + object(zeros) + " - -\n", []string{"dump-form /a content"}},
		"no digest, some path": {"/a 100 100644 1 0 0 0 1.0 " + object(zeros) + " - " + zeros + "\n", "/a 100 100644 1 0 0 0 1.0 x - -\n", []string{"unexplained /a content payload"}},
		"no digest, other size": {"/a 100 100644 1 0 0 0 1.0 " + object(zeros) + " - " + zeros + "\n", "/a 101 100644 1 0 0 0 1.0 " + object(zeros) + " - -\n",
			[]string{"content-change /a size content"}},
		"no digest, in the image": {"/a 1 100644 1 0 0 0 1.0 - x -\n", "/a 1 100644 1 0 0 0 1.0 x - -\n", []string{"unexplained /a content storage"}},
		"another object": {"/a 100 100644 1 0 0 0 1.0 " + object(zeros) + " - " + zeros + "\n", "/a 100 100644 1 0 0 0 1.0 x - " + letters + "\n",
			[]string{"content-change /a content payload"}},
		"small content outside": {"/a 100 100644 1 0 0 0 1.0 - " + strings.Repeat("a", 100) + " " + letters + "\n", "/a 100 100644 1 0 0 0 1.0 " + object(letters) + " - " + letters + "\n",
			[]string{"inline-limit /a storage"}},
		"other content, elsewhere": {"/a 100 100644 1 0 0 0 1.0 - " + strings.Repeat("a", 100) + " " + letters + "\n", "/a 100 100644 1 0 0 0 1.0 " + object(zeros) + " - " + zeros + "\n",
			[]string{"content-change /a content storage"}},
		"which name is the link": {"/a 0 100644 2 0 0 0 1.0 - - -\n/b 0 @120777 2 0 0 0 1.0 /a - -\n", "/a 0 @120777 2 0 0 0 1.0 /b - -\n/b 0 100644 2 0 0 0 1.0 - - -\n",
			[]string{"dump-form /a hardlinks", "dump-form /b hardlinks"}},
	} {
		t.Run(strings.ReplaceAll(name, ",", ""), func(t *testing.T) {
			checkExplained(t, dumpOf(t, tt.a), dumpOf(t, tt.b), tt.want)
		})
	}
}
