package selinux_test

import (
	"maps"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"cfsverify/canon"
	"cfsverify/canon/fsverity"
	"cfsverify/canon/linux"
	"cfsverify/canon/selinux"
	"cfsverify/importers"
	"cfsverify/importers/layer"
	"cfsverify/testdata/oracle"
)

// unescape reads a path of a table.
func unescape(tb testing.TB, text string) string {
	tb.Helper()
	path, err := strconv.Unquote(`"` + strings.ReplaceAll(text, `"`, `\"`) + `"`)
	if err != nil {
		tb.Fatalf("%s: %v", text, err)
	}
	return path
}

// otherwise are the cases that libselinux reads in a way of its own, which this program
// does not know, or has limits for.
var otherwise = map[string]string{
	"alias-original-relative": "from 3.8 on it gives such paths no label",
	"line-context-nul":        "it ends the context at a NUL byte",
	"re-dollar-newline":       "its $ takes a newline at the end of a path",
	"re-dot-newline-pcre":     "its dot takes a newline",
	"re-escapes-punctuation":  "3.4 takes the pattern for a path as it is written",
	"re-long":                 "3.11 refuses a long alternation",
}

// TestLibselinux: the labels that three releases of libselinux give the trees of the
// vectors. A path that the table does not have gets the label of composefs-rs.
func TestLibselinux(t *testing.T) {
	dir := generate(t)
	differs := map[string]map[string][]string{}
	for _, row := range lines(t, "libselinux.tsv.gz")[1:] {
		if differs[row[0]] == nil {
			differs[row[0]] = map[string][]string{}
		}
		differs[row[0]][unescape(t, row[2])] = row[4:7]
	}
	counts := map[string]int{}
	for name := range readExpected(t) {
		prefix, _, _ := strings.Cut(name, "-")
		if !strings.Contains("line win type re alias", prefix) || otherwise[name] != "" {
			continue
		}
		s := importers.Source{Transport: importers.Dir, Path: filepath.Join(dir, name, "dir")}
		read, err := importers.Load(t.Context(), s, importers.Options{Hash: fsverity.SHA256, Rules: layer.RulesComposefsRS, Labels: true})
		if err != nil {
			t.Fatal(err)
		}
		p, err := selinux.Load(read.Tree)
		if err != nil {
			continue
		}
		composefs := read.Tree.Clone()
		if err := label(p, composefs); err != nil {
			continue
		}
		for i, release := range selinux.Releases() {
			l, err := p.Libselinux(release)
			if err != nil {
				if counts["refused"]++; differs[name] == nil {
					counts["refused in vain"]++
				}
				continue
			}
			for path, e := range composefs.All() {
				// cases.tsv has no types but those that are there.
				want, _ := e.Node.Xattrs.Get(linux.SecuritySELinux)
				if other := differs[name][path]; other != nil {
					want = strings.TrimPrefix(other[i], "-")
				}
				got, err := l.Label(path, e.Node.Kind)
				if err != nil || got != want {
					t.Errorf("%s, %s: %s: %q, %v, want %q", name, release, path, got, err, want)
				}
				counts["compared"]++
			}
		}
	}
	if want := (map[string]int{"compared": 3183, "refused": 81, "refused in vain": 21}); !maps.Equal(counts, want) {
		t.Errorf("%v", counts)
	}
}

// TestLibselinuxDebian: of 103,000 paths made from the patterns of Debian's policy, those
// to which libselinux gives another label than composefs-rs.
func TestLibselinuxDebian(t *testing.T) {
	tree, _ := debianTree(t, oracle.SELinuxFiles(t))
	p, err := selinux.Load(tree)
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]canon.Kind{
		"-": canon.Regular, "d": canon.Directory, "l": canon.Symlink, "c": canon.CharDevice, "b": canon.BlockDevice, "p": canon.FIFO, "s": canon.Socket,
	}
	for i, release := range selinux.Releases() {
		l, err := p.Libselinux(release)
		if err != nil {
			t.Fatal(err)
		}
		wrong, rows := 0, lines(t, "debian-libselinux.tsv.gz")[1:]
		for _, row := range rows {
			path, kind := unescape(t, row[1]), kinds[row[0]]
			if r, _ := p.Match(path, kind); strings.TrimPrefix(r.Context, selinux.None) != strings.TrimPrefix(row[2], "-") {
				t.Errorf("%s: %s, composefs-rs %s", path, r.Context, row[2])
			}
			got, err := l.Label(path, kind)
			if want := strings.TrimPrefix(row[3+i], "-"); err != nil || got != want {
				if wrong++; wrong < 10 {
					t.Errorf("%s: %s: %q, %v, want %q", release, path, got, err, want)
				}
			}
		}
		if len(rows) != 619 || wrong > 0 {
			t.Errorf("%s: %d of %d wrong", release, wrong, len(rows))
		}
		// The real tree has none.
		for path, e := range tree.All() {
			r, _ := p.Match(path, e.Node.Kind)
			if got, err := l.Label(path, e.Node.Kind); err != nil || got != strings.TrimPrefix(r.Context, selinux.None) {
				t.Errorf("%s: %s: %q, %v, composefs-rs %q", release, path, got, err, r.Context)
			}
		}
	}
}
