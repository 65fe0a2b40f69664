package notes_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cfsverify/canon"
	"cfsverify/canon/fsverity"
	"cfsverify/canon/policy"
	"cfsverify/compare/notes"
	"cfsverify/importers"
	"cfsverify/importers/layer"
	"cfsverify/testdata/layers"
)

// bootable gives the tree of a source as it was read, and ready for booting.
func bootable(t *testing.T, s importers.Source) (raw, prepared *canon.Tree) {
	t.Helper()
	read, err := importers.Load(t.Context(), s, importers.Options{Hash: fsverity.SHA256, Rules: layer.RulesComposefsRS, Labels: true})
	if err != nil {
		t.Fatal(err)
	}
	prepared = read.Tree.Clone()
	p := policy.ComposefsRS()
	p.Boot = policy.BootSeconds
	if err := p.Apply(prepared); err != nil {
		t.Fatal(err)
	}
	return read.Tree, prepared
}

// notesOf are those of a layer, a line each.
func notesOf(t *testing.T, spec string) []string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "layer.tar")
	if err := os.WriteFile(name, layers.Tar(spec), 0o600); err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, n := range notes.OfBootable(bootable(t, importers.Source{Transport: importers.Tar, Layers: []string{name}})) {
		for _, item := range n.Items {
			lines = append(lines, fmt.Sprintf("%s %s: %s", n.Kind, item.Path, item.Text))
		}
	}
	return lines
}

// TestOfBootable: what is worth knowing of a policy.
func TestOfBootable(t *testing.T) {
	const dir = "etc/selinux/p/contexts/files/"
	file := func(path, content string) string { return "f " + path + " =" + strconv.Quote(content) + "\n" }
	skeleton := "d . mode=755\nd boot\nd sysroot\nd usr\nf usr/a =a\nh usr/b ->usr/a\nd etc\nd etc/selinux\nd etc/selinux/p\nd etc/selinux/p/contexts\nd " + strings.TrimSuffix(dir, "/") + "\n"
	config := file("etc/selinux/config", "SELINUXTYPE=p\n")
	rules := file(dir+"file_contexts", "/.* all\n")
	for name, tt := range map[string]struct {
		spec string
		want []string
	}{
		"no policy":  {"d . mode=755\nd boot\nd sysroot\nd usr\n", nil},
		"a policy":   {skeleton + config + rules, nil},
		"no config":  {skeleton + rules, nil},
		"two names":  {skeleton + file("etc/selinux/config", "SELINUXTYPE=p\nSELINUXTYPE=q\n") + rules, []string{`selinux-type /etc/selinux/config: composefs-rs labels by the policy "p", and libselinux by "q"`}},
		"twice":      {skeleton + file("etc/selinux/config", "SELINUXTYPE=p\nSELINUXTYPE=p\n") + rules, []string{`selinux-type /etc/selinux/config: it sets SELINUXTYPE 2 times: the first counts for composefs-rs, the last for libselinux; both name "p"`}},
		"a blank":    {skeleton + file("etc/selinux/config", "SELINUXTYPE =p\n") + rules, []string{`selinux-type /etc/selinux/config: composefs-rs labels by the policy "p", and libselinux by "targeted"`}},
		"two labels": {skeleton + config + file(dir+"file_contexts", "/.* all\n/usr/a a\n"), []string{"split-hardlinks /usr/a: its 2 names have different labels, so that they are 2 inodes"}},
		"compiled rules": {skeleton + config + rules + file(dir+"file_contexts.local.bin", "x"), []string{
			"compiled-policy /" + dir + "file_contexts.local.bin: libselinux reads this file; composefs-rs reads its text only, which is missing"}},
		"an alternation": {skeleton + config + file(dir+"file_contexts", "/.* all\n/usr/x|/y b\n"), []string{
			`policy-read-otherwise : SELinux policy: "/` + dir + `file_contexts": line 2: rule "/usr/x|/y": libselinux may read this rule in another way than composefs-rs`}},
		"a path after a pattern": {skeleton + config + file(dir+"file_contexts", "/.* all\n/usr literal\n/usr(/.*)? u\n"), []string{"restorecon-labels /usr: u, restorecon: literal"}},
		"no label":               {skeleton + config + file(dir+"file_contexts", "/.* all\n/boot b\n/boot.* <<none>>\n"), []string{"restorecon-labels /boot: no label, restorecon: b"}},
		"releases":               {skeleton + config + file(dir+"file_contexts", "/.* all\n/usr -d x\n/usr y\n"), []string{"restorecon-labels /usr: y, restorecon: x (libselinux 3.8, 3.11)"}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, notesOf(t, tt.spec)); diff != "" {
				t.Error(diff)
			}
		})
	}
}
