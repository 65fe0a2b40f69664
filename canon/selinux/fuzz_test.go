package selinux

import (
	"regexp"
	"strings"
	"testing"

	"cfsverify/canon"
)

// model is a rule as composefs-rs documents it: the text ^(PATTERN)X$, matched against the
// path with the code of the type. It is nil for a pattern that Go's regexp does not take,
// or means otherwise: \s has no vertical tab there, and PCRE2's "." no newline here.
func model(r *rule) *regexp.Regexp {
	if r.pattern.backtracks || strings.Contains(strings.ToLower(r.Pattern), `\s`) || strings.Contains(r.Pattern, "(?") && strings.Contains(r.Pattern, "-") {
		return nil
	}
	code := "."
	if r.Kind != 0 {
		code = regexp.QuoteMeta(string(kindCodes[r.Kind]))
	}
	m, err := regexp.Compile("(?s)^(" + string(appendLatin1(nil, []byte(r.Pattern))) + ")" + code + "$")
	if err != nil || regexp.MustCompile(`[^\x00-\x7f][?*+{]|\*[*+]|\+[*+]|\?[*+]|\}[*+{?]`).MatchString(r.Pattern) {
		return nil
	}
	return m
}

// FuzzPolicy: the index, the fixed starts and the needles find the rule that is found by
// trying all rules from the last one down, each by its own whole pattern.
func FuzzPolicy(f *testing.F) {
	for _, seed := range [][2]string{
		{"/.* def_t\n/usr/x -- x_t\n/usr(/.*)? -d usr_t\n", "/usr/x"},
		{"/a|/b ab_t\n/a[(]|/b p_t\n/a(b|c)d*e{2} e_t\n", "/b"},
		{"/[[:alpha:]][^]a-c]\\.so(\\..*)? so_t\n^/a a_t\n", "/xd.so.1"},
		{"(?i)/ABC[d-f] i_t\n/é+ e_t\n/éx?y e_t\n", "/éy"},
		{"/usr/(.*/)?lib(64)?(/.*)?/nv/.+\\.so(\\..*)? -- <<none>>\n", "/usr/a/lib64/nv/a.so.1"},
		{"/(?=a).* a_t\n/a\\bc b_t\n/a{1001} c_t\n/\\Qa.b\\E q_t\n", "/a.b"},
		{"/\\x41\\x{e9}\\u0042 x_t\n/a\\+b*c\\?d p_t\n", "/A\xc3\xa9B"},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, text, path string) {
		if len(text) > 2000 || len(path) > 200 || len(path) == 0 || strings.Contains(path, "\x00") {
			return
		}
		p, err := policyOf(t, text)
		if err != nil {
			if _, is := err.(*Error); !is {
				t.Fatalf("%T: %v", err, err)
			}
			return
		}
		if p == nil {
			t.Fatal("no policy")
		}
		for kind := canon.Regular; kind <= canon.Socket; kind++ {
			got, err := p.search([]byte(path), kind, &work{max: workMax})
			if err != nil {
				return
			}
			want, err := slow(p, path, kind)
			if err != nil {
				return
			}
			if got != want {
				t.Fatalf("%q, %v: %+v, want %+v", path, kind, got, want)
			}
		}
	})
}

// slow tries all rules.
func slow(p *Policy, path string, kind canon.Kind) (*rule, error) {
	text := append(appendLatin1(nil, []byte(path)), kindCodes[kind])
	for i := len(p.rules) - 1; i >= 0; i-- {
		r := p.rules[i]
		if m := model(r); m != nil {
			if m.Match(text) {
				return r, nil
			}
			continue
		}
		if !r.fits(kind) {
			continue
		}
		matched, err := r.matches(text, &work{max: workMax})
		if matched || err != nil {
			return r, err
		}
	}
	return nil, nil
}
