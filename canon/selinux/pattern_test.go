package selinux

import (
	"strings"
	"testing"

	"cfsverify/canon"
)

// policyOf makes a policy of the text of file_contexts.
func policyOf(tb testing.TB, text string) (*Policy, error) {
	tb.Helper()
	return Load(treeOf(map[string]string{"file_contexts": text}))
}

// treeOf is a tree with the policy p, which has these files.
func treeOf(files map[string]string) *canon.Tree {
	t := canon.NewTree()
	dir := t.Root
	for _, name := range []string{"etc", "selinux", "p", "contexts", "files"} {
		n := &canon.Node{Kind: canon.Directory}
		dir.Put(canon.Dirent{Name: name, Node: n})
		dir = n
	}
	t.Lookup("/etc/selinux").Node.Put(canon.Dirent{Name: "config", Node: file("SELINUXTYPE=p\n")})
	for name, text := range files {
		dir.Put(canon.Dirent{Name: name, Node: file(text)})
	}
	return t
}

func file(text string) *canon.Node {
	n := &canon.Node{Kind: canon.Regular, Nlink: 1, Size: uint64(len(text))}
	if text != "" {
		n.Content = &canon.Content{Held: []byte(text)}
	}
	return n
}

// TestPatterns: which paths a pattern matches. The rows are what the specifications of
// regex-syntax and PCRE2 say; where these differ, cfsctl's digests do too (TestVectors).
func TestPatterns(t *testing.T) {
	tests := []struct{ pattern, match, other string }{
		{`/a`, "/a", "/ab /"},
		{`/a\.b`, "/a.b", "/axb"},
		{`/a.b`, "/a.b /axb /a\xffb", "/ab /a/xb"},
		{`/a(/.*)?`, "/a /a/b /a/b/c", "/ab"},
		{`/a|/b`, "/a /b", "/a/b"},
		// The parenthesis is in a class: the bar is one of whole paths.
		{`/a[(]|/b`, "/a( /b", "/a"},
		{`/a[|]b`, "/a|b", "/a"},
		{`^/a`, "/a", "/"},
		{`\A/a\z`, "", "/a"},
		{`/a$`, "", "/a"},
		{`/a{2,3}`, "/aa /aaa", "/a /aaaa"},
		{`/a{2,}b{2}`, "/aabb /aaaabb", "/abb"},
		{`/a{02}`, "/aa", "/a"},
		{`/(?:ab){2}?`, "/abab", "/ab"},
		{`/a{1001}`, "/" + strings.Repeat("a", 1001), "/a"},
		{`/a{}b`, "/a{}b", "/ab"},
		{`/{a`, "/{a", "/a"},
		{`/a{x*`, "/a{ /a{xx", "/a"},
		{`/[a-c\d_-]`, "/a /b /7 /_ /-", "/d /A"},
		{`/[^a-c]`, "/d /\xff", "/a"},
		{`/[]a]`, "/] /a", "/b"},
		{`/[^]a]`, "/b", "/] /a"},
		{`/[-a]`, "/- /a", "/b"},
		{`/[&~]`, "/& /~", "/-"},
		{`/[\]\\\x41]`, "/] /\\ /A", "/a"},
		{`/[[:digit:][:^alnum:]]`, "/1 /-", "/a"},
		{`/[\D]`, "/a", "/1"},
		{`/\w\W\s\S`, "/a-\va", "/a-aa /aa\va"},
		{`(?i)/ab[c-d]`, "/ab\x63 /ABC /abD", "/abe"},
		{`/(?i:a)b`, "/ab /Ab", "/aB"},
		{`/(?i)a(?-i)b`, "/ab /Ab", "/aB"},
		{`/(?i)[^a]`, "/b", "/a /A"},
		{`/a(?U).*b`, "/axb", "/a"},
		{`/(?P<n>a)(?<m>b)`, "/ab", "/a"},
		{`/()(|a)b`, "/b /ab", "/a"},
		{`/é?x`, "/x /éx", "/\xc3x"},
		{`/é`, "/é", "/\xe9"},
		{`/\xE9`, "/\xe9", "/é"},
		{`/\x{E9}+`, "/é /éé", "/\xe9"},
		{`/\x{41}\u0042\U00000043`, "/ABC", "/abc"},
		{`/a**b`, "/b /aab", "/a"},
		{`/a+*b`, "/b /ab", "/a"},
		{`/a\b.*`, "/a-", "/ab"},
		{`/.*\<b`, "/a-b /b", "/ab"},
		{`/a\>.*`, "/a- /a-b", "/ab"},
		{`/.*\b{start}b`, "/a-b", "/ab"},
		{`/a\b{end}.*`, "/a-", "/ab"},
		{`/a\t\n\r\f\v\a`, "/a\t\n\r\f\v\a", "/a"},
		{`/\-\_\%\/`, "/-_%/", "/"},
		// PCRE2's from here on.
		{`/(?=a).*`, "/ab", "/b"},
		{`/(?!a).*`, "/b", "/ab"},
		{`/.*(?<=\.so|\.[ao])`, "/x.so /x.a /x.o", "/x.c"},
		{`/.*(?<!\.so)`, "/x.a", "/x.so"},
		{`(?=/)/a.b`, "/axb", "/a\nb"},
		{`(?=/)(?s)/a.b`, "/axb /a\nb", "/ab"},
		{`(?=/)(?s)(?-s)/a.b`, "/axb", "/a\nb"},
		{`(?=/)/é+`, "/é /\xc3\xa9\xa9", "/éé"},
		{`(?=/)/[é]`, "/\xc3 /\xa9", "/é"},
		{`(?=/)/\x{E9}`, "/\xe9", "/é"},
		{`(?=/)/a\b.*`, "/a- /a\xe9", "/ab"},
		{`/(?>a|ab)c`, "/ac", "/abc"},
		{`(?=/)/a*+b`, "/aab", "/a"},
		{`(?=/)/a{1,2}+ab`, "", "/aab"},
		{`/a(?#x)b`, "/ab", "/axb"},
		{`/(?'n'a)`, "/a", "/b"},
		{`/(?n)(a)`, "/a", "/b"},
		{`/\x4`, "/\x04", "/x4"},
		{`/\101\0`, "", "/A"},
		{`/\101\060`, "/A0", "/A"},
		{`/\Qa.(\E`, "/a.(", "/ax("},
		{`/a\N`, "/ab", "/a\n"},
		{`/a\C`, "/ab /a\n", "/a"},
		{`/\Ka`, "/a", "/b"},
		{`/\e\cA`, "/\x1b\x01", "/e"},
		{`/a\Z`, "", "/a"},
	}
	for _, test := range tests {
		// Another rule has the same pattern without its fixed start.
		for _, source := range []string{test.pattern, "(?:)" + test.pattern} {
			p, err := policyOf(t, source+" match_t\n")
			if err != nil {
				t.Errorf("%s: %v", test.pattern, err)
				continue
			}
			for _, paths := range []struct {
				list string
				want bool
			}{{test.match, true}, {test.other, false}} {
				for path := range strings.SplitSeq(paths.list, " /") {
					if paths.list == "" {
						continue
					}
					path = "/" + strings.TrimPrefix(path, "/")
					r, err := p.search([]byte(path), canon.Symlink, &work{max: workMax})
					if err != nil || (r != nil) != paths.want {
						t.Errorf("%s matches %q: %v, %v, want %v", source, path, r != nil, err, paths.want)
					}
				}
			}
		}
	}
}

// TestRefusedPatterns: what is not supported, or what both engines refuse, is an error
// before any path is tried.
func TestRefusedPatterns(t *testing.T) {
	tests := []struct{ pattern, reason string }{
		{`/(a`, "not closed"},
		{`/a)`, "nothing opened"},
		{`/a)|(/b`, "nothing opened"},
		{`/[a`, "not closed"},
		{`/[`, "not closed"},
		{`/(?i`, "not closed"},
		{`/(?i)*`, "quantifier of flags"},
		{`/(?)`, "without flags"},
		{`/(?i-)`, "without flags"},
		{`/(?ii)`, "twice"},
		{`/(?x)`, `"(?x"`},
		{`/(?R)`, `"(?R"`},
		{`/(a)(?1)`, `"(?1"`},
		{`/(?|a)`, `"(?|"`},
		{`/(?<n`, "parentheses"},
		{`/(?<>a)`, "parentheses"},
		{`/(?<1>a)`, `"1" as name`},
		{`/(?<a.b>a)`, `"a.b" as name`},
		{`/(?<n>a)(?<n>b)`, "two groups"},
		{`*/a`, "nothing before"},
		{`/(*UTF)`, "nothing before"},
		{`/(+)`, "nothing before"},
		{`/a|{2}`, "nothing before"},
		{`{,2}/`, "nothing before"},
		{`/a{,2}`, "without its first number"},
		{`/a{3,2}`, "{3,2}"},
		{`/a{65536}`, "{65536}"},
		{`/a{99999999999}`, "{99999999999}"},
		{`/((a{1000}){1000}){1000}`, "too large"},
		{`/a*****`, "quantifier of a quantifier"},
		{`(?=/)a**`, "quantifier of a quantifier"},
		{`(?=/)+`, "quantifier of a lookaround"},
		{`^*/`, "quantifier of a place"},
		{`/a\b+`, "quantifier of a place"},
		{`/(?<=a+)`, "in a lookbehind"},
		{`/(?<=(a|bc))`, "in a lookbehind"},
		{`/(?<=a\R)`, `the escape "\\R"`},
		{`/(?#a)*`, "behind a comment"},
		{`/(?#a`, "not closed"},
		{`/\Qa\E*`, `behind \E`},
		{`/\Qa`, `without \E`},
		{`/[a&&b]`, "&&"},
		{`/[a--b]`, "dash"},
		{`/[--b]`, "--"},
		{`/[a~~b]`, "~~"},
		{`/[a[b]]`, "opening bracket"},
		{`/[[:foo:]]`, "opening bracket"},
		{`/[[]`, "opening bracket"},
		{`/[a-b-c]`, "dash"},
		{`/[\w-z]`, "dash"},
		{`/[a-\d]`, "dash"},
		{`/[]-a]`, "dash"},
		{`/[!-[]`, "dash"},
		{`/[z-a]`, "ends before it starts"},
		{`/[^\s\S]`, "no letters"},
		{`/[\b]`, "escape"},
		{`/\j`, "escape"},
		{`/\h`, "escape"},
		{`/\H`, "escape"},
		{`/\R`, "escape"},
		{`(?=/)(a)?+`, "possessive"},
		{`/\B`, "escape"},
		{`/\1`, "escape"},
		{`/\8`, "escape"},
		{`/\pL`, "escape"},
		{`/\X`, "escape"},
		{`/\é`, "escape"},
		{`/\N{a}`, "escape"},
		{`/a\`, "backslash at the end"},
		{`/\x`, "without digits"},
		{`/\xg`, "without digits"},
		{`/\x{}`, "without a number"},
		{`/\x{110000}`, "escape"},
		{`/\x{d800}`, "escape"},
		{`(?=/)/\x{100}`, "escape"},
		{`/\u00g0`, "escape"},
		{`/\u00`, "cut off"},
		{`(?=/)\u0041`, "escape"},
		{`(?=/)\<`, "beside"},
		{`(?=/)\v`, "beside"},
		{`(?i)/é`, "beside (?i)"},
		{strings.Repeat("(", 51) + strings.Repeat(")", 51), "more than 50"},
		{"/" + strings.Repeat("a", patternSizeMax), "length"},
		{strings.Repeat("()", 100) + `\101`, "escape"},
	}
	for _, test := range tests {
		p, err := policyOf(t, "/x x_t\n"+test.pattern+" a_t\n")
		e, is := err.(*Error)
		if !is || p != nil || e.Line != 2 || e.Rule != test.pattern || !strings.Contains(e.Reason, test.reason) {
			t.Errorf("%.80s: %.300v, want %q", test.pattern, err, test.reason)
		}
	}
}
