package blame

import (
	"fmt"
	"strings"

	"cfsverify/canon"
	"cfsverify/canon/policy"
	"cfsverify/compare"
)

// otherPolicies finds what a policy took from one side before it was written, and what
// the policy of the comparison keeps on the other. It comes first: what was taken there
// says nothing of engines.
func (s *scene) otherPolicies() {
	sides := [2]writtenSide{
		{s.inName, s.inWritten, s.outWritten, func(it *item) (own, other *canon.Dirent, lostLinks bool) {
			return it.in, it.out, len(it.linksIn) < len(it.linksOut)
		}},
		{s.outName, s.outWritten, s.inWritten, func(it *item) (own, other *canon.Dirent, lostLinks bool) {
			return it.out, it.in, len(it.linksOut) < len(it.linksIn)
		}},
	}
	for i := range sides {
		for _, w := range sides[i].lost(s.policy) {
			claimed := false
			for _, it := range s.items {
				origin := s.sourceIfAny(it)
				claimed = s.claim(OtherPolicy, it, origin, func(c compare.Change) bool { return w.explains(it, c) }) || claimed
			}
			if claimed {
				s.tell(OtherPolicy, Evidence{Text: sides[i].name + " " + w.text})
			}
		}
	}
}

// writtenSide is a side as it was written.
type writtenSide struct {
	name string
	// written is what had been done to it before, others what to the other side.
	written, others policy.Policy
	// of gives what both sides have of an item, and whether this side has fewer names of
	// its inode.
	of func(*item) (own, other *canon.Dirent, lostLinks bool)
}

// lostWord is a word of a policy by which a side has less than another word would leave.
type lostWord struct {
	text     string
	explains func(*item, compare.Change) bool
}

// lost lists the words that take away what a policy keeps. Words that are not known are
// empty, and take nothing away.
func (w *writtenSide) lost(p policy.Policy) (list []lostWord) {
	add := func(is bool, text string, explains func(*item, compare.Change) bool) {
		if is {
			list = append(list, lostWord{text, explains})
		}
	}
	differs := func(what string, written, wanted any) string {
		return fmt.Sprintf("was written by a policy with %s %q, where that of the comparison has %q", what, written, wanted)
	}
	did := w.written
	add(did.Boot.Prepares() && !w.others.Boot.Prepares() && !p.Boot.Prepares(),
		"was prepared for booting before it was written, which the policy of the comparison does not do", w.byBoot)
	add(did.Run == policy.RunEmpty && p.Run == policy.RunKeep, differs("/run", did.Run, p.Run), w.byRun)
	add(did.Xattrs != "" && did.Xattrs != p.Xattrs, differs("xattrs", did.Xattrs, p.Xattrs), w.byXattrs)
	add(did.Mtime == policy.MtimeSeconds && p.Mtime == policy.MtimeNanoseconds, differs("mtimes in", did.Mtime, p.Mtime), w.byMtime)
	add(did.DirMtime == policy.DirMtimeNewestChild && p.DirMtime == policy.DirMtimeKeep, differs("mtimes of directories", did.DirMtime, p.DirMtime), isDirMtime)
	add(did.Root != "" && did.Root != policy.RootKeep && p.Root == policy.RootKeep, differs("the root", did.Root, p.Root),
		func(it *item, _ compare.Change) bool { return it.Path == "/" })
	add(did.Links == policy.LinksBreak && p.Links != policy.LinksBreak, differs("hardlinks", did.Links, p.Links), w.byLinks)
	return list
}

// byBoot: what was in /boot and /sysroot, their mtimes, and what labels change.
func (w *writtenSide) byBoot(it *item, c compare.Change) bool {
	own, _, _ := w.of(it)
	if it.Path == "/boot" || it.Path == "/sysroot" {
		return isMtime(c) || w.written.Labelled && c == labelChange
	}
	if strings.HasPrefix(it.Path, "/boot/") || strings.HasPrefix(it.Path, "/sysroot/") {
		return own == nil
	}
	return w.written.Labelled && (c == labelChange || w.byLinks(it, c))
}

func (w *writtenSide) byRun(it *item, c compare.Change) bool {
	own, _, _ := w.of(it)
	return strings.HasPrefix(it.Path, "/run/") && own == nil || it.Path == "/run" && isMtime(c)
}

func (w *writtenSide) byXattrs(it *item, c compare.Change) bool {
	if c.Field != compare.Xattr || w.written.Xattrs.Keeps(c.Xattr) {
		return false
	}
	own, _, _ := w.of(it)
	_, has := own.Node.Xattrs.Get(c.Xattr)
	return !has
}

func (w *writtenSide) byMtime(it *item, c compare.Change) bool {
	own, _, _ := w.of(it)
	return c.Field == compare.MtimeNsec && own.Node.Mtime.Nsec == 0
}

func (w *writtenSide) byLinks(it *item, c compare.Change) bool {
	_, _, lost := w.of(it)
	return lost && (c.Field == compare.Links || c.Field == compare.Nlink)
}

func isDirMtime(it *item, c compare.Change) bool { return it.isDir() && isMtime(c) }

func isMtime(c compare.Change) bool { return c.Field == compare.Mtime || c.Field == compare.MtimeNsec }
