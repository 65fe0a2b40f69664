package policy

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"cfsverify/canon"
	"cfsverify/canon/linux"
	"cfsverify/testdata/trees"
)

// manyTree is a tree on which all words of a policy act; contexts are the lines of its
// SELinux policy.
func manyTree(t *testing.T, contexts string) *canon.Tree {
	t.Helper()
	tree := parseTree(t, bootTree+`
/etc/selinux/ 0755 0:0 1.1
/etc/selinux/p/ 0755 0:0 1.1
/etc/selinux/p/contexts/ 0755 0:0 1.1
/etc/selinux/p/contexts/files/ 0755 0:0 1.1
/run/ 0755 0:0 12.5
/run/lock 0644 0:0 13.5
`)
	put := func(dir, name string, n *canon.Node) { tree.Lookup(dir).Node.Put(canon.Dirent{Name: name, Node: n}) }
	inline := func(s string) *canon.Node {
		return &canon.Node{Kind: canon.Regular, Size: uint64(len(s)), Content: &canon.Content{Inline: []byte(s)}}
	}
	put("/etc/selinux", "config", inline("SELINUXTYPE=p\n"))
	put("/etc/selinux/p/contexts/files", "file_contexts", inline(contexts))
	// One inode has names in /run and outside of it.
	link := tree.Lookup("/etc/link").Node
	put("/run", "link", link)
	put("/usr", "a", link)
	put("/usr", "b", link)
	tree.CountLinks()
	return tree
}

// TestMany: copies of a tree are what the policy makes of it, with each root, and the tree
// is not changed.
func TestMany(t *testing.T) {
	const contexts = "/.* def_t\n/ root_t\n/run/.* run_t\n/usr/. usr_t\n"
	written := manyTree(t, "x")
	for _, path := range []string{"/boot", "/sysroot"} {
		written.Lookup(path).Node.RemoveAll()
	}
	config := written.Lookup("/etc/selinux/config").Node.Content
	config.Inline, config.Held = nil, nil
	written.Lookup("/").Node.Xattrs.Set(linux.SecuritySELinux, "written_t")
	for name, c := range map[string]struct {
		tree     *canon.Tree
		labelled bool
		// refused: none of the policies for booting fits.
		refused bool
	}{
		"an SELinux policy":                     {tree: manyTree(t, contexts)},
		"an SELinux policy that is refused":     {tree: manyTree(t, "/(a\n"), refused: true},
		"labels that were written":              {tree: written, labelled: true},
		"labels of an image, without a content": {tree: written, refused: true},
		"no SELinux policy":                     {tree: parseTree(t, bootTree+"/run/ 0755 0:0 12.5\n")},
		"nothing for booting":                   {tree: parseTree(t, "/ 0755 0:0 1.1\n"), refused: true},
	} {
		before := trees.Text(c.tree)
		many := NewMany(c.tree)
		fits := 0
		for _, p := range allPolicies() {
			p.Labelled = c.labelled
			tree, roots, err := many.Apply(p, RootRules())
			for i, rule := range RootRules() {
				p.Root = rule
				want := c.tree.Clone()
				wantErr := p.Apply(want)
				if failed := err != nil || roots[i].Err != nil; failed != (wantErr != nil) {
					t.Fatalf("%s, %+v: %v, want %v", name, p, err, wantErr)
				} else if failed {
					continue
				}
				fits++
				got := tree.Clone()
				got.Root.Perm, got.Root.UID, got.Root.GID, got.Root.Mtime, got.Root.Xattrs = roots[i].Dir.Perm, roots[i].Dir.UID, roots[i].Dir.GID, roots[i].Dir.Mtime, roots[i].Dir.Xattrs
				if diff := cmp.Diff(trees.Text(want), trees.Text(got)); diff != "" {
					t.Fatalf("%s, %+v: %s", name, p, diff)
				}
			}
			if c.refused && p.Boot.Prepares() && err == nil {
				t.Errorf("%s: %+v fits", name, p)
			}
		}
		if fits == 0 {
			t.Errorf("%s: no policy fits", name)
		}
		if diff := cmp.Diff(before, trees.Text(c.tree)); diff != "" {
			t.Errorf("%s: the tree was changed: %s", name, diff)
		}
	}
}

// allPolicies are those that differ in more than the root's rule.
func allPolicies() []Policy {
	var list []Policy
	for _, boot := range BootRules() {
		for _, run := range RunRules() {
			for _, dirMtime := range DirMtimeRules() {
				for _, xattrs := range XattrRules() {
					for _, mtime := range MtimeRules() {
						for _, links := range LinkRules() {
							list = append(list, Policy{Boot: boot, Run: run, DirMtime: dirMtime, Xattrs: xattrs, Mtime: mtime, Links: links, Created: &canon.Time{Sec: 1234, Nsec: 5}})
						}
					}
				}
			}
		}
	}
	return list
}
