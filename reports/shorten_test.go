package reports

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/rivo/uniseg"

	"cfsverify/canon"
	"cfsverify/canon/policy"
	"cfsverify/compare"
	"cfsverify/compare/blame"
)

func TestShortPath(t *testing.T) {
	long := "/usr/share/" + strings.Repeat("directory/", 10) + "file.txt"
	for _, tt := range []struct {
		path  string
		width int
		want  string
	}{
		{long, 0, long},
		{"/short", 30, "/short"},
		{long, 30, "/usr/shar…y/directory/file.txt"},
		// However narrow the terminal, this much is shown.
		{long, 3, long[:7] + "…" + long[len(long)-16:]},
		{strings.Repeat("日", 40), 25, strings.Repeat("日", 4) + "…" + strings.Repeat("日", 8)},
		// A family is one character, of several code points.
		{strings.Repeat("👨‍👩‍👧", 20), 25, strings.Repeat("👨‍👩‍👧", 4) + "…" + strings.Repeat("👨‍👩‍👧", 8)},
	} {
		got := shortPath(tt.path, tt.width)
		if got != tt.want || tt.width > 0 && uniseg.StringWidth(got) > max(tt.width, leastPath) {
			t.Errorf("%q in %d: %q, want %q", tt.path, tt.width, got, tt.want)
		}
	}
}

func TestShortText(t *testing.T) {
	for _, tt := range []struct {
		text  string
		limit int
		want  string
	}{
		{"short", 5, "short"},
		{"0123456789", 9, "012…789"},
		{"0123456789", 8, "01…89"},
		// The beginning gets what the end cannot use.
		{strings.Repeat("ä", 10), 13, "äää…ää"},
		{"0" + strings.Repeat("ä", 10), 13, "0ää…ää"},
		{strings.Repeat("ä", 10), 5, "ä…"},
		{"\xff\xff\xff\xff\xff\xff\xff\xff", 7, "\xff\xff…\xff\xff"},
	} {
		if got := shortText(tt.text, tt.limit); got != tt.want || len(got) > tt.limit {
			t.Errorf("%q in %d bytes: %q, want %q", tt.text, tt.limit, got, tt.want)
		}
	}
}

func TestCutValue(t *testing.T) {
	fits, longer := strings.Repeat("x", shownValue), strings.Repeat("x", shownValue-1)+"äx"
	for text, want := range map[string]string{
		fits:                          fits,
		fits + "yz":                   fits + "… (122 bytes)",
		longer:                        longer[:shownValue-1] + "… (122 bytes)",
		strings.Repeat("\xff\n", 100): strings.Repeat(`\xff\x0a`, shownValue/2) + "… (200 bytes)",
	} {
		if got := cutValue(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// TestReportsAreUTF8: however long a name of wide characters is, and wherever its
// middle is taken out, reports are valid UTF-8.
func TestReportsAreUTF8(t *testing.T) {
	for extra := range 4 {
		a, b := canon.NewTree(), canon.NewTree()
		name := strings.Repeat("x", extra) + strings.Repeat("日", 80)
		a.Root.Put(canon.Dirent{Name: name, Node: &canon.Node{Kind: canon.Regular}})
		r := sample()
		r.Differences = compare.Trees(a, b)
		r.Findings = blame.Explain(blame.Comparison{A: a, B: b, Differences: r.Differences, Policy: policy.Raw()})
		var markdown, annotations bytes.Buffer
		if err := Write(&markdown, Markdown, Comparison{r}, Options{}); err != nil {
			t.Fatal(err)
		}
		if err := Write(&annotations, Annotations, Comparison{r}, Options{}); err != nil {
			t.Fatal(err)
		}
		for form, out := range map[string]*bytes.Buffer{"markdown": &markdown, "annotations": &annotations} {
			if !utf8.Valid(out.Bytes()) || !strings.Contains(out.String(), "日…日") {
				t.Errorf("%s, %d bytes before the name:\n%s", form, extra, out)
			}
		}
	}
}
