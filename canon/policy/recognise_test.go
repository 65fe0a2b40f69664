package policy

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cfsverify/canon"
	"cfsverify/canon/linux"
)

// preparedTree is as composefs-rs prepares a tree without an SELinux policy.
const preparedTree = `
/ 0751 3:4 7.7 security.capability
/boot/ 0700 0:0 7.7
/etc/ 0755 0:0 4.4
/etc/a 0644 0:0 5.5
/run/ 0755 0:0 7.7
/sysroot/ 0711 0:0 7.7
/usr/ 0751 3:4 7.7 security.capability
`

// addPolicy gives a tree an SELinux config whose content is not there, and labels.
func addPolicy(label string) func(*canon.Tree) {
	return func(t *canon.Tree) {
		dir := &canon.Node{Kind: canon.Directory}
		dir.Put(canon.Dirent{Name: "config", Node: &canon.Node{Kind: canon.Regular, Size: 100, Content: &canon.Content{}}})
		t.Lookup("/etc").Node.Put(canon.Dirent{Name: "selinux", Node: dir})
		for e := range t.Dirents() {
			if label != "" {
				e.Node.Xattrs.Set(linux.SecuritySELinux, label)
			}
		}
	}
}

func TestRecognise(t *testing.T) {
	const (
		empty   = "/boot and /sysroot are empty"
		ns      = "their mtime is that of /usr with its nanoseconds"
		seconds = "their mtime is that of /usr in whole seconds"
		epoch   = "their mtime is 0"
		shared  = ", which other directories in / have as well"
		usual   = "/ has the metadata of /usr, and /run is empty"
		labels  = "9 names have SELinux labels as composefs-rs writes them"
	)
	mtime := func(value canon.Time, paths ...string) func(*canon.Tree) {
		return func(t *canon.Tree) {
			for _, path := range paths {
				t.Lookup(path).Node.Mtime = value
			}
		}
	}
	put := func(dir, name string) func(*canon.Tree) {
		return func(t *canon.Tree) {
			t.Lookup(dir).Node.Put(canon.Dirent{Name: name, Node: &canon.Node{Kind: canon.FIFO}})
		}
	}
	mode := func(path string, perm uint16) func(*canon.Tree) {
		return func(t *canon.Tree) { t.Lookup(path).Node.Perm = perm }
	}
	config := func(content string) func(*canon.Tree) {
		return func(t *canon.Tree) {
			addPolicy("")(t)
			n := t.Lookup("/etc/selinux/config").Node
			n.Size, n.Content = uint64(len(content)), &canon.Content{Inline: []byte(content)}
		}
	}
	all := func(changes ...func(*canon.Tree)) func(*canon.Tree) {
		return func(t *canon.Tree) {
			for _, change := range changes {
				change(t)
			}
		}
	}
	label := addPolicy("a:b:c")
	oldRoot := func(t *canon.Tree) { t.Root.Perm, t.Root.UID, t.Root.GID, t.Root.Xattrs = 0o555, 0, 0, nil }
	for _, tt := range []struct {
		name   string
		change func(*canon.Tree)
		want   *Prepared
	}{
		{"no labels", func(*canon.Tree) {}, &Prepared{Boot: BootNanoseconds, Links: LinksKeep, Facts: []string{empty, ns, usual}}},
		{"labels", label, &Prepared{Boot: BootNanoseconds, Links: LinksKeep, Labelled: true, Facts: []string{empty, ns, labels, usual}}},
		{"seconds of their own", mtime(canon.Time{Sec: 7, Nsec: 1}, "/boot"), &Prepared{Boot: BootSeconds, Links: LinksKeep, Facts: []string{empty, seconds, usual}}},
		{"no nanoseconds", mtime(canon.Time{Sec: 7}, "/", "/boot", "/run", "/sysroot", "/usr"), &Prepared{Boot: BootSeconds, Links: LinksKeep, Facts: []string{empty, seconds, usual}}},
		{"one mtime in the root", mtime(canon.Time{Sec: 7, Nsec: 7}, "/etc"), &Prepared{Boot: BootNanoseconds, Links: LinksKeep, Doubtful: true, Facts: []string{empty, ns + shared, usual}}},
		{"one second in the root", mtime(canon.Time{Sec: 7, Nsec: 1}, "/etc", "/boot"), &Prepared{Boot: BootSeconds, Links: LinksKeep, Doubtful: true, Facts: []string{empty, seconds + shared, usual}}},
		{"one mtime and labels", all(label, mtime(canon.Time{Sec: 7, Nsec: 7}, "/etc")), &Prepared{Boot: BootNanoseconds, Links: LinksKeep, Labelled: true, Facts: []string{empty, ns + shared, labels, usual}}},
		{"mtime 0", all(oldRoot, mtime(canon.Time{}, "/boot", "/sysroot")), &Prepared{Boot: BootEpoch, Links: LinksKeep, Facts: []string{empty, epoch}}},
		{"mtime 0 of a root like /usr", mtime(canon.Time{}, "/boot", "/sysroot"), &Prepared{Boot: BootEpoch, Links: LinksKeep, Facts: []string{empty, epoch, usual}}},
		{"mtime 0 of another root", all(mode("/", 0o700), mtime(canon.Time{}, "/boot", "/sysroot")), nil},
		{"labels and another root", all(label, mode("/", 0o700)), &Prepared{Boot: BootNanoseconds, Links: LinksKeep, Labelled: true, Facts: []string{empty, ns, labels}}},
		{"a config without a policy", config("SELINUX=disabled\n"), &Prepared{Boot: BootNanoseconds, Links: LinksKeep, Facts: []string{empty, ns, usual}}},
		{"a policy that labels nothing here", config("SELINUXTYPE=t\n"), nil},
		{"a policy whose labels are missing", addPolicy(""), nil},
		{"labels of the kernel", addPolicy("a:b:c\x00"), nil},
		{"labels without a policy", func(t *canon.Tree) { t.Root.Xattrs.Set(linux.SecuritySELinux, "a:b:c") }, nil},
		{"another root", mode("/", 0o700), nil},
		{"something in /run", put("/run", "lock"), nil},
		{"another mtime of /run", mtime(canon.Time{Sec: 8}, "/run"), nil},
		{"something in /boot", put("/boot", "kernel"), nil},
		{"something in /sysroot", put("/sysroot", "ostree"), nil},
		{"another mtime of /boot", mtime(canon.Time{Sec: 8}, "/boot"), nil},
		{"another mtime of /sysroot", mtime(canon.Time{}, "/sysroot"), nil},
		{"no /usr", func(t *canon.Tree) { t.Root.Remove("usr") }, nil},
		{"no /sysroot", func(t *canon.Tree) { t.Root.Remove("sysroot") }, nil},
		{"no /run", func(t *canon.Tree) { t.Root.Remove("run") }, &Prepared{Boot: BootNanoseconds, Links: LinksKeep, Facts: []string{empty, ns, usual}}},
	} {
		tree := parseTree(t, preparedTree)
		tt.change(tree)
		if diff := cmp.Diff(tt.want, Recognise(tree)); diff != "" {
			t.Errorf("%s: want -, got +\n%s", tt.name, diff)
		}
	}
}

// TestRecogniseLinks: a policy that is there tells which name of a hardlink gave it its
// label.
func TestRecogniseLinks(t *testing.T) {
	labelled := func(links LinkRule) *canon.Tree {
		tree := parseTree(t, preparedTree+"/usr/b 0644 0:0 1.1\n")
		dir := tree.Lookup("/etc").Node
		for _, name := range []string{"selinux", "t", "contexts", "files"} {
			below := &canon.Node{Kind: canon.Directory}
			dir.Put(canon.Dirent{Name: name, Node: below})
			dir = below
		}
		inline := func(dir *canon.Node, name, content string) {
			dir.Put(canon.Dirent{Name: name, Node: &canon.Node{Kind: canon.Regular, Size: uint64(len(content)), Content: &canon.Content{Inline: []byte(content)}}})
		}
		inline(tree.Lookup("/etc/selinux").Node, "config", "SELINUXTYPE=t\n")
		inline(dir, "file_contexts", "/.* all\n/usr/.* usr\n/usr/b first\n")
		tree.Lookup("/usr").Node.Put(canon.Dirent{Name: "c", Node: tree.Lookup("/usr/b").Node})
		tree.CountLinks()
		p := ComposefsRS()
		p.Boot, p.Links = BootSeconds, links
		if err := p.Apply(tree); err != nil {
			t.Fatal(err)
		}
		return tree
	}
	for rule, want := range map[LinkRule]LinkRule{LinksKeep: LinksKeep, LinksBreak: LinksKeep, LinksLastLabel: LinksLastLabel} {
		p := Recognise(labelled(rule))
		if p == nil || p.Links != want || strings.Contains(strings.Join(p.Facts, "\n"), "last name") != (want == LinksLastLabel) {
			t.Errorf("%s: %+v, want %s", rule, p, want)
		}
	}
	// The label of another name, or of none.
	tree := labelled(LinksLastLabel)
	tree.Lookup("/usr/b").Node.Xattrs.Set(linux.SecuritySELinux, "first")
	if p := Recognise(tree); p == nil || p.Links != LinksKeep {
		t.Errorf("%+v", p)
	}
}

// TestChanges: a tree that is like a prepared one already is not changed.
func TestChanges(t *testing.T) {
	p := &Prepared{Boot: BootSeconds, Links: LinksKeep}
	for name, tt := range map[string]struct {
		change func(*canon.Tree)
		want   bool
		err    string
	}{
		"nothing": {func(*canon.Tree) {}, false, ""},
		"a kernel": {func(t *canon.Tree) {
			t.Lookup("/boot").Node.Put(canon.Dirent{Name: "k", Node: &canon.Node{Kind: canon.FIFO}})
		}, true, ""},
		"its fraction":    {func(t *canon.Tree) { t.Lookup("/boot").Node.Mtime.Nsec = 1 }, false, ""},
		"its second":      {func(t *canon.Tree) { t.Lookup("/sysroot").Node.Mtime.Sec = 1 }, true, ""},
		"labels":          {func(t *canon.Tree) { t.Root.Xattrs.Set(linux.SecuritySELinux, "x") }, true, ""},
		"unknown content": {addPolicy(""), true, "/etc/selinux/config"},
		"no /sysroot":     {func(t *canon.Tree) { t.Root.Remove("sysroot") }, false, "/sysroot"},
	} {
		tree := parseTree(t, preparedTree)
		tt.change(tree)
		changes, err := p.Changes(tree)
		if changes != tt.want || (err != nil) != (tt.err != "") || err != nil && !strings.Contains(err.Error(), tt.err) {
			t.Errorf("%s: %v, %v", name, changes, err)
		}
	}
}
