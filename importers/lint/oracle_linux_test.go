package lint

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cfsverify/canon/tarfile"
	"cfsverify/testdata/files"
	"cfsverify/testdata/oracle"
)

// lintToolCases have the rules that archives of a directory depart from, by tool
// and options: each option takes the rules away that it is recommended for.
var lintToolCases = []struct {
	tool, args string
	want       []tarfile.Rule
}{
	{"tar", "--format=gnu --sort=name", []tarfile.Rule{tarfile.TrailingData, tarfile.TarFormat, tarfile.GNUExtension, tarfile.OwnerName, tarfile.DeviceField, tarfile.CanonicalMark}},
	{"tar", "--format=posix --sort=name", []tarfile.Rule{tarfile.SubsecondMtime, tarfile.TrailingData, tarfile.OwnerName, tarfile.NeedlessPAX, tarfile.PAXHeader, tarfile.CanonicalMark}},
	{"tar", "--format=posix --sort=name --numeric-owner --mtime=@1", []tarfile.Rule{tarfile.TrailingData, tarfile.NeedlessPAX, tarfile.PAXHeader, tarfile.CanonicalMark}},
	{"tar", "--format=posix --sort=name --numeric-owner --mtime=@1 --blocking-factor=1 --xattrs --pax-option=delete=atime,delete=ctime,exthdr.name=PaxHeaders.0/%f,exthdr.mtime=0",
		[]tarfile.Rule{tarfile.PAXHeader, tarfile.CanonicalMark}},
	{"bsdtar", "--format=pax --numeric-owner --xattrs", []tarfile.Rule{tarfile.SubsecondMtime, tarfile.XattrEncoding, tarfile.PrefixField, tarfile.DeviceField, tarfile.NumberForm, tarfile.NeedlessPAX, tarfile.PAXHeader, tarfile.CanonicalMark}},
}

// TestLintTools: what is said of the archives that tools write of a directory.
func TestLintTools(t *testing.T) {
	oracle.Root(t)
	m := files.New(t, t.TempDir())
	long := strings.Repeat("l", 150)
	m.Mkdir("usr/share")
	m.File("usr/share/"+long, "x")
	m.Link("usr/share/"+long, "etc-link")
	m.Symlink("usr", "link")
	m.File("xattr", "y")
	m.Xattr("xattr", "user.a", "1")
	m.Mtime("xattr", 1_700_000_000, 500_000_000)
	for _, c := range lintToolCases {
		t.Run(c.tool+" "+c.args, func(t *testing.T) {
			tool := oracle.Tool(t, c.tool, map[string]string{"tar": "tar", "bsdtar": "libarchive-tools"}[c.tool])
			file := filepath.Join(t.TempDir(), "x.tar")
			command := exec.Command(tool, append(strings.Fields(c.args), "-cf", file, "-C", m.Dir, ".")...)
			command.Env = append(os.Environ(), "LC_ALL=C")
			if out, err := command.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			archive, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			_, found, err := lintArchives(archive)
			if err != nil {
				t.Fatal(err)
			}
			var got []tarfile.Rule
			for _, rule := range tarfile.Rules() {
				// bsdtar follows the order in which a directory is listed.
				if c.tool == "bsdtar" && (rule == tarfile.EntryOrder || rule == tarfile.HardlinkTarget) {
					continue
				}
				if slices.ContainsFunc(found, func(d tarfile.Departure) bool { return d.Rule == rule }) {
					got = append(got, rule)
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("want -, got +\n%s\n%s", diff, departuresText(found))
			}
		})
	}
}
