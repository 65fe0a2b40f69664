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
	for _, name := range []string{"boot", "sysroot"} {
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

// newBoot looks at a tree before a policy changes it. A dump file that was written with
// the labels for booting does not have the content of the policy's files, so that the
// labels could be made again: they stay.
func (p Policy) newBoot(t *canon.Tree, found *selinux.Labels) boot {
	b := boot{rule: p.Boot, links: p.Links, found: found}
	if !b.rule.Prepares() || !p.Labelled || !isPrepared(t) {
		return b
	}
	if missing, err := selinux.Missing(t); err != nil || len(missing) == 0 {
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

// isPrepared says that a tree has a label of its own for the root, and nothing in /boot
// and /sysroot.
func isPrepared(t *canon.Tree) bool {
	for _, name := range []string{"boot", "sysroot"} {
		if dir := t.Root.Child(name); dir == nil || dir.Node.Kind != canon.Directory || len(dir.Node.Children()) > 0 {
			return false
		}
	}
	_, has := t.Root.Xattrs.Get(linux.SecuritySELinux)
	return has
}

// prepare empties /boot and /sysroot, which must be there, and labels the tree by the
// SELinux policy that it brings, or removes labels if it brings none. The content of the
// policy's files must be held; see selinux.Missing.
func (b boot) prepare(t *canon.Tree) error {
	if !b.rule.Prepares() {
		return nil
	}
	usr := t.Root.Child("usr")
	if usr == nil {
		return errors.New("there is no /usr, whose mtime /boot and /sysroot would take: this is no bootable image")
	}
	for _, name := range []string{"boot", "sysroot"} {
		dir := t.Root.Child(name)
		if dir == nil || dir.Node.Kind != canon.Directory {
			return fmt.Errorf("there is no directory /%s: this is no bootable image", name)
		}
		dir.Node.RemoveAll()
		switch b.rule {
		case BootSeconds:
			dir.Node.Mtime.Sec = usr.Node.Mtime.Sec
		case BootNanoseconds:
			dir.Node.Mtime = usr.Node.Mtime
		case BootEpoch:
			dir.Node.Mtime = canon.Time{}
		}
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
		var err error
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
	missing, err := selinux.Missing(t)
	if err != nil {
		return nil, err
	}
	if len(missing) > 0 {
		return nil, &LabelsError{Path: missing[0].Path}
	}
	policy, err := selinux.Load(t)
	if err != nil {
		return nil, err
	}
	return policy.Labels(t)
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
