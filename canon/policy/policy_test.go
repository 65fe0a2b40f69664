package policy

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cfsverify/canon"
)

// parseTree makes a tree of lines "PATH MODE UID:GID SEC.NSEC [XATTR…]"; a path
// that ends in a slash is a directory. Every xattr has the value "v".
func parseTree(t *testing.T, text string) *canon.Tree {
	t.Helper()
	tree := canon.NewTree()
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) == 0 {
			continue
		}
		n := &canon.Node{Kind: canon.FIFO}
		path, isDir := strings.CutSuffix(fields[0], "/")
		if isDir {
			n.Kind = canon.Directory
		}
		var sec, nsec int64
		if _, err := fmt.Sscanf(strings.Join(fields[1:4], " "), "%o %d:%d %d.%d", &n.Perm, &n.UID, &n.GID, &sec, &nsec); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		n.Mtime = canon.Time{Sec: sec, Nsec: uint32(nsec)}
		for _, name := range fields[4:] {
			n.Xattrs.Set(name, "v")
		}
		if path == "" {
			tree.Root = n
			continue
		}
		dir, name := tree.Root, path[strings.LastIndex(path, "/")+1:]
		if parent := strings.TrimSuffix(path, "/"+name); parent != "" {
			dir = tree.Lookup(parent).Node
		}
		dir.Put(canon.Dirent{Name: name, Node: n})
	}
	tree.CountLinks()
	return tree
}

// formatTree is the inverse of parseTree.
func formatTree(tree *canon.Tree) string {
	var b strings.Builder
	for path, e := range tree.All() {
		n := e.Node
		if n.Kind == canon.Directory && path != "/" {
			path += "/"
		}
		fmt.Fprintf(&b, "%s %04o %d:%d %d.%d", path, n.Perm, n.UID, n.GID, n.Mtime.Sec, n.Mtime.Nsec)
		for _, x := range n.Xattrs {
			b.WriteString(" " + x.Name)
		}
		b.WriteString("\n")
	}
	return b.String()
}

const policyTree = `
/ 0700 7:8 999.9 trusted.root
/a 0644 1:2 300.5 security.capability security.selinux user.u
/run/ 0711 0:0 900.1 user.run
/run/lock 0644 0:0 901.1
/usr/ 0751 3:4 200.7 security.capability user.usr
/usr/lib/ 0755 0:0 100.0
/usr/lib/x 0600 0:0 250.0
/usr/y 0600 0:0 -5.3
/var/ 0755 0:0 50.0
`

func TestPolicy(t *testing.T) {
	created := &canon.Time{Sec: 1234, Nsec: 5}
	for _, tt := range []struct {
		name   string
		policy Policy
		want   string
	}{
		{"raw", Raw(), policyTree},
		{"composefs-rs", ComposefsRS(), `
/ 0751 3:4 200.7 security.capability
/a 0644 1:2 300.5 security.capability
/run/ 0711 0:0 200.7
/usr/ 0751 3:4 200.7 security.capability
/usr/lib/ 0755 0:0 100.0
/usr/lib/x 0600 0:0 250.0
/usr/y 0600 0:0 -5.3
/var/ 0755 0:0 50.0
`},
		{"issue34", Issue34(), `
/ 0555 0:0 901.0
/a 0644 1:2 300.0 security.capability
/run/ 0711 0:0 900.0
/run/lock 0644 0:0 901.0
/usr/ 0751 3:4 200.0 security.capability
/usr/lib/ 0755 0:0 100.0
/usr/lib/x 0600 0:0 250.0
/usr/y 0600 0:0 -5.0
/var/ 0755 0:0 50.0
`},
		{"newest with /run emptied", Policy{Root: RootNewest, Run: RunEmpty, Xattrs: XattrUser}, `
/ 0555 0:0 300.5
/a 0644 1:2 300.5 security.capability user.u
/run/ 0711 0:0 200.7 user.run
/usr/ 0751 3:4 200.7 security.capability user.usr
/usr/lib/ 0755 0:0 100.0
/usr/lib/x 0600 0:0 250.0
/usr/y 0600 0:0 -5.3
/var/ 0755 0:0 50.0
`},
		{"newest children", Policy{Root: RootKeep, DirMtime: DirMtimeNewestChild, Run: RunEmpty, Xattrs: XattrNone}, `
/ 0700 7:8 300.5
/a 0644 1:2 300.5
/run/ 0711 0:0 250.0
/usr/ 0751 3:4 250.0
/usr/lib/ 0755 0:0 250.0
/usr/lib/x 0600 0:0 250.0
/usr/y 0600 0:0 -5.3
/var/ 0755 0:0 50.0
`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tree := parseTree(t, policyTree)
			tt.policy.Created = created
			if err := tt.policy.Apply(tree); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(strings.TrimPrefix(tt.want, "\n"), formatTree(tree)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestRootRules(t *testing.T) {
	for _, tt := range []struct {
		rule RootRule
		want string // mode, owner and mtime of the root
	}{
		{RootUsr, "0751 3:4 200.7"},
		{RootTarOrNewest, "0555 0:0 901.1"},
		{RootNewest, "0555 0:0 901.1"},
		{RootNewestInRoot, "0555 0:0 900.1"},
		{RootOldestInRoot, "0555 0:0 50.0"},
		{RootEpoch, "0555 0:0 0.0"},
		{RootCreated, "0555 0:0 1234.5"},
		{RootKeep, "0700 7:8 999.9"},
	} {
		tree := parseTree(t, policyTree)
		policy := Raw()
		policy.Root, policy.Created = tt.rule, &canon.Time{Sec: 1234, Nsec: 5}
		if err := policy.Apply(tree); err != nil {
			t.Fatal(err)
		}
		n := tree.Root
		if got := fmt.Sprintf("%04o %d:%d %d.%d", n.Perm, n.UID, n.GID, n.Mtime.Sec, n.Mtime.Nsec); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.rule, got, tt.want)
		}
	}
}

// composefs-rs issue 34: the layer's own entry for the root wins.
func TestRootTarOrNewestKeepsTarEntry(t *testing.T) {
	tree := parseTree(t, policyTree)
	tree.RootOrigin = &canon.Origin{Layer: &canon.Layer{Index: 1}, Entry: 1}
	policy := Raw()
	policy.Root = RootTarOrNewest
	if err := policy.Apply(tree); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.TrimPrefix(policyTree, "\n"), formatTree(tree)); diff != "" {
		t.Error(diff)
	}
}

// A time before 1970 is never the newest: the empty tree's is 0.
func TestNewestIsNeverNegative(t *testing.T) {
	tree := parseTree(t, "/ 0700 0:0 5.0\n/old 0600 0:0 -9.1\n")
	policy := Raw()
	policy.Root = RootNewest
	if err := policy.Apply(tree); err != nil {
		t.Fatal(err)
	}
	if tree.Root.Mtime != (canon.Time{}) {
		t.Errorf("root mtime %v, want 0", tree.Root.Mtime)
	}
}

func TestPolicyErrors(t *testing.T) {
	for _, tt := range []struct {
		name, tree string
		policy     Policy
		want       error
		text       string
	}{
		{"no /usr", "/ 0755 0:0 0.0\n", ComposefsRS(), &RootError{Rule: RootUsr}, "there is no /usr"},
		{"/usr no directory", "/ 0755 0:0 0.0\n/usr 0755 0:0 0.0\n", ComposefsRS(), &RootError{Rule: RootUsr, Usr: canon.FIFO}, "/usr is a FIFO"},
		{"/run no directory", "/ 0755 0:0 0.0\n/run 0755 0:0 0.0\n/usr/ 0755 0:0 0.0\n", ComposefsRS(), &RunError{canon.FIFO}, "/run is a FIFO"},
		{"not created", "/ 0755 0:0 0.0\n", Policy{Root: RootCreated}, &RootError{Rule: RootCreated}, "creation time"},
	} {
		err := tt.policy.Apply(parseTree(t, tt.tree))
		if diff := cmp.Diff(tt.want, err); diff != "" || !strings.Contains(fmt.Sprint(err), tt.text) {
			t.Errorf("%s: error %v, want one with %q: %s", tt.name, err, tt.text, diff)
		}
	}
	if err := (Policy{Root: "best"}).Apply(canon.NewTree()); err == nil || !strings.Contains(err.Error(), `"best"`) {
		t.Errorf("unknown rule: error %v", err)
	}
}

// Links are counted again after /run is emptied: a name in it may have been
// one of several.
func TestEmptyRunCountsLinks(t *testing.T) {
	tree := parseTree(t, policyTree)
	tree.Lookup("/usr").Node.Put(canon.Dirent{Name: "lock", Node: tree.Lookup("/run/lock").Node})
	tree.CountLinks()
	lock := tree.Lookup("/usr/lock").Node
	if lock.Nlink != 2 {
		t.Fatalf("nlink %d before, want 2", lock.Nlink)
	}
	if err := emptyRun(tree); err != nil {
		t.Fatal(err)
	}
	if lock.Nlink != 1 {
		t.Errorf("nlink %d after, want 1", lock.Nlink)
	}
}

// TestParse: each name is that of a policy of its own, whose words are all
// known.
func TestParse(t *testing.T) {
	want := map[string]Policy{"composefs-rs": ComposefsRS(), "issue34": Issue34(), "raw": Raw()}
	if len(Names()) != len(want) {
		t.Errorf("names %q", Names())
	}
	for _, name := range Names() {
		p, err := Parse(name)
		if err != nil || p != want[name] {
			t.Errorf("%s: %+v, error %v", name, p, err)
		}
		if !slices.Contains(RootRules(), p.Root) || !slices.Contains(DirMtimeRules(), p.DirMtime) || !slices.Contains(RunRules(), p.Run) ||
			!slices.Contains(XattrRules(), p.Xattrs) || !slices.Contains(MtimeRules(), p.Mtime) || !slices.Contains(BootRules(), p.Boot) {
			t.Errorf("%s has a word that is not listed: %+v", name, p)
		}
	}
	for _, name := range []string{"", "Raw", "best"} {
		if p, err := Parse(name); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("%q", name)) || !strings.Contains(err.Error(), "composefs-rs, issue34, raw") {
			t.Errorf("%q: %+v, error %v", name, p, err)
		}
	}
}

// TestWordsDiffer: each word of a policy makes another tree of this one. So none
// is a second name of another, and none is without effect.
func TestWordsDiffer(t *testing.T) {
	const text = bootTree + `
/etc/nanoseconds 0644 0:0 9.9 user.y
/run/ 0755 0:0 12.5
/run/lock 0644 0:0 13.5
/old/ 0755 0:0 -3.5
/old/new 0644 0:0 20.5
`
	differ := func(change func(p *Policy, word int), words int) {
		t.Helper()
		seen := map[string]int{}
		for i := range words {
			tree := parseTree(t, text)
			p := Raw()
			p.Created = &canon.Time{Sec: 1234, Nsec: 5}
			change(&p, i)
			if err := p.Apply(tree); err != nil {
				t.Errorf("%+v: %v", p, err)
			}
			result := formatTree(tree)
			if j, again := seen[result]; again {
				t.Errorf("words %d and %d make the same tree: %+v", i, j, p)
			}
			seen[result] = i
		}
	}
	// Without an entry for the root in a layer RootTarOrNewest is RootNewest.
	roots := slices.DeleteFunc(RootRules(), func(r RootRule) bool { return r == RootTarOrNewest })
	differ(func(p *Policy, i int) { p.Root = roots[i] }, len(roots))
	differ(func(p *Policy, i int) { p.DirMtime = DirMtimeRules()[i] }, len(DirMtimeRules()))
	differ(func(p *Policy, i int) { p.Run = RunRules()[i] }, len(RunRules()))
	differ(func(p *Policy, i int) { p.Xattrs = XattrRules()[i] }, len(XattrRules()))
	differ(func(p *Policy, i int) { p.Mtime = MtimeRules()[i] }, len(MtimeRules()))
	differ(func(p *Policy, i int) { p.Boot = BootRules()[i] }, len(BootRules()))
}

// TestEmptyRun: /run takes the mtime of /usr, 0 without one, and a tree without
// /run gets none.
func TestEmptyRun(t *testing.T) {
	for text, want := range map[string]string{
		"/ 0755 0:0 1.1\n/run/ 0700 1:2 3.3 user.a\n/run/x 0644 0:0 4.4\n/usr/ 0755 0:0 5.5\n": "/ 0755 0:0 1.1\n/run/ 0700 1:2 5.5 user.a\n/usr/ 0755 0:0 5.5\n",
		"/ 0755 0:0 1.1\n/run/ 0700 1:2 3.3\n":                                                 "/ 0755 0:0 1.1\n/run/ 0700 1:2 0.0\n",
		"/ 0755 0:0 1.1\n/usr/ 0755 0:0 5.5\n":                                                 "/ 0755 0:0 1.1\n/usr/ 0755 0:0 5.5\n",
	} {
		tree := parseTree(t, text)
		if err := emptyRun(tree); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, formatTree(tree)); diff != "" {
			t.Errorf("want -, got +\n%s", diff)
		}
	}
	// Nor does a rule for the mtimes of directories make one.
	tree := parseTree(t, "/ 0755 0:0 1.1\n/usr/ 0755 0:0 5.5\n/usr/x 0644 0:0 6.6\n")
	p := Raw()
	p.Run, p.DirMtime = RunEmpty, DirMtimeNewestChild
	if err := p.Apply(tree); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff("/ 0755 0:0 6.6\n/usr/ 0755 0:0 6.6\n/usr/x 0644 0:0 6.6\n", formatTree(tree)); diff != "" {
		t.Errorf("want -, got +\n%s", diff)
	}
}

// TestBreakHardlinksByPolicy: the last step gives each name an inode of its own.
func TestBreakHardlinksByPolicy(t *testing.T) {
	for _, links := range LinkRules() {
		broken := links == LinksBreak
		tree := parseTree(t, policyTree)
		tree.Root.Put(canon.Dirent{Name: "b", Node: tree.Lookup("/a").Node})
		tree.CountLinks()
		p := Raw()
		p.Links = links
		if err := p.Apply(tree); err != nil {
			t.Fatal(err)
		}
		if a, b := tree.Lookup("/a").Node, tree.Lookup("/b").Node; (a != b) != broken || (a.Nlink == 1) != broken {
			t.Errorf("hardlinks are broken: %v, want %v", a != b, broken)
		}
	}
}
