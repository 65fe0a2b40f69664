package selinux_test

import (
	"bufio"
	"compress/gzip"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cfsverify/canon"
	"cfsverify/canon/erofs"
	"cfsverify/canon/fsverity"
	"cfsverify/canon/policy"
	"cfsverify/canon/recipe"
	"cfsverify/canon/selinux"
	"cfsverify/importers"
	"cfsverify/importers/layer"
	"cfsverify/testdata/oracle"
)

const vectorDir = "../../testdata/selinux"

// refused are the cases that cfsctl has a digest for, and this package an error, with what
// the error says: what only the engines of composefs-rs read as they do, and aliases whose
// labels depend on the names in a directory.
var refused = map[string]string{
	"alias-original-dot":     `the original "/home/."`,
	"alias-original-slash":   `the original "/home/"`,
	"alias-original-slashes": `the original "/home//"`,
	"re-backreference":       `the escape "\\2"`,
	"re-class-amp":           `"&&" in a class`,
	"re-class-and":           `"&&" in a class`,
	"re-class-dash":          "a dash in the middle of a class",
	"re-class-minus":         `"--" in a class`,
	"re-class-nested":        "an opening bracket in a class",
	"re-class-open-bracket":  "an opening bracket in a class",
	"re-conditional":         `"(?("`,
	"re-counted-open":        "a count without its first number",
	"re-fallback-limit":      "takes longer than",
	"re-flag-m":              `"(?m"`,
	"re-flag-m-pcre":         `"(?m"`,
	"re-flag-r":              `"(?R"`,
	"re-flag-u":              `"(?u"`,
	"re-flag-u-word":         `"(?u"`,
	"re-flag-x":              `"(?x"`,
	"re-horizontal":          `the escape "\\h"`,
	"re-non-ascii-nocase":    "a letter that is not ASCII beside (?i)",
	"re-parens-break-out":    "a closing parenthesis that nothing opened",
	"re-recursion":           `"(?2"`,
	"re-unicode-class":       `the escape "\\p"`,
}

// lines reads a compressed table.
func lines(tb testing.TB, name string) [][]string {
	tb.Helper()
	f, err := os.Open(filepath.Join(vectorDir, name))
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		tb.Fatal(err)
	}
	var rows [][]string
	for s := bufio.NewScanner(z); s.Scan(); {
		rows = append(rows, strings.Split(s.Text(), "\t"))
	}
	return rows
}

// expected is what cfsctl says of a case: digests by source, version and hash.
type expected map[string]string

func readExpected(tb testing.TB) map[string]expected {
	tb.Helper()
	cases := map[string]expected{}
	for _, row := range lines(tb, "expected.tsv.gz") {
		name, source, version, hash, outcome, result := row[0], row[1], row[2], row[3], row[4], row[5]
		if cases[name] == nil {
			cases[name] = expected{}
		}
		if outcome == "ok" {
			cases[name][source+" "+version+" "+hash] = result
		}
	}
	return cases
}

// generate writes all cases.
func generate(tb testing.TB) string {
	tb.Helper()
	oracle.Root(tb)
	dir := tb.TempDir()
	oracle.Run(tb, "python3", "python3", "-B", filepath.Join(vectorDir, "gen.py"), dir)
	return dir
}

// labelled reads a source as a command does, and prepares it for booting.
func labelled(tb testing.TB, s importers.Source, hash fsverity.Algorithm) (*canon.Tree, error) {
	tb.Helper()
	read, err := importers.Load(tb.Context(), s, importers.Options{Hash: hash, Rules: layer.RulesComposefsRS, Labels: true})
	if err != nil {
		tb.Fatal(err)
	}
	p := policy.ComposefsRS()
	p.Boot = policy.BootSeconds
	return read.Tree, p.Apply(read.Tree)
}

// TestVectors: the digests that cfsctl has of labelled trees, or an error where it has
// one. A directory is labelled by the policy in the tree, as cfsctl create-image and
// bootc do; of versions 0 and 2 the digests are those of cfsctl compute-id.
func TestVectors(t *testing.T) {
	dir := generate(t)
	cases := readExpected(t)
	if len(cases) != 247 {
		t.Fatalf("%d cases, want 247", len(cases))
	}
	counts := map[string]int{}
	for name, want := range cases {
		for _, source := range []string{"oci", "dir"} {
			s := importers.Source{Transport: importers.Dir, Path: filepath.Join(dir, name, "dir")}
			if source == "oci" {
				s = importers.Source{Transport: importers.OCI, Path: filepath.Join(dir, name, "oci"), Ref: "t"}
			}
			if _, err := os.Stat(s.Path); err != nil {
				counts["no form"]++
				continue
			}
			t.Run(name+"/"+source, func(t *testing.T) {
				for _, hash := range []fsverity.Algorithm{fsverity.SHA256, fsverity.SHA512} {
					tree, err := labelled(t, s, hash)
					if err != nil {
						counts["refusals"]++
						checkRefusal(t, want, refused[name], err)
						continue
					}
					if refused[name] != "" {
						t.Error("not refused")
					}
					counts["digests"] += checkDigests(t, want, name, source, tree, hash)
				}
			})
		}
	}
	// type-socket has no image. Of 247 cases and 2 hashes all others have two forms.
	if want := (map[string]int{"no form": 1, "refusals": 348, "digests": 1435}); !maps.Equal(counts, want) {
		t.Errorf("%v, want %v", counts, want)
	}
}

func checkRefusal(t *testing.T, want expected, reason string, err error) {
	t.Helper()
	switch {
	case !errors.As(err, new(*selinux.Error)):
		t.Errorf("%T: %v", err, err)
	case reason == "" && want["oci 1 sha512"]+want["repo 1 sha512"] != "":
		t.Errorf("%v, but cfsctl has a digest", err)
	case !strings.Contains(err.Error(), reason):
		t.Errorf("%v, want %s", err, reason)
	}
}

// checkDigests compares all digests that cfsctl has of a source.
func checkDigests(t *testing.T, want expected, name, source string, tree *canon.Tree, hash fsverity.Algorithm) (compared int) {
	t.Helper()
	from := []string{source}
	switch {
	case source == "dir":
		// Where a directory names a policy of the host, its image is right.
		from = []string{"repo", "dir", "oci"}
	case name == "find-boot-broken":
		// cfsctl fails on the boot entry of the image, which the digest does not depend on.
		from = []string{"dir"}
	}
	for version := erofs.Version(0); version <= 2; version++ {
		digest := ""
		for _, f := range from {
			if digest == "" {
				digest = want[f+" "+string(rune('0'+version))+" "+hash.String()]
			}
		}
		if digest == "" {
			if version > 0 {
				t.Errorf("version %d %v: a digest, where cfsctl has none", version, hash)
			}
			continue
		}
		r := recipe.Recipe{Version: version, Hash: hash, Policy: policy.Raw()}
		if got, err := r.Digest(tree); err != nil || got.String() != digest {
			t.Errorf("version %d %v: %v, %v, want %s", version, hash, got, err, digest)
		}
		compared++
	}
	return compared
}
