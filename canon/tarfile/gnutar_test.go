package tarfile_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cfsverify/canon"
	"cfsverify/canon/tarfile"
	"cfsverify/testdata/oracle"
)

// TestWriteAgainstGNUTar: with the options that RULES.md recommends, GNU tar
// writes the same bytes of a directory as Write writes of its tree. Only the
// device fields of extended headers are empty in its archives.
func TestWriteAgainstGNUTar(t *testing.T) {
	tool := oracle.Tool(t, "tar", "tar")
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	long := strings.Repeat("long-name/", 12)
	check(os.MkdirAll(at(long), 0o755))
	check(os.WriteFile(at("file"), bytes.Repeat([]byte("content"), 100), 0o600))
	check(os.Link(at("file"), at("link")))
	check(os.Symlink("../"+strings.Repeat("t", 97), at("symlink")))
	check(os.Symlink(strings.Repeat("t", 101), at("symlink-long")))
	check(os.WriteFile(at(long+"empty"), nil, 0o644))
	check(os.WriteFile(at("z"), make([]byte, 512), 0o4755))
	check(os.Chmod(at("z"), 0o755|os.ModeSetuid))
	check(os.Chmod(dir, 0o755))
	out, err := exec.Command(tool, "--format=posix", "--sort=name", "--mtime=@1700000000", "--owner=:0", "--group=:2097151", "--numeric-owner",
		"--blocking-factor=1", "--pax-option=exthdr.name=PaxHeaders.0/%f,exthdr.mtime=0,delete=atime,delete=ctime", "-C", dir, "-cf", "-", ".").Output()
	check(err)

	for at := 0; at < len(out); at += 512 {
		if block := out[at : at+512]; string(block[257:263]) == "ustar\x00" && block[156] == 'x' {
			copy(block[329:], "0000000\x000000000\x00")
			setChecksum(block)
		}
	}

	mtime := canon.Time{Sec: 1_700_000_000}
	owned := func(n *canon.Node) *canon.Node {
		n.GID, n.Mtime = 1<<21-1, mtime
		return n
	}
	root := owned(&canon.Node{Kind: canon.Directory, Perm: 0o755})
	file := owned(inline(strings.Repeat("content", 100)))
	file.Perm = 0o600
	put(root, "file", file)
	put(root, "link", file)
	put(root, "symlink", owned(&canon.Node{Kind: canon.Symlink, Perm: 0o777, Target: "../" + strings.Repeat("t", 97)}))
	put(root, "symlink-long", owned(&canon.Node{Kind: canon.Symlink, Perm: 0o777, Target: strings.Repeat("t", 101)}))
	put(root, "z", owned(&canon.Node{Kind: canon.Regular, Perm: 0o4755, Size: 512, Content: &canon.Content{Inline: make([]byte, 512)}}))
	parent := root
	for name := range strings.SplitSeq(strings.TrimSuffix(long, "/"), "/") {
		parent = put(parent, name, owned(&canon.Node{Kind: canon.Directory, Perm: 0o755}))
	}
	put(parent, "empty", owned(&canon.Node{Kind: canon.Regular, Perm: 0o644}))
	got := write(t, root, tarfile.Options{NoGlobalHeader: true})
	for i := 0; i < max(len(got), len(out)); i += 512 {
		if i >= len(got) || i >= len(out) || !bytes.Equal(got[i:i+512], out[i:i+512]) {
			t.Fatalf("%d bytes, GNU tar writes %d; block %d: got\n%q\nGNU tar has\n%q", len(got), len(out), i/512, got[min(i, len(got)):min(i+512, len(got))], out[min(i, len(out)):min(i+512, len(out))])
		}
	}
}

// TestReadTools: archives of real tools, in the formats that they know, are read
// as what stands in the directory.
func TestReadTools(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	long := strings.Repeat("n", 90) + "/" + strings.Repeat("m", 60)
	if err := os.Mkdir(at(strings.Repeat("n", 90)), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{"short": "short content", long: strings.Repeat("long", 1000), "empty": ""} {
		if err := os.WriteFile(at(name), []byte(content), 0o640); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(at(name), time.Time{}, time.Unix(1_700_000_000, 0)); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		tool, pkg, format string
		long              bool // the format has long names
	}{
		{"tar", "tar", "v7", false}, {"tar", "tar", "oldgnu", true}, {"tar", "tar", "gnu", true}, {"tar", "tar", "ustar", true}, {"tar", "tar", "posix", true},
		{"bsdtar", "libarchive-tools", "v7", false}, {"bsdtar", "libarchive-tools", "gnutar", true}, {"bsdtar", "libarchive-tools", "ustar", true}, {"bsdtar", "libarchive-tools", "pax", true},
	} {
		t.Run(c.tool+" "+c.format, func(t *testing.T) {
			names := []string{"short", "empty"}
			if c.long {
				names = append(names, long)
			}
			out, err := exec.Command(oracle.Tool(t, c.tool, c.pkg), append([]string{"--format=" + c.format, "-C", dir, "-cf", "-"}, names...)...).Output()
			if err != nil {
				t.Fatal(err)
			}
			entries, r, err := readAll(out)
			if err != nil || r.NoEnd || r.OneZeroBlock || len(entries) != len(names) {
				t.Fatalf("%d entries, error %v", len(entries), err)
			}
			for i, e := range entries {
				info, err := os.Stat(at(names[i]))
				if err != nil {
					t.Fatal(err)
				}
				content, err := os.ReadFile(at(names[i]))
				if err != nil {
					t.Fatal(err)
				}
				h := e.header
				if h.Name != names[i] || h.Mode != 0o640 || h.Size != info.Size() || e.content != string(content) || h.Mtime != (canon.Time{Sec: 1_700_000_000}) {
					t.Errorf("%.20s: %+v", names[i], h)
				}
			}
		})
	}
}
