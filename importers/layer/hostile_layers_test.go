package layer_test

import (
	"bytes"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"cfsverify/canon"
	"cfsverify/canon/fsverity"
	"cfsverify/importers/blob"
	"cfsverify/importers/image"
	"cfsverify/importers/layer"
	"cfsverify/importers/limits"
	"cfsverify/testdata/blobs"
	"cfsverify/testdata/layers"
	"cfsverify/testdata/trees"
)

// hostileCase is a layer, or several, that LAYERS.md has a rule for. The layers
// are bare ones; change makes the last archive one that a spec cannot tell, and store
// is how that is stored.
type hostileCase struct {
	rule          string
	layers        []string
	change, store func([]byte) []byte
	// Of an accepted one, tree is what comes of it, as a spec; of a refused one,
	// refused is the error from the layer on.
	tree, refused string
	// composefs is what composefs-rs makes of it: a tree as a spec, with "-" for one that
	// is empty, lines of a dump for one that trees.Text cannot tell, or "refused". Where
	// there is none it does the same.
	composefs string
}

// byComposefs is what composefs-rs makes of a case, empty if it refuses it.
func (c *hostileCase) byComposefs() (tree string, refused bool) {
	switch {
	case c.composefs == "-":
		return "", false
	case c.composefs == "refused" || c.composefs == "" && c.refused != "":
		return "", true
	case c.composefs != "":
		return c.composefs, false
	}
	return c.tree, false
}

var hostileCases = []hostileCase{
	{rule: "dot-dot", layers: []string{"d a\nf a/../../b"}, refused: `layer 1 (1.tar), entry 2 "a/../../b": the name has a ".." component`},
	{rule: "dot-dot", layers: []string{"d a\nf a/../b"}, refused: `layer 1 (1.tar), entry 2 "a/../b": the name has a ".." component`},
	{rule: "dot-dot", layers: []string{"d a\nd a/.. mode=700"}, refused: `layer 1 (1.tar), entry 2 "a/..": the name has a ".." component`, composefs: "d a"},
	{rule: "dot-dot", layers: []string{"f a/.."}, refused: `layer 1 (1.tar), entry 1 "a/..": the name has a ".." component`},
	{rule: "absolute-name", layers: []string{"d /a\nf ///a//./b =x"}, tree: "d a\nf a/b =x"},
	{rule: "through-lower-symlink", layers: []string{"d usr\nd usr/lib\nl lib ->usr/lib\nl up ->../../..", "f lib/b =b\nf up/c"}, tree: "d lib implicit\nf lib/b =b\nd up implicit\nf up/c\nd usr\nd usr/lib", composefs: "refused"},
	{rule: "through-own-symlink", layers: []string{"l out ->/etc\nf out/passwd"}, refused: `layer 1 (1.tar), entry 2 "out/passwd": its parent is a symlink by entry 1 of the same layer, "out": tools disagree what this means`},
	{rule: "below-own-file", layers: []string{"f a\nf a/b"}, refused: `layer 1 (1.tar), entry 2 "a/b": its parent is a file by entry 1`},
	{rule: "below-lower-file", layers: []string{"f a\nc c dev=1,3", "f a/b\nf c/d"}, tree: "d a implicit\nf a/b\nd c implicit\nf c/d", composefs: "refused"},
	{rule: "link-outside", layers: []string{"h a ->../etc/shadow"}, refused: `layer 1 (1.tar), entry 1 "a": the hardlink's target "../etc/shadow" is not valid: the name has a ".." component`},
	{rule: "link-outside", layers: []string{"h a ->/etc/shadow"}, refused: `layer 1 (1.tar), entry 1 "a": the hardlink's target "etc/shadow" is not there`},
	{rule: "link-through-symlink", layers: []string{"d d\nf d/f\nl s ->d\nh a ->s/f"}, refused: `layer 1 (1.tar), entry 4 "a": the hardlink's target "s/f" is not there`},
	{rule: "symlink-target", layers: []string{"l a ->../../../../etc/shadow\nl b ->/\nl c ->\"\\xff\""}, tree: "l a ->../../../../etc/shadow\nl b ->/\nl c ->\xff"},
	{rule: "symlink-target-limits", layers: []string{"f a\nl b"}, refused: `layer 1 (1.tar), entry 2 "b": a symlink's target has 1 to 4095 bytes without NUL, not ""`, composefs: "/a 0 100644 1 0 0 0 0.0 - - -\n/b 0 120777 1 0 0 0 0.0 - - -"},
	{rule: "symlink-target-limits", layers: []string{"l b pax:linkpath=" + strings.Repeat("t", 4096)}, refused: `layer 1 (1.tar), entry 1 "b": a symlink's target has 1 to 4095 bytes`, composefs: "/b 4096 120777 1 0 0 0 0.0 " + strings.Repeat("t", 4096) + " - -"},
	{rule: "symlink-target-limits", layers: []string{"l b pax:\"linkpath=a\\x00b\""}, refused: `layer 1 (1.tar), entry 1 "b": a symlink's target has 1 to 4095 bytes`, composefs: `/b 3 120777 1 0 0 0 0.0 a\x00b - -`},
	{rule: "nul-in-name", layers: []string{"f a pax:\"path=x\\x00y\""}, refused: `layer 1 (1.tar), entry 1 "x\x00y": the name holds a NUL byte`, composefs: `/x\x00y 0 100644 1 0 0 0 0.0 - - -`},
	{rule: "empty-name", layers: []string{"f a\nf \"\""}, refused: `layer 1 (1.tar), entry 2: the name is empty`},
	{rule: "empty-name", layers: []string{"f a pax:path="}, refused: `layer 1 (1.tar), entry 1: the name is empty`},
	{rule: "long-component", layers: []string{"f a pax:path=" + strings.Repeat("n", 255)}, tree: "f " + strings.Repeat("n", 255)},
	{rule: "long-component", layers: []string{"f a pax:path=" + strings.Repeat("n", 4085)}, refused: `layer 1 (1.tar), entry 1 "` + strings.Repeat("n", 4085) + `": the name has 4085 bytes, the limit is 255`},
	{rule: "long-component", layers: []string{"f a pax:path=" + strings.Repeat("n", 4084)}, refused: `layer 1 (1.tar), entry 1 "` + strings.Repeat("n", 4084) + `": the name has 4084 bytes, the limit is 255`, composefs: "/" + strings.Repeat("n", 4084) + " 0 100644 1 0 0 0 0.0 - - -"},
	{rule: "long-component", layers: []string{"f a", "f a pax:path=.wh." + strings.Repeat("n", 252)}, refused: `layer 2 (2.tar), entry 1 ".wh.` + strings.Repeat("n", 252) + `": the name has 256 bytes, the limit is 255`, composefs: "f a"},
	{rule: "long-component", layers: []string{"f a pax:path=" + strings.Repeat("n", 256)}, refused: `layer 1 (1.tar), entry 1 "` + strings.Repeat("n", 256) + `": the name has 256 bytes, the limit is 255`, composefs: "/" + strings.Repeat("n", 256) + " 0 100644 1 0 0 0 0.0 - - -"},
	{rule: "long-path", layers: []string{deepDirectories(17)}, refused: `layer 1 (1.tar), entry 17 "` + strings.Repeat(strings.Repeat("d", 255)+"/", 16) + strings.Repeat("d", 255) + `": the name has 4351 bytes, the limit is 4096`, composefs: strings.ReplaceAll(deepDirectories(17), "d pax:path=", "")},
	{rule: "root", layers: []string{"f ./"}, refused: `layer 1 (1.tar), entry 1 "./": the root can only be a directory`},
	{rule: "root", layers: []string{"h a ->./"}, refused: `layer 1 (1.tar), entry 1 "a": the hardlink's target is the root directory`},
	{rule: "trailing-slash", layers: []string{"f a/ =x"}, tree: "f a =x"},

	{rule: "whiteout-of-nothing-named", layers: []string{"f .wh."}, refused: `layer 1 (1.tar), entry 1 ".wh.": names that begin with ".wh." are markers, and this one marks nothing that can be there`, composefs: "-"},
	{rule: "whiteout-of-dots", layers: []string{"f .wh.."}, refused: `layer 1 (1.tar), entry 1 ".wh..": names that begin with ".wh." are markers`, composefs: "-"},
	{rule: "whiteout-of-dots", layers: []string{"f .wh..."}, refused: `layer 1 (1.tar), entry 1 ".wh...": names that begin with ".wh." are markers`, composefs: "-"},
	{rule: "below-whiteout", layers: []string{"d .wh.a\nf .wh.a/b"}, refused: `layer 1 (1.tar), entry 2 ".wh.a/b": names that begin with ".wh." are markers`},
	{rule: "reserved-names", layers: []string{"f x", "d .wh..wh.plnk\nf .wh..wh.aufs"}, tree: "f x"},
	{rule: "reserved-names", layers: []string{"f x\nf .wh.x", "d .wh..wh.plnk\nf .wh..wh.plnk/1.2\nf .wh..wh.aufs"}, tree: "f x", composefs: "refused"},
	{rule: "whiteout-of-missing", layers: []string{"f a", "f .wh.b"}, tree: "f a"},
	{rule: "whiteout-of-missing", layers: []string{"f a", "f .wh.b\nf c/.wh.d"}, tree: "f a\nd c implicit", composefs: "refused"},
	{rule: "whiteout-after-own-entry", layers: []string{"f a =old", "f a =new\nf .wh.a"}, tree: "f a =new", composefs: "-"},
	{rule: "opaque-after-own-entry", layers: []string{"d d\nf d/old", "d d\nf d/new\nf d/.wh..wh..opq"}, tree: "d d\nf d/new", composefs: "d d"},

	{rule: "duplicate", layers: []string{"f a =1\nf a =2\nd d\nf d/x\nd d mtime=7"}, tree: "f a =2\nd d mtime=7\nf d/x"},
	{rule: "link-to-directory", layers: []string{"d d\nh a ->d"}, refused: `layer 1 (1.tar), entry 2 "a": the hardlink's target "d" is a directory`},
	{rule: "link-to-later", layers: []string{"h a ->b\nf b"}, refused: `layer 1 (1.tar), entry 1 "a": the hardlink's target "b" is not there`},
	{rule: "link-to-missing", layers: []string{"f x", "h a ->b"}, refused: `layer 2 (2.tar), entry 1 "a": the hardlink's target "b" is not there`},
	{rule: "link-to-whiteouted", layers: []string{"f b", "f .wh.b\nh a ->b"}, refused: `layer 2 (2.tar), entry 2 "a": the hardlink's target "b" is not there`},
	{rule: "link-to-whiteouted", layers: []string{"f b", "h a ->b\nf .wh.b"}, refused: `layer 2 (2.tar), entry 1 "a": the hardlink's target "b" is not there`, composefs: "f a"},
	{rule: "link-chain", layers: []string{"f a =x\nh b ->a\nh c ->b\nh d ->c"}, tree: "f a =x\nh b ->a\nh c ->a\nh d ->a"},
	{rule: "link-loop", layers: []string{"h a ->b\nh b ->a"}, refused: `layer 1 (1.tar), entry 1 "a": the hardlink's target "b" is not there`},
	{rule: "link-loop", layers: []string{"h a ->a"}, refused: `layer 1 (1.tar), entry 1 "a": the hardlink's target "a" is not there`},
	{rule: "link-metadata", layers: []string{"f a =x mode=755\nh b ->a mode=600 uid=9 mtime=9"}, tree: "f a =x mode=755\nh b ->a"},

	{rule: "sparse-gnu", layers: []string{"f a\n'S' b"}, refused: `layer 1 (1.tar), entry 2 "b": sparse files are not supported: write the archive without --sparse`},
	{rule: "sparse-0.0", layers: []string{"f a pax:GNU.sparse.size=9 pax:GNU.sparse.numblocks=1 pax:GNU.sparse.offset=0 pax:GNU.sparse.numbytes=9"}, refused: "layer 1 (1.tar), entry 1: sparse files"},
	{rule: "sparse-0.1", layers: []string{"f a pax:GNU.sparse.map=0,1 pax:GNU.sparse.name=b"}, refused: "layer 1 (1.tar), entry 1: sparse files"},
	{rule: "sparse-1.0", layers: []string{"f a pax:GNU.sparse.major=1 pax:GNU.sparse.minor=0 pax:GNU.sparse.realsize=9 =\"1\\n0\\n1\\n" + strings.Repeat("\\x00", 506) + "x\""}, refused: "layer 1 (1.tar), entry 1: sparse files"},
	{rule: "sparse-lone", layers: []string{"f a =x pax:GNU.sparse.name=b"}, refused: "layer 1 (1.tar), entry 1: sparse files", composefs: "f b =x"},
	{rule: "sparse-lone", layers: []string{"f a =x pax:GNU.sparse.realsize=5 pax:GNU.sparse.major=1"}, refused: "layer 1 (1.tar), entry 1: sparse files", composefs: "f a =x"},
	{rule: "gnu-long-names", layers: []string{"d d magic=gnu\nf x magic=gnu L=d/" + strings.Repeat("n", 150) + "\nl l magic=gnu K=" + strings.Repeat("t/", 150)},
		tree: "d d\nf d/" + strings.Repeat("n", 150) + "\nl l ->" + strings.Repeat("t/", 150)},
	{rule: "two-extension-headers", layers: []string{"f a L=b L=c"}, refused: `layer 1 (1.tar), entry 1: two extension headers of type 'L'`},
	{rule: "extension-without-entry", layers: []string{"'x' x =\"9 p=path\\n\""}, refused: `layer 1 (1.tar), entry 1: the archive ends after extension headers`},
	{rule: "extensions-too-large", layers: []string{"f a pax:comment=" + strings.Repeat("c", 1<<20)}, refused: `layer 1 (1.tar), entry 1: the extension headers have more than 1048576 bytes`},
	{rule: "pax-global", layers: []string{"'g' g =\"18 comment=ignored\\n13 mtime=77\\n10 uid=7\\n\"\nf a"}, tree: "f a"},
	{rule: "pax-global-between", layers: []string{"'x' x =\"9 uid=77\\n\"\n'g' g\nf a"}, refused: "layer 1 (1.tar), entry 1: a global PAX header stands between", composefs: "f a"},
	{rule: "pax-overrides", layers: []string{"f x size=0 uid=1 gid=2 mtime=3 pax:path=a pax:size=3 pax:uid=4294967294 pax:gid=3000000 pax:mtime=5.000000007 =abc\nl l ->no pax:linkpath=yes"},
		tree: "f a =abc uid=4294967294 gid=3000000 mtime=5 nsec=7\nl l ->yes"},
	{rule: "pax-twice", layers: []string{"f a pax:uid=7 pax:mtime=1.5 pax:uid=5 pax:mtime=200.7"}, tree: "f a uid=5 mtime=200 nsec=700000000", composefs: "f a uid=5 mtime=200 nsec=500000000"},
	{rule: "pax-twice", layers: []string{"f a pax:uid=x pax:mtime=-1 pax:uid=5 pax:mtime=200"}, tree: "f a uid=5 mtime=200", composefs: "refused"},
	{rule: "pax-ignored", layers: []string{"f a pax:uname=x pax:gname=y pax:atime=9 pax:ctime=9 pax:comment=c pax:mode=777 pax:devmajor=9 pax:LIBARCHIVE.xattr.user.b=eA"}, tree: "f a"},
	{rule: "pax-malformed", layers: []string{"'x' x =\"11 p=path\\n\"\nf a"}, refused: "layer 1 (1.tar), entry 1: a PAX record is not valid: its length is wrong"},
	{rule: "pax-malformed", layers: []string{"'x' x =\"9 uid=777\"\nf a"}, refused: `layer 1 (1.tar), entry 1: the PAX record "uid=777" is not valid: it must be KEY=VALUE and a newline`},
	{rule: "pax-malformed", layers: []string{"f a pax:size=-1"}, refused: `layer 1 (1.tar), entry 1 "a": the PAX size "-1" is no decimal number`},
	{rule: "pax-malformed", layers: []string{"f a pax:mtime=x"}, refused: `layer 1 (1.tar), entry 1 "a": the PAX mtime "x" is no number of seconds`},
	{rule: "pax-length", layers: []string{"'x' x =\"9 uid=77\\nx y=z\\n9 gid=88\\n\"\nf a"}, refused: "layer 1 (1.tar), entry 1: a PAX record is not valid: its length is wrong", composefs: "f a uid=77"},
	{rule: "pax-length", layers: []string{"'x' x =\"9 uid=77\\n\\x00\\x00\"\nf a"}, refused: "layer 1 (1.tar), entry 1: a PAX record is not valid: its length is wrong", composefs: "f a uid=77"},
	{rule: "pax-no-key", layers: []string{"'x' x =\"5 =x\\n9 uid=77\\n\"\nf a"}, refused: `layer 1 (1.tar), entry 1: the PAX record "=x" is not valid`, composefs: "f a uid=77"},
	{rule: "pax-key-encoding", layers: []string{`f a pax:"\xff=1"`}, tree: "f a", composefs: "refused"},
	{rule: "time-negative", layers: []string{"f a mtime=-2\nf b mtime=-3 pax:mtime=4"}, tree: "f a mtime=-2\nf b mtime=4"},
	{rule: "time-negative", layers: []string{"f b pax:mtime=-2.5"}, tree: "f b mtime=-3 nsec=500000000", composefs: "refused"},
	{rule: "time-huge", layers: []string{"f a mtime=9223372036854775806\nf b pax:mtime=9223372036854775806"}, tree: "f a mtime=9223372036854775806\nf b mtime=9223372036854775806"},
	{rule: "time-huge", layers: []string{"f b pax:mtime=9223372036854775808"}, refused: `layer 1 (1.tar), entry 1 "b": the PAX mtime "9223372036854775808" is no number of seconds`, composefs: "f b mtime=-9223372036854775808"},
	{rule: "time-huge", layers: []string{"f b pax:mtime=18446744073709551616"}, refused: `layer 1 (1.tar), entry 1 "b": the PAX mtime "18446744073709551616" is no number of seconds`},
	{rule: "time-huge", layers: []string{`f a @136="\x80\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x05"`}, refused: `layer 1 (1.tar), entry 1 "a": the mtime 80 00 00 01 00 00 00 00 00 00 00 05 is out of range`, composefs: "f a mtime=5"},
	{rule: "time-fraction", layers: []string{"f a pax:mtime=1.+5\nf b pax:mtime=1.5x"}, tree: "f a mtime=1 nsec=50000000\nf b mtime=1"},
	{rule: "time-fraction", layers: []string{`f a pax:"mtime=1.\xff"`}, refused: `layer 1 (1.tar), entry 1 "a": the PAX mtime "1.\xff" is no number of seconds`},
	{rule: "time-fraction", layers: []string{`f a pax:"mtime=1.12345678\u00e9"`}, refused: `layer 1 (1.tar), entry 1 "a": the PAX mtime "1.12345678é" is no number of seconds`},
	{rule: "base-256", layers: []string{"f a uid=2097152 gid=4294967295 mtime=8589934592"}, tree: "f a uid=2097152 gid=4294967295 mtime=8589934592"},
	{rule: "base-256", layers: []string{`c a @329="\x80\x00\x00\x00\x00\x00\x00\x01"`}, tree: "c a dev=1,0", composefs: "refused"},
	{rule: "number-malformed", layers: []string{"f a mode=-1"}, refused: `layer 1 (1.tar), entry 1 "a": the mode is -1, below zero`, composefs: "/a 0 37777777777 1 0 0 0 0.0 - - -"},
	{rule: "number-malformed", layers: []string{`f a @108="+000007\x00"`}, refused: `layer 1 (1.tar), entry 1 "a": the uid "+000007`, composefs: "f a uid=7"},
	{rule: "number-malformed", layers: []string{"f a uid=-1"}, refused: `layer 1 (1.tar), entry 1 "a": the uid is -1, below zero`, composefs: "f a uid=4294967295"},
	{rule: "number-malformed", layers: []string{`f a @108="\x007\x00"`}, refused: `layer 1 (1.tar), entry 1 "a": the uid "\x007`, composefs: "f a"},
	{rule: "number-malformed", layers: []string{`f a @108="\t7\n\x00"`}, refused: `layer 1 (1.tar), entry 1 "a": the uid "\t7\n`, composefs: "f a uid=7"},
	{rule: "number-malformed", layers: []string{`d a @329="7\n\x00" @337="+7\x00"`}, refused: `layer 1 (1.tar), entry 1 "a": the devmajor "7\n`, composefs: "d a"},
	{rule: "number-malformed", layers: []string{`f a @124="\x80\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00"`}, refused: `layer 1 (1.tar), entry 1 "a": the size 80 00 00 01 00 00 00 00 00 00 00 00 is out of range`, composefs: "f a"},
	{rule: "number-malformed", layers: []string{"f a"}, change: func(a []byte) []byte { a[148] = '+'; return a }, refused: `layer 1 (1.tar), entry 1: block at byte 0: this is no tar header: the checksum "+`, composefs: "f a"},
	{rule: "number-malformed", layers: []string{"f a pax:uid=9223372036854775815"}, refused: `layer 1 (1.tar), entry 1 "a": the PAX uid "9223372036854775815" is no decimal number of 63 bits`, composefs: "f a uid=7"},
	{rule: "number-malformed", layers: []string{"f a"}, change: field(100, "0o644\x00"), refused: `layer 1 (1.tar), entry 1 "a": the mode "0o644`},
	{rule: "id-over-32-bits", layers: []string{"f a uid=4294967297 pax:gid=8589934594"}, tree: "f a uid=1 gid=2"},
	{rule: "mode-bits", layers: []string{"f a mode=107755\nd d mode=41777"}, tree: "f a mode=7755\nd d mode=1777"},
	{rule: "device-number", layers: []string{"c a dev=4095,1048575"}, tree: "c a dev=4095,1048575"},
	{rule: "device-number", layers: []string{"f x\nc a dev=4096,0"}, refused: `layer 1 (1.tar), entry 2 "a": the device number 4096:0 does not fit`},
	{rule: "xattr-limits", layers: []string{"f a pax:SCHILY.xattr.user." + strings.Repeat("n", 251) + "=1"}, refused: `layer 1 (1.tar), entry 1 "a": an xattr name has 1 to 255 bytes`, composefs: "/a 0 100644 1 0 0 0 0.0 - - - user." + strings.Repeat("n", 251) + "=1"},
	{rule: "xattr-limits", layers: []string{"f a pax:SCHILY.xattr.=1"}, refused: `layer 1 (1.tar), entry 1 "a": an xattr name has 1 to 255 bytes`, composefs: "f a"},
	{rule: "xattr-limits", layers: []string{`f a pax:"SCHILY.xattr.user.a\x00b=1"`}, refused: `layer 1 (1.tar), entry 1 "a": an xattr name has 1 to 255 bytes`, composefs: `/a 0 100644 1 0 0 0 0.0 - - - user.a\x00b=1`},
	{rule: "xattr-limits", layers: []string{"f a pax:SCHILY.xattr.user.a=" + strings.Repeat("v", 65536)}, refused: `layer 1 (1.tar), entry 1 "a": xattr "user.a" has 65536 bytes, the limit is 65535`, composefs: "/a 0 100644 1 0 0 0 0.0 - - - user.a=" + strings.Repeat("v", 65536)},
	{rule: "size-without-content", layers: []string{"d d size=4096\nl l ->x size=7\nf a =x"}, tree: "f a =x\nd d\nl l ->x", composefs: "refused"},
	{rule: "size-without-content", layers: []string{"d d size=512\nf a\nl l ->x size=7\nf b =x\nf c =y"}, tree: "f a\nf b =x\nf c =y\nd d\nl l ->x", composefs: "refused"},
	{rule: "size-without-content", layers: []string{"d d size=512\nf a\nl l ->x size=513\nf b =x\nf c =y"}, tree: "f a\nf b =x\nf c =y\nd d\nl l ->x", composefs: "f c =y\nd d\nl l ->x"},
	{rule: "size-without-content", layers: []string{"d d size=512\nf a =" + strconv.Quote(string(layers.Tar("f planted uid=5")[:512])) + "\nf b"}, tree: "f a size=512\nf b\nd d", composefs: "f b\nd d\nf planted uid=5"},
	{rule: "size-without-content", layers: []string{"d d size=512\nf a =" + strconv.Quote(strings.Repeat("\x00", 512)) + "\nf b"}, tree: "f a size=512\nf b\nd d", composefs: "f b\nd d"},
	{rule: "size-without-content", layers: []string{"d d size=512\nf a =" + strings.Repeat("x", 512) + "\nf b"}, tree: "f a size=512\nf b\nd d", composefs: "refused"},
	{rule: "size-without-content", layers: []string{"d d size=512\nf a\nf c pax:mtime=1.5 pax:mtime=200.7"}, tree: "f a\nf c mtime=200 nsec=700000000\nd d", composefs: "f c mtime=200 nsec=500000000\nd d"},
	{rule: "unknown-type", layers: []string{"f a\n'V' volume"}, refused: `layer 1 (1.tar), entry 2 "volume": entries of type 'V' are not supported`},
	{rule: "unknown-type", layers: []string{"'M' a"}, refused: `layer 1 (1.tar), entry 1 "a": entries of type 'M' are not supported`},

	{rule: "size-without-content", layers: []string{"d d size=512"}, change: func(a []byte) []byte {
		return slices.Concat(a[:512], bytes.Repeat([]byte("x"), 512), layers.Tar("f b"))
	}, refused: "layer 1 (1.tar), entry 2: block at byte 512: this is no tar header: the checksum", composefs: "f b\nd d"},
	{rule: "ustar-version", layers: []string{`f a @263="01"`}, tree: "f a"},
	{rule: "ustar-version", layers: []string{`f a @263="01" @345="p"`}, refused: `layer 1 (1.tar), entry 1: block at byte 0: the version "01" of the ustar format is not known: tools disagree what it has`, composefs: "f a"},
	{rule: "ustar-version", layers: []string{`c a dev=1,3 @263="01"`}, refused: `layer 1 (1.tar), entry 1: block at byte 0: the version "01" of the ustar format is not known`},
	{rule: "checksum", layers: []string{"f a\nf b"}, change: func(a []byte) []byte { a[512] = 'c'; return a }, refused: "layer 1 (1.tar), entry 2: block at byte 512: this is no tar header: its checksum is"},
	{rule: "checksum-signed", layers: []string{`f "\xe9\xe8" @148=007116`}, tree: "f \xe9\xe8", composefs: "refused"},
	{rule: "truncated", layers: []string{"f a =abc"}, change: cut(514), refused: "layer 1 (1.tar), entry 1 \"a\": the archive ends in the middle of an entry: it is truncated"},
	{rule: "truncated", layers: []string{"f a =abc"}, change: cut(600), refused: "layer 1 (1.tar), entry 2: the archive ends in the middle of an entry: it is truncated"},
	{rule: "truncated", layers: []string{"f a =abc\nf b"}, change: cut(1100), refused: "layer 1 (1.tar), entry 2: the archive ends in the middle of an entry: it is truncated"},
	{rule: "no-end", layers: []string{"f a =abc\nf b"}, change: cut(1024), refused: "layer 1 (1.tar): the archive ends without the two zero blocks", composefs: "f a =abc"},
	{rule: "no-end", layers: []string{"f a =abc\nf b"}, change: cut(1536), refused: "layer 1 (1.tar): the archive ends without the two zero blocks", composefs: "refused"},
	{rule: "one-zero-block", layers: []string{"f a"}, change: cut(1024), tree: "f a", composefs: "refused"},
	{rule: "zero-block-inside", layers: []string{"f a"}, change: func(a []byte) []byte { return append(a[:1024:1024], layers.Tar("f b")...) }, refused: "layer 1 (1.tar), entry 2: a zero block at byte 512 is followed by other data", composefs: "f a\nf b"},
	{rule: "trailing-data", layers: []string{"f a"}, change: func(a []byte) []byte { return append(a, layers.Tar("f b")...) }, tree: "f a"},
	{rule: "gzip-members", layers: []string{"f a\nf b =x"}, store: func(a []byte) []byte { return gzipMembers(a[:700], a[700:]) }, tree: "f a\nf b =x"},
	{rule: "gzip-members", layers: []string{"f a\nf b =x"}, store: func(a []byte) []byte { return append(zstdFrame(a[:700]), zstdFrame(a[700:])...) }, tree: "f a\nf b =x"},
	{rule: "compressed-trailing-data", layers: []string{"f a"}, store: func(a []byte) []byte { return append(gzipMembers(a), "trailing"...) }, refused: "layer 1 (1.tar): the compressed data is damaged, or followed by other data"},
	{rule: "compressed-truncated", layers: []string{"f a =" + strings.Repeat("x", 5000)}, store: func(a []byte) []byte { z := gzipMembers(a); return z[:len(z)-9] }, refused: "layer 1 (1.tar): the compressed data is damaged, or followed by other data: unexpected EOF"},
	{rule: "compressed-damaged", layers: []string{"f a"}, store: func(a []byte) []byte { z := gzipMembers(a); z[len(z)-5] ^= 1; return z }, refused: "layer 1 (1.tar): the compressed data is damaged"},
	{rule: "other-compression", layers: []string{"f a"}, store: func([]byte) []byte { return []byte("BZh91AY&SY") }, refused: "layer 1 (1.tar): bzip2 and xz are no compressions that layers have"},
}

// deepDirectories are so many, each in the one before, with the longest names.
func deepDirectories(n int) string {
	var spec strings.Builder
	path := strings.Repeat("d", 255)
	for range n {
		fmt.Fprintf(&spec, "d d pax:path=%s\n", path)
		path += "/" + strings.Repeat("d", 255)
	}
	return spec.String()
}

// field puts bytes into the first header.
func field(at int, value string) func([]byte) []byte {
	return func(archive []byte) []byte {
		copy(archive[at:], value)
		layers.Resum(archive[:512])
		return archive
	}
}

func cut(at int) func([]byte) []byte { return func(archive []byte) []byte { return archive[:at] } }

func gzipMembers(parts ...[]byte) []byte {
	var t testing.T
	return blobs.Gzip(&t, parts...)
}

func zstdFrame(data []byte) []byte {
	var t testing.T
	return blobs.Zstd(&t, data)
}

// archives are those of a case, and the last one as it is stored.
func (c *hostileCase) archives() (all layers.Archives, stored []byte) {
	for _, spec := range c.layers {
		all = append(all, layers.Tar(spec))
	}
	last := &all[len(all)-1]
	if c.change != nil {
		*last = c.change(*last)
	}
	if c.store != nil {
		return all, c.store(bytes.Clone(*last))
	}
	return all, *last
}

func (c *hostileCase) load(t *testing.T) (*canon.Tree, error) {
	t.Helper()
	img := &image.Image{}
	archives, stored := c.archives()
	archives[len(archives)-1] = stored
	for i, archive := range archives {
		img.Blobs = append(img.Blobs, blob.Blob{Layer: &canon.Layer{Index: i + 1, Name: fmt.Sprintf("%d.tar", i+1)}, Size: -1, Open: blobs.Opener(archive)})
	}
	got, err := merged(t, img, limits.Default())
	if err != nil {
		return nil, err
	}
	return got.Tree, nil
}

func TestHostileLayers(t *testing.T) {
	for i, c := range hostileCases {
		t.Run(fmt.Sprintf("%s/%d", c.rule, i), func(t *testing.T) {
			tree, err := c.load(t)
			switch {
			case c.refused != "":
				if err == nil || !strings.HasPrefix(err.Error(), c.refused) {
					t.Errorf("error %v\nwant  %s", err, c.refused)
				}
			case err != nil:
				t.Error(err)
			case trees.Text(tree) != trees.Lines(c.tree):
				t.Errorf("got\n%swant\n%s", trees.Text(tree), trees.Lines(c.tree))
			}
		})
	}
}

// TestRulesAreDocumented: each rule of LAYERS.md has a case, each case a rule, and what
// the document says is refused is refused: by all cases of the rule if that is what a
// column begins with.
func TestRulesAreDocumented(t *testing.T) {
	text, err := os.ReadFile("LAYERS.md")
	if err != nil {
		t.Fatal(err)
	}
	type row struct{ composefs, own string }
	documented := map[string]row{}
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z0-9][a-z0-9.-]+)` \\|[^|]*\\| ([^|]+) \\|(?:[^|]*\\|){1,2} ([^|]+) \\|$").FindAllSubmatch(text, -1) {
		documented[string(m[1])] = row{string(m[2]), string(m[3])}
	}
	type refusals struct{ composefs, own []bool }
	refused := map[string]*refusals{}
	add := func(rule string, composefs, own bool) {
		if refused[rule] == nil {
			refused[rule] = &refusals{}
		}
		r := refused[rule]
		r.composefs, r.own = append(r.composefs, composefs), append(r.own, own)
	}
	for _, c := range hostileCases {
		_, composefs := c.byComposefs()
		add(c.rule, composefs, c.refused != "")
	}
	for _, c := range hostileImages {
		if c.composefs != "untried" {
			add(c.rule, c.byComposefs(), c.refused != "")
		}
	}
	for _, c := range hostileDocuments {
		add(c.rule, c.cfsctl == refuses, c.refused != "")
	}
	for rule, cases := range refused {
		what, ok := documented[rule]
		if !ok {
			t.Errorf("%s is not in LAYERS.md", rule)
			continue
		}
		if strings.HasPrefix(what.own, "refused") == slices.Contains(cases.own, false) {
			t.Errorf("%s: LAYERS.md says %q, but refused are %v", rule, what.own, cases.own)
		}
		all, some := !slices.Contains(cases.composefs, false), slices.Contains(cases.composefs, true)
		if strings.HasPrefix(what.composefs, "refused") != all || strings.Contains(what.composefs, "refused") != some {
			t.Errorf("%s: LAYERS.md says that composefs-rs does %q, but refused are %v", rule, what.composefs, cases.composefs)
		}
	}
	for rule := range documented {
		if refused[rule] == nil {
			t.Errorf("no test has the rule %s", rule)
		}
	}
}

// TestHostileBytes: whatever byte of an archive is another one, it is read or
// refused, and not differently the second time.
func TestHostileBytes(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes seconds")
	}
	whole := layers.Tar("d d pax:SCHILY.xattr.user.x=1\nf d/f =content mtime=9\nh d/h ->d/f\nl l ->d")
	for i := range whole {
		for _, b := range []byte{0xff, whole[i] ^ 1} {
			archive := bytes.Clone(whole)
			archive[i] = b
			c := hostileCase{layers: []string{"d d"}, change: func([]byte) []byte { return archive }}
			tree, err := c.load(t)
			again, err2 := c.load(t)
			if (err == nil) != (err2 == nil) || err == nil && trees.Text(tree) != trees.Text(again) {
				t.Fatalf("byte %d as %d: %v, then %v", i, b, err, err2)
			}
			if err == nil {
				if err := tree.Validate(); err != nil {
					t.Fatalf("byte %d as %d: %v", i, b, err)
				}
			}
		}
	}
}

// merged reads an image and makes its tree.
func merged(t *testing.T, img *image.Image, most limits.Limits) (*layer.Merged, error) {
	t.Helper()
	read, err := img.Layers(t.Context(), image.ReadOptions{ReadOptions: layer.ReadOptions{Hash: fsverity.SHA256}, Limits: most})
	if err != nil {
		return nil, err
	}
	return layer.Merge(read, layer.RulesOCI)
}
