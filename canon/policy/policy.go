package policy

import (
	"fmt"
	"strings"

	"cfsverify/canon"
	"cfsverify/canon/linux"
	"cfsverify/canon/selinux"
)

// RootRule says where the metadata of the root directory comes from: few layers
// have an entry for it, and engines make it up.
type RootRule string

const (
	// RootUsr copies mode, owner, mtime and xattrs of /usr, as composefs-rs does
	// since its pull request 209.
	RootUsr RootRule = "usr"
	// RootTarOrNewest keeps the layers' own entry for the root if there is one
	// and else is RootNewest: the rule of composefs-rs issue 34.
	RootTarOrNewest RootRule = "tar-or-newest"
	// The rules from here on set mode 0555, owner 0:0 and no xattrs. They differ in
	// the mtime. RootNewest: the newest mtime of the whole tree.
	RootNewest RootRule = "newest"
	// RootNewestInRoot and RootOldestInRoot: the newest or oldest mtime directly in
	// the root.
	RootNewestInRoot RootRule = "newest-in-root"
	RootOldestInRoot RootRule = "oldest-in-root"
	// RootEpoch: 0.
	RootEpoch RootRule = "epoch"
	// RootCreated: the image config's creation time.
	RootCreated RootRule = "created"
	// RootKeep leaves the root as it was read.
	RootKeep RootRule = "keep"
)

// RootRules lists all of them.
func RootRules() []RootRule {
	return []RootRule{RootUsr, RootTarOrNewest, RootNewest, RootNewestInRoot, RootOldestInRoot, RootEpoch, RootCreated, RootKeep}
}

// DirMtimeRule says what a directory's mtime is.
type DirMtimeRule string

const (
	DirMtimeKeep DirMtimeRule = "keep"
	// DirMtimeNewestChild is the newest mtime of what is in the directory, at
	// any depth. An empty directory keeps its own.
	DirMtimeNewestChild DirMtimeRule = "newest-child"
)

// DirMtimeRules lists all of them.
func DirMtimeRules() []DirMtimeRule { return []DirMtimeRule{DirMtimeKeep, DirMtimeNewestChild} }

// RunRule says what becomes of /run, where engines leave files of their own.
type RunRule string

const (
	// RunEmpty removes what is in /run and gives it the mtime of /usr.
	RunEmpty RunRule = "empty"
	RunKeep  RunRule = "keep"
)

// RunRules lists all of them.
func RunRules() []RunRule { return []RunRule{RunEmpty, RunKeep} }

// XattrRule says which extended attributes stay.
type XattrRule string

const (
	// XattrAllowlist keeps security.capability only.
	XattrAllowlist XattrRule = "allowlist"
	// XattrUser keeps user.* as well.
	XattrUser XattrRule = "user"
	XattrAll  XattrRule = "all"
	XattrNone XattrRule = "none"
)

// XattrRules lists all of them.
func XattrRules() []XattrRule { return []XattrRule{XattrAllowlist, XattrUser, XattrAll, XattrNone} }

// MtimeRule is the precision of mtimes.
type MtimeRule string

const (
	MtimeNanoseconds MtimeRule = "ns"
	MtimeSeconds     MtimeRule = "s"
)

// MtimeRules lists all of them.
func MtimeRules() []MtimeRule { return []MtimeRule{MtimeNanoseconds, MtimeSeconds} }

// LinkRule says what becomes of the names of one inode.
type LinkRule string

const (
	// LinksKeep leaves them names of one inode, unless labels for booting differ: a
	// name whose label is not that of the first one gets an inode of its own, as
	// composefs-rs does since 0.7.
	LinksKeep LinkRule = "keep"
	// LinksBreak gives every name an inode of its own, as mkcomposefs does when it scans
	// a directory.
	LinksBreak LinkRule = "break"
	// LinksLastLabel leaves them names of one inode whatever their labels are: that of
	// the last name counts, as up to composefs-rs 0.6.
	LinksLastLabel LinkRule = "last-label"
)

// LinkRules lists all of them.
func LinkRules() []LinkRule { return []LinkRule{LinksKeep, LinksBreak, LinksLastLabel} }

// Policy is what is done to a tree, however it was read, before it is compared
// or written.
type Policy struct {
	Root     RootRule
	DirMtime DirMtimeRule
	Run      RunRule
	Xattrs   XattrRule
	Mtime    MtimeRule
	Boot     BootRule
	Links    LinkRule
	// Created is the time that RootCreated uses, nil if there is none.
	Created *canon.Time
	// Labelled says that the tree may have been written with the labels for booting, by
	// somebody who had the content of its SELinux policy; see KeepsLabels.
	Labelled bool
}

// ComposefsRS is what composefs-rs 0.9 does to every container root
// (transform_for_oci).
func ComposefsRS() Policy {
	return Policy{Root: RootUsr, DirMtime: DirMtimeKeep, Run: RunEmpty, Xattrs: XattrAllowlist, Mtime: MtimeNanoseconds, Boot: BootNo, Links: LinksKeep}
}

// Issue34 is the rule of composefs-rs issue 34: only the root is made up, and
// mtimes are whole seconds.
func Issue34() Policy {
	return Policy{Root: RootTarOrNewest, DirMtime: DirMtimeKeep, Run: RunKeep, Xattrs: XattrAllowlist, Mtime: MtimeSeconds, Boot: BootNo, Links: LinksKeep}
}

// Raw leaves a tree as it was read.
func Raw() Policy {
	return Policy{Root: RootKeep, DirMtime: DirMtimeKeep, Run: RunKeep, Xattrs: XattrAll, Mtime: MtimeNanoseconds, Boot: BootNo, Links: LinksKeep}
}

// Names lists the names that Parse knows.
func Names() []string { return []string{"composefs-rs", "issue34", "raw"} }

// Parse gives the policy of that name.
func Parse(name string) (Policy, error) {
	switch name {
	case "composefs-rs":
		return ComposefsRS(), nil
	case "issue34":
		return Issue34(), nil
	case "raw":
		return Raw(), nil
	}
	return Policy{}, fmt.Errorf("unknown policy %q: use %s", name, strings.Join(Names(), ", "))
}

// Apply changes the tree by the policy's rules. The order is: /run, directory
// mtimes, root, xattrs, boot, precision, hardlinks; so the root's rule never sees
// what /run held.
func (p Policy) Apply(t *canon.Tree) error {
	_, err := p.apply(t, nil, nil)
	return err
}

// apply does what Apply does. It also gives what the root directory would be by other
// rules. Labels are found in the tree unless they are given.
func (p Policy) apply(t *canon.Tree, others []RootRule, labels *selinux.Labels) ([]Root, error) {
	boot := p.newBoot(t, labels)
	if p.Run == RunEmpty {
		if err := emptyRun(t); err != nil {
			return nil, err
		}
	}
	if p.DirMtime == DirMtimeNewestChild {
		setDirMtimes(t)
		if p.Run == RunEmpty {
			setRunMtime(t)
			setDirMtime(t.Root)
		}
	}
	roots := make([]Root, len(others))
	for i, rule := range others {
		roots[i] = p.rootBy(rule, t)
	}
	if err := p.setRoot(t); err != nil {
		return nil, err
	}
	filterXattrs(t, p.Xattrs)
	if err := boot.prepare(t); err != nil {
		return nil, err
	}
	if p.Mtime == MtimeSeconds {
		truncateMtimes(t)
	}
	if p.Links == LinksBreak {
		breakHardlinks(t)
	}
	for i := range roots {
		p.finishRoot(&roots[i], t)
	}
	return roots, nil
}

// emptyRun removes what is in /run, gives /run the mtime of /usr (0 where there
// is none), and counts links again.
func emptyRun(t *canon.Tree) error {
	run := t.Root.Child("run")
	if run != nil {
		if run.Node.Kind != canon.Directory {
			return &RunError{run.Node.Kind}
		}
		run.Node.RemoveAll()
		setRunMtime(t)
	}
	t.CountLinks()
	return nil
}

func setRunMtime(t *canon.Tree) {
	run := t.Root.Child("run")
	if run == nil {
		return
	}
	run.Node.Mtime = canon.Time{}
	if usr := t.Root.Child("usr"); usr != nil {
		run.Node.Mtime = usr.Node.Mtime
	}
}

// setDirMtimes gives every directory that is not empty the newest mtime of what
// is in it, at any depth.
func setDirMtimes(t *canon.Tree) {
	var deep func(n *canon.Node)
	deep = func(n *canon.Node) {
		for _, e := range n.Children() {
			if e.Node.Kind == canon.Directory {
				deep(e.Node)
			}
		}
		setDirMtime(n)
	}
	deep(t.Root)
}

func setDirMtime(n *canon.Node) {
	for i, e := range n.Children() {
		if i == 0 || e.Node.Mtime.Compare(n.Mtime) > 0 {
			n.Mtime = e.Node.Mtime
		}
	}
}

// Keeps says that an xattr of this name stays.
func (r XattrRule) Keeps(name string) bool {
	switch r {
	case XattrAll:
		return true
	case XattrNone:
		return false
	}
	return name == linux.SecurityCapability || r == XattrUser && strings.HasPrefix(name, linux.UserPrefix)
}

// filterXattrs removes the xattrs that the rule does not keep.
func filterXattrs(t *canon.Tree, rule XattrRule) {
	if rule == XattrAll {
		return
	}
	for e := range t.Dirents() {
		e.Node.Xattrs = e.Node.Xattrs.Without(func(a canon.Xattr) bool { return !rule.Keeps(a.Name) })
	}
}

// truncateMtimes drops the nanoseconds of every mtime.
func truncateMtimes(t *canon.Tree) {
	for e := range t.Dirents() {
		e.Node.Mtime.Nsec = 0
	}
}
