package tarfile_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cfsverify/canon/tarfile"
	"cfsverify/testdata/layers"
)

// x is the canonical extended header of the entry "a" with records KEY=VALUE.
func x(records ...string) string { return xOf("a", records...) }

func xOf(base string, records ...string) string {
	var data strings.Builder
	for _, r := range records {
		size := len(r) + len(" \n")
		for size != len(strconv.Itoa(size))+len(r)+len(" \n") {
			size++
		}
		fmt.Fprintf(&data, "%d %s\n", size, r)
	}
	return fmt.Sprintf("'x' PaxHeaders.0/%s =%q\n", base, data.String())
}

// lintCase is an entry with the path "a", or with the one that is given, and a
// hardlink's target "t". Its departures are "RULE: DETAIL" or just "RULE".
type lintCase struct {
	spec string
	want []string
	path string
}

// lintOf gives the departures of the last entry of a spec.
func lintOf(t *testing.T, c lintCase) []string {
	t.Helper()
	entries, _, err := readAll(layers.Tar(c.spec))
	if err != nil {
		t.Fatalf("%.100q: %v", c.spec, err)
	}
	path := c.path
	if path == "" {
		path = "a"
	}
	path = strings.TrimPrefix(path, "/")
	var got []string
	for _, d := range entries[len(entries)-1].raw.Lint(path, "t") {
		if d.Path != "/"+path || d.Layer != nil || d.Entry != 0 {
			t.Errorf("%.100q: departure of %q: %+v", c.spec, path, d)
		}
		got = append(got, departureText(d))
	}
	return got
}

func departureText(d tarfile.Departure) string {
	if d.Detail == "" {
		return string(d.Rule)
	}
	return string(d.Rule) + ": " + d.Detail
}

// canonicalCases are entries as the draft has them: nothing is to be told.
var canonicalCases = []lintCase{
	{spec: "d ./", path: "/"},
	{spec: "d ./a/ mode=1777 uid=5 gid=6 mtime=7"},
	{spec: "f ./a =content mode=4755 uid=2097151 gid=2097151 mtime=8589934591"},
	{spec: "f ./a"},
	{spec: "l ./a ->/any/../target//"},
	{spec: "h ./a ->./t mode=600 mtime=1"},
	{spec: "c ./a dev=1,3"},
	{spec: "b ./a dev=4095,1048575"},
	{spec: "p ./a"},
	{spec: x("uid=2097152", "gid=4294967294") + "f ./a"},
	{spec: x("mtime=8589934592") + "f ./a"},
	{spec: x("SCHILY.xattr.user.a=1", "SCHILY.xattr.user.b=\x00\n=") + "f ./a"},
	{spec: x("uid=2097152", "SCHILY.xattr.trusted.t=1") + "d ./a/"},
	{spec: x("SCHILY.xattr.trusted.t=1") + "l ./a ->x"},
	{spec: "f ./" + strings.Repeat("n", 98), path: strings.Repeat("n", 98)},
	{spec: xOf(strings.Repeat("n", 87), "path=./"+strings.Repeat("n", 99)) + "f ./" + strings.Repeat("n", 99), path: strings.Repeat("n", 99)},
	{spec: xOf("b", "path=./"+strings.Repeat("n", 99)+"/b") + "f ./" + strings.Repeat("n", 98), path: strings.Repeat("n", 99) + "/b"},
	{spec: xOf("a", "linkpath="+strings.Repeat("t", 101)) + "l ./a ->" + strings.Repeat("t", 100)},
	{spec: "l ./a ->" + strings.Repeat("t", 100)},
}

func TestLintOfCanonical(t *testing.T) {
	for _, c := range canonicalCases {
		if got := lintOf(t, c); got != nil {
			t.Errorf("%.100q: %q", c.spec, got)
		}
	}
}

// formCases depart in how they are written.
var formCases = []lintCase{
	// Formats, and names that are not where the canonical tar has them.
	{spec: "f ./a magic=gnu", want: []string{"tar-format: that of GNU tar"}},
	{spec: "f ./a magic=v7", want: []string{"tar-format: the one before ustar", `device-field: devmajor "\x00\x00\x00\x00\x00\x00\x00\x00"`}},
	{spec: `f ./a @263="0\x00"`, want: []string{`tar-format: ustar, version "0\x00"`}},
	{spec: "f ./b L=./a", want: []string{"gnu-extension: a GNU long name"}},
	{spec: "l ./a ->x K=y", want: []string{"gnu-extension: a GNU long link target"}},
	{spec: "f a @345=.", want: []string{`prefix-field: "."`}},
	{spec: "f ./a magic=gnu @345=p", want: []string{"tar-format: that of GNU tar"}},
	// Paths.
	{spec: "f a", want: []string{`path-form: "a" instead of "./a"`}},
	{spec: "f /a", want: []string{`path-form: "/a" instead of "./a"`}},
	{spec: "f .//a", want: []string{`path-form: ".//a" instead of "./a"`}},
	{spec: "f ./a/", want: []string{`path-form: "./a/" instead of "./a"`}},
	{spec: "d ./a", want: []string{`path-form: "./a" instead of "./a/"`}},
	{spec: "d .", path: "/", want: []string{`path-form: "." instead of "./"`}},
	{spec: "h ./a ->t", want: []string{`path-form: the target "t" instead of "./t"`}},
	{spec: "h a ->/t", want: []string{`path-form: "a" instead of "./a"`, `path-form: the target "/t" instead of "./t"`}},
	{spec: "'\\x00' ./a", want: []string{`type-flag: '\x00' instead of '0'`}},
	{spec: "'\\x00' ./a/", want: []string{`path-form: "./a/" instead of "./a"`, `trailing-slash: "./a/"`, `type-flag: '\x00' instead of '0'`}},
	{spec: "'7' ./a =x", want: []string{"contiguous-file"}},
	// Fields that mean nothing for the entry.
	{spec: "f ./a mode=100644", want: []string{"mode-bits: 100644"}},
	{spec: "d ./a/ size=4096", want: []string{"size-without-content: 4096"}},
	{spec: "l ./a ->x size=1", want: []string{"size-without-content: 1"}},
	{spec: "f ./a ->b", want: []string{`link-field: "b"`}},
	{spec: "d ./a/ ->b", want: []string{`link-field: "b"`}},
	{spec: "f ./a @265=root", want: []string{`owner-name: uname "root"`}},
	{spec: "f ./a @297=wheel", want: []string{`owner-name: gname "wheel"`}},
	{spec: "f ./a dev=1,3", want: []string{`device-field: devmajor "0000001\x00"`}},
	{spec: "f ./a dev=0,3", want: []string{`device-field: devminor "0000003\x00"`}},
	{spec: `h ./a ->./t @337=" "`, want: []string{`device-field: devminor " 000000\x00"`}},
	{spec: "f ./a @511=x", want: []string{`unused-bytes: "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00x"`}},
	{spec: "f ./a magic=gnu @511=x", want: []string{"tar-format: that of GNU tar"}},
	// Numbers.
	{spec: `f ./a @100="   644 \x00"`, want: []string{"number-form: mode"}},
	{spec: `f ./a @136="00000000000 "`, want: []string{"number-form: mtime"}},
	{spec: `f ./a @108="0000000 " @116="     0\x00\x00" @124="           0"`, want: []string{"number-form: uid, gid, size"}},
	{spec: `d ./a/ @124="00000000000 "`, want: []string{"number-form: size"}},
	{spec: `c ./a dev=1,3 @329="     1\x00\x00"`, want: []string{"number-form: devmajor"}},
	{spec: "f ./a uid=2097152", want: []string{"number-form: uid"}},
	{spec: x("uid=2097152") + "f ./a uid=2097152", want: []string{"number-form: uid"}},
	// What follows a name's end, and other parts of long names.
	{spec: "f ./a @4=x", want: []string{"header-bytes: name"}},
	{spec: `l ./a ->b @159=x`, want: []string{"header-bytes: linkname"}},
	{spec: "f ./a @266=x", want: []string{"header-bytes: uname"}},
	{spec: "f ./a @346=x", want: []string{"header-bytes: prefix"}},
	{spec: xOf(strings.Repeat("n", 87), "path=./"+strings.Repeat("n", 99)) + "f ./n", path: strings.Repeat("n", 99), want: []string{"header-bytes: name"}},
	// Extended headers.
	{spec: x("atime=1", "ctime=2.5") + "f ./a", want: []string{`needless-pax: "atime, ctime"`}},
	{spec: x("path=./a") + "f ./a", want: []string{`needless-pax: "path"`}},
	{spec: x("linkpath=x") + "l ./a ->x", want: []string{`needless-pax: "linkpath"`}},
	{spec: x("size=1") + "f ./a =x", want: []string{`needless-pax: "size"`}},
	{spec: x("uid=2097151", "gid=0") + "f ./a uid=2097151", want: []string{`needless-pax: "uid, gid"`}},
	{spec: x("mtime=3") + "f ./a mtime=3", want: []string{`needless-pax: "mtime"`}},
	{spec: x("mtime=8589934591") + "f ./a mtime=8589934591", want: []string{`needless-pax: "mtime"`}},
	{spec: x("SCHILY.xattr.user.a=1") + "h ./a ->./t", want: []string{`needless-pax: "SCHILY.xattr.user.a"`}},
	{spec: x("SCHILY.xattr.trusted.overlay.redirect=x") + "f ./a", want: []string{`needless-pax: "SCHILY.xattr.trusted.overlay.redirect"`, `xattr-host: "trusted.overlay.redirect"`}},
	{spec: x("uid=+2097152") + "f ./a", want: []string{`pax-form: "uid has another form"`}},
	{spec: x("uid=02097152") + "f ./a", want: []string{`pax-form: "uid has another form"`}},
	{spec: x("uid=2097152", "uid=2097152") + "f ./a", want: []string{`pax-form: "uid is there twice"`}},
	{spec: x("gid=2097152", "uid=2097152") + "f ./a", want: []string{`pax-form: "the order is another one"`}},
	{spec: x("SCHILY.xattr.user.b=1", "SCHILY.xattr.user.a=1") + "f ./a", want: []string{`pax-form: "the order is another one"`}},
	{spec: x("SCHILY.xattr.user.a=1", "uid=2097152") + "f ./a", want: []string{`pax-form: "the order is another one"`}},
	{spec: "'x' PaxHeaders.0/a =\"0017 uid=2097152\\n\"\nf ./a", want: []string{`pax-form: "uid has another form"`}},
	{spec: "'x' PaxHeaders.0/a\nf ./a", want: []string{`pax-form: "it is empty"`}},
	{spec: x("\xff=x") + "f ./a", want: []string{`pax-key: "\xff"`, `needless-pax: "\xff"`}},
	{spec: "'x' PaxHeaders.7/a =\"15 uid=2097152\\n\"\nf ./a", want: []string{`pax-header: name "PaxHeaders.7/a"`}},
	{spec: "'x' PaxHeaders.0/a mode=600 mtime=5 uid=1 gid=2 =\"15 uid=2097152\\n\"\nf ./a", want: []string{"pax-header: mode, uid, gid, mtime"}},
	{spec: "'x' PaxHeaders.0/a @265=root =\"15 uid=2097152\\n\"\nf ./a", want: []string{"pax-header: uname"}},
	{spec: "'x' PaxHeaders.0/a magic=gnu =\"15 uid=2097152\\n\"\nf ./a", want: []string{"pax-header: magic, version"}},
	{spec: x("LIBARCHIVE.xattr.user.a=MQ==") + "f ./a", want: []string{`xattr-encoding: "LIBARCHIVE.xattr.user.a"`}},
	{spec: x("SCHILY.acl.access=user::rw-", "SCHILY.fflags=nodump") + "f ./a", want: []string{`xattr-encoding: "SCHILY.acl.access"`, `xattr-encoding: "SCHILY.fflags"`}},
	{spec: x("RHT.security.selinux=x") + "f ./a", want: []string{`xattr-encoding: "RHT.security.selinux"`}},
}

func TestLintOfForms(t *testing.T) { checkLint(t, formCases) }

func checkLint(t *testing.T, cases []lintCase) {
	t.Helper()
	for _, c := range cases {
		if diff := cmp.Diff(c.want, lintOf(t, c)); diff != "" {
			t.Errorf("%.200q: want -, got +\n%s", c.spec, diff)
		}
	}
}

// TestLintCasesCoverRules: each rule that Lint or Mark can tell of has a case,
// and all others are those about several entries.
func TestLintCasesCoverRules(t *testing.T) {
	several := []tarfile.Rule{
		tarfile.RefusedEntry, tarfile.MissingParent, tarfile.ParentOrder, tarfile.ThroughLower, tarfile.DuplicateEntry, tarfile.WhiteoutOrder,
		tarfile.WhiteoutOfNothing, tarfile.OpaqueOrder, tarfile.OpaqueRoot, tarfile.HardlinkTargetOrder, tarfile.HardlinkToLower, tarfile.HardlinkHeader,
		tarfile.EndOfArchive, tarfile.MissingRoot, tarfile.EntryOrder, tarfile.HardlinkTarget, tarfile.MarkerForm, tarfile.AUFSName, tarfile.TrailingData, tarfile.OpaqueMarker,
	}
	covered := map[tarfile.Rule]bool{}
	for _, c := range slices.Concat(formCases, metadataCases, xattrCases, aclCases) {
		for _, w := range c.want {
			rule, _, _ := strings.Cut(w, ":")
			covered[tarfile.Rule(rule)] = true
		}
	}
	// TestMark and TestLintPadding have these.
	for _, rule := range []tarfile.Rule{tarfile.GlobalHeader, tarfile.CanonicalMark, tarfile.Padding} {
		covered[rule] = true
	}
	for _, rule := range tarfile.Rules() {
		if covered[rule] == slices.Contains(several, rule) {
			t.Errorf("%s: covered by a case of one entry is %v", rule, covered[rule])
		}
	}
}
