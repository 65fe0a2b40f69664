package lint

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cfsverify/canon/tarfile"
	"cfsverify/importers/layer"
	"cfsverify/testdata/layers"
)

// lintCases have for each rule layers that depart from it, and what is said of
// that rule: layer:entry, path and detail.
var lintCases = []struct {
	rule   tarfile.Rule
	layers []string
	// change, if set, changes the bytes of the first layer.
	change func([]byte) []byte
	want   string
}{
	{rule: tarfile.RefusedEntry, layers: []string{"l a ->b\nf a/x\nh c ->none\nf d"}, want: "1:2 /a/x its parent is a symlink by entry 1 of the same layer, \"a\": tools disagree what this means\n1:3 /c the hardlink's target \"none\" is not there"},
	{rule: tarfile.MissingParent, layers: []string{"d a\nd a/b\nf a/b/c", "f a/b/x\nf a/b/y\nf n/.wh.x"}, want: "2:1 /a needed for \"/a/b/x\"\n2:1 /a/b needed for \"/a/b/x\"\n2:3 /n needed for \"/n/.wh.x\""},
	{rule: tarfile.ParentOrder, layers: []string{"d a\nf b/x\nd b", "f a/x\nd a"}, want: "1:2 /b needed for \"/b/x\", and entry 3"},
	{rule: tarfile.ThroughLower, layers: []string{"l lib ->usr\nf f", "f lib/x\nf f/y"}, want: "2:1 /lib/x \"/lib\" is a symlink of layer 1 (1.tar)\n2:2 /f/y \"/f\" is a file of layer 1 (1.tar)"},
	{rule: tarfile.DuplicateEntry, layers: []string{"d d\nf a\nf ./a\nf n/x\nf n", "f d/x\nf d\nd /\nd ./"}, want: "1:3 /a entry 2 is of the same path\n1:5 /n entry 4 needs it as a directory\n2:2 /d entry 1 needs it as a directory\n2:4 / entry 3 is of the same path"},
	{rule: tarfile.WhiteoutOrder, layers: []string{"f a\nd b\nf b/x\nf c", "f .wh.a\nf a\nf .wh.b\nf b/y\nf .wh.c"}, want: "2:1 /a entry 2 is \"/a\"\n2:3 /b entry 4 is \"/b/y\""},
	{rule: tarfile.WhiteoutOfNothing, layers: []string{"d d\nf d/x\nf a", "f .wh.a\nf .wh.none\nf d/.wh..wh..opq\nf d/.wh.x\nf a/.wh.y"}, want: "2:2 /none no layer below has it\n2:4 /d/x another marker of the layer hides it\n2:5 /a/y no layer below has it"},
	{rule: tarfile.OpaqueOrder, layers: []string{"d d\nf d/x\nd e", "f d/.bashrc\nf d/.wh..wh..opq\nf e/.wh..wh..opq\nf e/y"}, want: "2:2 /d entry 1 is \"/d/.bashrc\""},
	{rule: tarfile.OpaqueRoot, layers: []string{"f a", "f .wh..wh..opq"}, want: "2:1 / "},
	{rule: tarfile.HardlinkTargetOrder, layers: []string{"h b ->a\nf a"}, want: "1:1 /b its target is entry 2"},
	{rule: tarfile.HardlinkToLower, layers: []string{"f a", "h b ->a\nf c\nh d ->c"}, want: "2:1 /b \"/a\" is of layer 1 (1.tar)"},
	{rule: tarfile.HardlinkHeader, layers: []string{"f a mode=600 mtime=1 pax:SCHILY.xattr.user.a=1\nh b ->a mode=600 mtime=1\nh c ->b mode=644 uid=1 mtime=2 pax:SCHILY.xattr.user.a=2"}, want: "1:3 /c mode 0644, owner 1:0, mtime, xattr \"user.a\", unlike \"/b\""},
	{rule: tarfile.WhiteoutDevice, layers: []string{"c a dev=0,0\nc b dev=0,1\nb c dev=0,0"}, want: "1:1 /a "},
	{rule: tarfile.GlobalHeader, layers: []string{"'g' global =\"13 comment=x\\n\"\nf a\n'g' global =\"19 canonical-tar=1\\n\"\nf b"}, want: "1:0  \"13 comment=x\"\n1:0  \"19 canonical-tar=1\""},
	{rule: tarfile.EndOfArchive, layers: []string{"f a"}, change: func(b []byte) []byte { return b[:len(b)-512] }, want: "1:0  there is one zero block"},
	{rule: tarfile.EndOfArchive, layers: []string{"f a"}, change: func(b []byte) []byte { return b[:len(b)-1024] }, want: "1:0  there is no zero block"},
	{rule: tarfile.TrailingData, layers: []string{"f a"}, change: func(b []byte) []byte { return append(b, make([]byte, 8192)...) }, want: "1:0  8192 bytes"},
	{rule: tarfile.MissingRoot, layers: []string{"d ./\nf a", "f a"}, want: "2:0 / "},
	{rule: tarfile.EntryOrder, layers: []string{"d a\nf a-b\nf a/x\nf b\nd ./"}, want: "1:3 /a/x it comes before \"/a-b\"\n1:5 / it comes before \"/b\""},
	{rule: tarfile.HardlinkTarget, layers: []string{"f b\nh a ->b\nh c ->b\nh d ->a"}, want: "1:2 /a \"/b\" instead of \"/a\"\n1:3 /c \"/b\" instead of \"/a\""},
	{rule: tarfile.MarkerForm, layers: []string{"f a\nf b\nf c\nf d", "f .wh.a\nf .wh.b mode=600\nl .wh.c ->x\nf .wh.d mtime=1"}, want: "2:2 /.wh.b \n2:3 /.wh.c \n2:4 /.wh.d "},
	{rule: tarfile.AUFSName, layers: []string{"d .wh..wh.plnk\nf .wh..wh.plnk/x"}, want: "1:1 /.wh..wh.plnk \n1:2 /.wh..wh.plnk/x "},
	{rule: tarfile.OpaqueMarker, layers: []string{"d d\nf d/.wh..wh..opq"}, want: "1:2 /d "},
	{rule: tarfile.CanonicalMark, layers: []string{"f a", "'g' pax_global_header =\"19 canonical-tar=1\\n\"\nf a", "'g' g =\"29 composefs.canonical-tar=1\\n\"\nf a"}, want: "1:0  \n3:0  \"composefs.canonical-tar\", the key of February 2026"},

	{rule: tarfile.SubsecondMtime, layers: []string{"f a pax:mtime=1.5\nf b mtime=1"}, want: "1:1 /a 1.5"},
	{rule: tarfile.MtimeRange, layers: []string{"f a mtime=-1\nf b pax:mtime=9223372036.854775807\nf c pax:mtime=9223372036.854775808"}, want: "1:1 /a -1\n1:3 /c 9223372036.854775808"},
	{rule: tarfile.OwnerRange, layers: []string{"f a uid=4294967295\nf b uid=4294967294\nf c gid=4294967296"}, want: "1:1 /a 4294967295:0\n1:3 /c 0:4294967296"},
	{rule: tarfile.SymlinkMode, layers: []string{"l a ->x mode=755\nl b ->x"}, want: "1:1 /a 0755"},
	{rule: tarfile.XattrEncoding, layers: []string{"f a pax:LIBARCHIVE.xattr.user.a=MQ== pax:SCHILY.acl.access=user::rw-\nf b pax:SCHILY.xattr.user.b=1"}, want: "1:1 /a \"LIBARCHIVE.xattr.user.a\"\n1:1 /a \"SCHILY.acl.access\""},
	{rule: tarfile.XattrEmpty, layers: []string{"f a pax:SCHILY.xattr.user.a="}, want: "1:1 /a \"user.a\""},
	{rule: tarfile.XattrUnsettable, layers: []string{"f a pax:SCHILY.xattr.other.a=1 pax:SCHILY.xattr.trusted.=1 pax:SCHILY.xattr.security.capability=x\nl b ->x pax:SCHILY.xattr.user.a=1 pax:SCHILY.xattr.trusted.a=1"},
		want: "1:1 /a \"other.a\": Linux knows no such namespace\n1:1 /a \"security.capability\": 1 bytes that are no file capability of version 2 or 3\n1:1 /a \"trusted.\": it has no name in its namespace\n1:2 /b \"user.a\": only files and directories have user xattrs"},
	{rule: tarfile.XattrHost, layers: []string{"f a pax:SCHILY.xattr.security.selinux=x pax:SCHILY.xattr.trusted.overlay.opaque=y pax:SCHILY.xattr.security.capability=x"}, want: "1:1 /a \"security.selinux\"\n1:1 /a \"trusted.overlay.opaque\""},
	{rule: tarfile.CapabilityVersion, layers: []string{`f a pax:"SCHILY.xattr.security.capability=\x01\x00\x00\x03` + strings.Repeat(`\x00`, 20) + "\"\n" + `f b pax:"SCHILY.xattr.security.capability=\x01\x00\x00\x02` + strings.Repeat(`\x00`, 16) + "\"\n" + `f c pax:"SCHILY.xattr.security.capability=\x01\x00\x00\x03` + strings.Repeat(`\x00`, 19) + "\\x01\""},
		want: "1:1 /a of version 3, for the root user of the first user namespace, which the kernel stores as version 2\n1:3 /c of version 3, for another user namespace"},
	{rule: tarfile.ACL, layers: []string{
		"f a mode=640 " + layers.ACL("access", "u=6 g=4 o=0") + " pax:SCHILY.xattr.user.a=1\nf b mode=4644 " + layers.ACL("access", "u=6 g=4 o=0") + "\nd c " + layers.ACL("default", "u=6 g=4 o=0") + "\nl d ->x " + layers.ACL("access", "u=6 g=4 o=0"),
		"f e mode=640 " + layers.ACL("access", "u=6 g=14 o=0") + "\nf f pax:SCHILY.xattr.system.posix_acl_access= pax:\"SCHILY.xattr.system.posix_acl_default=\\x02\\x00\\x00\\x00\""},
		want: "1:1 /a \"system.posix_acl_access\": it says no more than the mode, and is not kept\n1:2 /b \"system.posix_acl_access\": the mode becomes 4640\n1:3 /c \"system.posix_acl_default\"\n1:4 /d \"system.posix_acl_access\"\n2:1 /e \"system.posix_acl_access\"\n2:2 /f \"system.posix_acl_access\"\n2:2 /f \"system.posix_acl_default\""},
	{rule: tarfile.XattrUnsettable, layers: []string{
		"f a " + layers.ACL("access", "u=6 g=14 o=0") + "\nf b " + layers.ACL("default", "u=6 g=4 o=0") + "\nl c ->x " + layers.ACL("access", "u=6 g=4 o=0") + "\nf d pax:SCHILY.xattr.system.posix_acl_access=acl\nf e " + layers.ACL("access", "u=6 g=4 o=0")},
		want: "1:1 /a \"system.posix_acl_access\": the ACL has the unknown permissions 014\n1:2 /b \"system.posix_acl_default\": only directories have a default ACL\n1:3 /c \"system.posix_acl_access\": symlinks have no ACL\n1:4 /d \"system.posix_acl_access\": 3 bytes are no ACL"},
	{rule: tarfile.XattrSize, layers: []string{"f a pax:SCHILY.xattr.user.a=" + strings.Repeat("x", 4040) + "\nf b pax:SCHILY.xattr.user.a=" + strings.Repeat("x", 4041) + "\nd c pax:SCHILY.xattr.user.a=" + strings.Repeat("x", 2000) + " pax:SCHILY.xattr.trusted.a=" + strings.Repeat("x", 2021)},
		want: "1:2 /b 4100 bytes, of which there are 4096\n1:3 /c 4100 bytes, of which there are 4096"},
	{rule: tarfile.SizeOfNothing, layers: []string{"d a size=4096\nd b"}, want: "1:1 /a 4096"},
	{rule: tarfile.ContiguousFile, layers: []string{"'7' a =x"}, want: "1:1 /a "},
	{rule: tarfile.TrailingSlash, layers: []string{"'\\x00' a/ magic=v7\nf b/"}, want: "1:1 /a \"a/\""},
	{rule: tarfile.PAXKey, layers: []string{"f a pax:\"\\xff=x\""}, want: "1:1 /a \"\\xff\""},
	{rule: tarfile.NameEncoding, layers: []string{"f \"\\xff\"\nf \"\\u00e9\""}, want: "1:1 /\xff "},

	{rule: tarfile.TarFormat, layers: []string{"f a magic=gnu\nf b magic=v7\nf c"}, want: "1:1 /a that of GNU tar\n1:2 /b the one before ustar"},
	{rule: tarfile.GNUExtension, layers: []string{"f a L=long magic=gnu\nl b ->x K=long"}, want: "1:1 /long a GNU long name\n1:2 /b a GNU long link target"},
	{rule: tarfile.PrefixField, layers: []string{"f ./a"}, change: func(b []byte) []byte { return set(b, 345, "dir") }, want: "1:1 /dir/a \"dir\""},
	{rule: tarfile.PathForm, layers: []string{"d ./\nd a\nf ./a/b\nf /a//c\nh ./a/d ->a/b\nh ./a/e ->./a/b\nd ./f/"}, want: "1:2 /a \"a\" instead of \"./a/\"\n1:4 /a/c \"/a//c\" instead of \"./a/c\"\n1:5 /a/d the target \"a/b\" instead of \"./a/b\""},
	{rule: tarfile.TypeFlag, layers: []string{"'\\x00' a\nf b"}, want: "1:1 /a '\\x00' instead of '0'"},
	{rule: tarfile.ModeBits, layers: []string{"f a mode=100644\nf b mode=4755"}, want: "1:1 /a 100644"},
	{rule: tarfile.OwnerName, layers: []string{"f a"}, change: func(b []byte) []byte { return set(b, 265, "root") }, want: "1:1 /a uname \"root\""},
	{rule: tarfile.OwnerName, layers: []string{"f a"}, change: func(b []byte) []byte { return set(b, 297, "wheel") }, want: "1:1 /a gname \"wheel\""},
	{rule: tarfile.DeviceField, layers: []string{"f a dev=1,2\nc b dev=1,2"}, want: "1:1 /a devmajor \"0000001\\x00\""},
	{rule: tarfile.LinkField, layers: []string{"f a ->b\nl c ->b"}, want: "1:1 /a \"b\""},
	{rule: tarfile.NumberForm, layers: []string{"f a"}, change: func(b []byte) []byte { return set(set(b, 100, "   644 \x00"), 136, "00000000000 ") }, want: "1:1 /a mode, mtime"},
	{rule: tarfile.NumberForm, layers: []string{"f a"}, change: func(b []byte) []byte { copy(b[148:156], "00"+string(b[148:154])); return b }, want: "1:1 /a checksum"},
	{rule: tarfile.NumberForm, layers: []string{"f a uid=3000000"}, want: "1:1 /a uid"},
	{rule: tarfile.NeedlessPAX, layers: []string{"f ./a pax:atime=1.5 pax:ctime=2 pax:mtime=1.5\nf ./b mtime=3 pax:mtime=3"}, want: "1:1 /a \"atime, ctime\"\n1:2 /b \"mtime\""},
	{rule: tarfile.PAXForm, layers: []string{"f ./a pax:mtime=1.50\nf ./b pax:SCHILY.xattr.user.a=1 pax:mtime=1.5\nf ./c pax:mtime=1.5 pax:mtime=1.5\nf ./d pax:mtime=1.5"}, want: "1:1 /a \"mtime has another form\"\n1:2 /b \"the order is another one\"\n1:3 /c \"mtime is there twice\""},
	{rule: tarfile.PAXHeader, layers: []string{"f ./a pax:mtime=1.5"}, want: "1:1 /a name \"extension\", mode"},
	{rule: tarfile.Padding, layers: []string{"f a =x"}, change: func(b []byte) []byte { b[1023] = 1; return b }, want: "1:1 /a behind the content"},
	{rule: tarfile.Padding, layers: []string{"f a pax:mtime=1.5"}, change: func(b []byte) []byte { b[1023] = 1; return b }, want: "1:1 /a behind the PAX records"},
	{rule: tarfile.Padding, layers: []string{"'g' g =\"19 canonical-tar=1\\n\"\nf a"}, change: func(b []byte) []byte { b[1023] = 1; return b }, want: "1:0  behind a global PAX header"},
	{rule: tarfile.UnusedBytes, layers: []string{"f a"}, change: func(b []byte) []byte { return set(b, 510, "x") }, want: "1:1 /a \"\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00x\\x00\""},
	{rule: tarfile.HeaderBytes, layers: []string{"d ./\nf ./a"}, change: func(b []byte) []byte { return append(b[:512:512], set(b[512:], 4, "x")...) }, want: "1:2 /a name"},
}

// set writes into the archive's first header.
func set(archive []byte, at int, text string) []byte {
	copy(archive[at:], text)
	layers.Resum(archive)
	return archive
}

func TestLintRules(t *testing.T) {
	covered := map[tarfile.Rule]bool{}
	for _, c := range lintCases {
		covered[c.rule] = true
		var archives [][]byte
		for i, spec := range c.layers {
			archive := layers.Tar(spec)
			if i == 0 && c.change != nil {
				archive = c.change(archive)
			}
			archives = append(archives, archive)
		}
		_, found, err := lintArchives(archives...)
		if err != nil {
			t.Errorf("%s: %v", c.rule, err)
			continue
		}
		var got []string
		for _, line := range strings.Split(departuresText(found), "\n") {
			if place, rest, found := strings.Cut(line, " "+string(c.rule)+" "); found {
				got = append(got, place+" "+rest)
			}
		}
		if diff := cmp.Diff(strings.Split(c.want, "\n"), got); diff != "" {
			t.Errorf("%s: want -, got +\n%s", c.rule, diff)
		}
	}
	for _, rule := range tarfile.Rules() {
		if !covered[rule] {
			t.Errorf("no case is for %s", rule)
		}
	}
}

// FuzzLint: whatever an archive is, lint ends, and what it finds is of rules that
// are known, in the order of entries.
func FuzzLint(f *testing.F) {
	for _, image := range layers.Hostile() {
		for _, spec := range image.Layers {
			f.Add(layers.Tar(spec), layers.Tar(image.Layers[0]))
		}
	}
	f.Fuzz(func(t *testing.T, lower, upper []byte) {
		read, found, err := lintArchives(lower, upper)
		if err != nil {
			return
		}
		silent := [2]bool{true, true}
		for i, d := range found {
			if d.Rule.Severity() == "" || d.Entry < 0 || d.Entry > read[d.Layer.Index-1].Len() {
				t.Errorf("%+v", d)
			}
			if i > 0 && found[i-1].Layer == d.Layer && found[i-1].Entry > d.Entry {
				t.Errorf("%+v comes after %+v", d, found[i-1])
			}
			silent[d.Layer.Index-1] = silent[d.Layer.Index-1] && d.Rule.InCanonical()
		}
		if !hasSeverity(found, tarfile.Equality) {
			if why := disagreement(t, read); why != "" {
				t.Errorf("%s, but nothing is said to lead to that:\n%s", why, departuresText(found))
			}
		}
		if !silent[0] || !silent[1] {
			return
		}
		for i, archive := range [][]byte{lower, upper} {
			tree, err := layer.Alone(read, i+1)
			if err != nil {
				t.Fatal(err)
			}
			var out bytes.Buffer
			marked := bytes.HasPrefix(archive, []byte("pax_global_header"))
			if tarfile.Write(&out, tree, tarfile.Options{Layer: true, NoGlobalHeader: !marked}) == nil && !bytes.Equal(out.Bytes(), archive) {
				t.Errorf("layer %d is not canonical, and nothing says so:\n%s", i+1, departuresText(found))
			}
		}
	})
}
