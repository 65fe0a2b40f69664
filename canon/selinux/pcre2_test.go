package selinux

import (
	"bytes"
	"fmt"
	"math/rand"
	"os/exec"
	"strings"
	"testing"

	"cfsverify/canon"
	"cfsverify/testdata/oracle"
)

// Pieces of patterns, quantifiers, and paths in which these differ.
var (
	pieces = []string{
		"a", "b", "/", "é", ".", "[ab]", "[^a/]", "(a|b)", "(?:ab|b)", "(|a)", `\w`, `\W`, `\s`, `\S`, `\d`, `\D`, `\.`,
		`\_`, "-", "(?=a)", "(?!b)", "(?<=a)", "(?<!a|b.)", "(?<=ab|c)", "(?>a|ab)", `\N`, `\C`, `\x61`, `\xC3`, `\x4`,
		`\x{e9}`, `\101`, `\0`, `\060`, `\Qa.\E`, `\e`, `\cA`, "(?i)", "(?s)", "(?-s)", "(?-i)", "(?i:a.b)", "(?s:.)",
		"(?U)", "(?n)", "(?#c)", "(?'n'a)", "(?<m>b)", "[[:alpha:]-]", "[[:^space:]]", "[]a]", "[é]", "[à-é]",
		`[\x41-\x{5a}]`, `[\d\-]`, `[\e-\x7f]`, `[^\S]`, "[-a]", "[a-]", "{", "a{x", "b}", "{1,2", `\b`, "^", "$", `\A`,
		`\z`, `\Z`, "|", `\K`, `\-`, `\@`, "]",
	}
	quantifiers = []string{"", "", "", "", "", "", "*", "+", "?", "{2}", "{0,1}", "{1,}", "*?", "+?", "*+", "++", "?+", "{1,2}+", "{0}"}
	tried       = []string{
		"/", "/a", "/b", "/ab", "/aab", "/abab", "/a\nb", "/a\r\nb", "/A", "/AB", "/aB", "/é", "/éé", "/\xc3\xa9\xa9", "/\xc3",
		"/a b", "/a\tb", "/a\x0bb", "/1", "/a.b", "/a-b", "/_", "/{", "/a{x", "/b}", "/\x1b", "/\x01", "/\x04", "/A0", "/0",
		"/a\x85", "/\xa0", "/\xe9", "/a\xc3", "/aa.", "/É", "/ba", "/bab", "/c", "/a/b", "/ab/a", "/-", "/a-", "/[", "/]",
	}
)

// TestPCRE2: patterns that composefs-rs gives to PCRE2, made at random, match what they
// match there.
func TestPCRE2(t *testing.T) {
	python := oracle.Tool(t, "python3", "python3")
	if err := exec.Command(python, "-c", "import ctypes; ctypes.CDLL('libpcre2-8.so.0')").Run(); err != nil {
		oracle.Missing(t, "PCRE2 is missing: install the package libpcre2-8-0")
	}
	var in strings.Builder
	for _, path := range tried {
		fmt.Fprintf(&in, "path %x\n", path)
	}
	random := rand.New(rand.NewSource(1))
	var patterns, ours []string
	for len(patterns) < 10_000 {
		source := []string{"/", "(?=/)/", "(?=/)/"}[random.Intn(3)]
		for range random.Intn(5) + 1 {
			source += pieces[random.Intn(len(pieces))] + quantifiers[random.Intn(len(quantifiers))]
		}
		source += []string{"", ".*"}[random.Intn(2)]
		first := parser{source: source}
		if first.parse(); first.reason != forPCRE2 {
			continue
		}
		p, err := policyOf(t, source+" a_t\n")
		if err != nil {
			continue
		}
		var matches strings.Builder
		for _, path := range tried {
			r, err := p.search([]byte(path), canon.Symlink, &work{max: workMax})
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprint(&matches, map[bool]int{true: 1}[r != nil])
		}
		patterns, ours = append(patterns, source), append(ours, matches.String())
		fmt.Fprintf(&in, "pattern %x\n", source)
	}
	c := exec.Command(python, "../../testdata/selinux/pcre2.py")
	c.Stdin = strings.NewReader(in.String())
	var stderr bytes.Buffer
	c.Stderr = &stderr
	out, err := c.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, &stderr)
	}
	theirs := strings.Fields(string(out))
	if len(theirs) != len(patterns) {
		t.Fatalf("%d answers to %d patterns", len(theirs), len(patterns))
	}
	for i, pattern := range patterns {
		if ours[i] != theirs[i] {
			t.Errorf("%s matches %s, want %s", pattern, ours[i], theirs[i])
		}
	}
}
