package cmd

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cfsverify/testdata/oracle"
)

const (
	policyDir  = "/etc/selinux/default/contexts/files/"
	localRules = policyDir + "file_contexts.local"
)

// checkLabelled seals the image once more, now with Debian's SELinux policy and all that
// layers can change, and has cfsctl and cfsverify look at it inside the build and outside.
func checkLabelled(t *testing.T, b *build) {
	l := labelledBuild{build: b, dumps: map[string]string{}}
	l.images()
	l.inside = filepath.Join(b.mount("localhost/inside:latest"), "inside")
	l.computed = readLines(t, filepath.Join(l.inside, "cfsctl"))
	l.labelled, l.brought, l.replaced = "oci:"+b.layout+":labelled", "oci:"+b.layout+":brought", "oci:"+b.layout+":replaced"
	l.sha512 = newRepository(t, "sha512")
	for _, image := range []string{l.labelled, l.brought, l.replaced} {
		l.sha512.run(t, "oci", "pull", image, image)
		l.dumps[image] = filepath.Join(t.TempDir(), "dump")
		dump := l.sha512.run(t, "oci", "dump", "--bootable", image)
		if err := os.WriteFile(l.dumps[image], []byte(dump+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Run("inside", l.checkInside)
	t.Run("outside is inside", l.checkOutside)
	t.Run("changed rules change labels", l.checkChanged)
	t.Run("seal check", l.checkSeals)
	t.Run("labels are explained", l.checkExplained)
}

// labelledBuild is a build with the images of testdata/e2e/labels.
type labelledBuild struct {
	*build
	// inside is where the build left what cfsctl and cfsverify said of the stage that it
	// scanned; computed are cfsctl's digests and kernel arguments.
	inside   string
	computed []string
	// labelled, brought and replaced are sources; dumps are cfsctl's of each, from outside.
	labelled, brought, replaced string
	dumps                       map[string]string
	// sha512 is a repository that has these images.
	sha512 repository
}

// images builds the images and exports them.
func (l *labelledBuild) images() {
	context := filepath.Join(l.dir, "context")
	mounted, tools := filepath.Join(context, "labels"), filepath.Join(context, "labels/cfsctl")
	l.command("mkdir", "-p", tools)
	l.command("cp", oracle.SELinuxPolicy(l.t), filepath.Join(context, "policy.tar"))
	l.command("cp", "../testdata/e2e/change.sh", "../testdata/e2e/labels/names.sh", "../testdata/e2e/labels/inside.sh", mounted)
	cfsctl := oracle.Cfsctl(l.t)
	libraries := regexp.MustCompile(`/\S+`).FindAllString(l.command("ldd", cfsctl), -1)
	l.command("cp", append(libraries, cfsctl, tools)...)
	for _, name := range []string{"inside", "labelled", "brought", "replaced"} {
		l.buildah("bud", "--layers", "--cap-add", "CAP_MKNOD", "--file", "../testdata/e2e/labels/Containerfile", "--target", name, "--tag", name, context)
		if name != "inside" {
			l.export(name)
		}
	}
}

func (l *labelledBuild) checkInside(t *testing.T) {
	if diff := cmp.Diff(l.computed, readLines(t, filepath.Join(l.inside, "cfsverify"))); diff != "" || len(l.computed) != 12 {
		t.Errorf("%d digests of cfsctl (-) and cfsverify (+): %s", len(l.computed), diff)
	}
	theirs := filepath.Join(l.inside, "cfsctl.dump")
	l.sameDump(t, theirs, filepath.Join(l.inside, "cfsverify.dump"))
	labels := labelsOf(t, theirs)
	for path, label := range map[string]string{
		"/": "root_t", "/boot": "boot_t", "/run": "var_run_t", "/usr/bin/env": "bin_t", "/usr/lib/env": "lib_t", "/opt/app/big": "usr_t",
		"/var/log/big": "var_log_t", "/opt/app/fifo": "usr_t", policyDir + "file_contexts": "file_context_t",
	} {
		if got := labels[path]; got != "system_u:object_r:"+label+":s0" {
			t.Errorf("cfsctl gives %s the label %q, want %s", path, got, label)
		}
	}
	if len(labels) < 5000 {
		t.Errorf("cfsctl gives %d labels, which is too few", len(labels))
	}
}

func (l *labelledBuild) checkOutside(t *testing.T) {
	for _, hash := range []string{"sha256", "sha512"} {
		r := newRepository(t, hash)
		r.run(t, "oci", "pull", l.labelled, "image")
		ours := l.bootableDump(t, hash, l.labelled)
		for _, version := range []string{"0", "1", "2"} {
			id := r.run(t, "--erofs-version", version, "oci", "compute-id", "--bootable", "image")
			if line := hash + " " + version + " id " + id; !slices.Contains(l.computed, line) {
				t.Errorf("cfsctl has %s outside, and inside\n%s", line, strings.Join(l.computed, "\n"))
			}
			digest := l.cfsverify(t, statusSame, "digest", "--hash", hash, "--erofs-version", version, "dump:"+ours)
			if strings.TrimSpace(digest) != id {
				t.Errorf("%s, version %s: %s, cfsctl says %s", hash, version, digest, id)
			}
		}
		if hash == "sha512" {
			l.sameDump(t, l.dumps[l.labelled], ours)
		}
	}
	digest := strings.TrimSpace(l.cfsverify(t, statusSame, "digest", "--bootable", l.labelled))
	if line := "sha512 1 id " + digest; !slices.Contains(l.computed, line) {
		t.Errorf("%s is not what cfsctl has inside", line)
	}
	out := l.cfsverify(t, statusSame, "inside-vs-outside", "--bootable", filepath.Join(l.inside, "cfsverify.dump"), l.labelled)
	wantText(t, out, "SAME: ")
}

func (l *labelledBuild) checkChanged(t *testing.T) {
	for _, image := range []string{l.brought, l.replaced} {
		ours, id := l.bootableDump(t, "sha512", image), l.sha512.run(t, "oci", "compute-id", "--bootable", image)
		l.sameDump(t, l.dumps[image], ours)
		digest := strings.TrimSpace(l.cfsverify(t, statusSame, "digest", "dump:"+ours))
		if digest != id || slices.Contains(l.computed, "sha512 1 id "+id) {
			t.Errorf("%s: %s, cfsctl says %s", image, digest, id)
		}
	}
}

func (l *labelledBuild) checkSeals(t *testing.T) {
	wantText(t, l.cfsverify(t, statusSame, "seal", "check", l.labelled), "SEALED", "good: uki "+ukiPath)
	for image, label := range map[string]string{l.brought: `now "system_u:object_r:site_t:s0"`, l.replaced: "now none"} {
		out := l.cfsverify(t, statusDifferent, "seal", "check", image)
		wantText(t, out, "WRONG", "wrong: uki "+ukiPath, "lowest layers had that digest", localRules, "/opt/app/old", label)
	}
}

func (l *labelledBuild) checkExplained(t *testing.T) {
	before, after := l.mount("localhost/brought:latest"), l.mount("localhost/replaced:latest")
	l.checkDerived(t, "dump:"+filepath.Join(l.inside, "cfsverify.dump"), l.brought, relabelled(t, l.dumps[l.labelled], l.dumps[l.brought]), []string{
		"labels follow from this policy file, which only outside has " + localRules,
		"rule of inside: " + rule(t, before, "file_contexts", "/opt/.*") + " /opt/app/old",
		"rule of outside: " + rule(t, before, "file_contexts.local", "/opt/app/old") + " /opt/app/old",
	})
	l.checkDerived(t, "dir:"+before, l.replaced, relabelled(t, l.dumps[l.brought], l.dumps[l.replaced]), []string{
		"labels follow from this policy file, which differs " + localRules,
		"rule of inside: " + rule(t, before, "file_contexts.local", "/opt/app/old") + " /opt/app/old",
		"rule of outside: " + rule(t, after, "file_contexts.local", "/opt/app/old") + " /opt/app/old",
	})
}

// bootableDump writes the dump file of an image that is ready for booting, as cfsctl makes
// it.
func (l *labelledBuild) bootableDump(t *testing.T, hash, image string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "dump")
	l.cfsverify(t, statusSame, "dump", "--bootable", "--boot-mtime", "ns", "--hash", hash, "--output", file, image)
	return file
}

// sameDump compares a dump file of cfsctl with one of cfsverify, entry for entry. cfsctl
// repeats nothing of an inode at its further names, so that cfsverify has to write that
// dump again.
func (l *labelledBuild) sameDump(t *testing.T, theirs, ours string) {
	t.Helper()
	want := strings.Split(l.cfsverify(t, statusSame, "dump", "dump:"+theirs), "\n")
	got := strings.Split(l.cfsverify(t, statusSame, "dump", "dump:"+ours), "\n")
	if !slices.Equal(want, got) {
		t.Errorf("%s: want cfsctl's (-), got (+)\n%s", ours, cmp.Diff(want, got))
	}
}

// checkDerived expects that all labels that differ are told of as derived from one policy
// file, in the topmost layer, and that this is the evidence at first.
func (l *labelledBuild) checkDerived(t *testing.T, inside, outside string, paths, evidence []string) {
	t.Helper()
	var report struct {
		B        struct{ Layers []struct{ Index int } }
		Findings []struct {
			Cause    string
			Evidence []struct {
				Text, Path string
				Source     *struct{ Layer int }
			}
			Entries []struct {
				Path    string
				Changes []struct{ Xattr string }
			}
		}
	}
	out := l.cfsverify(t, statusDifferent, "inside-vs-outside", "--bootable", "--output", "json", inside, outside)
	if err := json.Unmarshal([]byte(out), &report); err != nil {
		t.Fatal(err)
	}
	derived := 0
	for _, f := range report.Findings {
		if f.Cause != "derived" {
			if f.Cause != "late-layers" {
				t.Errorf("%s: a finding has the cause %s", outside, f.Cause)
			}
			continue
		}
		derived++
		var told, relabelled []string
		for _, e := range f.Evidence {
			told = append(told, e.Text+" "+e.Path)
		}
		if diff := cmp.Diff(evidence, told[:min(len(evidence), len(told))]); diff != "" {
			t.Fatalf("%s: want (-), told (+): %s", outside, diff)
		}
		if source := f.Evidence[0].Source; source == nil || source.Layer != len(report.B.Layers) {
			t.Errorf("%s: the policy file is from %v, want layer %d", outside, source, len(report.B.Layers))
		}
		for _, e := range f.Entries {
			if len(e.Changes) == 1 && e.Changes[0].Xattr == "security.selinux" {
				relabelled = append(relabelled, e.Path)
			}
		}
		if diff := cmp.Diff(paths, relabelled); diff != "" || len(paths) < 10 {
			t.Errorf("%s: %d labels that differ by cfsctl (-), and as told (+): %s", outside, len(paths), diff)
		}
	}
	if derived != 1 {
		t.Errorf("%s: %d findings are derived, want one", outside, derived)
	}
}

// rule is one as evidence tells it, found by its pattern in a policy file below root.
func rule(t *testing.T, root, file, pattern string) string {
	t.Helper()
	for i, line := range readLines(t, root+policyDir+file) {
		if fields := strings.Fields(line); len(fields) > 0 && fields[0] == pattern {
			return fmt.Sprintf("%s:%d: %s", policyDir+file, i+1, strings.Join(fields, " "))
		}
	}
	t.Fatalf("%s has no rule %s", file, pattern)
	return ""
}

// labelsOf reads the labels out of a dump file, by path.
func labelsOf(t *testing.T, dump string) map[string]string {
	t.Helper()
	labels := map[string]string{}
	for _, line := range readLines(t, dump) {
		for i, field := range strings.Fields(line) {
			if label, is := strings.CutPrefix(field, "security.selinux="); is && i > 10 {
				labels[strings.Fields(line)[0]] = label
			}
		}
	}
	return labels
}

// relabelled lists the paths of which two dump files have different labels, also none.
func relabelled(t *testing.T, a, b string) []string {
	t.Helper()
	old, now := labelsOf(t, a), labelsOf(t, b)
	var paths []string
	for _, path := range slices.Sorted(maps.Keys(old)) {
		if now[path] != old[path] {
			paths = append(paths, path)
		}
	}
	return paths
}

func readLines(t *testing.T, file string) []string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
}
