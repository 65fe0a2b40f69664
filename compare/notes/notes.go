// Package notes finds what a user should know of an image that is ready for booting, and
// that changes neither its digest nor a verdict. What makes two trees differ belongs to
// compare/blame.
package notes

import "cfsverify/canon"

// Kind is the stable name of what a note is about.
type Kind string

const (
	// RestoreconLabels: setfiles, restorecon or systemd give files another label than
	// composefs-rs, by the same policy.
	RestoreconLabels Kind = "restorecon-labels"
	// PolicyReadOtherwise: libselinux may read the policy in another way, or refuse it,
	// so that nobody knows the labels that restorecon gives.
	PolicyReadOtherwise Kind = "policy-read-otherwise"
	// SELinuxType: the line that names the policy is there twice, or is read in two ways.
	SELinuxType Kind = "selinux-type"
	// CompiledPolicy: there is a compiled file of rules that libselinux reads, and not its
	// text, which composefs-rs reads.
	CompiledPolicy Kind = "compiled-policy"
	// SplitHardlinks: the names of an inode have different labels, so that it becomes
	// several.
	SplitHardlinks Kind = "split-hardlinks"
	// BootMtime: bootc and composefs-rs give /boot and /sysroot different nanoseconds, and
	// so make different digests.
	BootMtime Kind = "boot-mtime"
	// BootEntry: composefs-rs fails on an entry of the boot loader.
	BootEntry Kind = "boot-entry"
)

// Kinds lists them in the order of reports.
func Kinds() []Kind {
	return []Kind{BootMtime, BootEntry, SELinuxType, CompiledPolicy, PolicyReadOtherwise, RestoreconLabels, SplitHardlinks}
}

// Note is a fact about some paths.
type Note struct {
	Kind  Kind
	Items []Item
}

// Item is what there is to know of one path.
type Item struct {
	// Path is of the tree.
	Path string
	// Text says what, for a report.
	Text string
}

// OfBootable finds notes about a tree: raw is as it was read, bootable as the policy
// prepared it for booting. The content of policy files must be held in both.
func OfBootable(raw, bootable *canon.Tree) []Note {
	relabelled, err := restoreconLabels(raw, bootable)
	var otherwise []Item
	if err != nil {
		relabelled, otherwise = nil, []Item{{Text: err.Error()}}
	}
	var list []Note
	for _, n := range []Note{
		{BootMtime, bootMtimes(raw)},
		{BootEntry, brokenBootEntries(raw)},
		{SELinuxType, selinuxTypes(raw)},
		{CompiledPolicy, compiledPolicies(raw)},
		{PolicyReadOtherwise, otherwise},
		{RestoreconLabels, relabelled},
		{SplitHardlinks, splitHardlinks(raw, bootable)},
	} {
		if len(n.Items) > 0 {
			list = append(list, n)
		}
	}
	return list
}
