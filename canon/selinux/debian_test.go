package selinux_test

import (
	"fmt"
	"path"
	"strconv"
	"testing"

	"cfsverify/canon"
	"cfsverify/canon/linux"
	"cfsverify/canon/selinux"
	"cfsverify/testdata/oracle"
)

var codes = map[byte]canon.Kind{'-': canon.Regular, 'd': canon.Directory, 'l': canon.Symlink}

// debianTree is the tree of the table of labels, with the policy's content held.
func debianTree(tb testing.TB, files map[string][]byte) (t *canon.Tree, want map[string]string) {
	tb.Helper()
	t, want = canon.NewTree(), map[string]string{}
	for _, row := range lines(tb, "debian.tsv.gz") {
		name, err := strconv.Unquote(`"` + row[0][2:] + `"`)
		if err != nil {
			tb.Fatal(err)
		}
		want[name] = row[1]
		if name == "/" {
			continue
		}
		n := &canon.Node{Kind: codes[row[0][0]], Nlink: 1}
		if content, is := files[name]; is {
			n.Size, n.Content = uint64(len(content)), &canon.Content{Held: content}
		}
		t.Lookup(path.Dir(name)).Node.Put(canon.Dirent{Name: path.Base(name), Node: n})
	}
	return t, want
}

// label labels a tree by its policy.
func label(p *selinux.Policy, t *canon.Tree) error {
	found, err := p.Labels(t)
	if err != nil {
		return err
	}
	return found.Apply(t)
}

// TestDebian: the labels that cfsctl gives a real tree with a real policy.
func TestDebian(t *testing.T) {
	tree, want := debianTree(t, oracle.SELinuxFiles(t))
	p, err := selinux.Load(tree)
	if err != nil || p == nil {
		t.Fatal(p, err)
	}
	if err := label(p, tree); err != nil {
		t.Fatal(err)
	}
	compared, wrong := 0, 0
	for name, e := range tree.All() {
		label, is := e.Node.Xattrs.Get(linux.SecuritySELinux)
		if !is {
			label = "-"
		}
		if compared++; label != want[name] {
			if wrong++; wrong < 20 {
				t.Errorf("%s has the label %s, want %s", name, label, want[name])
			}
		}
		// The rule that is told is the one that labelled.
		r, is := p.Match(name, e.Node.Kind)
		if r.Context != label && (is || label != "-") && (r.Context != selinux.None || label != "-") {
			t.Errorf("%s: the rule is %+v, and the label %s", name, r, label)
		}
	}
	if compared != 16569 || wrong > 0 {
		t.Errorf("%d labels compared, want 16569; %d wrong", compared, wrong)
	}
}

// BenchmarkLabel labels 300,000 files by Debian's policy, which has 5,621 rules.
func BenchmarkLabel(b *testing.B) {
	tree, _ := debianTree(b, oracle.SELinuxFiles(b))
	var dirs []*canon.Node
	var names []string
	for _, e := range tree.All() {
		if e.Node.Kind == canon.Directory {
			dirs = append(dirs, e.Node)
		}
		names = append(names, e.Name)
	}
	for i := range 300_000 {
		name := fmt.Sprintf("%s.%d", names[i*7919%len(names)], i)
		dirs[i%len(dirs)].Put(canon.Dirent{Name: name, Node: &canon.Node{Kind: canon.Regular, Nlink: 1}})
	}
	tree.Sort()
	b.ReportAllocs()
	for b.Loop() {
		p, err := selinux.Load(tree)
		if err != nil {
			b.Fatal(err)
		}
		if err := label(p, tree); err != nil {
			b.Fatal(err)
		}
	}
}
