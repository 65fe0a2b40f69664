package dumpfile_test

import "strings"

// The rules are those of composefs-dump(5) and of mkcomposefs 1.0.8, which
// TestReferenceAccepts asks about each of these cases.

const (
	root   = "/ 0 40755 2 0 0 0 1.0 - - -\n"
	digest = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	object = "01/23456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
)

// repeat is s n times.
func repeat(s string, n int) string { return strings.Repeat(s, n) }

// accepted are dump files that strict and lenient parsing take alike.
var accepted = []struct {
	name string
	in   string
	// want is in, rewritten by hand into what Write makes of it.
	want string
	// ours is why mkcomposefs does not accept it, or makes another image of it.
	ours string
}{
	{name: "root only", in: root, want: root},
	{name: "nlink and size of directories do not matter", in: "/ 77 40755 99 0 0 0 1.0 - - -\n", want: root},
	{name: "missing fields are empty", in: root + "/f 0 100644 1 0 0 0 1.0\n/g 0 40700 1 0 0 0 1.0 -\n",
		want: root1("/f 0 100644 1 0 0 0 1.0 - - -\n/g 0 40700 2 0 0 0 1.0 - - -\n")},
	{name: "missing payload", in: root + "/p 0 10600 1 0 0 0 1.0\n", want: root + "/p 0 10600 1 0 0 0 1.0 - - -\n"},
	{name: "trailing space", in: root + "/f 0 100644 1 0 0 0 1.0 - - - \n", want: root + "/f 0 100644 1 0 0 0 1.0 - - -\n"},
	{name: "trailing space after an xattr", in: root + "/f 0 100644 1 0 0 0 1.0 - - - a=b \n", want: root + "/f 0 100644 1 0 0 0 1.0 - - - a=b\n"},

	{name: "numbers with sign and white space", in: root + "/f +0 \t100644 \v+1 \f0 \r0 -0 +1.\t0 - - -\n", want: root + "/f 0 100644 1 0 0 0 1.0 - - -\n"},
	{name: "leading zeros", in: root + "/f 000 000100644 01 010 08 0 01.01 - - -\n", want: root + "/f 0 100644 1 10 8 0 1.1 - - -\n"},
	{name: "negative numbers", in: root + "/f 0 100644 -1 -2 -3 0 1.-1 - - -\n", want: root + "/f 0 100644 4294967295 4294967294 4294967293 0 1.4294967295 - - -\n"},
	{name: "numbers of more than 32 bits", in: root + "/c 0 20644 4294967297 4294967298 4294967299 4294967300 1.4294967301 - - -\n",
		want: root + "/c 0 20644 1 2 3 4 1.5 - - -\n"},
	{name: "numbers of more than 64 bits", in: root + "/c 0 20644 18446744073709551616 99999999999999999999 -99999999999999999999 1 1.0 - - -\n",
		want: root + "/c 0 20644 4294967295 4294967295 4294967295 1 1.0 - - -\n"},
	{name: "the largest 64 bit number", in: root + "/p 18446744073709551615 10644 1 0 0 0 1.0 - - -\n", want: root + "/p 4294967296 10644 1 0 0 0 1.0 - - -\n"},
	{name: "mode bits beyond 16", in: root + "/f 0 37777100644 1 0 0 0 1.0 - - -\n", want: root + "/f 0 100644 1 0 0 0 1.0 - - -\n"},
	{name: "mode bits beyond 32", in: root + "/f 0 777777740000104755 1 0 0 0 1.0 - - -\n", want: root + "/f 0 104755 1 0 0 0 1.0 - - -\n"},
	{name: "gid and rdev are no numbers but uid is not 0", in: root + "/f 0 100644 1 5 x y 1.0 - - -\n", want: root + "/f 0 100644 1 5 0 0 1.0 - - -\n"},
	{name: "uid is 0 only after truncation", in: root + "/c 0 20644 1 4294967296 x 0 1.0 - - -\n", want: root + "/c 0 20644 1 0 0 0 1.0 - - -\n"},
	{name: "negative mtime", in: root + "/f 0 100644 1 0 0 0 -5.7 - - -\n", want: root + "/f 0 100644 1 0 0 0 -5.7 - - -\n"},
	{name: "mtime before the smallest", in: root + "/f 0 100644 1 0 0 0 9223372036854775808.0 - - -\n", want: root + "/f 0 100644 1 0 0 0 -9223372036854775808.0 - - -\n"},
	{name: "nanoseconds are a number, not a fraction", in: root + "/f 0 100644 1 0 0 0 1.5 - - -\n/g 0 100644 1 0 0 0 1.005 - - -\n",
		want: root + "/f 0 100644 1 0 0 0 1.5 - - -\n/g 0 100644 1 0 0 0 1.5 - - -\n"},
	{name: "nanoseconds beyond a second", in: root + "/f 0 100644 1 0 0 0 1.4000000000 - - -\n", want: root + "/f 0 100644 1 0 0 0 1.4000000000 - - -\n"},

	{name: "all escapes", in: root + `/a\\b\nc\rd\te\x7Ff\xfFg 0 100644 1 0 0 0 1.0 - - -` + "\n", want: root + `/a\\b\nc\rd\te\x7ff\xffg 0 100644 1 0 0 0 1.0 - - -` + "\n"},
	{name: "bytes without escapes", in: root + "/a\tb\rc\x80\xff\x01=\x7f 0 100644 1 0 0 0 1.0 - - -\n", want: root + `/a\tb\rc\x80\xff\x01=\x7f 0 100644 1 0 0 0 1.0 - - -` + "\n"},
	{name: "needless escapes", in: root + `/\x61\x2e 1 100644 1 0 0 0 1.0 - \x62 - \x63=\x64` + "\n", want: root + `/a. 1 100644 1 0 0 0 1.0 - b - c=d` + "\n"},
	{name: "an escaped NUL ends PATH", in: root + `/a\x00b 0 100644 1 0 0 0 1.0 - - -` + "\n", want: root + "/a 0 100644 1 0 0 0 1.0 - - -\n"},
	{name: "an escaped NUL ends PAYLOAD", in: root + `/a 1 120777 1 0 0 0 1.0 t\x00b - -` + "\n", want: root + "/a 1 120777 1 0 0 0 1.0 t - -\n"},
	{name: "an escaped NUL ends DIGEST", in: root + `/a 1 100644 1 0 0 0 1.0 - - ` + digest + `\x00b` + "\n", want: root + "/a 1 100644 1 0 0 0 1.0 - - " + digest + "\n"},
	{name: "an escaped NUL ends an xattr key", in: root + `/a 0 100644 1 0 0 0 1.0 - - - k\x00b=v` + "\n", want: root + "/a 0 100644 1 0 0 0 1.0 - - - k=v\n"},
	{name: "escaped NULs in CONTENT and xattr values", in: root + `/a 3 100644 1 0 0 0 1.0 - \x00b\x00 - k=\x00v\x00` + "\n", want: root + `/a 3 100644 1 0 0 0 1.0 - \x00b\x00 - k=\x00v\x00` + "\n"},
	{name: "a dash", in: root + `/- 1 100644 1 0 0 0 1.0 - \x2d - -=-` + "\n" + `/t 1 120777 1 0 0 0 1.0 \x2d - -` + "\n",
		want: root + `/- 1 100644 1 0 0 0 1.0 - \x2d - -=-` + "\n" + `/t 1 120777 1 0 0 0 1.0 \x2d - -` + "\n"},
	{name: "two dashes", in: root + `/f 2 100644 1 0 0 0 1.0 - -- -` + "\n" + `/t 2 120777 1 0 0 0 1.0 -- - -` + "\n",
		want: root + `/f 2 100644 1 0 0 0 1.0 - -- -` + "\n" + `/t 2 120777 1 0 0 0 1.0 -- - -` + "\n"},

	{name: "path without a leading slash", in: root + "f 0 100644 1 0 0 0 1.0 - - -\n", want: root + "/f 0 100644 1 0 0 0 1.0 - - -\n"},
	{name: "needless and escaped slashes", in: root + "//d 0 40755 2 0 0 0 1.0 - - -\n" + `///d//\x2ff 0 100644 1 0 0 0 1.0 - - -` + "\n" + `d\x2fg 0 100644 1 0 0 0 1.0 - - -` + "\n",
		want: root1("/d 0 40755 2 0 0 0 1.0 - - -\n/d/f 0 100644 1 0 0 0 1.0 - - -\n/d/g 0 100644 1 0 0 0 1.0 - - -\n")},
	{name: "escaped root", in: `\x2f 0 40755 2 0 0 0 1.0 - - -` + "\n", want: root},
	{name: "any order of siblings", in: root + "/b 0 40755 2 0 0 0 1.0 - - -\n/a 0 40755 2 0 0 0 1.0 - - -\n/b/z 0 10644 1 0 0 0 1.0 - - -\n/a/y 0 10644 1 0 0 0 1.0 - - -\n/b/a 0 10644 1 0 0 0 1.0 - - -\n",
		want: rootN(4, "/a 0 40755 2 0 0 0 1.0 - - -\n/a/y 0 10644 1 0 0 0 1.0 - - -\n/b 0 40755 2 0 0 0 1.0 - - -\n/b/a 0 10644 1 0 0 0 1.0 - - -\n/b/z 0 10644 1 0 0 0 1.0 - - -\n")},
	{name: "name with another as its beginning", in: root + "/a 0 40755 2 0 0 0 1.0 - - -\n/ab 0 40755 2 0 0 0 1.0 - - -\n/ab/x 0 10644 1 0 0 0 1.0 - - -\n/a/x 0 10644 1 0 0 0 1.0 - - -\n",
		want: rootN(4, "/a 0 40755 2 0 0 0 1.0 - - -\n/a/x 0 10644 1 0 0 0 1.0 - - -\n/ab 0 40755 2 0 0 0 1.0 - - -\n/ab/x 0 10644 1 0 0 0 1.0 - - -\n")},
	{name: "longest name", in: root + "/" + repeat("n", 255) + " 0 10644 1 0 0 0 1.0 - - -\n", want: root + "/" + repeat("n", 255) + " 0 10644 1 0 0 0 1.0 - - -\n"},

	{name: "every type", in: root + "/a 0 100644 1 0 0 0 1.0 - - -\n/b 0 60644 1 0 0 7 1.0 - - -\n/c 0 20644 1 0 0 8 1.0 - - -\n/d 0 40755 2 0 0 0 1.0 - - -\n/l 1 120777 1 0 0 0 1.0 t - -\n/p 0 10644 1 0 0 0 1.0 - - -\n/s 0 140644 1 0 0 0 1.0 - - -\n",
		want: root1("/a 0 100644 1 0 0 0 1.0 - - -\n/b 0 60644 1 0 0 7 1.0 - - -\n/c 0 20644 1 0 0 8 1.0 - - -\n/d 0 40755 2 0 0 0 1.0 - - -\n/l 1 120777 1 0 0 0 1.0 t - -\n/p 0 10644 1 0 0 0 1.0 - - -\n/s 0 140644 1 0 0 0 1.0 - - -\n")},
	{name: "small size of what has none", in: root + "/b 4294967295 60644 1 0 0 7 1.0 - - -\n/s 5 140644 1 0 0 0 1.0 - - -\n", want: root + "/b 0 60644 1 0 0 7 1.0 - - -\n/s 0 140644 1 0 0 0 1.0 - - -\n"},
	{name: "huge size of what has none", in: root + "/b 4294967297 60644 1 0 0 7 1.0 - - -\n", want: root + "/b 4294967296 60644 1 0 0 7 1.0 - - -\n"},
	{name: "huge size of a whiteout", in: root + "/w 4294967297 20644 1 0 0 0 1.0 - - -\n", want: root + "/w 0 20644 1 0 0 0 1.0 - - -\n"},
	{name: "a device number that truncation makes a whiteout", in: root + "/w 4294967297 20644 1 0 0 4294967296 1.0 - - -\n", want: root + "/w 0 20644 1 0 0 0 1.0 - - -\n"},
	{name: "payload and content of what has none", in: root + "/d 3 40755 2 0 0 0 1.0 pay abc -\n/p 3 10644 1 0 0 0 1.0 pay abc " + digest + "\n",
		want: root1("/d 0 40755 2 0 0 0 1.0 - - -\n/p 0 10644 1 0 0 0 1.0 - - -\n")},
	{name: "inline content makes payload and digest void", in: root + "/f 3 100644 1 0 0 0 1.0 pay abc " + digest + "\n", want: root + "/f 3 100644 1 0 0 0 1.0 - abc -\n"},
	{name: "empty files have no payload and digest", in: root + "/f 0 100644 1 0 0 0 1.0 pay - " + digest + "\n/g 0 100644 1 0 0 0 1.0 pay  -\n", want: root + "/f 0 100644 1 0 0 0 1.0 - - -\n/g 0 100644 1 0 0 0 1.0 - - -\n"},
	{name: "longest content", in: root + "/f 5000 100644 1 0 0 0 1.0 - " + repeat("c", 5000) + " -\n", want: root + "/f 5000 100644 1 0 0 0 1.0 - " + repeat("c", 5000) + " -\n"},
	{name: "longest payload", in: root + "/f 1 100644 1 0 0 0 1.0 " + repeat("p", 4095) + " - -\n", want: root + "/f 1 100644 1 0 0 0 1.0 " + repeat("p", 4095) + " - -\n"},
	{name: "longest target", in: root + "/l 4095 120777 1 0 0 0 1.0 " + repeat("p", 4095) + " - -\n", want: root + "/l 4095 120777 1 0 0 0 1.0 " + repeat("p", 4095) + " - -\n"},
	{name: "symlink with empty content", in: root + `/l 1 120777 1 0 0 0 1.0 t - ` + digest + "\n", want: root + "/l 1 120777 1 0 0 0 1.0 t - -\n"},
	{name: "empty payload", in: root + "/f 1 100644 1 0 0 0 1.0  - -\n", want: root + "/f 1 100644 1 0 0 0 1.0 - - -\n"},
	{name: "object path as payload", in: root + "/f 1 100644 1 0 0 0 1.0 " + object + " - " + digest + "\n", want: root + "/f 1 100644 1 0 0 0 1.0 " + object + " - " + digest + "\n"},
	{name: "payload with a leading slash", in: root + "/f 1 100644 1 0 0 0 1.0 /" + object + " - " + digest + "\n", want: root + "/f 1 100644 1 0 0 0 1.0 /" + object + " - " + digest + "\n"},
	{name: "upper case digest", in: root + "/f 1 100644 1 0 0 0 1.0 " + strings.ToUpper(object) + " - " + strings.ToUpper(digest) + "\n", want: root + "/f 1 100644 1 0 0 0 1.0 " + strings.ToUpper(object) + " - " + digest + "\n"},
	{name: "sha512 digest", in: root + "/f 1 100644 1 0 0 0 1.0 p - " + digest + digest + "\n", want: root + "/f 1 100644 1 0 0 0 1.0 p - " + digest + digest + "\n",
		ours: "takes the first 64 digits"},

	{name: "xattrs come out sorted", in: root + "/f 0 100644 1 0 0 0 1.0 - - - b=2 a=1 c=3\n", want: root + "/f 0 100644 1 0 0 0 1.0 - - - a=1 b=2 c=3\n"},
	{name: "of equal xattrs the last counts", in: root + "/f 0 100644 1 0 0 0 1.0 - - - b=2 a=1 b=3 a=4 a=\n", want: root + "/f 0 100644 1 0 0 0 1.0 - - - a= b=3\n"},
	{name: "equals signs in xattrs", in: root + `/f 0 100644 1 0 0 0 1.0 - - - k\x3dk=v=v` + "\n", want: root + `/f 0 100644 1 0 0 0 1.0 - - - k\x3dk=v\x3dv` + "\n"},
	{name: "longest xattr key", in: root + "/f 0 100644 1 0 0 0 1.0 - - - " + repeat("k", 255) + "=v\n", want: root + "/f 0 100644 1 0 0 0 1.0 - - - " + repeat("k", 255) + "=v\n"},
	{name: "largest xattrs", in: root + "/f 0 100644 1 0 0 0 1.0 - - - a=" + repeat("v", 32767-12-8) + "\n", want: root + "/f 0 100644 1 0 0 0 1.0 - - - a=" + repeat("v", 32767-12-8) + "\n"},
	{name: "largest xattrs, two", in: root + "/f 0 100644 1 0 0 0 1.0 - - - a=" + repeat("v", 32767-12-8-8) + " b=\n", want: root + "/f 0 100644 1 0 0 0 1.0 - - - a=" + repeat("v", 32767-12-8-8) + " b=\n"},
	{name: "a replaced xattr does not count", in: root + "/f 0 100644 1 0 0 0 1.0 - - - b= a=" + repeat("v", 32767-12-8-8) + " a=" + repeat("w", 32767-12-8-8) + "\n",
		want: root + "/f 0 100644 1 0 0 0 1.0 - - - a=" + repeat("w", 32767-12-8-8) + " b=\n"},
	{name: "longest text of xattrs", in: root + "/f 0 100644 1 0 0 0 1.0 - - - a=" + repeat(`\x61`, 16383) + "a\n", want: root + "/f 0 100644 1 0 0 0 1.0 - - - a=" + repeat("a", 16384) + "\n"},
	{name: "xattrs that fit with few escapes only", in: root + "/f 0 100644 1 0 0 0 1.0 - - - b=\xff= a\\x3d=\\x20\t" + repeat("\x80", 20000) + "\n",
		want: root + "/f 0 100644 1 0 0 0 1.0 - - - a\\x3d=\\x20\t" + repeat("\x80", 20000) + " b=\xff=\n"},

	{name: "hardlinks", in: root + "/f 3 100644 7 0 0 0 1.0 - abc - a=b\n/g 0 @100644 1 0 0 0 1.0 /f - -\n", want: root + "/f 3 100644 7 0 0 0 1.0 - abc - a=b\n/g 3 @100644 7 0 0 0 1.0 /f abc - a=b\n"},
	{name: "other fields of a hardlink need not parse", in: root + "/f 0 10600 7 0 0 0 1.0 - - -\n" + `/g x @0120000 x x x x x f \q \q \q \q` + "\n", want: root + "/f 0 10600 7 0 0 0 1.0 - - -\n/g 0 @10600 7 0 0 0 1.0 /f - -\n"},
	{name: "hardlink before its target", in: root + "/g 0 @100644 1 0 0 0 1.0 /f - -\n/f 0 100644 2 0 0 0 1.0 - - -\n", want: root + "/f 0 100644 2 0 0 0 1.0 - - -\n/g 0 @100644 2 0 0 0 1.0 /f - -\n"},
	{name: "hardlink to a hardlink", in: root + "/f 0 100644 3 0 0 0 1.0 - - -\n/g 0 @100644 1 0 0 0 1.0 h - -\n/h 0 @100644 1 0 0 0 1.0 /f - -\n/i 0 @100644 1 0 0 0 1.0 //g - -\n",
		want: root + "/f 0 100644 3 0 0 0 1.0 - - -\n/g 0 @100644 3 0 0 0 1.0 /f - -\n/h 0 @100644 3 0 0 0 1.0 /f - -\n/i 0 @100644 3 0 0 0 1.0 /f - -\n"},
	{name: "slashes and NUL in a hardlink's target", in: root + "/d 0 40755 2 0 0 0 1.0 - - -\n/d/f 0 100644 2 0 0 0 1.0 - - -\n" + `/g 0 @100644 1 0 0 0 1.0 //d\x2f/f//\x00x - -` + "\n",
		want: root1("/d 0 40755 2 0 0 0 1.0 - - -\n/d/f 0 100644 2 0 0 0 1.0 - - -\n/g 0 @100644 2 0 0 0 1.0 /d/f - -\n")},
	{name: "hardlink before its target in the order of names", in: root + "/f 0 @100644 1 0 0 0 1.0 /g - -\n/g 0 100644 2 0 0 0 1.0 - - -\n/h 0 100644 1 0 0 0 1.0 - - -\n",
		want: root + "/f 0 @100644 2 0 0 0 1.0 /g - -\n/g 0 100644 2 0 0 0 1.0 - - -\n/h 0 100644 1 0 0 0 1.0 - - -\n"},
	{name: "hardlink to a whiteout", in: root + "/a 0 20600 2 0 0 0 1.0 - - -\n/b 0 @20600 2 0 0 0 1.0 /a - -\n", want: root + "/a 0 20600 2 0 0 0 1.0 - - -\n/b 0 @20600 2 0 0 0 1.0 /a - -\n"},
}

// root1 is a dump file whose root has one subdirectory.
func root1(rest string) string { return rootN(3, rest) }

func rootN(nlink int, rest string) string {
	return strings.Replace(root, "40755 2", "40755 "+string(rune('0'+nlink)), 1) + rest
}

// lenientOnly are dump files that only lenient parsing takes.
var lenientOnly = []struct {
	name   string
	in     string
	line   int
	column int
	reason string
	want   string
	ours   string
}{
	{name: "no newline at the end", in: root + "/f 0 100644 1 0 0 0 1.0 - - -", line: 2, column: 30, reason: "no newline", want: root + "/f 0 100644 1 0 0 0 1.0 - - -\n"},
	{name: "symlink of another size", in: root + "/l 7 120777 1 0 0 0 1.0 t - -\n", line: 2, column: 4, reason: "SIZE is 7", want: root + "/l 1 120777 1 0 0 0 1.0 t - -\n"},
	{name: "symlink whose size counts what the NUL cuts", in: root + `/l 3 120777 1 0 0 0 1.0 t\x00u - -` + "\n", line: 2, column: 4, reason: "SIZE is 3", want: root + "/l 1 120777 1 0 0 0 1.0 t - -\n"},
	{name: "symlink with content", in: root + "/l 1 120777 1 0 0 0 1.0 t c -\n", line: 2, column: 27, reason: "a symlink has no CONTENT", want: root + "/l 1 120777 1 0 0 0 1.0 t - -\n"},
	{name: "symlink with long content", in: root + "/l 5001 120777 1 0 0 0 1.0 t " + repeat("c", 5001) + " -\n", line: 2, column: 4, reason: "SIZE is 5001", want: root + "/l 1 120777 1 0 0 0 1.0 t - -\n"},
	{name: "device number of a file", in: root + "/f 0 100644 1 0 0 5 1.0 - - -\n", line: 2, column: 19, reason: "RDEV is 5", want: root + "/f 0 100644 1 0 0 0 1.0 - - -\n"},
	{name: "device number of the root", in: "/ 0 40755 2 0 0 10 1.0 - - -\n", line: 1, column: 17, reason: "RDEV is 10", want: root},
	{name: "device number that truncation makes 0", in: root + "/p 0 10644 1 0 0 4294967296 1.0 - - -\n", line: 2, column: 18, reason: "RDEV is 4294967296", want: root + "/p 0 10644 1 0 0 0 1.0 - - -\n"},
	{name: "bad digest of a directory", in: root + "/d 0 40755 1 0 0 0 1.0 - - 12x\n", line: 2, column: 28, reason: "64 (sha256) or 128 (sha512)", want: root1("/d 0 40755 2 0 0 0 1.0 - - -\n"),
		ours: "ignores the digest"},
	{name: "bad digest of an inline file", in: root + "/f 1 100644 1 0 0 0 1.0 - a 12x\n", line: 2, column: 29, reason: "64 (sha256) or 128 (sha512)", want: root + "/f 1 100644 1 0 0 0 1.0 - a -\n",
		ours: "ignores the digest"},
	{name: "carriage return at the end of a line", in: root + "/f 0 100644 1 0 0 0 1.0 - - -\r\n", line: 2, column: 29, reason: "carriage return", want: root + "/f 0 100644 1 0 0 0 1.0 - - -\n",
		ours: "ignores the digest"},
	{name: "long digest", in: root + "/f 1 100644 1 0 0 0 1.0 p - " + digest + "0zz\n", line: 2, column: 29, reason: "64 (sha256) or 128 (sha512)", want: root + "/f 1 100644 1 0 0 0 1.0 p - " + digest + "\n",
		ours: "takes the first 64 digits"},
}
