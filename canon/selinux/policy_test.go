package selinux

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"cfsverify/canon"
	"cfsverify/canon/linux"
)

func TestMissing(t *testing.T) {
	tree := treeOf(map[string]string{"file_contexts": "/.* def_t\n", "file_contexts.subs": "/a /b\n", "file_contexts.local": ""})
	held := map[string][]byte{}
	for path, e := range tree.All() {
		if e.Node.Content != nil {
			held[path] = e.Node.Content.Held
			e.Node.Content.Held = nil
		}
	}
	for _, want := range []string{
		"/etc/selinux/config",
		"/etc/selinux/p/contexts/files/file_contexts /etc/selinux/p/contexts/files/file_contexts.subs",
		"",
	} {
		missing, err := Missing(tree)
		if err != nil {
			t.Fatal(err)
		}
		var paths []string
		for _, f := range missing {
			paths = append(paths, f.Path)
			if e := tree.Lookup(f.Path); f.Entry.Node != e.Node || f.Node != e.Node {
				t.Errorf("%s is another inode", f.Path)
			}
			if p, err := Load(tree); p != nil || err == nil || !strings.Contains(err.Error(), "not known") {
				t.Errorf("without %s: %v, %v", f.Path, p, err)
			}
		}
		if got := strings.Join(paths, " "); got != want {
			t.Errorf("missing: %s, want %s", got, want)
		}
		for _, f := range missing {
			f.Node.Content.Held = held[f.Path]
		}
	}
	// Dump files may have files without anything about their content.
	config := tree.Lookup("/etc/selinux/config").Node
	config.Content = nil
	if missing, err := Missing(tree); err != nil || len(missing) != 1 {
		t.Errorf("%v, %v", missing, err)
	}
	config.Size = 0
	if missing, err := Missing(tree); err != nil || missing != nil {
		t.Errorf("%v, %v", missing, err)
	}
}

// TestMayBeFile: whatever a policy's name is, its files are told by theirs.
func TestMayBeFile(t *testing.T) {
	for file, want := range map[string]bool{
		"/etc/selinux/config":                                                true,
		"/etc/selinux/contexts/files/file_contexts":                          true,
		"/etc/selinux/p/contexts/files/file_contexts":                        true,
		"/etc/selinux/a/b/contexts/files/file_contexts.local":                true,
		"/etc/selinux/p/contexts/files/file_contexts.homedirs":               true,
		"/etc/selinux/p/contexts/files/file_contexts.subs":                   true,
		"/etc/selinux/contexts/files/contexts/files/file_contexts.subs_dist": true,
		"/etc/selinux/p/contexts/files/file_contexts.bin":                    false,
		"/etc/selinux/p/contexts/files/media":                                false,
		"/etc/selinux/p/contexts/file_contexts":                              false,
		"/etc/selinux/p/policy/policy.33":                                    false,
		"/etc/selinux/p/config":                                              false,
		"/usr/etc/selinux/p/contexts/files/file_contexts":                    false,
		"/etc/selinuxes/contexts/files/file_contexts":                        false,
	} {
		if got := MayBeFile(file); got != want {
			t.Errorf("%s: %v", file, got)
		}
	}
}

// TestFinding: what is no policy, and what is none that can be read.
func TestFinding(t *testing.T) {
	tests := []struct {
		name, remove, path, reason string
		put                        *canon.Node
		followed                   bool
	}{
		{name: "a symlink", remove: "selinux", path: "/etc/selinux", reason: "symlink", put: &canon.Node{Kind: canon.Symlink, Target: "x"}, followed: true},
		{name: "a device", remove: "selinux/config", path: "/etc/selinux/config", reason: "device", put: &canon.Node{Kind: canon.CharDevice}},
		{name: "no directory", remove: "selinux/p/contexts/files", path: "/etc/selinux/p/contexts/files", reason: "missing"},
		{name: "no rules", remove: "selinux/p/contexts/files/file_contexts", path: "/etc/selinux/p/contexts/files/file_contexts", reason: "missing"},
		{name: "dangling", remove: "selinux/p/contexts/files/file_contexts.subs", path: "/etc/selinux/p/contexts/files/file_contexts.subs", reason: "symlink", put: &canon.Node{Kind: canon.Symlink, Target: "x"}, followed: true},
		{name: "large config", remove: "selinux/config", path: "/etc/selinux/config", reason: "more than", put: &canon.Node{Kind: canon.Regular, Size: ContentMax + 1}},
		{name: "large rules", remove: "selinux/p/contexts/files/file_contexts.local", path: "/etc/selinux/p/contexts/files/file_contexts.local", reason: "more than", put: &canon.Node{Kind: canon.Regular, Size: 1<<64 - 1}},
		{name: "dots", remove: "selinux/config", path: "/etc/selinux/config", reason: `"../p"`, put: file("SELINUXTYPE=../p")},
		{name: "a dot", remove: "selinux/config", path: "/etc/selinux/config", reason: `"./p"`, put: file("SELINUXTYPE=./p")},
		{name: "not UTF-8", remove: "selinux/config", path: "/etc/selinux/config", reason: "UTF-8", put: file("\xff\nSELINUXTYPE=p")},
		{name: "no config", remove: "selinux/config"},
		{name: "no name", remove: "selinux/config", put: file("SELINUX=enforcing\nſELINUXTYPE=q\n")},
	}
	for _, test := range tests {
		tree := treeOf(map[string]string{"file_contexts": "/.* def_t\n"})
		names := strings.Split("etc/"+test.remove, "/")
		dir, last := tree.Root, len(names)-1
		for _, name := range names[:last] {
			dir = dir.Child(name).Node
		}
		dir.Remove(names[last])
		if test.put != nil {
			dir.Put(canon.Dirent{Name: names[last], Node: test.put})
		}
		_, err := Missing(tree)
		p, loadErr := Load(tree)
		if test.path == "" {
			if err != nil || loadErr != nil || p != nil {
				t.Errorf("%s: %v, %v, %v", test.name, err, loadErr, p)
			}
			continue
		}
		e, is := err.(*Error)
		if !is || e.Path != test.path || !strings.Contains(e.Reason, test.reason) || e.FollowedByScan != test.followed {
			t.Errorf("%s: %+v", test.name, err)
		}
		if loadErr == nil || loadErr.Error() != err.Error() {
			t.Errorf("%s: Load says %v, Missing %v", test.name, loadErr, err)
		}
	}
}

func TestLoadErrors(t *testing.T) {
	const files = "/etc/selinux/p/contexts/files/"
	tests := []struct{ file, text, want string }{
		{"file_contexts", "#\n\n/a\n", `SELinux policy: "` + files + `file_contexts": line 3: rule "/a": the rule has no context`},
		{"file_contexts", "/a --", `line 1: rule "/a": the rule has no context`},
		{"file_contexts", "/a -f a_t", `line 1: rule "/a": "-f" is no type of files`},
		{"file_contexts.local", "/a a_t # why", `file_contexts.local": line 1: rule "/a": "#" follows the context`},
		{"file_contexts.homedirs", "/a a_t\n#\xff", `file_contexts.homedirs": line 2: the line is not UTF-8`},
		{"file_contexts.subs", "/a", `file_contexts.subs": line 1: 1 fields in a line of aliases`},
		{"file_contexts.subs_dist", "/a /b #", `file_contexts.subs_dist": line 1: 3 fields`},
		{"file_contexts.subs_dist", "/a /b/", `the original "/b/"`},
		{"file_contexts.subs_dist", "/a /b/.", `the original "/b/."`},
		{"file_contexts.subs_dist", "/a .", `the original "."`},
		{"file_contexts", strings.Repeat("/a a_t\n", sizeMax/ruleSize), "line 222223: rule \"/a\": up to this rule the policy is too large"},
	}
	for _, test := range tests {
		content := map[string]string{"file_contexts": "/.* def_t\n"}
		content[test.file] = test.text
		_, err := Load(treeOf(content))
		if _, is := err.(*Error); !is || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%.40q in %s: %v, want %s", test.text, test.file, err, test.want)
		}
	}
}

func TestMatch(t *testing.T) {
	p, err := Load(treeOf(map[string]string{
		"file_contexts":           "#\n/.* def_t\n/usr/x -- x_t\n/usr/n <<none>>\n",
		"file_contexts.local":     "/usr/(?=l).* -l l_t\n",
		"file_contexts.subs_dist": "/bin /usr\n/ /no\n/usr/lib64 /lib\n",
	}))
	if err != nil {
		t.Fatal(err)
	}
	const dir = "/etc/selinux/p/contexts/files/"
	def := Rule{File: dir + "file_contexts", Line: 2, Pattern: "/.*", Context: "def_t"}
	for _, test := range []struct {
		path string
		kind canon.Kind
		want Rule
		as   string
	}{
		{"/usr/x", canon.Regular, Rule{File: dir + "file_contexts", Line: 3, Pattern: "/usr/x", Kind: canon.Regular, Context: "x_t"}, "/usr/x"},
		{"/bin/x", canon.Regular, Rule{File: dir + "file_contexts", Line: 3, Pattern: "/usr/x", Kind: canon.Regular, Context: "x_t"}, "/usr/x"},
		{"/usr/x", canon.Symlink, def, "/usr/x"},
		{"/", canon.Directory, def, "/"},
		{"/bin/lib64", canon.Directory, def, "/lib"},
		{"/bin/l", canon.Symlink, Rule{File: dir + "file_contexts.local", Line: 1, Pattern: "/usr/(?=l).*", Kind: canon.Symlink, Context: "l_t"}, "/usr/l"},
		{"/usr/n", canon.FIFO, Rule{File: dir + "file_contexts", Line: 4, Pattern: "/usr/n", Context: None}, "/usr/n"},
	} {
		test.want.Path = test.as
		if got, is := p.Match(test.path, test.kind); !is || got != test.want {
			t.Errorf("%s, %v: %+v, %v, want %+v", test.path, test.kind, got, is, test.want)
		}
	}
	none, err := policyOf(t, "/x x_t\n")
	if err != nil {
		t.Fatal(err)
	}
	if r, is := none.Match("/y", canon.Regular); is {
		t.Errorf("%+v", r)
	}
}

// labels are those of all names, with the number of the inode, in the order of the walk.
func labels(t *canon.Tree) string {
	var b strings.Builder
	inodes := map[*canon.Node]int{}
	for path, e := range t.All() {
		if inodes[e.Node] == 0 {
			inodes[e.Node] = len(inodes) + 1
		}
		if label, is := e.Node.Xattrs.Get(linux.SecuritySELinux); is {
			fmt.Fprintf(&b, "%s=%s:%d/%d ", path, label, inodes[e.Node], e.Node.Nlink)
		}
	}
	return strings.TrimSpace(b.String())
}

// TestLabel: hardlinks with several labels, and labels that were there.
func TestLabel(t *testing.T) {
	p, err := policyOf(t, "/[ac] first_t\n/[bd] -p second_t\n/ -d root_t\n")
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		label func(*Labels, *canon.Tree) error
		want  string
	}{
		"an inode for each label": {(*Labels).Apply, "/=root_t:1/0 /a=first_t:2/2 /b=second_t:3/1 /c=first_t:2/2 /d=second_t:4/1"},
		"the last name's label":   {(*Labels).ApplyByLast, "/=root_t:1/0 /a=second_t:2/4 /b=second_t:2/4 /c=second_t:2/4 /d=second_t:2/4"},
	} {
		t.Run(name, func(t *testing.T) {
			tree := canon.NewTree()
			linked := &canon.Node{Kind: canon.FIFO, Nlink: 4, Xattrs: canon.Xattrs{{Name: "a", Value: "b"}}}
			for _, name := range []string{"a", "b", "c", "d"} {
				tree.Root.Put(canon.Dirent{Name: name, Node: linked})
			}
			old := &canon.Node{Kind: canon.Symlink, Target: "x", Nlink: 1, Xattrs: canon.Xattrs{{Name: linux.SecuritySELinux, Value: "old_t\x00"}}}
			tree.Root.Put(canon.Dirent{Name: "old", Node: old})
			found, err := p.Labels(tree)
			if err == nil {
				err = tt.label(found, tree)
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := labels(tree); got != tt.want {
				t.Errorf("%s, want %s", got, tt.want)
			}
			if value, _ := tree.Root.Child("d").Node.Xattrs.Get("a"); value != "b" {
				t.Error("an inode of its own lacks an xattr")
			}
			none, err := (*Policy)(nil).Labels(tree)
			if err == nil {
				err = tt.label(none, tree)
			}
			if err != nil || labels(tree) != "" {
				t.Errorf("without a policy: %v, %s", err, labels(tree))
			}
		})
	}
}

// TestLabels: labels that were found in a tree do for one that has less, and for no other.
func TestLabels(t *testing.T) {
	p, err := policyOf(t, "/.* def_t\n/run(/.*)? run_t\n/usr/b -p b_t\n")
	if err != nil {
		t.Fatal(err)
	}
	tree := func(names ...string) *canon.Tree {
		tree := canon.NewTree()
		linked := &canon.Node{Kind: canon.FIFO}
		for _, name := range names {
			dir, base, _ := strings.Cut(name, "/")
			if tree.Root.Child(dir) == nil {
				tree.Root.Put(canon.Dirent{Name: dir, Node: &canon.Node{Kind: canon.Directory}})
			}
			if base != "" {
				tree.Root.Child(dir).Node.Put(canon.Dirent{Name: base, Node: linked})
			}
		}
		tree.CountLinks()
		return tree
	}
	found, err := p.Labels(tree("run/a", "run/c", "usr/b", "usr/c", "var"))
	if err != nil {
		t.Fatal(err)
	}
	for _, names := range [][]string{{"run/a", "run/c", "usr/b", "usr/c", "var"}, {"run", "usr/b", "usr/c"}, {"run/c", "usr/c", "var"}, {"var"}, nil} {
		for _, byLast := range []bool{false, true} {
			want, got := tree(names...), tree(names...)
			own, err := p.Labels(want)
			if err != nil {
				t.Fatal(err)
			}
			if byLast {
				err = errors.Join(own.ApplyByLast(want), found.ApplyByLast(got))
			} else {
				err = errors.Join(own.Apply(want), found.Apply(got))
			}
			if err != nil || labels(got) != labels(want) {
				t.Errorf("%q, by last %v: %s, %v, want %s", names, byLast, labels(got), err, labels(want))
			}
		}
	}
	for _, name := range []string{"run/b", "tmp", "zzz", "var/x"} {
		if err := found.Apply(tree(name)); err == nil || !strings.Contains(err.Error(), "does not have the name") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// hostile is a tree of files, and a policy with rules that all of them try.
func hostile(tb testing.TB, rule string, files int) (*Policy, *canon.Tree) {
	tb.Helper()
	p, err := policyOf(tb, rule)
	if err != nil {
		tb.Fatal(err)
	}
	t := canon.NewTree()
	for i := range files {
		t.Root.Put(canon.Dirent{Name: fmt.Sprint(i), Node: &canon.Node{Kind: canon.Regular, Nlink: 1}})
	}
	return p, t
}

// TestWorkIsBounded: labelling by a policy that is made to cost ends with an error.
func TestWorkIsBounded(t *testing.T) {
	var many, literal strings.Builder
	for i := range 500 {
		fmt.Fprintf(&many, "/.*q%d a_t\n", i)
		fmt.Fprint(&literal, "/7 -d a_t\n")
	}
	for name, rules := range map[string]string{
		"many rules":         many.String(),
		"rules of a type":    strings.ReplaceAll(many.String(), " ", " -s "),
		"the same path":      literal.String(),
		"a large pattern":    "/.*(a?b?c?d?){1000}[q] a_t\n",
		"a slow pattern":     "/(?=1)(?:.?.?.?.?.?.?.?.?.?.?.?.?)*[q] a_t\n",
		"an endless pattern": "/(?=1)(?:(?:[0-9]|[0-9][0-9])+)+(?:(?:[0-9]|[0-9][0-9])+)+(?:(?:[0-9]|[0-9][0-9])+)+[q] a_t\n",
	} {
		p, tree := hostile(t, rules, 1000)
		tree.Root.Put(canon.Dirent{Name: strings.Repeat("1", 255), Node: &canon.Node{Kind: canon.Regular, Nlink: 1}})
		p.workMax = 400
		_, err := p.Labels(tree)
		if e, is := err.(*Error); !is || !strings.Contains(e.Reason, "too much work") {
			t.Errorf("%s: %v", name, err)
		}
	}
	p, _ := hostile(t, many.String(), 0)
	p.workMax = 400
	if r, is := p.Match("/7", canon.Regular); is {
		t.Errorf("%+v", r)
	}
}

// TestTimeIsBounded: a pattern that PCRE2 would give up on is an error.
func TestTimeIsBounded(t *testing.T) {
	p, tree := hostile(t, "/(?=a)((a|aa)+b|a*c) a_t\n", 0)
	tree.Root.Put(canon.Dirent{Name: strings.Repeat("a", 60) + "c", Node: &canon.Node{Kind: canon.Regular, Nlink: 1}})
	_, err := p.Labels(tree)
	if e, is := err.(*Error); !is || e.Line != 1 || !strings.Contains(e.Reason, "takes longer than 20ms") {
		t.Error(err)
	}
}

// TestWorkGrows: twice the files are twice the work, and no more.
func TestWorkGrows(t *testing.T) {
	done := func(files int) int {
		p, tree := hostile(t, "/.*q a_t\n/.*r -d a_t\n", files)
		w := work{max: workMax}
		for path, e := range tree.All() {
			if _, err := p.search([]byte(path), e.Node.Kind, &w); err != nil {
				t.Fatal(err)
			}
		}
		return w.done
	}
	if one, two := done(1000), done(2000); one < 1000 || two > 2*one+10 {
		t.Errorf("%d and %d", one, two)
	}
}
