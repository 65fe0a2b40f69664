package labels_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"

	"cfsverify/canon"
	"cfsverify/canon/dumpfile"
	"cfsverify/canon/fsverity"
	"cfsverify/canon/linux"
	"cfsverify/canon/policy"
	"cfsverify/importers"
	"cfsverify/importers/engine"
	"cfsverify/importers/image"
	"cfsverify/importers/labels"
	"cfsverify/importers/layer"
	"cfsverify/importers/objects"
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

// TestSharedContent: images that are read side by side share content, and may look for
// it at the same time; what engines unpack and what other layer rules make has it too.
func TestSharedContent(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	// A whiteout after what it hides: the layer rules disagree.
	spec := skeleton + "f a <" + write("config", config) + "\nf b <" + write("contexts", contexts) +
		"\nh etc/selinux/config ->a\nh etc/selinux/t/contexts/files/file_contexts ->b\nf usr/x\nf usr/.wh.x"
	s := importers.Source{Transport: importers.Tar, Layers: []string{write("layer", string(layers.Tar(spec)))}}
	o := importers.Options{Hash: fsverity.SHA256, Rules: layer.RulesOCI, Labels: true, Shared: &image.Shared{}}
	boot := policy.ComposefsRS()
	boot.Boot = policy.BootSeconds
	var reads [2]*importers.Import
	var group errgroup.Group
	for i := range reads {
		group.Go(func() (err error) {
			reads[i], err = importers.Load(t.Context(), s, o)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	trees := []*canon.Tree{reads[0].Tree, reads[1].Tree, reads[0].Other.Tree}
	unpacked, err := importers.With(t.Context(), s, nil, 0, func(ctx context.Context, img *image.Image) (*importers.Unpacked, error) {
		return importers.Unpack(ctx, img, o.Reading(), o.Rules, engine.Engines())
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range unpacked.Engines {
		// One engine refuses the whiteout.
		if e.Err == nil {
			trees = append(trees, e.Tree)
		}
	}
	if len(trees) < 4 {
		t.Error("no engine unpacks the image")
	}
	for i, tree := range trees {
		if err := boot.Apply(tree); err != nil || labelOf(tree, "/usr") != "usr" {
			t.Errorf("tree %d: error %v", i, err)
		}
	}
}

// TestHolder: what is compiled is of no use, and leaves room for the files of many layers.
func TestHolder(t *testing.T) {
	hold := labels.Holder()
	for range 40 {
		if hold("etc/selinux/t/policy/policy.33", 9<<20) || hold("etc/selinux/t/contexts/files/file_contexts.bin", 8<<20) {
			t.Error("compiled files are held")
		}
		if !hold("etc/selinux/config", 500) || !hold("etc/selinux/t/contexts/files/file_contexts", 350_000) {
			t.Error("a file of the policy is not held")
		}
	}
	if hold("etc/selinux/t/contexts/files/file_contexts.local", 15<<20) {
		t.Error("there is no bound")
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
	if err := labels.FromDirectory(dir, read.Tree); err == nil || err.Error() != `"etc/selinux/t/contexts/files/file_contexts" has changed since it was scanned` {
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

// TestStore: a dump file has no content, but a content store may have it.
func TestStore(t *testing.T) {
	dir, store := t.TempDir(), t.TempDir()
	files := filepath.Join(dir, "etc/selinux/t/contexts/files")
	for _, d := range []string{files, filepath.Join(dir, "usr"), filepath.Join(dir, "boot"), filepath.Join(dir, "sysroot")} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, content := range map[string]string{filepath.Join(dir, "etc/selinux/config"): config, filepath.Join(files, "file_contexts"): contexts} {
		if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	kept, err := objects.Open(store)
	if err != nil {
		t.Fatal(err)
	}
	o := importers.Options{Hash: fsverity.SHA256, Objects: kept}
	scanned, err := importers.Load(t.Context(), importers.Source{Transport: importers.Dir, Path: dir}, o)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(kept.Commit(scanned.Tree), kept.Close()); err != nil {
		t.Fatal(err)
	}
	var dump bytes.Buffer
	if err := dumpfile.Write(&dump, scanned.Tree); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "dump")
	if err := os.WriteFile(name, dump.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	load := func(store string) (*canon.Tree, error) {
		read, err := importers.Load(t.Context(), importers.Source{Transport: importers.Dump, Path: name}, importers.Options{Hash: fsverity.SHA256, Labels: true, LabelStore: store})
		if err != nil {
			return nil, err
		}
		return read.Tree, nil
	}
	boot := policy.ComposefsRS()
	boot.Boot = policy.BootSeconds
	if tree, err := load(store); err != nil || boot.Apply(tree) != nil || labelOf(tree, "/usr") != "usr" {
		t.Errorf("error %v", err)
	}
	var missing *policy.LabelsError
	if tree, err := load(t.TempDir()); err != nil || !errors.As(boot.Apply(tree), &missing) {
		t.Errorf("an empty store: %v, %v", err, missing)
	}
	damaged := filepath.Join(store, scanned.Tree.Lookup("/etc/selinux/config").Node.Content.Payload())
	if err := errors.Join(os.Chmod(damaged, 0o600), os.WriteFile(damaged, []byte("x"), 0o600)); err != nil {
		t.Fatal(err)
	}
	if _, err := load(store); err == nil || !strings.Contains(err.Error(), "is not of that digest") {
		t.Errorf("a damaged object: %v", err)
	}
}
