package notes_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"cfsverify/canon/linux"
	"cfsverify/compare/notes"
	"cfsverify/importers"
	"cfsverify/testdata/oracle"
)

// TestSetfiles: restorecon's labels are those that setfiles of Debian 12, which has
// libselinux 3.4, gives a directory with Debian's policy and local rules.
func TestSetfiles(t *testing.T) {
	oracle.Root(t)
	setfiles := oracle.Tool(t, "setfiles", "policycoreutils")
	root := t.TempDir()
	write := func(path, content string) {
		t.Helper()
		path = filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for path, content := range oracle.SELinuxFiles(t) {
		write(path, string(content))
	}
	const dir = "etc/selinux/default/contexts/files"
	// Compiled files would be newer than the rules.
	compiled, err := filepath.Glob(filepath.Join(root, dir, "*.bin"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range compiled {
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
	write(dir+"/file_contexts.local", "/usr/bin(/.*)? system_u:object_r:local_t:s0\n/root(/.*)? system_u:object_r:local_t:s0\n/srv/[a-z]+ -- system_u:object_r:srv_t:s0\n")
	write(dir+"/file_contexts.subs", "/opt/etc /etc\n/opt/etc/init.d /usr/lib\n")
	for _, path := range []string{
		"usr/bin/passwd", "usr/bin/ls", "usr/bin/sh", "usr/bin/mount", "usr/lib/x.so", "root/.default_contexts", "root/x", "root/.ssh/id",
		"srv/a", "srv/1", "opt/etc/init.d/x", "opt/etc/passwd", "opt/etc/shadow", "home/u/.ssh/id", "var/log/x", "boot/x", "sysroot/x", "run/x", "bin/x", "lib/y",
	} {
		write(path, path)
	}
	raw, prepared := bootable(t, importers.Source{Transport: importers.Dir, Path: root})
	for path, e := range prepared.All() {
		label, _ := e.Node.Xattrs.Get(linux.SecuritySELinux)
		if label == "" {
			continue
		}
		if err := unix.Lsetxattr(filepath.Join(root, path), linux.SecuritySELinux, []byte(label), 0); err != nil {
			oracle.Missing(t, "security.selinux cannot be set: "+err.Error())
		}
	}
	out := oracle.Run(t, "policycoreutils", setfiles, "-n", "-v", "-F", "-r", root, filepath.Join(root, dir, "file_contexts"), root)
	// What is emptied for booting has no label there.
	masked := regexp.MustCompile(`^/(boot|sysroot|run)/`)
	var want []string
	for _, m := range regexp.MustCompile(`(?m)^Would relabel (\S+) from (\S+) to (\S+)$`).FindAllStringSubmatch(out, -1) {
		if path := "/" + strings.TrimPrefix(strings.TrimPrefix(m[1], root), "/"); !masked.MatchString(path) {
			from := strings.ReplaceAll(m[2], "<no", "no label")
			want = append(want, path+" "+from+", restorecon: "+m[3])
		}
	}
	slices.Sort(want)
	var got []string
	for _, n := range notes.OfBootable(raw, prepared) {
		if n.Kind != notes.RestoreconLabels {
			continue
		}
		for _, item := range n.Items {
			text, releases, some := strings.Cut(item.Text, " (libselinux ")
			if !some || strings.Contains(releases, "3.4") {
				got = append(got, item.Path+" "+text)
			}
		}
	}
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s\n%s", diff, out)
	}
}
