package reports

import (
	"bytes"
	"strings"
	"testing"

	"github.com/rivo/uniseg"

	"cfsverify/canon"
	"cfsverify/canon/policy"
	"cfsverify/compare"
	"cfsverify/compare/blame"
)

func TestWrap(t *testing.T) {
	for _, tt := range []struct {
		text         string
		width, first int
		want         string
	}{
		{"one two three", 0, 0, "one two three"},
		{"one two three", 7, 0, "one two\n  three"},
		{"one two three", 7, 1, "one\n  two\n  three"},
		{"onetwothree four", 5, 0, "onetwothree\n  four"},
		{"日本 日本", 5, 0, "日本\n  日本"},
		{"", 5, 0, ""},
	} {
		if got := wrap(tt.text, tt.width, tt.first, "  "); got != tt.want {
			t.Errorf("%q in %d: %q, want %q", tt.text, tt.width, got, tt.want)
		}
	}
}

// TestTextWidth: no line is wider than asked, but for words that cannot be
// broken; and with no width nothing is cut.
func TestTextWidth(t *testing.T) {
	a, b := canon.NewTree(), canon.NewTree()
	name := strings.Repeat("a-long-name-", 20)
	a.Root.Put(canon.Dirent{Name: name, Node: &canon.Node{Kind: canon.Regular}})
	r := sample()
	r.Differences = compare.Trees(a, b)
	r.Findings = blame.Explain(blame.Comparison{A: a, B: b, Differences: r.Differences, Policy: policy.Raw()})
	for _, tt := range []struct {
		o    Options
		full bool
	}{{Options{Width: 80}, false}, {Options{Width: 80, Verbose: true}, true}, {Options{}, true}} {
		var buf bytes.Buffer
		if err := Write(&buf, Text, Comparison{r}, tt.o); err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(buf.String(), name); got != tt.full {
			t.Errorf("%+v: the whole name is there: %v", tt.o, got)
		}
		for line := range strings.Lines(buf.String()) {
			hasLong := strings.Contains(line, r.A.Digest.String()) || strings.Contains(line, r.B.Digest.String()) || strings.Contains(line, name)
			if width := uniseg.StringWidth(strings.TrimSuffix(line, "\n")); tt.o.Width > 0 && !hasLong && width > tt.o.Width {
				t.Errorf("%d columns: %s", width, line)
			}
		}
	}
}
