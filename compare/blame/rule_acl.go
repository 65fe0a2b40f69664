package blame

import (
	"strings"

	"cfsverify/canon"
	"cfsverify/canon/linux"
	"cfsverify/canon/tarfile"
	"cfsverify/compare"
)

// aclMode explains modes by ACLs. Linux changes the mode of a file whose ACL is set,
// and applies the default ACL of a directory to what is made in it. A tool that
// does not know ACLs takes the mask for the group bits of a file with an ACL; if it
// loses the ACL, those bits may be what the ACL says for the group.
func (s *scene) aclMode(it *item, lists map[*canon.Node]linux.ACL) {
	if !it.has(compare.Mode) {
		return
	}
	if perm, has := s.aclPerm(it, lists); has && it.in.Node.Perm == perm {
		s.claimFields(ACL, it, layerOrigin(it.out), compare.Mode)
		return
	}
	if (it.in.Node.Perm^it.out.Node.Perm)&^0o070 != 0 {
		return
	}
	in, out := accessACL(it.in), accessACL(it.out)
	switch {
	case in == nil && out == nil:
		return
	case in == nil:
		in = &acl{mask: out.group}
	case out == nil:
		out = &acl{mask: in.group}
	}
	if in.mask == groupBits(it.in) && out.mask == groupBits(it.out) {
		s.claimFields(ACL, it, layerOrigin(it.out), compare.Mode)
	}
}

// accessACLs are those of the inodes of a tree's layers.
func accessACLs(t *canon.Tree) map[*canon.Node]linux.ACL {
	lists := map[*canon.Node]linux.ACL{}
	for e := range t.Dirents() {
		if list := layerACL(e, linux.AccessACL); list != nil {
			lists[e.Node] = list
		}
	}
	return lists
}

// aclPerm is what ACLs of the layers make of an entry's mode.
func (s *scene) aclPerm(it *item, lists map[*canon.Node]linux.ACL) (uint16, bool) {
	if list := lists[it.out.Node]; list != nil {
		return it.out.Node.Perm&^0o777 | list.Perm(), true
	}
	o := it.out.Origin
	if o == nil || !it.isDir() || !o.Implicit && o.ImpliedBy == nil {
		return 0, false
	}
	setgid := uint16(0)
	holder := s.holder(it.Path)
	if holder.setgid && it.Path != "/" {
		setgid = it.in.Node.Perm & 0o2000
	}
	if list := layerACL(it.in, linux.DefaultACL); list != nil {
		return setgid | list.Perm(), true
	}
	return setgid | holder.acl.Perm(), holder.acl != nil
}

// permOf is an entry's mode once its access ACL is set.
func permOf(e *canon.Dirent) uint16 {
	list := layerACL(e, linux.AccessACL)
	if list == nil {
		return e.Node.Perm
	}
	return e.Node.Perm&^0o777 | list.Perm()
}

// layerACL gives an ACL of an entry: of its inode or, in case a policy dropped it,
// of its tar header. The header of a hardlink does not count, as it need not be that
// of the inode.
func layerACL(e *canon.Dirent, name string) linux.ACL {
	value, has := e.Node.Xattrs.Get(name)
	if o := layerOrigin(e); !has && o != nil && o.Header != nil && o.Header.Typeflag != '1' {
		value = o.Header.PAX[tarfile.XattrPrefix+name]
	}
	list, err := linux.ParseACL(value)
	if err != nil {
		return nil
	}
	return list
}

func groupBits(e *canon.Dirent) uint16 { return e.Node.Perm >> 3 & 7 }

// acl has the two sets of permissions of an access control list that the group bits
// of a mode may come from.
type acl struct{ group, mask uint16 }

// accessACL reads an entry's ACL from its xattr, or in text form from its tar header;
// nil if there is none.
func accessACL(e *canon.Dirent) *acl {
	if value, has := e.Node.Xattrs.Get(linux.AccessACL); has {
		return parseACL(value)
	}
	if o := layerOrigin(e); o != nil && o.Header != nil {
		if text, has := o.Header.PAX["SCHILY.acl.access"]; has {
			return parseACLText(text)
		}
	}
	return nil
}

// parseACL takes the group's bits and the mask from an ACL. Without a mask the
// mode has the group's bits.
func parseACL(value string) *acl {
	list, err := linux.ParseACL(value)
	if err != nil || list == nil {
		return nil
	}
	a := &acl{mask: list.Perm() >> 3 & 7}
	for _, e := range list {
		if e.Tag == linux.ACLGroup {
			a.group = e.Perm
		}
	}
	return a
}

// parseACLText reads the form of acl(5) that star and GNU tar write, in which
// commas or newlines end entries.
func parseACLText(text string) *acl {
	var a acl
	masked := false
	for entry := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == ',' || r == '\n' }) {
		fields := strings.Split(entry, ":")
		if len(fields) < 3 || fields[1] != "" {
			continue
		}
		switch fields[0] {
		case "group", "g":
			a.group = aclBits(fields[2])
		case "mask", "m":
			a.mask, masked = aclBits(fields[2]), true
		}
	}
	if !masked {
		a.mask = a.group
	}
	return &a
}

func aclBits(text string) uint16 {
	var bits uint16
	for i, letter := range "xwr" {
		if strings.ContainsRune(text, letter) {
			bits |= 1 << i
		}
	}
	return bits
}
