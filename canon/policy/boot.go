package policy

import (
	"errors"
	"fmt"

	"cfsverify/canon"
	"cfsverify/canon/linux"
	"cfsverify/canon/selinux"
)

// BootRule says whether the tree is prepared for booting, as composefs-rs prepares
// it for the digest on a kernel command line (transform_for_boot).
type BootRule string

const (
	BootNo BootRule = "no"
	// BootSeconds empties /boot and /sysroot and gives them the mtime of /usr, in
	// whole seconds: composefs-rs up to 0.9.
	BootSeconds BootRule = "s"
	// BootNanoseconds is the same with the nanoseconds: composefs-rs since its pull
	// request 396.
	BootNanoseconds BootRule = "ns"
	// BootEpoch empties them as well and gives them the mtime 0: composefs-rs before its
	// commit 4a06016, which bootc 1.12 has.
	BootEpoch BootRule = "0"
)

// Prepares says that the rule prepares a tree; no rule is BootNo.
func (r BootRule) Prepares() bool { return r != BootNo && r != "" }

// BootRules lists all of them.
func BootRules() []BootRule { return []BootRule{BootNo, BootSeconds, BootNanoseconds, BootEpoch} }

// BootPrecisionMatters says that BootSeconds and BootNanoseconds make different trees of one:
// /boot and /sysroot keep their own nanoseconds by the first, and have those of /usr by
// the second.
func BootPrecisionMatters(t *canon.Tree) bool {
	usr := t.Root.Child("usr")
	if usr == nil {
		return false
	}
	for _, name := range bootDirs {
		if dir := t.Root.Child(name); dir != nil && dir.Node.Mtime.Nsec != usr.Node.Mtime.Nsec {
			return true
		}
	}
	return false
}

// boot prepares a tree for booting.
type boot struct {
	rule  BootRule
	links LinkRule
	// written are the labels of a tree that was prepared before it was written, nil for
	// others.
	written map[*canon.Node]string
	// found are labels that were found before, nil if they were not.
	found *selinux.Labels
}

// bootDirs are emptied.
var bootDirs = [...]string{"boot", "sysroot"}

// KeepsLabels says that the policy prepares a tree for booting which was written with the
// labels for that, so that these stay. Labels that were made again by the policy's files
// would hide what is wrong with them.
func (p Policy) KeepsLabels(t *canon.Tree) bool {
	if !p.Boot.Prepares() || !p.Labelled || !isEmptied(t) {
		return false
	}
	count, own := labelsOf(t)
	return own && count > 0
}

// newBoot looks at a tree before a policy changes it. found are its labels if they were
// found before, else nil.
func (p Policy) newBoot(t *canon.Tree, found *selinux.Labels) boot {
	b := boot{rule: p.Boot, links: p.Links, found: found}
	if !p.KeepsLabels(t) {
		return b
	}
	b.written = map[*canon.Node]string{}
	for e := range t.Dirents() {
		if label, has := e.Node.Xattrs.Get(linux.SecuritySELinux); has {
			b.written[e.Node] = label
		}
	}
	return b
}

// prepare empties /boot and /sysroot, which must be there, and labels the tree by the
// SELinux policy that it brings, or removes labels if it brings none. The content of the
// policy's files must be held; see selinux.Missing.
func (b boot) prepare(t *canon.Tree) error {
	if !b.rule.Prepares() {
		return nil
	}
	usr, dirs, err := findBootDirs(t)
	if err != nil {
		return err
	}
	for _, dir := range dirs {
		dir.RemoveAll()
		dir.Mtime = b.rule.mtime(dir.Mtime, usr.Mtime)
	}
	if b.written != nil {
		for e := range t.Dirents() {
			e.Node.Xattrs.Remove(linux.SecuritySELinux)
			if label, has := b.written[e.Node]; has {
				e.Node.Xattrs.Set(linux.SecuritySELinux, label)
			}
		}
		t.CountLinks()
		return nil
	}
	labels := b.found
	if labels == nil {
		if labels, err = findLabels(t); err != nil {
			return err
		}
	}
	if b.links == LinksLastLabel {
		return labels.ApplyByLast(t)
	}
	return labels.Apply(t)
}

// findLabels finds the labels that a tree gets by the policy that it brings.
func findLabels(t *canon.Tree) (*selinux.Labels, error) {
	policy, err := loadLabels(t)
	if err != nil {
		return nil, err
	}
	return policy.Labels(t)
}

// findBootDirs finds what a tree must have that is prepared for booting.
func findBootDirs(t *canon.Tree) (usr *canon.Node, dirs []*canon.Node, err error) {
	e := t.Root.Child("usr")
	if e == nil {
		return nil, nil, errors.New("there is no /usr, whose mtime /boot and /sysroot would take: this is no bootable image")
	}
	for _, name := range bootDirs {
		dir := t.Root.Child(name)
		if dir == nil || dir.Node.Kind != canon.Directory {
			return nil, nil, fmt.Errorf("there is no directory /%s: this is no bootable image", name)
		}
		dirs = append(dirs, dir.Node)
	}
	return e.Node, dirs, nil
}

// mtime is what the rule gives a directory that has one, where /usr has another.
func (r BootRule) mtime(own, usr canon.Time) canon.Time {
	switch r {
	case BootSeconds:
		return canon.Time{Sec: usr.Sec, Nsec: own.Nsec}
	case BootNanoseconds:
		return usr
	case BootEpoch:
		return canon.Time{}
	}
	return own
}

// loadLabels reads the SELinux policy of a tree, nil if it brings none.
func loadLabels(t *canon.Tree) (*selinux.Policy, error) {
	missing, err := selinux.Missing(t)
	if err != nil {
		return nil, err
	}
	if len(missing) > 0 {
		return nil, &LabelsError{Path: missing[0].Path}
	}
	return selinux.Load(t)
}

// LabelsError says that a tree cannot be labelled for booting, as it lacks the content
// of a file of its SELinux policy: dump files and composefs images have digests only.
type LabelsError struct {
	// Path is that of the file.
	Path string
}

func (e *LabelsError) Error() string {
	return fmt.Sprintf("it has an SELinux policy, by which all files are labelled for booting, but not the content of %q", e.Path)
}

func breakHardlinks(t *canon.Tree) {
	links := t.Hardlinks()
	for e := range t.Dirents() {
		if !links.IsFirst(e) {
			n := *e.Node
			e.Node = &n
		}
	}
	t.CountLinks()
}
