package policy

import (
	"fmt"
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
