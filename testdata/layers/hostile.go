package layers

import (
	"fmt"
	"slices"
	"strings"
)

// Hostile are small images of what layers may hold and tools disagree about.
// Where engines accept it, an image has several cases in directories of their
// own; what an engine refuses is in an image of its own.
func Hostile() []Image {
	return slices.Concat(directories(), markers(), links(), metadata(), acls(), names(), refused(), refusedACLs())
}

// usr begins the first layer: roots without it have no digest under the usual
// policy.
const usr = "d usr mtime=1000 mode=755\nf usr/file =usr mtime=1001\n"

func directories() []Image {
	return []Image{
		{"implicit-parents", []string{
			usr + `
				d plain mtime=1
				f plain/old mtime=2
				d sticky mode=1777 uid=3 gid=4 mtime=1
				f sticky/old mtime=2
				d secret mode=700 mtime=1 pax:SCHILY.xattr.user.a=1 pax:SCHILY.xattr.trusted.b=2
				d owned uid=1000 gid=1001 mtime=1
				d twice uid=5 mode=750 mtime=1
				d nested mode=711 mtime=1
				d nested/in mode=2755 gid=7 mtime=1
				d nested/in/deep mode=700 mtime=1
				f none/at/all mtime=1
				d marked mode=750 mtime=1
				f marked/old mtime=2
				f marked/stays mtime=3
				d emptied mode=750 uid=9 mtime=1
				f emptied/old mtime=2
				d later mode=700 mtime=4
			`, `
				f plain/new mtime=5
				f sticky/new mtime=5
				f secret/new mtime=5
				f owned/new mtime=5
				f twice/one mtime=5
				f nested/in/deep/new mtime=5
				f none/at/more mtime=5
				f fresh/below mtime=5
				f marked/.wh.old
				f emptied/.wh..wh..opq
				f later/new mtime=6
				d later mode=710 uid=2 mtime=7
				f later/newer mtime=8
			`, `
				f twice/two mtime=9
				f nested/in/side mtime=9
				d none mode=700 mtime=10
				f none/at/all =again mtime=11
			`,
		}},
		{"implicit-parents-in-setgid", []string{
			usr + "d s mode=2770 gid=7 mtime=1\nf s/i/file mtime=2\nd s/d mtime=3\nf s/j/k/file mtime=4",
			"d s mode=2770 gid=8 mtime=5\nf s/i/new mtime=6\nf s/m/n/file mtime=7",
		}},
		{"implicit-parents-of-odd-entries", []string{
			usr + "d a mtime=1\nf a/x mtime=2", "l a/b/l ->x mtime=3\nd c/d mode=700 mtime=4\np e/p mtime=5\nc f/c dev=1,3 mtime=6\nf g/x mtime=7\nh h/x ->g/x mtime=8",
		}},
		{"root-entry-dot", []string{"d ./ mode=2710 uid=3 gid=4 mtime=5 pax:SCHILY.xattr.user.root=1\n" + usr, "f a mtime=1"}},
		{"root-entry-dot-on-top", []string{usr, "f a mtime=1\nd . mode=1700 uid=3 mtime=5\nf b mtime=2"}},
		{"root-entry-slash", []string{"d / mode=2710 uid=3 gid=4 mtime=5 pax:SCHILY.xattr.user.root=1\n" + usr, "f a mtime=1"}},
		{"root-entry-slash-on-top", []string{usr, "f a mtime=1\nd / mode=1773 uid=3 mtime=5 pax:SCHILY.xattr.user.root=1\nf b mtime=2"}},
		{"directory-times", []string{
			usr + `
				d a mtime=1
				d a/b mtime=2
				f a/b/c mtime=3
				f a/d mtime=4
				d q mtime=1
				f q/x mtime=2
				d r mtime=1
				d r/s mtime=2
				f r/s/t mtime=3
				d u mtime=1
				d u/v mtime=2
				f u/v/x mtime=3
				d u/v/w mtime=4
				f u/v/w/x mtime=5
			`, `
				d a mtime=5
				d a/b mtime=6
				f a/b/new mtime=7
				h a/link ->a/b/new mtime=8
				f a/b/.wh.c
				d r mtime=9
				f r/.wh.s
				d u mtime=10
				d u/v mtime=11
				f u/v/new mtime=12
				d u/v/w mtime=13
				f u/v/w/new mtime=14
				f u/.wh..wh..opq
			`, `
				d q mtime=15
				l q/l ->x mtime=16
				f q/x =replaced mtime=17
			`,
		}},
	}
}

func markers() []Image {
	return []Image{
		{"opaque-first", []string{usr + "d a mtime=1\nf a/old mtime=1\nd a/s mtime=1\nf a/s/old mtime=1", "d a mtime=2\nf a/.wh..wh..opq\nf a/new mtime=3\nd a/s mtime=4\nf a/s/new mtime=5"}},
		{"opaque-late", []string{
			usr + "d a mtime=1\nf a/old mtime=1\nd a/s mtime=1\nf a/s/old mtime=1\nd b mtime=1\nf b/old mtime=1",
			"d a mtime=2\nf a/new mtime=3\nd a/s mtime=4\nf a/s/new mtime=5\nf a/.wh..wh..opq\nd b mtime=2\nf b/+x mtime=3\nf b/.wh..wh..opq\nf b/z mtime=4",
		}},
		{"opaque-below-opaque", []string{
			usr + "d a mode=700 mtime=1\nf a/old mtime=1\nd a/b mtime=1\nf a/b/old mtime=1",
			"d a mode=711 mtime=2\nd a/b mtime=2\nf a/b/mid mtime=3\nf a/b/.wh..wh..opq",
			"d a mtime=4\nf a/.wh..wh..opq\nf a/b/top mtime=5",
		}},
		{"opaque-root", []string{usr + "d a mtime=1\nf b mtime=1", "f .wh..wh..opq\n" + usr + "f c mtime=2"}},
		{"whiteouts", []string{
			usr + "d a mtime=1\nf a/x mtime=1\nf a/y mtime=1\nf b mtime=1\nl c ->b mtime=1\nd d mtime=1\nd d/e mtime=1\nf d/e/f mtime=1",
			"d a mtime=2\nf a/.wh.x\nf .wh.b\nl .wh.c ->x\nd .wh.d uid=3\nf .wh.none",
			"f b =back mtime=3\nd d mtime=4\nf d/new mtime=5",
		}},
		{"whiteout-of-nothing-and-over-it", []string{usr + "d a mtime=1\nf a/keep mtime=1", "f .wh.b\nd a mtime=2\nf a/.wh.x", "f b mtime=3\nf a/x mtime=4"}},
		{"whiteout-before-new-file", []string{usr + "f a =old mtime=1\nd b mtime=1\nf b/old mtime=1", "f .wh.a\nf a =new mtime=2\nf .wh.b\nl b ->a mtime=3"}},
		{"whiteout-before-new-directory", []string{usr + "d a mode=700 mtime=1\nf a/old mtime=1\nd a/s mtime=1\nf a/s/old mtime=1", "f .wh.a\nd a mtime=2\nf a/new mtime=3\nd a/s mtime=4"}},
		{"whiteout-below-whiteout", []string{usr + "d a mtime=1\nf a/x mtime=1", "f .wh.a\nf a/.wh.x"}},
		{"whiteout-device", []string{usr + "f a mtime=1\nd b mtime=1\nf b/x mtime=1", "c a dev=0,0 mtime=2\nc b dev=0,0 mtime=2"}},
		{"overlay-xattrs", []string{
			usr + "d a mtime=1\nf a/old mtime=1\nd b mtime=1\nf b/old mtime=1",
			"d a mtime=2 pax:SCHILY.xattr.trusted.overlay.opaque=y\nf a/new mtime=3\nd b mtime=2 pax:SCHILY.xattr.user.overlay.opaque=y\nf b/new mtime=3 pax:SCHILY.xattr.user.overlay.origin=x\n" +
				"f origin mtime=2 pax:SCHILY.xattr.trusted.overlay.origin=x\nf nlink mtime=2 pax:SCHILY.xattr.trusted.overlay.nlink=U+1\nf upper mtime=2 pax:SCHILY.xattr.trusted.overlay.upper=x\n" +
				"d impure mtime=2 pax:SCHILY.xattr.trusted.overlay.impure=y\nf other mtime=2 pax:SCHILY.xattr.trusted.overlay.other=x\n" +
				"f redirect mtime=2 pax:SCHILY.xattr.trusted.overlay.redirect=x\nf protattr mtime=2 pax:SCHILY.xattr.trusted.overlay.protattr=x",
		}},
	}
}

// symlinkChain is s0, which leads to s1 and so on, and after n of them to usr.
func symlinkChain(n int) string {
	var spec strings.Builder
	for i := range n - 1 {
		fmt.Fprintf(&spec, "l s%d ->s%d mtime=1\n", i, i+1)
	}
	fmt.Fprintf(&spec, "l s%d ->usr mtime=1\n", n-1)
	return spec.String()
}

func links() []Image {
	return []Image{
		{"through-relative-symlink", []string{
			usr + "d usr/lib mtime=2\nf usr/lib/a =a mtime=3\nl lib ->usr/lib mtime=4",
			"f lib/b =b mtime=5",
		}},
		{"through-absolute-symlink", []string{
			usr + "d usr/lib mtime=2\nf usr/lib/a =a mtime=3\nl lib ->/usr/lib mtime=4",
			"f lib/b =b mtime=5\nd lib/d mtime=6\nh lib/c ->lib/b mtime=7",
		}},
		{"through-symlink-in-symlink", []string{
			usr + "d usr/lib mtime=2\nl usr/lib64 ->../usr/./lib mtime=3\nl lib ->usr/lib64 mtime=4\nl out ->../../usr mtime=4",
			"f lib/b =b mtime=5\nf out/d mtime=6",
		}},
		{"opaque-through-symlink", []string{
			usr + "d usr/lib mtime=2\nf usr/lib/a =a mtime=3\nl lib ->usr/lib mtime=4",
			"f lib/b mtime=5\nf lib/.wh..wh..opq",
		}},
		{"through-dangling-symlink", []string{usr + "l lib ->usr/none mtime=4", "f lib/b mtime=5\nf lib/x/y mtime=6"}},
		{"directory-over-symlink", []string{usr + "d usr/lib mtime=2\nf usr/lib/a mtime=3\nl lib ->usr/lib mtime=4", "d lib mtime=5\nf lib/b mtime=6"}},
		{"through-symlink-of-its-layer", []string{usr + "d usr/lib mtime=2\nl lib ->usr/lib mtime=4\nf lib/b =b mtime=5\nf lib/c/d mtime=6\nh e ->lib/b mtime=7"}},
		{"opaque-through-symlink-of-its-layer", []string{
			usr + "d usr/lib mtime=2\nf usr/lib/a =a mtime=3\nd lib mtime=4\nf lib/b mtime=4",
			"d usr/lib mtime=5\nl lib ->usr/lib mtime=6\nf lib/.wh..wh..opq",
		}},
		{"whiteout-through-symlink-of-its-layer", []string{
			usr + "d usr/lib mtime=2\nf usr/lib/a =a mtime=3\nd lib mtime=4\nf lib/b mtime=4",
			"d usr/lib mtime=5\nl lib ->usr/lib mtime=6\nf lib/.wh.a",
		}},
		{"through-40-symlinks", []string{usr + symlinkChain(40) + "f s0/x mtime=2"}},
		{"through-41-symlinks", []string{usr + symlinkChain(41) + "f s0/x mtime=2"}},
		{"through-255-symlinks", []string{usr + symlinkChain(255), "f s0/x mtime=2"}},
		{"through-256-symlinks", []string{usr + symlinkChain(256), "f s0/x mtime=2"}},
		{"type-changes", []string{
			usr + "d a mtime=1\nf a/x mtime=1\nf b mtime=1\nd t mtime=1\nf t/x mtime=1\nl c ->t mtime=1\nd d mtime=1\nf d/x mtime=1\nf e mtime=1\np f mtime=1\nd g mtime=1\nf g/x mtime=1\nf h mtime=1",
			"f a =file mtime=2\nd b mtime=2\nf b/x mtime=3\nd c mtime=2\nf c/x mtime=3\nl d ->t mtime=2\nl e ->t mtime=2\nd f mtime=2\np g mtime=4\nl h ->none mtime=4",
			"d a mtime=4\nf a/y mtime=5\nf h mtime=5",
		}},
		{"hardlinks", []string{
			usr + `
				f a =abc mtime=1 mode=600 uid=1 gid=2
				h b ->a mtime=1 mode=600 uid=1 gid=2
				d d mtime=2
				h d/c ->./b mtime=1 mode=600 uid=1 gid=2
				h d/e ->/d/c mtime=1 mode=600 uid=1 gid=2
				l l ->a mtime=3
				h m ->l mtime=3
				p p mtime=4
				h q ->p mtime=4
				c n dev=1,3 mtime=5
				h o ->n mtime=5
			`,
			"f a =new mtime=6\nf x =1 mtime=7\nh y ->x mtime=7",
		}},
		{"hardlink-with-another-header", []string{
			usr + `
				f a =abc mtime=1 mode=6755 uid=1 gid=2 pax:SCHILY.xattr.user.a=1
				h b ->a mtime=9 mode=640 uid=3 gid=4 pax:SCHILY.xattr.user.b=2
				f c =abc mtime=1 mode=4755 pax:"SCHILY.xattr.security.capability=` + capability2 + `"
				h d ->c mtime=1 mode=4755
				f g =abc mtime=1 mode=755 pax:"SCHILY.xattr.security.capability=` + capability2 + `"
				h h ->g mtime=1 mode=755 uid=1
				l l ->a mtime=3
				h m ->l mtime=9 uid=5
				p p mtime=4
				h q ->p mtime=9 mode=600
				f e mtime=1
				h f ->e mtime=-5
			`,
		}},
		{"hardlink-over-a-name", []string{usr + "f a =1 mtime=1\nf b =2 mtime=1\nd c mtime=1\nf c/x mtime=1", "f n =3 mtime=2\nh a ->n mtime=2\nh c ->n mtime=2"}},
	}
}

const (
	// capability2 and capability3 are struct vfs_cap_data and vfs_ns_cap_data of
	// include/uapi/linux/capability.h with cap_net_bind_service, the latter for
	// root ids 0 and 1000.
	capability2     = `\x01\x00\x00\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00`
	capability3     = `\x01\x00\x00\x03\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00`
	capability3User = `\x01\x00\x00\x03\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xe8\x03\x00\x00`
)

func metadata() []Image {
	return []Image{
		{"nanoseconds", []string{usr + "d d pax:mtime=1.123456789\nf d/f pax:mtime=2.5\nl d/l ->f pax:mtime=3.000000001\np d/p pax:mtime=4.9999999999\nd e mtime=5\nf e/f pax:mtime=6.75\nh e/h ->e/f pax:mtime=6.25"}},
		{"times", []string{
			usr + `
				f before mtime=-1
				f half pax:mtime=-1.5
				d old mtime=-1000000000
				f old/x mtime=0
				l symlink ->x mtime=-2
				p fifo pax:mtime=-3.25
				f last32 mtime=2147483648
				f last-ns pax:mtime=9223372036.854775807
				f after-ns pax:mtime=9223372036.854775808
				d future mtime=12000000000
				l future/symlink ->x pax:mtime=12000000000.25
				f future/file pax:mtime=12000000000.25
				l past/symlink ->x mtime=-2147483648
			`,
			"f old/new mtime=1\nf future/new mtime=1",
		}},
		{"times-out-of-range", []string{usr + "f a mtime=-2147483649\nl b ->x mtime=-3000000000\nf c mtime=60000000000\nl d ->x mtime=60000000000\nd e mtime=60000000000\nl f ->x mtime=16000000000\nd g mtime=-62135596800\nf h pax:mtime=-62135596800\nl i ->x mtime=-62135596800"}},
		{"modes", []string{usr + "f suid mode=4755 mtime=1\nf sgid mode=2755 mtime=1\nf all mode=7777 uid=1 gid=1 mtime=1\nf none mode=0 mtime=1\nf odd mode=107644 mtime=1\nd sticky mode=1777 mtime=1\nd dsgid mode=2750 gid=5 mtime=1\nf dsgid/x mtime=1\nd zero mode=0 mtime=1\nf zero/x mtime=1\nl symlink ->x mode=600 uid=3 gid=4 mtime=7\nl symlink2 ->x mode=0 mtime=8"}},
		{"owners", []string{usr + "f a uid=4294967294 gid=4294967294 mtime=1\nf b uid=2097152 gid=2147483648 mtime=1\nf c uid=3000000000 pax:gid=3000000001 mtime=1\nd d uid=4294967294 mtime=1"}},
		{"owners-of-more-than-32-bits", []string{usr + "f a uid=4294967295 gid=7 mtime=1\nf b uid=4294967301 mtime=1\nd c uid=5 gid=6 mtime=1", "d c uid=4294967295 gid=4294967295 mtime=2"}},
		{"xattrs", []string{
			usr + `
				f user mtime=1 pax:SCHILY.xattr.user.b=2 pax:SCHILY.xattr.user.a=1 pax:"SCHILY.xattr.user.binary=\x00\xff=\n"
				d dir mtime=1 pax:SCHILY.xattr.user.d=1 pax:SCHILY.xattr.trusted.t=2
				f trusted mtime=1 pax:SCHILY.xattr.trusted.t=1
				f selinux mtime=1 pax:SCHILY.xattr.security.selinux=system_u:object_r:usr_t:s0
				d selinux-dir mtime=1 pax:SCHILY.xattr.security.selinux=system_u:object_r:usr_t:s0
				f empty mtime=1 pax:SCHILY.xattr.user.empty= pax:SCHILY.xattr.user.full=1
				f ima mtime=1 pax:SCHILY.xattr.security.ima=x
				l symlink ->x mtime=1 pax:SCHILY.xattr.trusted.t=1 pax:SCHILY.xattr.security.s=2
				p fifo mtime=1 pax:SCHILY.xattr.trusted.t=1
				f acl-text mtime=1 pax:SCHILY.acl.access=user::rw-,user:5:r--,group::r--,mask::r--,other::r--
				f libarchive mtime=1 pax:LIBARCHIVE.xattr.user.a=MQ==
				f libarchive2 mtime=1 pax:SCHILY.xattr.user.a=1 pax:LIBARCHIVE.xattr.user.b=MQ==
				f v2 mode=755 mtime=1 pax:"SCHILY.xattr.security.capability=` + capability2 + `"
				f v3 mode=755 mtime=1 pax:"SCHILY.xattr.security.capability=` + capability3 + `"
				f v3user mode=755 uid=3 mtime=1 pax:"SCHILY.xattr.security.capability=` + capability3User + `"
				d replaced mtime=1 pax:SCHILY.xattr.user.old=1
			`,
			"d replaced mtime=2 pax:SCHILY.xattr.user.new=1\nf dir/new mtime=3",
		}},
		{"xattr-namespace-unknown", []string{usr + "f a mtime=1 pax:SCHILY.xattr.other.a=1"}},
		{"xattr-without-namespace", []string{usr + "f a mtime=1 pax:SCHILY.xattr.a=1 pax:SCHILY.xattr.user=1 pax:SCHILY.xattr.system.other=1"}},
		{"xattrs-twice", []string{usr + "d a mtime=1 pax:SCHILY.xattr.user.a=1\nf a/x mtime=1", "d a mtime=2\nf a/y mtime=2", "d a mtime=3 pax:SCHILY.xattr.user.b=1"}},
		{"devices", []string{usr + "d dev mtime=1\nc dev/null dev=1,3 mode=666 mtime=2\nb dev/sda dev=8,1 uid=0 gid=6 mode=660 mtime=3\np dev/fifo mode=600 mtime=4\nc dev/large dev=4095,1048575 mtime=5\nb dev/zero dev=0,0 mtime=6\nc dev/one dev=0,1 mtime=7"}},
	}
}

func names() []Image {
	long := strings.Repeat("long", 63) + "est"
	return []Image{
		{"names", []string{usr + `
			d names mtime=1
			f "names/\xe9\xe8" mtime=2
			f "names/a\nb" mtime=3
			f "names/back\\slash" mtime=4
			f "names/nfc-\u00e9" mtime=5
			f "names/nfc-e\u0301" mtime=6
			f "names/-" mtime=7
			f "names/ space " mtime=8
			f "names/quote\"" mtime=9
			f "names/\x01\x7f" mtime=10
			f names/... mtime=11
			f long pax:path=names/` + long + ` mtime=12
			f ./names//./odd mtime=13
			f /names/absolute mtime=14
			l "names/\xff" ->"\xfe\n" mtime=15
			h names/link ->"names/\xe9\xe8" mtime=2
		`}},
		{"type-flags", []string{usr + "'\\x00' old mtime=1 magic=v7\n'\\x00' dir/ mode=755 mtime=2 magic=v7\nf dir/x mtime=3\nd slashless mtime=5\nd sized size=4096 mtime=6\nf sized/x mtime=7"}},
		{"trailing-slash-of-a-file", []string{usr + "f a/ =x mtime=1"}},
		{"aufs", []string{usr + "f .wh..wh.aufs mtime=1\nd .wh..wh.plnk mtime=2\nd .wh..wh.orph mtime=3\nf a mtime=4"}},
		{"aufs-with-files", []string{usr + "d .wh..wh.plnk mtime=2\nf .wh..wh.plnk/1.2 =x mtime=3\nh a ->.wh..wh.plnk/1.2 mtime=3"}},
		{"name-below-whiteout-name", []string{usr + "d .wh.a mtime=2\nf .wh.a/b mtime=3"}},
	}
}

// refused are images that at least one engine refuses.
func refused() []Image {
	return []Image{
		{"through-file", []string{usr + "f a mtime=1", "f a/b mtime=2"}},
		{"through-fifo", []string{usr + "d g mtime=1\nf g/x mtime=1", "p g mtime=4", "f g/y mtime=5"}},
		{"through-file-of-its-layer", []string{usr + "f a mtime=1\nf a/b mtime=2"}},
		{"through-dangling-symlink-of-its-layer", []string{usr + "l lib ->usr/none mtime=4\nf lib/b mtime=5"}},
		{"through-symlink-loop", []string{usr + "l a ->b mtime=1\nl b ->a mtime=1", "f a/x mtime=2"}},
		{"hardlink-to-a-lower-layer", []string{usr + "f a =x mode=640 mtime=1", "h b ->a mtime=1 mode=640"}},
		{"hardlink-to-a-lower-layer-with-another-header", []string{usr + "f a =x mtime=1", "h b ->a mtime=9 mode=600 uid=3"}},
		{"hardlink-through-symlink", []string{usr + "d usr/lib mtime=2\nf usr/lib/a =a mtime=3\nl lib ->usr/lib mtime=4", "h c ->lib/a mtime=3"}},
		{"hardlink-before-target", []string{usr + "h b ->a mtime=1\nf a mtime=1"}},
		{"hardlink-to-nothing", []string{usr + "h b ->a mtime=1"}},
		{"hardlink-to-itself", []string{usr + "f a mtime=1", "h a ->a mtime=1"}},
		{"hardlink-to-directory", []string{usr + "h b ->usr mtime=1"}},
		{"whiteout-after-new-file", []string{usr + "f a =old mtime=1", "f a =new mtime=2\nf .wh.a"}},
		{"whiteout-after-new-directory", []string{usr + "d a mtime=1\nf a/old mtime=1\nd a/s mtime=1\nf a/s/old mtime=1", "d a mtime=2\nf a/new mtime=3\nf a/s/new mtime=3\nf .wh.a"}},
		{"whiteout-before-entry-below", []string{usr + "d a mtime=1\nf a/old mtime=1", "f .wh.a\nf a/new mtime=2"}},
		{"whiteout-of-no-name", []string{usr + "d a mtime=1\nf a/x mtime=1", "f a/.wh."}},
		{"whiteout-of-no-name-in-own-directory", []string{usr + "d a mtime=1\nf a/x mtime=1", "d a mtime=2\nf a/y mtime=3\nf a/.wh."}},
		{"whiteout-of-dot", []string{usr + "d a mtime=1\nf a/x mtime=1", "f a/.wh.."}},
		{"whiteout-of-parent", []string{usr + "d a mtime=1\nf a/x mtime=1", "f a/.wh..."}},
		{"duplicate-files", []string{usr + "f a =1 mtime=1\nf a =2 mtime=2"}},
		{"duplicate-directories", []string{usr + "d a mtime=1\nf a/x mtime=2\nd ./a/ mode=700 mtime=3"}},
		{"duplicate-files-by-other-paths", []string{usr + "f a =1 mtime=1\nf /a =2 mtime=2\nd d mtime=1\nf d/x mtime=2\nf /d =3 mtime=3"}},
		{"duplicate-whiteouts", []string{usr + "f a mtime=1", "f .wh.a\nf .wh.a"}},
		{"file-over-directory-of-its-layer", []string{usr + "d a mtime=1\nd a/b mtime=1\nf /a mtime=2"}},
		{"symlink-over-parent-of-its-layer", []string{usr + "d a/b mtime=1\nl a ->usr mtime=2"}},
		{"file-over-parent-of-its-layer", []string{usr + "d a/b mtime=1\nf a mtime=2"}},
		{"opaque-through-file", []string{usr + "f a mtime=1\nf a/.wh..wh..opq\nf a/.wh.x"}},
		{"opaque-below-file", []string{usr + "f a mtime=1\nf a/b/.wh..wh..opq"}},
		{"whiteout-below-file", []string{usr + "f a mtime=1\nf a/b/.wh.c"}},
		{"symlink-of-its-own-path", []string{usr + "l c ->. mtime=1\nf c/c =x mtime=2"}},
		{"contiguous-file", []string{usr + "'7' a =x mtime=1"}},
		{"whiteout-of-parent-in-own-directory", []string{usr + "d a mtime=1\nf a/old mtime=1\nd a/b mtime=1\nf a/b/x mtime=1\nd a/c mtime=1", "d a mtime=2\nd a/b mtime=2\nf a/b/.wh..."}},
		{"whiteout-through-symlink", []string{
			usr + "d usr/lib mtime=2\nf usr/lib/a =a mtime=3\nf usr/lib/k mtime=3\nl lib ->usr/lib mtime=4",
			"f lib/b mtime=5\nf lib/.wh.a",
		}},
		{"whiteout-in-opaque-directory", []string{usr + "d a mtime=1\nf a/x mtime=1", "d a mtime=2\nf a/.wh..wh..opq\nf a/.wh.x"}},
		{"xattr-user-without-name", []string{usr + "f a mtime=1 pax:SCHILY.xattr.user.=x"}},
		{"xattr-trusted-without-name", []string{usr + "f a mtime=1 pax:SCHILY.xattr.trusted.=x"}},
		{"xattr-security-without-name", []string{usr + "f a mtime=1 pax:SCHILY.xattr.security.=x"}},
		{"duplicate-roots", []string{"d ./ mtime=1\n" + usr + "d . mtime=2"}},
		{"symlink-out-of-root", []string{usr + "l a ->../../../etc mtime=1\nl usr/b ->../../x mtime=2"}},
		{"user-xattr-of-symlink", []string{usr + "l a ->x mtime=1 pax:SCHILY.xattr.user.a=1"}},
		{"user-xattr-of-fifo", []string{usr + "p a mtime=1 pax:SCHILY.xattr.user.a=1"}},
		{"capability-that-is-none", []string{usr + "f a mtime=1 pax:SCHILY.xattr.security.capability=x"}},
	}
}
