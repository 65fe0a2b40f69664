package reports

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cfsverify/canon"
	"cfsverify/canon/fsverity"
	"cfsverify/canon/policy"
	"cfsverify/canon/recipe"
	"cfsverify/compare"
	"cfsverify/compare/blame"
	"cfsverify/compare/gate"
	"cfsverify/compare/verify"
	"cfsverify/importers/layer"
)

// gated is the sample with a gate: user xattrs and what is in the root are
// accepted, by rules of which one is unused and one has expired.
func gated() *verify.Result {
	r := sample()
	rules := []gate.Allowance{
		{Cause: blame.UserXattr, Reason: "known"},
		{Path: "/null", Attribute: "rdev", Reason: "dev|ice `x`"},
		{Path: "/none", Reason: "unused"},
		{Path: "/su", Reason: "old", Expires: time.Date(2020, 1, 31, 0, 0, 0, 0, time.UTC)},
	}
	r.Gate = gate.Gate{File: "allow.yaml", Allowances: rules, Now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}.Judge(r.Findings, r.Equal())
	return r
}

// accepted has a gate that lets everything pass.
func accepted() *verify.Result {
	r := sample()
	r.Gate = gate.Gate{File: "allow.yaml", Allowances: []gate.Allowance{{Reason: "all"}}}.Judge(r.Findings, r.Equal())
	return r
}

// ignored has a gate that accepts user xattrs, and lets nothing count that is there.
func ignored() *verify.Result {
	r := sample()
	r.Gate = gate.Gate{File: "allow.yaml", Allowances: []gate.Allowance{{Cause: blame.UserXattr, Reason: "known"}}, FailOn: []blame.Cause{blame.LateLayers}}.Judge(r.Findings, r.Equal())
	return r
}

// TestIgnored: what does not count is called so in every form, and nowhere accepted.
func TestIgnored(t *testing.T) {
	const text = "1 difference is accepted, 0 not, 6 ignored, as --fail-on does not name what caused them"
	for form, want := range map[Form][]string{
		Text:        {"IGNORED: 6 entries differ, for 6 causes\n", "\ngate: " + text + "\n"},
		JSON:        {`"passed": true`, `"conclusion": "ignored"`, "\"ignored\": [\n      \"root-metadata\""},
		Markdown:    {"## ⚠️ Ignored: 6 entries differ, for 6 causes", text, "- ⚠️ ignored: `root-metadata` (1 entry)"},
		JUnit:       {`<skipped message="ignored: ` + text, `<testcase name="root-metadata" classname="cfsverify.cause">` + "\n      <skipped message=\"ignored: ", `<testcase name="user-xattr" classname="cfsverify.cause">` + "\n      <skipped message=\"accepted: "},
		HTML:        {"<strong>IGNORED</strong>", text, `<h3>Ignored</h3>`, `<li class="warn">root-metadata: 1 entry</li>`},
		Annotations: {"::warning title=cfsverify%3A ignored%3A root-metadata::metadata of the root directory (1 entry). "},
	} {
		var buf bytes.Buffer
		if err := Write(&buf, form, Comparison{ignored()}, Options{}); err != nil {
			t.Fatal(err)
		}
		for _, w := range want {
			if !strings.Contains(buf.String(), w) {
				t.Errorf("%s: there is no %q in\n%s", form, w, shortText(buf.String(), 5000))
			}
		}
		if strings.Contains(buf.String(), "ACCEPTED") || strings.Contains(buf.String(), "✅") || form == Annotations && strings.Contains(buf.String(), "::error") {
			t.Errorf("%s: it is called accepted, or an error:\n%s", form, shortText(buf.String(), 5000))
		}
	}
}

func same() *verify.Result {
	digest := fsverity.SumBytes(fsverity.SHA256, nil)
	return &verify.Result{Recipe: recipe.Recipe{Version: 1, Hash: fsverity.SHA256, Policy: policy.ComposefsRS()}, Rules: layer.RulesOCI,
		A: verify.Side{Name: "a", Source: "dir:x", Entries: 1, Digest: digest}, B: verify.Side{Name: "b", Source: "dir:y", Entries: 1, Digest: digest}}
}

func TestGateText(t *testing.T) {
	var buf bytes.Buffer
	if err := Write(&buf, Text, Comparison{gated()}, Options{}); err != nil {
		t.Fatal(err)
	}
	_, got, _ := strings.Cut(buf.String(), "\ngate: ")
	got, _, _ = strings.Cut(got, "\nroot-metadata: ")
	want := "2 differences are accepted, 5 not\n" +
		"  accepted 1 entry (cause user-xattr, because: known)\n" +
		"    user-xattr /su: xattr user.x\n" +
		"  accepted 1 entry (path /null, attribute rdev, because: dev|ice `x`)\n" +
		"    unexplained /null: rdev\n" +
		"  unused rule: path /none, because: unused\n" +
		"  expired rule: path /su, until 2020-01-31, because: old\n"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if strings.Contains(buf.String(), "\nuser-xattr: ") {
		t.Error("an accepted finding is listed as one that is not")
	}
}

// TestMarkdownIsSafe: nothing of the image's own becomes markup, and tables keep
// their columns.
func TestMarkdownIsSafe(t *testing.T) {
	r := gated()
	names := []string{"`", "``x`", "a|b", "<img src=x onerror=alert(1)>", "[x](http://y)", "\n# head", " lead", "**b**"}
	a, b := canon.NewTree(), canon.NewTree()
	for _, n := range names {
		a.Root.Put(canon.Dirent{Name: n, Node: &canon.Node{Kind: canon.Symlink, Target: n}})
	}
	r.Differences = compare.Trees(a, b)
	r.Findings = blame.Explain(blame.Comparison{A: a, B: b, Differences: r.Differences, Policy: policy.Raw()})
	r.Gate, r.Proof = nil, nil
	var buf bytes.Buffer
	if err := Write(&buf, Markdown, Comparison{r}, Options{}); err != nil {
		t.Fatal(err)
	}
	found := 0
	for line := range strings.Lines(buf.String()) {
		if !strings.HasPrefix(line, "| `") || !strings.Contains(line, "symlink") {
			continue
		}
		found++
		if strings.Count(line, "|") != 5 {
			t.Errorf("other columns: %s", line)
		}
		if outside := outsideCode(t, line); strings.ContainsAny(outside, "<>[*#") {
			t.Errorf("%q is markup: %s", outside, line)
		}
	}
	if found != len(names) {
		t.Errorf("%d of %d entries:\n%s", found, len(names), buf.String())
	}
}

// outsideCode is what is not in code spans: CommonMark 0.31, section 6.1.
func outsideCode(t *testing.T, line string) string {
	t.Helper()
	outside := ""
	for {
		before, rest, found := strings.Cut(line, "`")
		outside += before
		if !found {
			return outside
		}
		fence := "`"
		for strings.HasPrefix(rest, "`") {
			fence, rest = fence+"`", rest[1:]
		}
		end := -1
		for i := 0; i < len(rest); {
			run := len(rest[i:]) - len(strings.TrimLeft(rest[i:], "`"))
			if run == len(fence) {
				end = i
				break
			}
			i += max(run, 1)
		}
		if end < 0 {
			t.Fatalf("a code span has no end: %s", line)
		}
		line = rest[end+len(fence):]
	}
}

// TestMarkdownTellsAll: what other forms tell in full, this one tells in counts.
func TestMarkdownTellsAll(t *testing.T) {
	var buf bytes.Buffer
	if err := Write(&buf, Markdown, Comparison{gated()}, Options{}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"## ❌ Different: 6 entries differ, for 6 causes", "**First:** `root-metadata`", "| `user-xattr` | 1 | layer 1 (1 entry) |",
		"With `--mtime s` there is no root-metadata: both digests are", "### `unexplained`", "- accepted 1 entry: `cause user-xattr, because: known`",
		"unused rule: `path /none, because: unused`", "### Hidden by the policy: 1 entry", "### Tools disagree about outside",
		"layer 1 (sha256:222222222222), entry 9, made/x",
	} {
		if !strings.Contains(buf.String(), want) {
			t.Errorf("there is no %q in\n%s", want, buf.String())
		}
	}
}

// TestMarkdownIsBounded: GitHub cuts comments at 65,536 characters.
func TestMarkdownIsBounded(t *testing.T) {
	a, b := canon.NewTree(), canon.NewTree()
	for i := range 3000 {
		n := &canon.Node{Kind: canon.Regular}
		n.Xattrs.Set("user."+strings.Repeat("x", 200), strings.Repeat("`|", 500))
		b.Root.Put(canon.Dirent{Name: fmt.Sprint(strings.Repeat("long", 50), i), Node: &canon.Node{Kind: canon.Regular}})
		a.Root.Put(canon.Dirent{Name: fmt.Sprint(strings.Repeat("long", 50), i), Node: n})
		a.Root.Put(canon.Dirent{Name: fmt.Sprint("new", i), Node: n})
	}
	r := sample()
	r.Differences = compare.Trees(a, b)
	r.Findings = blame.Explain(blame.Comparison{A: a, B: b, Differences: r.Differences, Policy: policy.Raw()})
	for i := range 20 {
		f := r.Findings[0]
		f.Cause = blame.Causes()[i]
		r.Findings = append(r.Findings, f)
	}
	var buf bytes.Buffer
	if err := Write(&buf, Markdown, Comparison{r}, Options{}); err != nil {
		t.Fatal(err)
	}
	if buf.Len() > 65536 || buf.Len() < 20000 || !strings.Contains(buf.String(), " more") {
		t.Errorf("%d bytes", buf.Len())
	}
}

func TestJUnit(t *testing.T) {
	for name, tt := range map[string]struct {
		report                   *verify.Result
		tests, failures, skipped int
		first                    string
	}{
		"same":          {same(), 1, 0, 0, "composefs digests are equal: passed"},
		"different":     {sample(), 7, 7, 0, "composefs digests are equal: failed"},
		"some accepted": {gated(), 7, 6, 1, "composefs digests are equal: failed"},
		"all accepted":  {accepted(), 7, 0, 7, "composefs digests are equal: skipped"},
		"some ignored":  {ignored(), 7, 0, 7, "composefs digests are equal: skipped"},
	} {
		t.Run(name, func(t *testing.T) {
			var buf bytes.Buffer
			if err := Write(&buf, JUnit, Comparison{tt.report}, Options{}); err != nil {
				t.Fatal(err)
			}
			var doc junitSuites
			d := xml.NewDecoder(bytes.NewReader(buf.Bytes()))
			if err := d.Decode(&doc); err != nil {
				t.Fatal(err)
			}
			if _, err := d.Token(); err != nil && err != io.EOF {
				if end, isText := err.(*xml.SyntaxError); isText {
					t.Error(end)
				}
			}
			s := doc.Suite
			if s.Tests != tt.tests || s.Failures != tt.failures || s.Skipped != tt.skipped || len(s.Cases) != tt.tests || doc.Tests != tt.tests || doc.Failures != tt.failures {
				t.Errorf("%d tests, %d failures, %d skipped of %d", s.Tests, s.Failures, s.Skipped, len(s.Cases))
			}
			state := "passed"
			switch c := s.Cases[0]; {
			case c.Failure != nil:
				state = "failed"
			case c.Skipped != nil:
				state = "skipped"
			}
			if got := s.Cases[0].Name + ": " + state; got != tt.first {
				t.Errorf("first case %q, want %q", got, tt.first)
			}
			var text bytes.Buffer
			if err := Write(&text, Text, Comparison{tt.report}, Options{}); err != nil || s.SystemOut.Text != text.String() {
				t.Errorf("system-out is not the text report: %v", err)
			}
		})
	}
}

func TestAnnotations(t *testing.T) {
	var buf bytes.Buffer
	if err := Write(&buf, Annotations, Comparison{gated()}, Options{}); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(buf.String(), "\n"), "\n")
	if len(lines) != 7 {
		t.Fatalf("%d lines:\n%s", len(lines), buf.String())
	}
	if want := "::error title=cfsverify%3A root-metadata::metadata of the root directory (1 entry). "; !strings.HasPrefix(lines[0], want) || !strings.HasSuffix(lines[0], "%0A/") {
		t.Errorf("%q", lines[0])
	}
	if want := "::warning title=cfsverify%3A unused rule::path /none, because: unused"; lines[5] != want {
		t.Errorf("%q, want %q", lines[5], want)
	}
	buf.Reset()
	if err := Write(&buf, Annotations, Comparison{same()}, Options{}); err != nil || buf.Len() > 0 {
		t.Errorf("%v %q", err, buf.String())
	}
}
