package tarfile

import (
	"strings"

	"cfsverify/canon"
	"cfsverify/canon/linux"
)

// ext4BlockSize is the size in bytes of the one block that ext4 has for those
// xattrs of an inode that do not fit into the inode itself. An inode has room for
// fewer than 100 bytes of them, or for none: that depends on how the file system
// was made.
const ext4BlockSize = 4096

// ext4XattrSize is how many bytes of the block xattrs need: struct
// ext4_xattr_header, for each a struct ext4_xattr_entry with the name, and the
// value, and four zero bytes behind the entries (fs/ext4/xattr.h). Xattrs with an
// empty value do not count, as engines do not set them, nor do ACLs that are not
// valid.
func ext4XattrSize(xattrs []canon.Xattr) int {
	const (
		header, entry, end = 32, 16, 4
		// pad is EXT4_XATTR_ROUND.
		pad = 3
	)
	size := header + end
	for _, x := range xattrs {
		// The name space is a number.
		_, name, _ := strings.Cut(x.Name, ".")
		value := len(x.Value)
		if linux.IsACL(x.Name) {
			name, value = "", ext4ACLSize(x.Value)
		}
		if value > 0 {
			size += entry + (len(name)+pad)&^pad + (value+pad)&^pad
		}
	}
	return size
}

// ext4ACLSize is that of an ACL in ext4's own form, fs/ext4/acl.h: only entries
// for named users and groups have an ID.
func ext4ACLSize(value string) int {
	const header, short, long = 4, 4, 8
	acl, err := linux.ParseACL(value)
	if err != nil || acl == nil {
		return 0
	}
	size := header
	for _, e := range acl {
		size += short
		if e.IsNamed() {
			size += long - short
		}
	}
	return size
}
