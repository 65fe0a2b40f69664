package labels_test

import (
	"bufio"
	"compress/gzip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cfsverify/canon/erofs"
	"cfsverify/canon/fsverity"
	"cfsverify/canon/policy"
	"cfsverify/canon/recipe"
	"cfsverify/importers"
	"cfsverify/importers/layer"
	"cfsverify/testdata/oracle"
)

const vectors = "../../testdata/selinux"

// row is what cfsctl says of a case.
type row struct{ name, source, version, hash, outcome, digest string }

func rows(t *testing.T) []row {
	t.Helper()
	f, err := os.Open(filepath.Join(vectors, "expected.tsv.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var list []row
	for s := bufio.NewScanner(z); s.Scan(); {
		c := strings.Split(s.Text(), "\t")
		list = append(list, row{c[0], c[1], c[2], c[3], c[4], c[5]})
	}
	return list
}

// TestBootableDigests: the digests of images and directories with small policies are
// those of cfsctl, or there is none.
func TestBootableDigests(t *testing.T) {
	oracle.Root(t)
	dir := t.TempDir()
	oracle.Run(t, "python3", "python3", "-B", filepath.Join(vectors, "gen.py"), dir)
	same, refused := 0, 0
	for _, r := range rows(t) {
		arg := map[string]string{"oci": "oci:" + filepath.Join(dir, r.name, "oci") + ":t", "repo": "dir:" + filepath.Join(dir, r.name, "dir")}[r.source]
		// The mode that reads the policy through the file system follows symlinks on the host.
		if arg == "" {
			continue
		}
		hash, err := fsverity.ParseAlgorithm(r.hash)
		if err != nil {
			t.Fatal(err)
		}
		s, err := importers.ParseSource(arg)
		if err != nil {
			t.Fatal(err)
		}
		read, err := importers.Load(t.Context(), s, importers.Options{Hash: hash, Rules: layer.RulesComposefsRS, Labels: true})
		if err != nil {
			t.Fatal(err)
		}
		p := policy.ComposefsRS()
		p.Boot = policy.BootSeconds
		digest, err := recipe.Recipe{Version: erofs.Version(r.version[0] - '0'), Hash: hash, Policy: p}.Apply(read.Tree)
		switch {
		case err == nil && r.outcome != "ok":
			// A boot entry that composefs-rs cannot read is no part of the digest.
			if r.name != "find-boot-broken" {
				t.Errorf("%s of %s: digest %v, but cfsctl says %s", r.source, r.name, digest, r.digest)
			}
		case err == nil && digest.String() != r.digest:
			t.Errorf("%s of %s, version %s: digest %v, want %s", r.source, r.name, r.version, digest, r.digest)
		case err == nil:
			same++
		case r.outcome == "ok":
			refused++
		}
	}
	if same < 700 {
		t.Errorf("only %d digests", same)
	}
	t.Logf("%d digests, %d of cfsctl are refused", same, refused)
}
