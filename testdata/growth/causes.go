package growth

import (
	"strings"

	"cfsverify/testdata/layers"
)

// causes have each cause of differences very often, but for those of which there cannot
// be many.
func causes() []Shape {
	both := func(layer, scan string) Shape {
		return Shape{
			Layers: func(n int) []string { return []string{base + each(n, layer)} },
			Scan:   func(n int) string { return base + each(n, scan) },
		}
	}
	over := func(lower, upper, scan string) Shape {
		return Shape{
			Layers: func(n int) []string { return []string{base + each(n, lower), each(n, upper)} },
			Scan:   func(n int) string { return base + each(n, scan) },
		}
	}
	dumped := func(s Shape, change func(string) string) Shape {
		s.Dump = change
		return s
	}
	replaced := func(old, new string) func(string) string {
		return func(dump string) string { return strings.ReplaceAll(dump, old, new) }
	}
	flagged := func(s Shape, flags ...string) Shape {
		s.Flags = flags
		return s
	}
	named := func(cause string, s Shape) Shape {
		s.Name, s.Diff = cause, true
		return s
	}
	wide := layers.ACL("access", "u=7 U:5=7 g=5 m=7 o=5")
	const capability, other = `"pax:SCHILY.xattr.security.capability=\x00\x00\x00\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"`,
		`"pax:SCHILY.xattr.security.capability=\x00\x00\x00\x03\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x05\x00\x00\x00"`
	return []Shape{
		named("subsecond-mtime", both("f usr/d/f%[1]d pax:mtime=1.25", "f usr/d/f%[1]d mtime=1")),
		named("whiteout-device", both("c usr/d/w%[1]d dev=0,0 mtime=1", "")),
		named("late-layers", over("f usr/d/f%[1]d mtime=1", "f usr/d/g%[1]d mtime=2", "f usr/d/f%[1]d mtime=1")),
		named("whiteout-in-scan", both("f usr/d/f%[1]d mtime=1", "c usr/d/f%[1]d dev=0,0 mtime=1")),
		named("engine-file", both("", "f usr/d/f%[1]d mode=755 mtime=9")),
		// All owners move, that of the directories as well.
		named("id-mapping", Shape{
			Layers: func(n int) []string { return []string{base + each(n, "f usr/d/f%[1]d uid=%[1]d gid=%[1]d mtime=1")} },
			Scan: func(n int) string {
				return strings.ReplaceAll(base, "mtime", "uid=1000000 gid=1000000 mtime") + each(n, "f usr/d/f%[1]d uid=1%06[1]d gid=1%06[1]d mtime=1")
			},
		}),
		named("derived", flagged(both("d usr/d/p%[1]d mtime=1\nf usr/d/p%[1]d/f mtime=5", "d usr/d/p%[1]d mtime=1\nf usr/d/p%[1]d/f mtime=6"), "--dir-mtime", "newest-child")),
		named("implicit-parent", both("f usr/d/p%[1]d/f mtime=1", "d usr/d/p%[1]d mode=755 mtime=9\nf usr/d/p%[1]d/f mtime=1")),
		named("hardlink-header", both("f usr/d/f%[1]d mtime=1\nh usr/d/h%[1]d ->usr/d/f%[1]d mtime=5", "f usr/d/f%[1]d mtime=5\nh usr/d/h%[1]d ->usr/d/f%[1]d")),
		named("duplicate-entry", both("f usr/d/f%[1]d mode=700 mtime=1\nf usr/d/f%[1]d mode=751 mtime=1", "f usr/d/f%[1]d mode=700 mtime=1")),
		named("whiteout-ignored", over("f usr/d/f%[1]d mtime=1", "d usr mtime=1\nd usr/d mtime=1\nf usr/d/.wh.f%[1]d", "f usr/d/f%[1]d mtime=1")),
		named("opaque-order", over("d usr/d/p%[1]d mtime=1\nf usr/d/p%[1]d/f mtime=1", "d usr mtime=1\nd usr/d mtime=1\nf usr/d/p%[1]d/g mtime=1\nf usr/d/p%[1]d/.wh..wh..opq", "d usr/d/p%[1]d mtime=1\nf usr/d/p%[1]d/f mtime=1")),
		named("whiteout-order", over("d usr/d/p%[1]d mtime=1\nf usr/d/p%[1]d/f mtime=1", "d usr mtime=1\nd usr/d mtime=1\nf usr/d/p%[1]d/g mtime=1\nf usr/d/.wh.p%[1]d", "d usr/d/p%[1]d mtime=1\nf usr/d/p%[1]d/f mtime=1")),
		named("constant-mtime", both("f usr/d/f%[1]d mtime=%[1]d", "f usr/d/f%[1]d mtime=1")),
		named("clamped-mtime", dumped(both("f usr/d/old mtime=1\nf usr/d/f%[1]d mtime=1000", "f usr/d/old mtime=1\nf usr/d/f%[1]d mtime=1%06[1]d"), func(d string) string { return d })),
		named("mtime-range", both("f usr/d/f%[1]d mtime=-5", "f usr/d/f%[1]d mtime=0")),
		named("hardlink-relink", both("d usr/d/p%[1]d mtime=1\nf usr/d/p%[1]d/f mtime=1\nh usr/d/p%[1]d/g ->usr/d/p%[1]d/f mtime=1", "d usr/d/p%[1]d mtime=1000\nf usr/d/p%[1]d/f mtime=1\nh usr/d/p%[1]d/g ->usr/d/p%[1]d/f mtime=1")),
		named("symlink-metadata", both("l usr/d/l%[1]d ->x mtime=1", "l usr/d/l%[1]d ->x mtime=9")),
		named("directory-changed", both("d usr/d/p%[1]d mtime=1", "d usr/d/p%[1]d mtime=9\nf usr/d/p%[1]d/f mtime=1")),
		named("unpack-time-mtime", both("f usr/d/f%[1]d mtime=1", "f usr/d/f%[1]d mtime=9\nd usr/d/p%[1]d mtime=9")),
		named("rounded-mtime", both("f usr/d/f%[1]d pax:mtime=5.75\nf usr/d/g%[1]d mtime=9", "f usr/d/f%[1]d mtime=6\nf usr/d/g%[1]d mtime=9")),
		named("hardlink-broken", both("f usr/d/f%[1]d mtime=1 =%[1]d\nh usr/d/h%[1]d ->usr/d/f%[1]d mtime=1", "f usr/d/f%[1]d mtime=1 =%[1]d\nf usr/d/h%[1]d mtime=1 =%[1]d")),
		named("hardlink-joined", both("f usr/d/f%[1]d mtime=1 =%[1]d\nf usr/d/h%[1]d mtime=1 =%[1]d", "f usr/d/f%[1]d mtime=1 =%[1]d\nh usr/d/h%[1]d ->usr/d/f%[1]d mtime=1")),
		named("xattr-encoding", both("f usr/d/f%[1]d mtime=1 pax:SCHILY.xattr.user.e=", "f usr/d/f%[1]d mtime=1")),
		named("selinux-label", both("f usr/d/f%[1]d mtime=1", "f usr/d/f%[1]d mtime=1 pax:SCHILY.xattr.security.selinux=x%[1]d")),
		named("overlay-xattr", both("f usr/d/f%[1]d mtime=1", "f usr/d/f%[1]d mtime=1 pax:SCHILY.xattr.trusted.overlay.origin=x%[1]d")),
		named("capability-version", both("f usr/d/f%[1]d mtime=1 "+capability, "f usr/d/f%[1]d mtime=1 "+other)),
		named("capability-lost", both("f usr/d/f%[1]d mtime=1 "+capability, "f usr/d/f%[1]d mtime=1")),
		named("acl", both("f usr/d/f%[1]d mtime=1 mode=644 "+wide, "f usr/d/f%[1]d mtime=1 mode=775 "+wide)),
		named("host-xattr", both("f usr/d/f%[1]d mtime=1", "f usr/d/f%[1]d mtime=1 pax:SCHILY.xattr.security.ima=x%[1]d")),
		named("owner-range", both("f usr/d/f%[1]d mtime=1 uid=4294967295", "f usr/d/f%[1]d mtime=1")),
		named("owner-lost", both("f usr/d/f%[1]d mtime=1 uid=%[1]d", "f usr/d/f%[1]d mtime=1 uid=0")),
		named("owner-by-name", both("f usr/d/f%[1]d mtime=1 uid=5\nf usr/d/g%[1]d mtime=1 uid=7", "f usr/d/f%[1]d mtime=1 uid=42\nf usr/d/g%[1]d mtime=1 uid=7")),
		named("setuid-lost", both("f usr/d/f%[1]d mode=4755 mtime=1", "f usr/d/f%[1]d mode=755 mtime=1")),
		named("umask", both("f usr/d/f%[1]d mode=666 mtime=1", "f usr/d/f%[1]d mode=644 mtime=1")),
		named("socket", dumped(both("", "p usr/d/f%[1]d mtime=1"), replaced(" 10644 ", " 140644 "))),
		named("device-missing", both("c usr/d/f%[1]d dev=1,3 mtime=1", "")),
		named("name-encoding", both("f usr/d/F%[1]d mtime=1", "f usr/d/f%[1]d mtime=1")),
		named("name-encoding", both("f usr/d/?%[1]d mtime=1", "f \"usr/d/\\xff%[1]d\" mtime=1")),
		named("dump-form", dumped(both("f usr/d/f%[1]d mtime=1", "f usr/d/f%[1]d mtime=1"), replaced(" 100644 1 ", " 100644 9 "))),
		named("volatile-content", over("d tmp mtime=1\nf tmp/f%[1]d mtime=1 =1", "", "d tmp mtime=1\nf tmp/f%[1]d mtime=1 =2")),
		named("content-change", both("f usr/d/f%[1]d mtime=1 =1", "f usr/d/f%[1]d mtime=1 =2")),
		named("unexplained", both("f usr/d/f%[1]d mtime=1", "l usr/d/f%[1]d ->x mtime=1")),
	}
}
