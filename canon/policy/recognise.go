package policy

import (
	"fmt"
	"slices"
	"strings"

	"cfsverify/canon"
	"cfsverify/canon/linux"
	"cfsverify/canon/selinux"
)

// Prepared is what a tree shows of having been prepared for booting before it was
// written, as bootc does for the dump file of a seal.
type Prepared struct {
	// Boot is the rule by which it was prepared. Where several rules give this tree, it
	// is BootNanoseconds if /usr has a fraction of a second, and else BootSeconds.
	Boot BootRule
	// Links is LinksLastLabel if hardlinks have the label of their last name, though the
	// policy gives their names different ones, and else LinksKeep. It is known only if the
	// tree has the content of its SELinux policy; see selinux.Missing.
	Links LinkRule
	// Labelled says that the tree has labels of an SELinux policy.
	Labelled bool
	// Doubtful says that a tree which nobody prepared may look the same: it has no labels,
	// and other directories in the root have the mtime of /boot and /sysroot.
	Doubtful bool
	// Facts are what the tree was recognised by, each in a few words.
	Facts []string
}

// Recognise finds out whether a tree was prepared for booting before it was written, and
// is nil if not. Such a tree has nothing in /boot and /sysroot, and their mtime is by one
// of the boot rules. If it brings an SELinux policy, it has labels without a NUL at the end;
// if it brings none, it has no labels, and a root as composefs-rs makes it.
func Recognise(t *canon.Tree) *Prepared {
	usr := t.Root.Child("usr")
	if usr == nil || !isEmptied(t) {
		return nil
	}
	p := &Prepared{Boot: bootRuleOf(t, usr.Node.Mtime), Links: LinksKeep}
	labels, ownPolicy := labelsOf(t)
	if p.Boot == BootNo || !ownPolicy {
		return nil
	}
	p.Labelled = labels > 0
	usual := isUsualRoot(t, usr.Node)
	if !p.Labelled && !usual && !(p.Boot == BootEpoch && isNewestRoot(t.Root)) {
		return nil
	}
	sharing := p.sharing(t)
	p.Doubtful = !p.Labelled && sharing
	p.Facts = []string{"/boot and /sysroot are empty", p.mtimeFact(sharing)}
	if p.Labelled {
		p.Facts = append(p.Facts, fmt.Sprintf("%d names have SELinux labels as composefs-rs writes them", labels))
	}
	if usual {
		p.Facts = append(p.Facts, "/ has the metadata of /usr, and /run is empty")
	}
	if p.Labelled && hasLastLabels(t) {
		p.Links = LinksLastLabel
		p.Facts = append(p.Facts, "hardlinks have the label of their last name")
	}
	return p
}

// Changes says that preparing another tree in the same way would change it. An error says
// why that cannot be.
func (p *Prepared) Changes(t *canon.Tree) (bool, error) {
	usr, dirs, err := findBootDirs(t)
	if err != nil {
		return false, err
	}
	policy, err := loadLabels(t)
	if policy != nil || err != nil {
		return true, err
	}
	for _, dir := range dirs {
		if len(dir.Children()) > 0 || p.Boot.mtime(dir.Mtime, usr.Mtime) != dir.Mtime {
			return true, nil
		}
	}
	labels, _ := labelsOf(t)
	return labels > 0, nil
}

// isEmptied says that /boot and /sysroot are directories with nothing in them.
func isEmptied(t *canon.Tree) bool {
	for _, name := range bootDirs {
		dir := t.Root.Child(name)
		if dir == nil || dir.Node.Kind != canon.Directory || len(dir.Node.Children()) > 0 {
			return false
		}
	}
	return true
}

// bootRuleOf gives the rule that /boot and /sysroot have their mtime by.
func bootRuleOf(t *canon.Tree, usr canon.Time) BootRule {
	boot, sysroot := t.Root.Child("boot").Node.Mtime, t.Root.Child("sysroot").Node.Mtime
	for _, rule := range []BootRule{BootNanoseconds, BootSeconds, BootEpoch} {
		if rule == BootNanoseconds && usr.Nsec == 0 {
			continue
		}
		if rule.mtime(boot, usr) == boot && rule.mtime(sysroot, usr) == sysroot {
			return rule
		}
	}
	return BootNo
}

func (p *Prepared) mtimeFact(sharing bool) string {
	fact := map[BootRule]string{
		BootSeconds:     "their mtime is that of /usr in whole seconds",
		BootNanoseconds: "their mtime is that of /usr with its nanoseconds",
		BootEpoch:       "their mtime is 0",
	}[p.Boot]
	if sharing {
		fact += ", which other directories in / have as well"
	}
	return fact
}

// sharing says that other directories in the root have the mtime that the rule gives.
func (p *Prepared) sharing(t *canon.Tree) bool {
	boot := t.Root.Child("boot").Node.Mtime
	return slices.ContainsFunc(t.Root.Children(), func(e canon.Dirent) bool {
		if e.Node.Kind != canon.Directory || e.Name == "usr" || e.Name == "run" || slices.Contains(bootDirs[:], e.Name) {
			return false
		}
		return e.Node.Mtime == boot || p.Boot == BootSeconds && e.Node.Mtime.Sec == boot.Sec
	})
}

// labelsOf counts the names that have an SELinux label. It is false for labels that
// composefs-rs did not write: they end in NUL, are there without a policy, or are missing
// with one.
func labelsOf(t *canon.Tree) (count int, own bool) {
	ended := false
	for e := range t.Dirents() {
		if label, has := e.Node.Xattrs.Get(linux.SecuritySELinux); has {
			count++
			ended = ended || strings.HasSuffix(label, "\x00")
		}
	}
	files, err := selinux.Files(t)
	if err != nil || count > 0 || len(files) == 0 {
		return count, err == nil && !ended && (count > 0) == (len(files) > 0)
	}
	// Whether a config names a policy is known by its content only.
	policy, err := loadLabels(t)
	return 0, policy == nil && err == nil
}

// isUsualRoot says that the root has the metadata of /usr, but for the label, and that a
// /run is empty and has the mtime of /usr.
func isUsualRoot(t *canon.Tree, usr *canon.Node) bool {
	isLabel := func(a canon.Xattr) bool { return a.Name == linux.SecuritySELinux }
	root, run := t.Root, t.Root.Child("run")
	return root.Perm == usr.Perm && root.UID == usr.UID && root.GID == usr.GID && root.Mtime == usr.Mtime &&
		slices.Equal(root.Xattrs.Without(isLabel), usr.Xattrs.Without(isLabel)) &&
		(run == nil || run.Node.Mtime == usr.Mtime && len(run.Node.Children()) == 0)
}

// isNewestRoot says that the root is as RootNewest makes it, whatever its mtime.
func isNewestRoot(root *canon.Node) bool {
	return root.Perm == 0o555 && root.UID == 0 && root.GID == 0
}

// hasLastLabels says that LinksLastLabel labelled the tree: each hardlink has the label of
// its last name, and the names of at least one have different ones.
func hasLastLabels(t *canon.Tree) bool {
	policy, err := loadLabels(t)
	if policy == nil || err != nil {
		return false
	}
	last, differ := map[*canon.Node]string{}, false
	for path, e := range t.Hardlinks().All() {
		label := ""
		if rule, found := policy.Match(path, e.Node.Kind); found && rule.Context != selinux.None {
			label = rule.Context
		}
		before, seen := last[e.Node]
		differ = differ || seen && before != label
		last[e.Node] = label
	}
	for n, label := range last {
		if has, _ := n.Xattrs.Get(linux.SecuritySELinux); has != label {
			return false
		}
	}
	return differ
}
