package reports

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cfsverify/canon"
	"cfsverify/canon/printable"
	"cfsverify/compare"
	"cfsverify/compare/blame"
	"cfsverify/compare/verify"
)

// writeHTML is the page of a report.
func writeHTML(t *testing.T, r *verify.Result) string {
	t.Helper()
	var buf bytes.Buffer
	if err := Write(&buf, HTML, Comparison{r}, Options{}); err != nil {
		t.Fatal(err)
	}
	return buf.String()
}

func TestHTMLIsDeterministic(t *testing.T) {
	for name, r := range allReports() {
		if one, two := writeHTML(t, r), writeHTML(t, r); one != two {
			t.Errorf("%s: two pages", name)
		}
	}
}

// block is the text of the element that begins with a tag.
func block(t *testing.T, page, tag, end string) string {
	t.Helper()
	_, rest, found := strings.Cut(page, tag)
	text, _, ended := strings.Cut(rest, end)
	if !found || !ended || strings.Contains(rest, tag) {
		t.Fatalf("the page has not one %s", tag)
	}
	return text
}

const dataTag, namesTag = `<script type="application/json" id="report-data">`, `<script type="application/json" id="report-names">`

// unpacked is the JSON report as the page's script reads it.
func unpacked(t *testing.T, page string) any {
	t.Helper()
	var doc struct {
		Shapes [][]string
		Shared []any
		Value  any
	}
	d := json.NewDecoder(strings.NewReader(block(t, page, dataTag, "</script>")))
	d.UseNumber()
	if err := d.Decode(&doc); err != nil {
		t.Fatal(err)
	}
	var unpack func(v any) any
	unpack = func(v any) any {
		list, ok := v.([]any)
		if !ok {
			return v
		}
		n, err := list[0].(json.Number).Int64()
		switch {
		case err != nil:
			t.Fatal(err)
		case n < 0:
			return unpack(doc.Shared[-n-1])
		case n == 0:
			all := []any{}
			for _, item := range list[1:] {
				all = append(all, unpack(item))
			}
			return all
		}
		object := map[string]any{}
		for i, key := range doc.Shapes[n-1] {
			object[key] = unpack(list[i+1])
		}
		return object
	}
	return unpack(doc.Value)
}

// restore undoes what the page's script undoes: digests that stand once.
func restore(v any) {
	switch v := v.(type) {
	case []any:
		for _, item := range v {
			restore(item)
		}
	case map[string]any:
		if digest, ok := v["digest"].(string); ok && v["payload"] == `\` {
			v["payload"] = digest[:2] + "/" + digest[2:]
		}
		changes, _ := v["changes"].([]any)
		for _, c := range changes {
			c := c.(map[string]any)
			for _, side := range []string{"a", "b"} {
				if c["field"] == "content" && c[side] == `\` {
					digest := v[side].(map[string]any)["digest"].(string)
					c[side] = map[int]string{64: "sha256:", 128: "sha512:"}[len(digest)] + digest
				}
			}
		}
		for _, item := range v {
			restore(item)
		}
	}
}

// TestHTMLHoldsTheJSONReport: nothing of it is lost on the way into the page.
func TestHTMLHoldsTheJSONReport(t *testing.T) {
	reports := allReports()
	reports["wide numbers"] = sample()
	for name, r := range reports {
		var buf bytes.Buffer
		if err := Write(&buf, JSON, Comparison{r}, Options{}); err != nil {
			t.Fatal(err)
		}
		var want any
		d := json.NewDecoder(&buf)
		d.UseNumber()
		if err := d.Decode(&want); err != nil {
			t.Fatal(err)
		}
		got := unpacked(t, writeHTML(t, r)).(map[string]any)["report"]
		restore(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: JSON (-), HTML (+):\n%s", name, diff)
		}
	}
}

// TestPackJSONKeepsNumbers: a script rounds integers of more than 53 bits, so
// these are strings.
func TestPackJSONKeepsNumbers(t *testing.T) {
	v := struct {
		Low  int64  `json:"low"`
		Most uint64 `json:"most"`
		Fits int64  `json:"fits"`
	}{-1 << 63, 1<<64 - 1, 1<<53 - 1}
	got, err := packJSON(v)
	if want := `{"shapes":[["low","most","fits"]],"shared":[],"value":[1,"-9223372036854775808","18446744073709551615",9007199254740991]}`; err != nil || string(got) != want {
		t.Errorf("%s, %v, want %s", got, err, want)
	}
}

// TestPackJSONShares: what is there again is written once, also within what is
// written once itself.
func TestPackJSONShares(t *testing.T) {
	long := "a string that is long"
	pair := map[string]any{"k": long, "l": "another string that is long", "m": 1234567}
	got, err := packJSON([]any{pair, long, pair})
	want := `{"shapes":[["k","l","m"]],"shared":[[1,[-2],"another string that is long",1234567],"a string that is long"],"value":[0,[-1],[-2],[-1]]}`
	if err != nil || string(got) != want {
		t.Errorf("%s, %v, want %s", got, err, want)
	}
}

// TestHTMLEscapes: a page of hostile names has the elements of another page, and
// no character that shows otherwise than it is.
func TestHTMLEscapes(t *testing.T) {
	page := writeHTML(t, hostile())
	for _, text := range []string{"<img", "<svg", "<!--", "onerror=alert(1)>", "\u2028", "\u2029", "\u202e", "\x1b", "\x00", "\x01"} {
		if strings.Contains(page, text) {
			t.Errorf("the page has %q", text)
		}
	}
	if n := strings.Count(page, "</script"); n != 3 {
		t.Errorf("%d script elements end", n)
	}
	for _, tag := range []string{dataTag, namesTag} {
		text := block(t, page, tag, "</script>")
		if strings.ContainsAny(text, "<>&") {
			t.Errorf("%s has markup", tag)
		}
		if !json.Valid([]byte(text)) {
			t.Errorf("%s is no JSON", tag)
		}
		if !strings.Contains(text, `\u003c/script\u003e\u003cimg src=x onerror=alert(1)\u003e`) {
			t.Errorf("%s has not the hostile name", tag)
		}
	}
	if !strings.Contains(page, html.EscapeString("</script><img src=x onerror=alert(1)>")) {
		t.Error("the source is not there as text")
	}
}

// TestHTMLPolicy: only the script and style that are there may be used.
func TestHTMLPolicy(t *testing.T) {
	for name, r := range allReports() {
		page := writeHTML(t, r)
		policy := html.UnescapeString(block(t, page, `<meta http-equiv="Content-Security-Policy" content="`, `"`))
		hash := func(text string) string {
			sum := sha256.Sum256([]byte(text))
			return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
		}
		for directive, want := range map[string]string{
			"default-src": "'none'", "script-src": hash(block(t, page, "<script>", "</script>")), "style-src": hash(block(t, page, "<style>", "</style>")),
			"base-uri": "'none'", "form-action": "'none'", "require-trusted-types-for": "'script'", "trusted-types": "'none'", "img-src": "data:",
		} {
			if !strings.Contains("; "+policy+";", "; "+directive+" "+want+";") {
				t.Errorf("%s: %s is not %s in %s", name, directive, want, policy)
			}
		}
		if attribute := regexp.MustCompile(`(?i)<[a-z][^>]*\s(on[a-z]+|style|src|action)=`).FindString(strings.Split(page, dataTag)[0]); attribute != "" {
			t.Errorf("%s: the page has %s", name, attribute)
		}
		if link := regexp.MustCompile(`(?i)<(link|iframe|object|embed|base|form)[^>]*(href|src|data|action)="[^"]*"`).FindAllString(page, -1); len(link) != 1 || link[0] != `<link rel="icon" href="data:,"` {
			t.Errorf("%s: the page refers to %q", name, link)
		}
	}
}

// TestHTMLScriptMakesNoMarkup: the script never turns text into elements or code.
func TestHTMLScriptMakesNoMarkup(t *testing.T) {
	script := block(t, writeHTML(t, same()), "<script>", "</script>")
	for _, word := range []string{"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "Function(", "fetch(", "XMLHttpRequest", "import(", "createContextualFragment", "parseFromString", "setHTML"} {
		if strings.Contains(script, word) {
			t.Errorf("the script uses %s", word)
		}
	}
}

// TestHTMLTexts: what a person is told is there without any script.
func TestHTMLTexts(t *testing.T) {
	for name, r := range allReports() {
		page := strings.Split(writeHTML(t, r), dataTag)[0]
		text := html.UnescapeString(page)
		want := []string{r.A.Name, printable.Text(r.A.Source), printable.Text(r.B.Source), r.A.Digest.String(), r.B.Digest.String(), recipeText(r.Recipe, r.Rules), gateText(r.Gate)}
		if proof := proofText(r.Proof, len(r.Findings)); proof != "" {
			want = append(want, proof[1:])
		}
		for _, f := range r.Findings {
			c := CauseOf(f.Cause)
			want = append(want, string(f.Cause), c.Title, c.Why, c.Advice)
			want = append(want, c.See...)
			for _, e := range f.Evidence {
				want = append(want, evidenceText(e))
			}
		}
		if r.Proof != nil {
			for _, f := range r.Proof.Effects {
				want = append(want, flagText(f), f.DigestA.String())
			}
		}
		for _, s := range []verify.Side{r.A, r.B} {
			for _, l := range s.Layers {
				want = append(want, layerText(l), l.DiffID, l.Digest)
			}
			if s.OtherRules != nil {
				want = append(want, otherRulesText(&s)[1:])
			}
		}
		if r.Gate != nil {
			for _, a := range r.Gate.Accepted {
				want = append(want, ruleText(a.Allowance))
			}
			for _, rule := range append(r.Gate.Unused, r.Gate.Expired...) {
				want = append(want, ruleText(rule))
			}
		}
		for _, w := range want {
			if !strings.Contains(text, w) {
				t.Errorf("%s: the page has no %q", name, w)
			}
		}
		verdict := map[bool]string{true: "SAME", false: "DIFFERENT"}[r.Equal()]
		if !r.Equal() && r.Passed() {
			verdict = map[bool]string{true: "ACCEPTED", false: "IGNORED"}[len(r.Gate.FailOn) == 0]
		}
		if !strings.Contains(page, "<strong>"+verdict+"</strong>") {
			t.Errorf("%s: the page does not say %s", name, verdict)
		}
	}
}

// TestHTMLEqualIsShort: there is nothing to look through.
func TestHTMLEqualIsShort(t *testing.T) {
	r := large(1000)
	r.B.Tree, r.B.Digest, r.Differences, r.Findings = r.A.Tree, r.A.Digest, nil, nil
	page := writeHTML(t, r)
	if len(page) > 100_000 || strings.Contains(page, `class="view"`) || strings.Contains(page, "same-file") {
		t.Errorf("%d bytes", len(page))
	}
}

// namesOf are the paths in the block of names that do not differ, with the
// letters of their types.
func namesOf(t *testing.T, page string) []string {
	t.Helper()
	var root []any
	if err := json.Unmarshal([]byte(block(t, page, namesTag, "</script>")), &root); err != nil {
		t.Fatal(err)
	}
	var paths []string
	var walk func(dir string, list []any)
	walk = func(dir string, list []any) {
		for _, item := range list[1:] {
			if name, ok := item.(string); ok {
				paths = append(paths, name[:1]+" "+dir+"/"+name[1:])
				continue
			}
			name := item.([]any)[0].(string)
			paths = append(paths, name[:1]+" "+dir+"/"+name[1:])
			walk(dir+"/"+name[1:], item.([]any))
		}
	}
	walk("", root)
	return paths
}

func TestHTMLNames(t *testing.T) {
	a, b := canon.NewTree(), canon.NewTree()
	for i, tree := range []*canon.Tree{a, b} {
		usr := &canon.Node{Kind: canon.Directory, Perm: uint16(i)}
		usr.Put(canon.Dirent{Name: "same", Node: &canon.Node{Kind: canon.FIFO}})
		usr.Put(canon.Dirent{Name: "other", Node: &canon.Node{Kind: canon.Socket, Perm: uint16(i)}})
		usr.Put(canon.Dirent{Name: "<\xff", Node: &canon.Node{Kind: canon.Symlink, Target: "x"}})
		tree.Root.Put(canon.Dirent{Name: "usr", Node: usr})
		only := &canon.Node{Kind: canon.Directory}
		only.Put(canon.Dirent{Name: "x", Node: &canon.Node{Kind: canon.Regular}})
		tree.Root.Put(canon.Dirent{Name: fmt.Sprint("only", i), Node: only})
		tree.Root.Put(canon.Dirent{Name: "etc", Node: &canon.Node{Kind: canon.Directory}})
		tree.CountLinks()
	}
	r := reportOf(a, b)
	want := []string{"d /etc", "d /usr", `l /usr/<\xff`, "p /usr/same"}
	if diff := cmp.Diff(want, namesOf(t, writeHTML(t, r))); diff != "" {
		t.Error(diff)
	}
	if n := newSameNames(Comparison{r}, 2); n.names != 2 || n.total != 3 || !json.Valid(n.Bytes()) || n.cutText() != "2 of 3 names that do not differ are in this page: the others had no room." {
		t.Errorf("%d of %d: %s %q", n.names, n.total, n.String(), n.cutText())
	}
	if n := newSameNames(Comparison{r}, 3); n.cutText() != "" {
		t.Errorf("%q though all are there", n.cutText())
	}
}

// TestHTMLSources: where both sides have layers, their numbers alone do not tell
// which layer is meant.
func TestHTMLSources(t *testing.T) {
	layerA, layerB := &canon.Layer{Index: 1, Name: "a.tar"}, &canon.Layer{Index: 1, Name: "b.tar"}
	r := reportOf(canon.NewTree(), canon.NewTree())
	r.A.Layers, r.B.Layers = []*canon.Layer{layerA}, []*canon.Layer{layerB}
	var entries []blame.Entry
	for _, source := range []*canon.Origin{{Layer: layerB}, nil, {Layer: layerA}, {Layer: &canon.Layer{Index: 1}}} {
		r.Differences = append(r.Differences, compare.Difference{Path: fmt.Sprint("/", len(entries)), Status: compare.OnlyInA, A: &canon.Dirent{Node: &canon.Node{Kind: canon.FIFO}}})
		entries = append(entries, blame.Entry{Origin: source})
	}
	for i := range entries {
		entries[i].Difference = &r.Differences[i]
	}
	r.Findings = []blame.Finding{{Cause: blame.Umask, Entries: entries}, {Cause: blame.Unexplained, Entries: entries[1:2]}}
	if diff := cmp.Diff([]any{"b-a-", "-"}, unpacked(t, writeHTML(t, r)).(map[string]any)["sources"]); diff != "" {
		t.Error(diff)
	}
}

// TestHTMLSize: an entry is there once, however many findings are about it.
func TestHTMLSize(t *testing.T) {
	r := large(50_000)
	start := time.Now()
	page := writeHTML(t, r)
	t.Logf("%d differences: %d bytes in %v; %d bytes of other names", len(r.Differences), len(page), time.Since(start), len(block(t, page, namesTag, "</script>")))
	if perEntry := len(page) / len(r.Differences); perEntry > 600 {
		t.Errorf("%d bytes for each difference", perEntry)
	}
	data := block(t, page, dataTag, "</script>")
	quoted := map[string]int{}
	for _, path := range regexp.MustCompile(`"/[^"]*"`).FindAllString(data, -1) {
		quoted[path]++
	}
	for _, d := range r.Differences {
		if quoted[`"`+d.Path+`"`] != 1 {
			t.Fatalf("%s is there %d times", d.Path, quoted[`"`+d.Path+`"`])
		}
	}
}
