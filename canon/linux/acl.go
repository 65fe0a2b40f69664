package linux

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
)

// ACL is a POSIX access control list, in the order in which its xattr has the
// entries.
type ACL []ACLEntry

// ACLEntry is struct posix_acl_xattr_entry of
// include/uapi/linux/posix_acl_xattr.h.
type ACLEntry struct {
	Tag ACLTag
	// Perm is read (4), write (2) and execute (1).
	Perm uint16
	// ID is that of a named user or group, else math.MaxUint32.
	ID uint32
}

// ACLTag says whom an entry is for.
type ACLTag uint16

// The tags of include/uapi/linux/posix_acl.h. The mask is the most that named
// users and all groups may do.
const (
	ACLOwner      ACLTag = 0x01
	ACLNamedUser  ACLTag = 0x02
	ACLGroup      ACLTag = 0x04
	ACLNamedGroup ACLTag = 0x08
	ACLMask       ACLTag = 0x10
	ACLOther      ACLTag = 0x20
)

// ErrACLUnsupported is for values that Linux refuses with EOPNOTSUPP. All other
// values that are no ACL it refuses with EINVAL.
var ErrACLUnsupported = errors.New("the version of the ACL is not known")

const (
	aclVersion   = 2
	aclHeadSize  = 4
	aclEntrySize = 8
)

// ParseACL reads the value of an ACL's xattr as Linux does: posix_acl_from_xattr
// of fs/posix_acl.c. A list without entries, which removes an ACL there, is nil.
func ParseACL(value string) (ACL, error) {
	data := []byte(value)
	if len(data) < aclHeadSize {
		return nil, fmt.Errorf("%d bytes are no ACL", len(data))
	}
	if binary.LittleEndian.Uint32(data) != aclVersion {
		return nil, ErrACLUnsupported
	}
	if data = data[aclHeadSize:]; len(data)%aclEntrySize != 0 {
		return nil, fmt.Errorf("%d bytes are no ACL", len(value))
	}
	var a ACL
	for ; len(data) > 0; data = data[aclEntrySize:] {
		e := ACLEntry{ACLTag(binary.LittleEndian.Uint16(data)), binary.LittleEndian.Uint16(data[2:]), binary.LittleEndian.Uint32(data[4:])}
		switch {
		case !slices.Contains([]ACLTag{ACLOwner, ACLNamedUser, ACLGroup, ACLNamedGroup, ACLMask, ACLOther}, e.Tag):
			return nil, fmt.Errorf("the ACL has an entry of the unknown type %#x", uint16(e.Tag))
		case !e.IsNamed():
			e.ID = math.MaxUint32
		case e.ID == math.MaxUint32:
			return nil, errors.New("the ACL has an entry for no user or group")
		}
		a = append(a, e)
	}
	return a, nil
}

// IsNamed says that the entry is for a user or group that has an ID.
func (e ACLEntry) IsNamed() bool { return e.Tag == ACLNamedUser || e.Tag == ACLNamedGroup }

// Validate checks what Linux checks before it sets an ACL, posix_acl_valid of
// fs/posix_acl.c: the entries are for the owner, named users, the group, named
// groups, the mask and all others, in this order, and there is a mask if a user or
// group is named.
func (a ACL) Validate() error {
	counts := map[ACLTag]int{}
	last := ACLTag(0)
	for _, e := range a {
		switch {
		case e.Perm&^7 != 0:
			return fmt.Errorf("the ACL has the unknown permissions %#o", e.Perm)
		case e.Tag < last || e.Tag == last && !e.IsNamed():
			return errors.New("the entries of the ACL are not in their order")
		}
		last = e.Tag
		counts[e.Tag]++
	}
	named := counts[ACLNamedUser] + counts[ACLNamedGroup]
	if counts[ACLOwner] == 0 || counts[ACLGroup] == 0 || counts[ACLOther] == 0 || named > 0 && counts[ACLMask] == 0 {
		return errors.New("the ACL lacks the entry of the owner, the group, the mask or all others")
	}
	return nil
}

// Value is the value of the ACL's xattr, as Linux returns it.
func (a ACL) Value() string {
	data := binary.LittleEndian.AppendUint32(nil, aclVersion)
	for _, e := range a {
		data = binary.LittleEndian.AppendUint16(data, uint16(e.Tag))
		data = binary.LittleEndian.AppendUint16(data, e.Perm)
		data = binary.LittleEndian.AppendUint32(data, e.ID)
	}
	return string(data)
}

// IsMinimal says that a mode can express the whole ACL, so that Linux stores the
// mode and no ACL: posix_acl_equiv_mode of fs/posix_acl.c.
func (a ACL) IsMinimal() bool {
	return !slices.ContainsFunc(a, func(e ACLEntry) bool { return e.IsNamed() || e.Tag == ACLMask })
}

// Perm gives the last three octal digits of the mode of a file that has the ACL.
// The digit of the group is the mask's, if there is a mask.
func (a ACL) Perm() uint16 {
	var perm uint16
	for _, e := range a {
		if shift, has := a.shift(e.Tag); has {
			perm |= e.Perm << shift
		}
	}
	return perm
}

// WithPerm gives the ACL of a file after chmod: posix_acl_chmod of
// fs/posix_acl.c.
func (a ACL) WithPerm(perm uint16) ACL {
	changed := slices.Clone(a)
	for i, e := range changed {
		if shift, has := a.shift(e.Tag); has {
			changed[i].Perm = perm >> shift & 7
		}
	}
	return changed
}

// shift gives the position of an entry's permissions in the mode, false if the
// mode does not have them.
func (a ACL) shift(tag ACLTag) (int, bool) {
	isMask := func(e ACLEntry) bool { return e.Tag == ACLMask }
	switch tag {
	case ACLOwner:
		return 6, true
	case ACLGroup:
		return 3, !slices.ContainsFunc(a, isMask)
	case ACLMask:
		return 3, true
	case ACLOther:
		return 0, true
	}
	return 0, false
}
