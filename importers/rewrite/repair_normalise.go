package rewrite

import (
	"slices"

	"cfsverify/canon"
	"cfsverify/canon/linux"
	"cfsverify/canon/tarfile"
	"cfsverify/importers/engine"
)

// RepairStep is something that repair did, and how often.
type RepairStep struct {
	Kind  RepairKind
	Count int
	// First is the first path, where one is told.
	First string
}

// RepairKind says what repair did.
type RepairKind string

// What engines cannot unpack as the layers say. Each changes the image's tree.
const (
	// SymlinkModes: Linux gives every symlink the mode 0777 (init_special_inode and
	// the symlink methods of its file systems).
	SymlinkModes RepairKind = "symlink-modes"
	// OldTimes are before 1970: composefs-rs refuses them in PAX records, and
	// containers-storage sets others (Engine.EpochRange). They become 0.
	OldTimes RepairKind = "times-before-1970"
	// LateTimes are after what 64 bits of nanoseconds hold: engines wrap them, or
	// set 0. They become the last second that fits.
	LateTimes RepairKind = "times-after-2262"
	// ACLModes are those of files whose access ACL says something else, and become
	// what it says: see linux.SetACL.
	ACLModes RepairKind = "acl-modes"
	// MinimalACLs say no more than a mode, so that Linux does not keep them.
	MinimalACLs RepairKind = "minimal-acls"
	// ACLForms have IDs where none are.
	ACLForms RepairKind = "acl-forms"
	// UserCapabilities are of version 3 for the root user, for which the kernel
	// shows version 2: see linux.Capability.Kept.
	UserCapabilities RepairKind = "capabilities-of-version-3"
	// LostXattrs are set by some engine not at all or with another value, make one
	// refuse the image, or are overlayfs's own: see engine.Engine.Keeps, tarfile.Holds.
	LostXattrs RepairKind = "xattrs"
)

// normalise changes what is in a tree to what all engines can unpack, where
// that is the only thing that can be meant, and counts the inodes.
func normalise(t *canon.Tree) []RepairStep {
	n := normaliser{engines: engine.Engines()}
	links := t.Hardlinks()
	for path, e := range t.All() {
		if links.IsFirst(e) {
			n.node(path, e.Node)
		}
	}
	return n.steps
}

type normaliser struct {
	engines []engine.Engine
	steps   []RepairStep
}

func (s *normaliser) count(kind RepairKind, path string) {
	i := slices.IndexFunc(s.steps, func(step RepairStep) bool { return step.Kind == kind })
	if i < 0 {
		i = len(s.steps)
		s.steps = append(s.steps, RepairStep{Kind: kind, First: path})
	}
	s.steps[i].Count++
}

func (s *normaliser) node(path string, n *canon.Node) {
	if n.Kind == canon.Symlink && n.Perm != 0o777 {
		n.Perm = 0o777
		s.count(SymlinkModes, path)
	}
	switch last := canon.LastNanosecond(); {
	case n.Mtime.Sec < 0:
		n.Mtime = canon.Time{}
		s.count(OldTimes, path)
	case n.Mtime.Compare(last) > 0:
		n.Mtime = canon.Time{Sec: last.Sec}
		s.count(LateTimes, path)
	}
	if n.Xattrs != nil {
		s.xattrs(path, n)
	}
}

func (s *normaliser) xattrs(path string, n *canon.Node) {
	var kept canon.Xattrs
	for _, x := range n.Xattrs {
		switch {
		case x.Value == "":
			s.count(LostXattrs, path)
			continue
		case x.Name == linux.SecurityCapability:
			// What is no capability is refused by engines: nobody knows what it should be.
			if c, err := linux.ParseCapability(x.Value); err == nil && c.Kept() != x.Value {
				s.count(UserCapabilities, path)
				x.Value = c.Kept()
			}
		case linux.IsACL(x.Name):
			var has bool
			if x.Value, has = s.acl(path, n, x); !has {
				continue
			}
		case !tarfile.Holds(x.Name) || slices.ContainsFunc(s.engines, func(e engine.Engine) bool { return !e.Keeps(n.Kind, x) }):
			s.count(LostXattrs, path)
			continue
		}
		kept = append(kept, x)
	}
	n.Xattrs = kept
}

// acl gives what Linux makes of an ACL, as its value and the inode's mode, and
// says if there is one to keep. The default ACL of a directory stays, though files
// in it may inherit it. So does what is no ACL: engines refuse it, and without it
// the group would get what the mode has for the mask.
func (s *normaliser) acl(path string, n *canon.Node, x canon.Xattr) (string, bool) {
	set := canon.Node{Kind: n.Kind, Perm: n.Perm}
	err := linux.SetACL(&set, x.Name, x.Value)
	value, has := set.Xattrs.Get(x.Name)
	isMisplaced := !linux.CanHaveACL(n.Kind, x.Name)
	acl, _ := linux.ParseACL(x.Value)
	switch {
	case isMisplaced:
		s.count(LostXattrs, path)
		return "", false
	case err != nil:
		return x.Value, true
	case acl == nil:
		s.count(LostXattrs, path)
	case !has:
		s.count(MinimalACLs, path)
	case value != x.Value:
		s.count(ACLForms, path)
	}
	if set.Perm != n.Perm {
		s.count(ACLModes, path)
		n.Perm = set.Perm
	}
	return value, has
}
