package policy

import (
	"fmt"
	"testing"
)

// TestRootMtimes: which entries count for the mtime of the root.
func TestRootMtimes(t *testing.T) {
	const deep = "/ 0700 0:0 99.9\n/a/ 0755 0:0 -8.5\n/a/new 0644 0:0 50.5\n/a/old 0644 0:0 -9.5\n/b 0644 0:0 7.5\n/c 0644 0:0 7.3\n"
	for _, c := range []struct {
		rule       RootRule
		tree, want string
	}{
		{RootNewest, deep, "50.5"}, {RootNewestInRoot, deep, "7.5"}, {RootOldestInRoot, deep, "-8.5"}, {RootEpoch, deep, "0.0"},
		{RootOldestInRoot, "/ 0700 0:0 9.9\n/a 0644 0:0 7.5\n/b 0644 0:0 7.3\n/c 0644 0:0 8.0\n", "7.3"},
		{RootNewestInRoot, "/ 0700 0:0 9.9\n/a 0644 0:0 -7.5\n", "0.0"},
		// A root that is empty.
		{RootNewest, "/ 0700 0:0 9.9\n", "0.0"}, {RootNewestInRoot, "/ 0700 0:0 9.9\n", "0.0"}, {RootOldestInRoot, "/ 0700 0:0 9.9\n", "0.0"},
		{RootTarOrNewest, "/ 0700 0:0 9.9\n", "0.0"}, {RootKeep, "/ 0700 0:0 9.9\n", "9.9"},
	} {
		tree := parseTree(t, c.tree)
		p := Raw()
		p.Root = c.rule
		if err := p.Apply(tree); err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprintf("%d.%d", tree.Root.Mtime.Sec, tree.Root.Mtime.Nsec); got != c.want {
			t.Errorf("%s of\n%s: mtime %s, want %s", c.rule, c.tree, got, c.want)
		}
	}
}

// TestRootUsrCopies: the root has the xattrs of /usr, and later changes of one do
// not reach the other.
func TestRootUsrCopies(t *testing.T) {
	tree := parseTree(t, policyTree)
	p := Raw()
	p.Root = RootUsr
	if err := p.Apply(tree); err != nil {
		t.Fatal(err)
	}
	tree.Root.Xattrs.Set("user.usr", "changed")
	if value, _ := tree.Lookup("/usr").Node.Xattrs.Get("user.usr"); value != "v" {
		t.Errorf("/usr has the value %q", value)
	}
	if _, has := tree.Root.Xattrs.Get("trusted.root"); has {
		t.Error("the root has its own xattr still")
	}
}
