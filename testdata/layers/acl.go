package layers

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
)

// The tags of include/uapi/linux/posix_acl.h.
var aclTags = map[string]uint16{"u": 0x01, "U": 0x02, "g": 0x04, "G": 0x08, "m": 0x10, "o": 0x20}

// ACL is the attribute of a spec for an access or default ACL: struct posix_acl_xattr_header and entries of
// include/uapi/linux/posix_acl_xattr.h. Each entry is TAG[:ID]=PERMISSIONS with
// the tags u, g, m and o for the owner, the group, the mask and all others, U and
// G for a named user or group, or a number.
func ACL(name, entries string) string {
	value := binary.LittleEndian.AppendUint32(nil, 2)
	for entry := range strings.FieldsSeq(entries) {
		who, perm, _ := strings.Cut(entry, "=")
		tag, id, named := strings.Cut(who, ":")
		number, known := aclTags[tag]
		if !known {
			n, _ := strconv.ParseUint(tag, 0, 16)
			number = uint16(n)
		}
		if !named {
			id = "0xffffffff"
		}
		bits, _ := strconv.ParseUint(perm, 8, 16)
		owner, _ := strconv.ParseUint(id, 0, 32)
		value = binary.LittleEndian.AppendUint16(value, number)
		value = binary.LittleEndian.AppendUint16(value, uint16(bits))
		value = binary.LittleEndian.AppendUint32(value, uint32(owner))
	}
	return aclRecord(name, string(value))
}

func aclRecord(name, value string) string {
	return fmt.Sprintf("pax:%q", "SCHILY.xattr.system.posix_acl_"+name+"="+value)
}

func acls() []Image {
	wide := ACL("access", "u=7 U:1000=7 g=5 m=7 o=5")
	narrow := ACL("access", "u=6 U:1000=7 g=7 m=4 o=0")
	minimal := ACL("access", "u=6 g=4 o=4")
	inherited := ACL("default", "u=7 U:1000=7 g=5 m=7 o=5")
	return []Image{
		{"acl-xattr", []string{usr + "f acl mtime=1 " + ACL("access", "u=6 U:5=4 g=4 m=4 o=4")}},
		{"acl-of-another-mode", []string{usr + `
			f wide =x mode=644 mtime=1 ` + wide + `
			f narrow =x mode=755 mtime=1 ` + narrow + `
			f special =x mode=6711 uid=5 gid=6 mtime=1 ` + wide + `
			d dir mode=3700 gid=7 mtime=1 ` + wide + `
			f dir/x mtime=2
			d sticky mode=1777 mtime=1 ` + narrow + `
			p fifo mode=600 mtime=1 ` + wide + `
			c null dev=1,3 mode=600 mtime=1 ` + wide + `
			f mask-only mode=600 mtime=1 ` + ACL("access", "u=6 g=7 m=5 o=1") + `
			f groups mode=600 mtime=1 ` + ACL("access", "u=6 U:5=1 U:3=2 g=7 G:9=4 G:9=4 m=5 o=1") + `
			f with-user mode=600 mtime=1 pax:SCHILY.xattr.user.a=1 ` + wide,
		}},
		{"acl-that-is-minimal", []string{usr + `
			f same mode=644 mtime=1 ` + minimal + `
			f other mode=2600 gid=3 mtime=1 ` + minimal + `
			d dir mode=3700 gid=3 mtime=1 ` + ACL("access", "u=7 g=5 o=5") + `
			f dir/x mtime=2
		`}},
		{"acl-on-symlink", []string{usr + "l a ->usr mtime=1 " + wide + "\nl b ->usr mtime=1 " + inherited + "\nl c ->usr mtime=1 " + ACL("access", "u=6 U:5=4 g=4 o=4")}},
		{"acl-of-another-form", []string{usr + `
			f ids mtime=1 ` + ACL("access", "u:0=6 U:5=4 g:7=4 m:8=4 o:9=4") + `
			d ids-of-default mtime=1 ` + ACL("default", "u:0=6 U:5=4 g:7=4 m:8=4 o:9=4") + `
			f none mode=640 mtime=1 ` + ACL("access", "") + `
			f none-of-default mode=640 mtime=1 ` + ACL("default", "") + `
			f version mode=640 mtime=1 ` + aclRecord("access", "\x03\x00\x00\x00\x01\x00\x06\x00\xff\xff\xff\xff") + `
			f short mode=640 mtime=1 ` + aclRecord("access", "\x01\x00\x00\x00\x01") + `
			f empty mode=640 mtime=1 ` + aclRecord("access", "") + `
			f rich mode=640 mtime=1 pax:SCHILY.xattr.system.richacl=x
		`}},
		{"acl-of-hardlinks", []string{usr + `
			f a mode=600 mtime=1 ` + wide + `
			h b ->a mode=600 mtime=1 ` + wide + `
			f c mode=600 mtime=1 ` + wide + `
			h d ->c mode=604 mtime=1
			f e mode=600 mtime=1
			h f ->e mode=600 mtime=1 ` + wide + `
			f g mode=600 mtime=1 ` + wide + `
			h i ->g mode=640 mtime=1 ` + minimal,
		}},
		{"acl-default", []string{
			usr + `
				d a mode=755 mtime=1 ` + inherited + `
				f a/file =x mode=640 mtime=2
				d a/dir mode=2750 gid=5 mtime=2
				f a/dir/file mode=604 mtime=3
				d a/implied/deep/file mode=700 mtime=3
				l a/symlink ->file mtime=2
				p a/fifo mode=600 mtime=2
				c a/null dev=1,3 mode=666 mtime=2
				f a/own mode=600 mtime=2 ` + narrow + `
				f a/minimal mode=600 mtime=2 ` + minimal + `
				d a/default mode=700 mtime=2 ` + ACL("default", "u=6 g=4 o=4") + `
				f a/default/file mode=666 mtime=3
				f a/default/implied/file mode=666 mtime=3
				h a/link ->a/file mode=640 mtime=2
				f b mode=640 mtime=1
				h a/moved ->b mode=600 mtime=1
				d late/dir/file mode=700 mtime=1
				d late mode=700 mtime=1 ` + inherited + `
				d late/dir/more mode=700 mtime=1
				d closed mode=700 mtime=1 ` + ACL("default", "u=5 U:4=6 g=1 m=3 o=4") + `
				f closed/implied/file mtime=2
				f closed/file mode=777 mtime=2
				d both mode=700 mtime=1 ` + wide + " " + inherited + `
				f both/file mode=600 mtime=1
			`, `
				f a/new mode=640 mtime=4
				f a/implied/new mode=640 mtime=4
				f a/.wh.fifo
			`, `
				d a mode=700 mtime=5
				f a/third mode=640 mtime=6
				f a/implied/third mode=640 mtime=6
			`,
		}},
		{"acl-of-root", []string{"d / mode=755 mtime=1 " + inherited + " " + wide + "\n" + usr + "f a mode=600 mtime=1\nf implied/a mode=600 mtime=1", "f b mode=600 mtime=1\nf implied2/a mode=600 mtime=1"}},
		{"acl-that-goes", []string{
			usr + "d a mode=700 mtime=1 " + wide + " " + inherited + "\nf a/file mode=600 mtime=1\nf b mode=600 mtime=1 " + wide,
			"d a mode=710 mtime=2\nf a/new mode=600 mtime=2\nf b mode=601 mtime=2",
		}},
	}
}

// refusedACLs are such as Linux does not take: posix_acl_valid of fs/posix_acl.c.
func refusedACLs() []Image {
	var images []Image
	for _, c := range [][2]string{
		{"without-mask", "u=6 U:5=4 g=4 o=4"},
		{"without-others", "u=6 g=4"},
		{"without-group", "u=6 o=4"},
		{"in-another-order", "g=4 u=6 o=4"},
		{"with-mask-first", "u=6 m=4 g=4 o=4"},
		{"with-user-after-group", "u=6 g=4 U:5=4 m=4 o=4"},
		{"with-group-before-group", "u=6 G:5=4 g=4 m=4 o=4"},
		{"with-two-owners", "u=6 u=6 g=4 o=4"},
		{"with-entries-after-others", "u=6 g=4 o=4 m=4"},
		{"of-more-permissions", "u=16 g=4 o=4"},
		{"of-an-unknown-tag", "u=6 g=4 o=4 0x40=4"},
		{"of-no-user", "u=6 U=4 g=4 m=4 o=4"},
		{"of-no-group", "u=6 g=4 G=4 m=4 o=4"},
	} {
		images = append(images, Image{"acl-refused-" + c[0], []string{usr + "f a mtime=1 " + ACL("access", c[1])}})
	}
	return append(images,
		Image{"acl-default-of-file", []string{usr + "f a mtime=1 " + ACL("default", "u=6 g=4 o=4")}},
		Image{"acl-refused-default-without-mask", []string{usr + "d a mtime=1 " + ACL("default", "u=6 U:5=4 g=4 o=4")}},
		Image{"acl-of-symlink-that-is-invalid", []string{usr + "l a ->usr mtime=1 " + ACL("access", "u=6 0x40=4")}},
		Image{"acl-refused-that-ends-early", []string{usr + "f a mtime=1 " + aclRecord("access", "\x02\x00\x00\x00\x01\x00\x06\x00\xff\xff\xff")}},
		Image{"acl-refused-of-a-few-bytes", []string{usr + "f a mtime=1 " + aclRecord("access", "\x02\x00\x00")}},
	)
}
