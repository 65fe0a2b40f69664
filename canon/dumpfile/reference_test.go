//go:build mkcomposefs

// These tests compare with mkcomposefs and composefs-info, of which Debian 12
// has no package: run them with -tags mkcomposefs where both are installed.

package dumpfile_test

import (
	"bytes"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"cfsverify/canon/dumpfile"
	"cfsverify/testdata/oracle"
)

// reference runs mkcomposefs and composefs-info in a folder of its own.
type reference struct {
	dir string
}

func newReference(t *testing.T) reference {
	t.Helper()
	for _, tool := range []string{"mkcomposefs", "composefs-info"} {
		oracle.Tool(t, tool, "composefs")
	}
	return reference{t.TempDir()}
}

// image is the image that mkcomposefs makes of the dump file, of EROFS version
// 1, or what it says against that.
func (r reference) image(t *testing.T, dump string, o dumpfile.Options) (image []byte, rejected string) {
	t.Helper()
	in, out := filepath.Join(r.dir, "in.dump"), filepath.Join(r.dir, "out.cfs")
	if err := os.WriteFile(in, []byte(dump), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("mkcomposefs", "--from-file", "--min-version=1", "--max-version=1", in, out)
	for _, env := range os.Environ() {
		if !strings.HasPrefix(env, "CFS_PARSE_STRICT=") {
			cmd.Env = append(cmd.Env, env)
		}
	}
	if !o.Lenient {
		cmd.Env = append(cmd.Env, "CFS_PARSE_STRICT=1")
	}
	if message, err := cmd.CombinedOutput(); err != nil {
		return nil, err.Error() + ": " + string(message)
	}
	image, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return image, ""
}

// sameImage checks that mkcomposefs makes one image of both dump files.
func (r reference) sameImage(t *testing.T, in, rewritten string, o dumpfile.Options) {
	t.Helper()
	want, rejected := r.image(t, in, o)
	if want == nil {
		t.Errorf("mkcomposefs rejects what we accept: %s\n%s", rejected, shorten(in))
		return
	}
	got, rejected := r.image(t, rewritten, strict)
	if got == nil {
		t.Errorf("mkcomposefs rejects what we write: %s\n%s", rejected, shorten(rewritten))
	} else if !bytes.Equal(got, want) {
		t.Errorf("mkcomposefs makes other images of\n%s\nand what we write for it\n%s", shorten(in), shorten(rewritten))
	}
}

// print is what composefs-info says of an image.
func (r reference) print(t *testing.T, image []byte) string {
	t.Helper()
	path := filepath.Join(r.dir, "print.cfs")
	if err := os.WriteFile(path, image, 0o600); err != nil {
		t.Fatal(err)
	}
	printed, err := exec.Command("composefs-info", "dump", path).Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(printed)
}

func TestReferenceAccepts(t *testing.T) {
	r := newReference(t)
	for _, c := range accepted {
		if c.ours == "" {
			t.Run("accepted/"+c.name, func(t *testing.T) {
				r.sameImage(t, c.in, c.want, strict)
				r.sameImage(t, c.in, c.want, lenient)
			})
		}
	}
	for _, c := range lenientOnly {
		t.Run("lenient/"+c.name, func(t *testing.T) {
			r.sameImage(t, c.in, c.want, lenient)
			if _, rejected := r.image(t, c.in, strict); (rejected != "") != (c.ours == "") {
				t.Errorf("mkcomposefs: %q, but for our case %q", rejected, c.ours)
			}
		})
	}
	for _, c := range rejected {
		t.Run("rejected/"+c.name, func(t *testing.T) {
			for _, o := range []dumpfile.Options{strict, lenient} {
				if _, rejected := r.image(t, c.in, o); (rejected != "") != (c.ours == "") {
					t.Errorf("%+v: mkcomposefs: %q, but for our case %q", o, rejected, c.ours)
				}
			}
		})
	}
}

// TestReferenceRandom changes bytes of valid dump files.
func TestReferenceRandom(t *testing.T) {
	r := newReference(t)
	random := rand.New(rand.NewPCG(1, 2))
	n := 400
	if testing.Short() {
		n = 50
	}
	agreed := map[bool]int{}
	for range n {
		in := mutated(random)
		o := dumpfile.Options{Lenient: random.IntN(2) == 0}
		tree, err := parse(in, o)
		switch {
		case err == nil:
			agreed[true]++
			r.sameImage(t, in, write(t, tree), o)
		case onlyWeReject(err):
		default:
			agreed[false]++
			if _, rejected := r.image(t, in, o); rejected == "" {
				t.Errorf("%+v: mkcomposefs accepts what we reject: %v\n%q", o, err, in)
			}
		}
		if t.Failed() {
			return
		}
	}
	if agreed[true] < n/10 || agreed[false] < n/10 {
		t.Errorf("too few cases of one kind: %v", agreed)
	}
}

// onlyWeReject says that the error is for one of the reasons of the package
// documentation.
func onlyWeReject(err error) bool {
	for _, reason := range []string{"hardlink to the directory", "cycle of hardlinks", "DIGEST"} {
		if strings.Contains(err.Error(), reason) {
			return true
		}
	}
	return false
}

// mutated is a dump file with each of up to three places replaced by something
// that means something to a parser.
func mutated(random *rand.Rand) string {
	base := root + "/d 0 40755 2 0 0 0 1.0 - - -\n" +
		"/d/f 3 100644 1 1 2 0 5.6 - a\\x20b - user.a=1 user.b=\\x00\n" +
		"/d/e 70 100755 2 0 0 0 -1.7 " + object + " - " + digest + "\n" +
		"/d/l 4 120777 1 0 0 0 1.0 /d/f - -\n/d/c 0 20644 1 7 7 259 1.0 - - -\n" +
		"/d/h 0 @100644 1 0 0 0 1.0 /d/e - -\n/i 0 @100644 1 0 0 0 1.0 d/h - -\n"
	pieces := []string{
		"", " ", "  ", "\n", "-", "-1", "+", "/", "//", "/d", "/d/f", "@", "0", "1", "8", "5000000000", "99999999999999999999",
		".", "..", "=", "a", "\\", `\x00`, `\x2d`, `\x2f`, `\x3d`, `\n`, "\\\\", "\t", "\r", "\x00", "\x80", "100644", "40755", "20644", "120777", "1.0",
	}
	for range 1 + random.IntN(3) {
		at := random.IntN(len(base) + 1)
		to := min(at+random.IntN(3), len(base))
		if random.IntN(4) == 0 {
			// A whole field.
			at = strings.LastIndexAny(base[:at], " \n") + 1
			if to = strings.IndexAny(base[at:], " \n"); to < 0 {
				to = len(base) - at
			}
			to += at
		}
		base = base[:at] + pieces[random.IntN(len(pieces))] + base[to:]
	}
	return base
}

// TestReferencePrints compares Write with composefs-info for each vector.
func TestReferencePrints(t *testing.T) {
	r := newReference(t)
	for _, v := range vectors(t) {
		t.Run(v.name, func(t *testing.T) {
			tree, err := parse(v.dump, strict)
			if err != nil {
				t.Fatal(err)
			}
			image, rejected := r.image(t, v.dump, strict)
			if image == nil {
				t.Fatal(rejected)
			}
			r.sameImage(t, v.dump, write(t, tree), strict)
			// composefs-info does not know which names were hardlinks.
			for e := range tree.Dirents() {
				e.Hardlink = false
			}
			want := strings.Split(r.print(t, image), "\n")
			got := strings.Split(write(t, tree), "\n")
			if len(got) != len(want) {
				t.Fatalf("%d lines, composefs-info prints %d", len(got), len(want))
			}
			for i := range want {
				if w := withoutImage(want[i]); withoutImage(got[i]) != w {
					t.Errorf("line %d: got %s\nwant %s", i+1, shorten(got[i]), shorten(w))
				}
			}
		})
	}
}

// withoutImage is a line without what composefs-info takes from the image: the
// size of directories, the order of xattrs, and those of version 1 for whiteouts.
func withoutImage(line string) string {
	fields := strings.Split(line, " ")
	if len(fields) < 11 {
		return line
	}
	if strings.HasPrefix(fields[2], "4") && len(fields[2]) == 5 {
		fields[1] = "0"
	}
	xattrs := slices.DeleteFunc(fields[11:], func(x string) bool {
		return x == "user.overlay.opaque=x" || x == "trusted.overlay.opaque=x"
	})
	slices.Sort(xattrs)
	return strings.Join(fields[:11+len(xattrs)], " ")
}
