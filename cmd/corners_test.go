package cmd

import (
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"cfsverify/testdata/layers"
	"cfsverify/testdata/oracle"
)

// cornerDirectories are commands that make of an empty root one in which cfsctl and
// mkcomposefs differ, and the kind of the corner. The root and /usr get one mtime.
var cornerDirectories = map[string]string{
	"time-before-1970":   `touch -d '1969-12-31 23:59:50.5 UTC' usr/old && ln usr/old usr/oldlink`,
	"stub-like-whiteout": `mknod -m 644 ab c 0 0 && mknod -m 600 ac c 0 0 && touch -d @100 ab ac`,
	"whiteout-xattrs": `mkdir usr/d && mknod usr/d/w c 0 0
		setfattr -n user.overlay.opaque -v x usr/d
		setfattr -n trusted.overlay.whiteouts usr/d
		setfattr -n trusted.overlay.whiteout usr/d/w`,
	"shared-xattrs": `for i in $(seq 130); do setfattr -n user.$i usr/a; done
		ln usr/a usr/manylink && cp -a usr/a usr/b`,
}

// TestCornersOfDirectories: where cfsctl and mkcomposefs differ, the digests that are
// cfsctl's are so, by all recipes that it has, and so are those of all corners at once.
func TestCornersOfDirectories(t *testing.T) {
	oracle.Root(t)
	oracle.Tool(t, "setfattr", "attr")
	roots := map[string]string{"all": ""}
	for kind, script := range cornerDirectories {
		roots[kind] = script
		roots["all"] += script + "\n"
	}
	for kind, script := range roots {
		t.Run(kind, func(t *testing.T) {
			root := t.TempDir()
			runTool(t, "sh", "-ec", `
				cd "$1"
				mkdir usr boot sysroot run
				touch usr/a
				`+script+`
				touch -d @100 usr .
			`, "sh", root)
			for _, hash := range []string{"sha256", "sha512"} {
				r := newRepository(t, hash)
				for _, c := range cfsctlRecipes(true) {
					c.cfsctl, c.cfsverify = append([]string{"compute-id", root}, c.cfsctl...), append([]string{root, "--writer=composefs-rs"}, c.cfsverify...)
					c.check(t, r, hash)
				}
			}
			out := cornerNote(t, "digest", "--policy=raw", root)
			for other := range cornerDirectories {
				if told := strings.Contains(out, cornerWords[other]); told != (kind == "all" || kind == other) {
					t.Errorf("%s: %s", other, out)
				}
			}
			if !strings.Contains(out, "the digest is that of mkcomposefs") {
				t.Error(out)
			}
		})
	}
}

// cornerWords are parts of the notes.
var cornerWords = map[string]string{
	"time-before-1970": "mtimes before 1970", "stub-like-whiteout": "a whiteout device in the root", "whiteout-xattrs": "overlayfs's xattrs", "shared-xattrs": "more than 128 xattrs",
}

// cornerNote runs cfsverify and gives what it says on standard error.
func cornerNote(t *testing.T, args ...string) string {
	t.Helper()
	c := exec.Command("cfsverify", args...)
	var said strings.Builder
	c.Stderr = &said
	if err := c.Run(); err != nil {
		t.Fatalf("%v: %v\n%s", c, err, said.String())
	}
	return said.String()
}

// check compares the digests of a source.
func (c cfsctlRecipe) check(t *testing.T, r repository, hash string) {
	t.Helper()
	want, refusal := r.try(append([]string{"--erofs-version", c.version}, c.cfsctl...)...)
	out, err := exec.Command("cfsverify", append([]string{"digest", "--hash", hash, "--erofs-version", c.version}, c.cfsverify...)...).Output()
	if got := strings.TrimSpace(string(out)); got != want || (refusal != nil) != (err != nil) {
		t.Errorf("%s %+v: %s, %v; cfsctl says %s, %v", hash, c, got, err, want, refusal)
	}
}

// TestLinkedWhiteouts: cfsctl refuses them, and so is there no digest of its own.
func TestLinkedWhiteouts(t *testing.T) {
	oracle.Root(t)
	root := t.TempDir()
	runTool(t, "sh", "-ec", `cd "$1"; mkdir usr; mknod w c 0 0; ln w usr/x`, "sh", root)
	r := newRepository(t, "sha512")
	for _, version := range []string{"0", "1", "2"} {
		c := cfsctlRecipe{version, []string{"compute-id", root}, []string{root}}
		c.check(t, r, "sha512")
		if _, err := r.try("--erofs-version", version, "compute-id", root); err == nil || !strings.Contains(err.Error(), "whiteout inode has nlink > 1") {
			t.Errorf("cfsctl says %v", err)
		}
	}
	if out := cornerNote(t, "digest", "--policy=raw", root); !strings.Contains(out, "whiteout devices with several names (/usr/x)") {
		t.Error(out)
	}
}

// TestCornersOfImages: an image's digests are cfsctl's without asking.
func TestCornersOfImages(t *testing.T) {
	shared := ""
	for i := range 130 {
		shared += fmt.Sprintf(" pax:SCHILY.xattr.user.%d=", i)
	}
	dir := t.TempDir()
	image := layers.Image{Layers: []string{
		"d usr mtime=100\nd boot mtime=100\nd sysroot mtime=100\nd run mtime=100\nf usr/old mtime=-5\nh usr/link ->usr/old\n" +
			"c ab dev=0,0 mtime=100\nc ac dev=0,0 mtime=7\nd usr/d pax:SCHILY.xattr.user.overlay.opaque=x\nc usr/d/w dev=0,0\n" +
			"f usr/many" + shared + "\nh usr/many2 ->usr/many\n",
		"f usr/again" + shared + "\n",
	}}
	if err := image.WriteLayout(dir, "latest"); err != nil {
		t.Fatal(err)
	}
	source := "oci:" + dir + ":latest"
	for _, hash := range []string{"sha256", "sha512"} {
		r := newRepository(t, hash)
		r.run(t, "oci", "pull", source, "image")
		for _, c := range cfsctlRecipes(false) {
			c.cfsctl, c.cfsverify = append([]string{"oci", "compute-id", "image"}, c.cfsctl...), append([]string{source}, c.cfsverify...)
			c.check(t, r, hash)
		}
	}
	said := cornerNote(t, "digest", source)
	for kind, words := range cornerWords {
		if told := strings.Contains(said, words); told != slices.Contains([]string{"time-before-1970", "stub-like-whiteout"}, kind) {
			t.Errorf("%s: %s", kind, said)
		}
	}
}

// TestSeveralMtimes: of several PAX records of the mtime cfsctl makes something of its own,
// and so do its layer rules here; by the others a note says so.
func TestSeveralMtimes(t *testing.T) {
	dir := t.TempDir()
	spec := "d usr pax:mtime=5.25 pax:mtime=7.5\nf usr/a pax:mtime=100.5 pax:mtime=200.7\nf usr/b pax:mtime=100 pax:mtime=200.7\n" +
		"f usr/c pax:mtime=1.1 pax:mtime=2.2 pax:mtime=3\nf usr/d pax:mtime=1.5 pax:mtime=2.5\nh usr/e ->usr/a\n"
	if err := (&layers.Image{Layers: []string{spec}}).WriteLayout(dir, "latest"); err != nil {
		t.Fatal(err)
	}
	source := "oci:" + dir + ":latest"
	r := newRepository(t, "sha512")
	r.run(t, "oci", "pull", source, "image")
	for _, version := range []string{"0", "1", "2"} {
		c := cfsctlRecipe{version, []string{"oci", "compute-id", "image"}, []string{source, "--layer-rules=composefs-rs"}}
		c.check(t, r, "sha512")
	}
	if note := cornerNote(t, "digest", source); !strings.Contains(note, "by the layer rules composefs-rs its digest is "+r.run(t, "oci", "compute-id", "image")) {
		t.Error(note)
	}
}

// TestCornersOfSeals: a seal is good if it is what cfsctl says of the image.
func TestCornersOfSeals(t *testing.T) {
	dir := t.TempDir()
	image := layers.Image{Layers: []string{"d usr mtime=100\nc ab dev=0,0 mtime=100\nc usr/w dev=0,0\n"}}
	if err := image.WriteLayout(dir, "latest"); err != nil {
		t.Fatal(err)
	}
	r := newRepository(t, "sha512")
	r.run(t, "oci", "pull", "oci:"+dir+":latest", "image")
	runTool(t, "cfsverify", "seal", "check", "--expect", r.run(t, "oci", "compute-id", "image"), "oci:"+dir+":latest")
	sealed := "oci:" + t.TempDir() + ":latest"
	if said := cornerNote(t, "seal", "write", "--label", "oci:"+dir+":latest", "-o", sealed); !strings.Contains(said, "the digest is that of composefs-rs") {
		t.Error(said)
	}
	runTool(t, "cfsverify", "seal", "check", sealed)
	other, err := exec.Command("cfsverify", "digest", "--writer=mkcomposefs", sealed).Output()
	if err != nil {
		t.Fatal(err)
	}
	// What mkcomposefs would say is found, and is wrong.
	out, err := exec.Command("cfsverify", "seal", "check", "--expect", strings.TrimSpace(string(other)), sealed).Output()
	if err == nil || !strings.Contains(string(out), "EROFS version 1 as mkcomposefs writes it") {
		t.Errorf("%v\n%s", err, out)
	}
}
