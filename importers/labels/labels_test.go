package labels_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cfsverify/canon"
	"cfsverify/canon/fsverity"
	"cfsverify/canon/linux"
	"cfsverify/canon/policy"
	"cfsverify/importers"
	"cfsverify/importers/labels"
	"cfsverify/importers/layer"
	"cfsverify/testdata/layers"
)

var (
	config   = "# " + strings.Repeat("x", 80) + "\nSELINUXTYPE=t\n"
	contexts = "# " + strings.Repeat("y", 80) + "\n/.* all\n/usr(/.*)? usr\n"
)

const skeleton = "d . mode=755\nd boot\nd sysroot\nd usr\nd etc\nd etc/selinux\nd etc/selinux/t\nd etc/selinux/t/contexts\nd etc/selinux/t/contexts/files\n"

// booted labels what layers make.
func booted(t *testing.T, specs ...string) (*canon.Tree, error) {
	t.Helper()
	var files []string
	for i, spec := range specs {
		file := filepath.Join(t.TempDir(), fmt.Sprint(i))
		if err := os.WriteFile(file, layers.Tar(spec), 0o600); err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	s := importers.Source{Transport: importers.Tar, Layers: files}
	read, err := importers.Load(t.Context(), s, importers.Options{Hash: fsverity.SHA256, Rules: layer.RulesOCI, Labels: true})
	if err != nil {
		t.Fatal(err)
	}
	p := policy.ComposefsRS()
	p.Boot = policy.BootSeconds
	return read.Tree, p.Apply(read.Tree)
}

func labelOf(t *canon.Tree, path string) string {
	label, _ := t.Lookup(path).Node.Xattrs.Get(linux.SecuritySELinux)
	return label
}

// TestContentUnderOtherNames: a policy file may have its content at a name outside of
// /etc/selinux, also one that is not there any more.
func TestContentUnderOtherNames(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{"config": config, "contexts": contexts} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	first := skeleton + "f a <" + dir + "/config\nf b <" + dir + "/contexts\nh etc/selinux/config ->a\nh etc/selinux/t/contexts/files/file_contexts ->b"
	for _, specs := range [][]string{{first}, {first, "f .wh.a\nf .wh.b"}} {
		tree, err := booted(t, specs...)
		if err != nil {
			t.Fatal(err)
		}
		if root, usr := labelOf(tree, "/"), labelOf(tree, "/usr"); root != "all" || usr != "usr" {
			t.Errorf("labels %q and %q", root, usr)
		}
	}
}

// TestChangedDirectory: what the scan saw must be what is read for the labels.
func TestChangedDirectory(t *testing.T) {
	dir := t.TempDir()
	files := filepath.Join(dir, "etc/selinux/t/contexts/files")
	if err := os.MkdirAll(files, 0o755); err != nil {
		t.Fatal(err)
	}
	write := func(name, content string) {
		if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write(filepath.Join(dir, "etc/selinux/config"), config)
	write(filepath.Join(files, "file_contexts"), contexts)
	s := importers.Source{Transport: importers.Dir, Path: dir}
	read, err := importers.Load(t.Context(), s, importers.Options{Hash: fsverity.SHA256})
	if err != nil {
		t.Fatal(err)
	}
	write(filepath.Join(files, "file_contexts"), contexts+"#")
	if err := labels.FromDirectory(dir, read.Tree); err == nil || err.Error() != `"/etc/selinux/t/contexts/files/file_contexts" has changed since it was scanned` {
		t.Errorf("error %v", err)
	}
	write(filepath.Join(files, "file_contexts"), contexts)
	if err := labels.FromDirectory(dir, read.Tree); err != nil {
		t.Error(err)
	}
	if held := read.Tree.Lookup("/etc/selinux/config").Node.Content.Held; string(held) != config {
		t.Errorf("held %q", held)
	}
}
