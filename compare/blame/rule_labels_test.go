package blame_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cfsverify/canon"
	"cfsverify/canon/erofs"
	"cfsverify/canon/fsverity"
	"cfsverify/canon/linux"
	"cfsverify/canon/policy"
	"cfsverify/canon/recipe"
	"cfsverify/canon/selinux"
	"cfsverify/compare/verify"
	"cfsverify/importers"
	"cfsverify/importers/layer"
	"cfsverify/testdata/layers"
)

const (
	policyDir = "etc/selinux/t/contexts/files"
	contexts  = "/.* all\n/usr(/.*)? usr\n/usr/a -- first\n/usr/x\\.so -l link\n"
)

// file is the line of a spec for a file that is too large for the image itself.
func file(path, content string) string {
	return "f " + path + " =" + strconv.Quote(content+"# "+strings.Repeat("x", 80)+"\n") + "\n"
}

// bootable is a layer of an image with a policy.
func bootable(rest string) string {
	spec := "d . mode=755\nd boot\nd sysroot\nd usr\nd etc\nd etc/selinux\n" + file("etc/selinux/config", "SELINUXTYPE=t\n")
	for _, name := range []string{"t", "u"} {
		dir := "etc/selinux/" + name
		spec += "d " + dir + "\nd " + dir + "/contexts\nd " + dir + "/contexts/files\n"
	}
	return spec + file(policyDir+"/file_contexts", contexts) +
		file("etc/selinux/u/contexts/files/file_contexts", strings.ReplaceAll(contexts, " usr\n", " u\n")) + rest
}

func treeOf(t *testing.T, specs []string) *canon.Tree {
	t.Helper()
	s := importers.Source{Transport: importers.Tar}
	for i, spec := range specs {
		name := filepath.Join(t.TempDir(), fmt.Sprint(i))
		if err := os.WriteFile(name, layers.Tar(spec), 0o600); err != nil {
			t.Fatal(err)
		}
		s.Layers = append(s.Layers, name)
	}
	read, err := importers.Load(t.Context(), s, importers.Options{Hash: fsverity.SHA256, Rules: layer.RulesOCI, Headers: true, Labels: true})
	if err != nil {
		t.Fatal(err)
	}
	return read.Tree
}

// scanned takes from a tree what one that was scanned does not have.
func scanned(t *canon.Tree) *canon.Tree {
	for e := range t.Dirents() {
		e.Origin = nil
	}
	t.RootOrigin, t.Markers, t.Superseded = nil, nil, nil
	return t
}

func booting() recipe.Recipe {
	r := recipe.Recipe{Version: erofs.V1, Hash: fsverity.SHA256, Policy: policy.ComposefsRS()}
	r.Policy.Boot = policy.BootSeconds
	return r
}

// compared gives the findings with their evidence, a line each. The findings must be
// proven.
func compared(t *testing.T, inside, outside *canon.Tree) []string {
	t.Helper()
	inputs := [2]verify.Input{{Name: "inside", Source: "a", Tree: inside, Final: lacksContent(inside)}, {Name: "outside", Source: "b", Tree: outside, Final: lacksContent(outside)}}
	result, err := verify.Run(t.Context(), inputs, booting(), verify.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if result.Equal() || !result.Proof.Complete || result.Proof.Digest != result.B.Digest {
		t.Errorf("digests %v and %v, proof %+v", result.A.Digest, result.B.Digest, result.Proof)
	}
	var lines []string
	for _, f := range result.Findings {
		for _, e := range f.Entries {
			line := string(f.Cause) + " " + e.Path
			for _, c := range e.Explained {
				line += " " + string(c.Field) + c.Xattr
			}
			lines = append(lines, line)
		}
		for _, e := range f.Evidence {
			line := "  " + e.Text
			for _, part := range []string{e.Path, e.Quote} {
				if part != "" {
					line += ": " + part
				}
			}
			if e.Origin != nil {
				line += fmt.Sprintf(" (layer %d)", e.Origin.Layer.Index)
			}
			lines = append(lines, line)
		}
	}
	return lines
}

func TestLabels(t *testing.T) {
	const (
		rules     = "/" + policyDir + "/file_contexts"
		otherDir  = "/etc/selinux/u/contexts/files/file_contexts"
		differs   = "  labels follow from this policy file, which differs: "
		onlyIn    = "  labels follow from this policy file, which only inside has: "
		onlyOut   = "  labels follow from this policy file, which only outside has: "
		usrInside = ": " + rules + ":2: /usr(/.*)? usr"
		linked    = "f usr/b\nh usr/c ->usr/b\n"
		threeLink = "f usr/a\nh usr/b ->usr/a\nh usr/c ->usr/a\n"
		label     = " xattrsecurity.selinux"
	)
	localC := file(policyDir+"/file_contexts.local", "/usr/c c\n")
	for name, tt := range map[string]struct {
		inside, outside []string
		scanned         bool
		want            []string
	}{
		"a rule": {
			[]string{bootable("")},
			[]string{bootable(""), file(policyDir+"/file_contexts", strings.ReplaceAll(contexts, " usr\n", " -- usr\n"))}, false,
			[]string{
				"derived /usr" + label,
				differs + rules + " (layer 2)",
				"  rule of inside: /usr" + usrInside,
				"  rule of outside: /usr: " + rules + ":1: /.* all",
				"content-change " + rules + " size content",
			},
		},
		"a file of a late layer": {
			[]string{bootable("f usr/b\n")},
			[]string{bootable("f usr/b\n"), file(policyDir+"/file_contexts.local", "/usr/b -- b\n")}, true,
			[]string{
				"late-layers " + rules + ".local",
				"  inside has nothing of what the layers from this one on bring (layer 2)",
				"derived /usr/b" + label,
				onlyOut + rules + ".local (layer 2)",
				"  rule of inside: /usr/b" + usrInside,
				"  rule of outside: /usr/b: " + rules + ".local:1: /usr/b -- b",
			},
		},
		"another policy, and more paths than are told": {
			[]string{bootable("f usr/b\nf usr/c\nf usr/d\n")},
			[]string{bootable("f usr/b\nf usr/c\nf usr/d\n"), file("etc/selinux/config", "SELINUXTYPE=u\n")}, false,
			[]string{
				"derived /usr" + label, "derived /usr/b" + label, "derived /usr/c" + label, "derived /usr/d" + label,
				differs + "/etc/selinux/config (layer 2)",
				"  rule of inside: /usr" + usrInside,
				"  rule of outside: /usr: " + otherDir + ":2: /usr(/.*)? u",
				"  rule of inside: /usr/b" + usrInside,
				"  rule of outside: /usr/b: " + otherDir + ":2: /usr(/.*)? u",
				"  rule of inside: /usr/c" + usrInside,
				"  rule of outside: /usr/c: " + otherDir + ":2: /usr(/.*)? u",
				"content-change /etc/selinux/config content",
				"  1 have the same size on both sides",
			},
		},
		"an alias": {
			[]string{bootable("f usr/b\n"), file(policyDir+"/file_contexts.subs", "/usr/b /usr/a\n")},
			[]string{bootable("f usr/b\n")}, false,
			[]string{
				"derived /usr/b" + label,
				onlyIn + rules + ".subs",
				"  by an alias, the rules of inside take this path for another: /usr/b: /usr/a",
				"  rule of inside: /usr/b: " + rules + ":3: /usr/a -- first",
				"  rule of outside: /usr/b" + usrInside,
				"unexplained " + rules + ".subs",
			},
		},
		"a type": {
			[]string{bootable("f usr/x.so\n")}, []string{bootable("l usr/x.so ->b\n")}, false,
			[]string{
				"selinux-label /usr/x.so" + label,
				"  rule of inside: /usr/x.so" + usrInside,
				"  rule of outside: /usr/x.so: " + rules + `:4: /usr/x\.so -l link`,
				"unexplained /usr/x.so type mode",
			},
		},
		"a hardlink broken inside": {
			[]string{bootable(linked), localC}, []string{bootable(linked)}, false,
			[]string{
				"derived /usr/b hardlinks", "derived /usr/c" + label + " hardlinks",
				onlyIn + rules + ".local",
				"  rule of inside: /usr/c: " + rules + ".local:1: /usr/c c",
				"  rule of outside: /usr/c" + usrInside,
				"  only inside breaks this hardlink, as the labels of its names differ there: /usr/b",
				"  only inside breaks this hardlink, as the labels of its names differ there: /usr/c",
				"unexplained " + rules + ".local",
			},
		},
		"a hardlink broken outside": {
			[]string{bootable(linked)}, []string{bootable(linked), localC}, false,
			[]string{
				"derived /usr/b hardlinks", "derived /usr/c" + label + " hardlinks",
				onlyOut + rules + ".local (layer 2)",
				"  rule of inside: /usr/c" + usrInside,
				"  rule of outside: /usr/c: " + rules + ".local:1: /usr/c c",
				"  only outside breaks this hardlink, as the labels of its names differ there: /usr/b",
				"  only outside breaks this hardlink, as the labels of its names differ there: /usr/c",
				"unexplained " + rules + ".local",
			},
		},
		"a hardlink broken by its first name": {
			[]string{bootable(threeLink), "f usr/.wh.a\n"}, []string{bootable(threeLink)}, true,
			[]string{
				"hardlink-broken /usr/b hardlinks", "hardlink-broken /usr/c hardlinks",
				"  only outside breaks this hardlink, as a name of it that only outside has comes first and has another label: /usr/b",
				"  only outside breaks this hardlink, as a name of it that only outside has comes first and has another label: /usr/c",
				"unexplained /usr/a",
			},
		},
		"a hardlink broken by a copy": {
			[]string{bootable("f usr/b\nf usr/c\n")}, []string{bootable(linked)}, true,
			[]string{
				"hardlink-broken /usr/b hardlinks", "hardlink-broken /usr/c hardlinks",
				"  nothing in inside has two names: hardlinks were not kept when it was copied or scanned",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			inside, outside := treeOf(t, tt.inside), treeOf(t, tt.outside)
			if tt.scanned {
				scanned(inside)
			}
			if diff := cmp.Diff(tt.want, compared(t, inside, outside)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestNoPolicy: labels of a side whose policy is gone are one finding, also that of the
// root.
func TestNoPolicy(t *testing.T) {
	inside, outside := treeOf(t, []string{bootable(""), "f etc/selinux/.wh.config\n"}), treeOf(t, []string{bootable("")})
	got := compared(t, inside, outside)
	derived := 0
	for _, line := range got {
		if strings.HasPrefix(line, "derived ") {
			derived++
		} else if strings.HasPrefix(line, "selinux-label ") || strings.HasPrefix(line, "root-metadata ") {
			t.Error(line)
		}
	}
	text := strings.Join(got, "\n")
	if derived != 14 || !strings.Contains(text, "which only outside has: /etc/selinux/config") || strings.Count(text, "inside has no SELinux policy") != 1 {
		t.Errorf("%d labels:\n%s", derived, text)
	}
}

// dumped is a tree as a dump file has it that was written for booting: with labels, and
// without the content of policy files.
func dumped(t *testing.T, tree *canon.Tree) *canon.Tree {
	t.Helper()
	if err := booting().Prepare(tree); err != nil {
		t.Fatal(err)
	}
	for e := range tree.Dirents() {
		if c := e.Node.Content; c != nil {
			without := *c
			without.Held = nil
			e.Node.Content = &without
		}
	}
	return scanned(tree)
}

// lacksContent says that a tree is that of a dump file, which has no content of files.
func lacksContent(t *canon.Tree) bool {
	missing, err := selinux.Missing(t)
	return err == nil && len(missing) > 0
}

// TestLabelsOfDumps: a side may lack the content of its policy files.
func TestLabelsOfDumps(t *testing.T) {
	const (
		rules   = "/" + policyDir + "/file_contexts"
		unknown = "  the rules of %s are not known, as it does not have the content of this policy file: %s"
		other   = ":2: /usr(/.*)? other"
	)
	first := []string{bootable("")}
	second := []string{bootable(""), file(policyDir+"/file_contexts", strings.ReplaceAll(contexts, " usr\n", " other\n"))}
	image := func(specs []string) *canon.Tree { return scanned(treeOf(t, specs)) }
	dump := func(specs []string) *canon.Tree { return dumped(t, treeOf(t, specs)) }
	for name, tt := range map[string]struct {
		inside, outside *canon.Tree
		want            []string
	}{
		"both": {dump(first), dump(second), []string{
			"selinux-label /usr xattrsecurity.selinux",
			fmt.Sprintf(unknown, "inside", "/etc/selinux/config"),
			fmt.Sprintf(unknown, "outside", "/etc/selinux/config"),
			"content-change " + rules + " size content",
		}},
		"inside": {dump(first), image(second), []string{
			"derived /usr xattrsecurity.selinux",
			"  labels follow from this policy file, which differs: " + rules,
			fmt.Sprintf(unknown, "inside", rules),
			"  rule of outside: /usr: " + rules + other,
			"content-change " + rules + " size content",
		}},
		"outside": {image(second), dump(first), []string{
			"derived /usr xattrsecurity.selinux",
			"  labels follow from this policy file, which differs: " + rules,
			fmt.Sprintf(unknown, "outside", rules),
			"  rule of inside: /usr: " + rules + other,
			"content-change " + rules + " size content",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, compared(t, tt.inside, tt.outside)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestLabelThatIsWrong: a dump file keeps the labels that it has, though the image has
// the content of the policy that would give it others.
func TestLabelThatIsWrong(t *testing.T) {
	const rules = "/" + policyDir + "/file_contexts"
	specs := []string{bootable("f usr/b\n")}
	dump := func() *canon.Tree {
		tree := dumped(t, treeOf(t, specs))
		tree.Lookup("/usr/b").Node.Xattrs.Set(linux.SecuritySELinux, "planted")
		return tree
	}
	const (
		label = "selinux-label /usr/b xattrsecurity.selinux"
		other = ", which has another label there"
		rule  = ": /usr/b: " + rules + ":2: /usr(/.*)? usr"
	)
	want := []string{label, "  rule of inside" + other + rule, "  rule of outside" + rule}
	if diff := cmp.Diff(want, compared(t, dump(), treeOf(t, specs))); diff != "" {
		t.Error(diff)
	}
	// What else differs is told beside it, and proven with it.
	late := []string{"late-layers /usr/b size content", "  inside has nothing of what the layers from this one on bring (layer 2)"}
	if diff := cmp.Diff(append(late, want...), compared(t, dump(), treeOf(t, []string{specs[0], "f usr/b =late\n"}))); diff != "" {
		t.Error(diff)
	}
	want = []string{label, "  rule of outside" + other + rule, "  rule of inside" + rule}
	if diff := cmp.Diff(want, compared(t, treeOf(t, specs), dump())); diff != "" {
		t.Error(diff)
	}
}
