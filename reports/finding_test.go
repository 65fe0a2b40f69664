package reports

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cfsverify/canon"
	"cfsverify/canon/policy"
	"cfsverify/canon/recipe"
	"cfsverify/compare"
	"cfsverify/compare/blame"
	"cfsverify/compare/proof"
	"cfsverify/compare/verify"
	"cfsverify/importers/layer"
)

// TestEveryCauseHasTexts: a person, and a program that reads the schema, knows
// every cause there is.
func TestEveryCauseHasTexts(t *testing.T) {
	data, err := os.ReadFile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	var schema struct {
		Defs struct {
			Cause struct{ Enum []blame.Cause }
		} `json:"$defs"`
	}
	if err := json.Unmarshal(data, &schema); err != nil {
		t.Fatal(err)
	}
	all := blame.Causes()
	if diff := cmp.Diff(all, schema.Defs.Cause.Enum); diff != "" {
		t.Errorf("the causes (-) are not those of the schema (+):\n%s", diff)
	}
	if len(all) != len(causes)+1 {
		t.Errorf("%d causes, texts for %d besides unexplained", len(all), len(causes))
	}
	for i, c := range all {
		text := CauseOf(c)
		if text.Title == "" || text.Why == "" || text.Advice == "" || (text.Title == unexplained.Title) != (c == blame.Unexplained) {
			t.Errorf("%s has the texts %+v", c, text)
		}
		if slices.Contains(all[:i], c) {
			t.Errorf("%s is there twice", c)
		}
		for _, see := range text.See {
			if !strings.HasPrefix(see, "https://") {
				t.Errorf("%s refers to %q", c, see)
			}
		}
	}
}

// implied is a report of a directory that layer 2 needs and has no entry for.
func implied() *verify.Result {
	lower, upper := &canon.Layer{Index: 1, Name: "lower.tar"}, &canon.Layer{Index: 2, Name: "upper\x1b.tar"}
	a, b := canon.NewTree(), canon.NewTree()
	a.Root.Put(canon.Dirent{Name: "d", Node: &canon.Node{Kind: canon.Directory, Perm: 0o755, Mtime: canon.Time{Sec: 99, Nsec: 7}}})
	b.Root.Put(canon.Dirent{Name: "d", Node: &canon.Node{Kind: canon.Directory, Perm: 0o700, Mtime: canon.Time{Sec: 5}}, Origin: &canon.Origin{
		Layer: lower, Entry: 3, Header: &canon.Header{Typeflag: '5', Name: "d/", Mode: 0o700},
		ImpliedBy: &canon.Origin{Layer: upper, Entry: 4, Header: &canon.Header{Typeflag: '0', Name: "d/\x07"}}}})
	differences := compare.Trees(a, b)
	return &verify.Result{
		Recipe: recipe.Recipe{Version: 1, Policy: policy.Raw()}, Rules: layer.RulesOCI,
		A:       verify.Side{Name: "inside", Source: "dir:a", Entries: 2},
		B:       verify.Side{Name: "outside", Source: "oci:b", Entries: 2, Layers: []*canon.Layer{lower, upper}},
		Outcome: verify.Outcome{Differences: differences, Findings: blame.Explain(blame.Comparison{A: a, B: b, NameA: "inside", NameB: "outside", Differences: differences, Policy: policy.Raw()})},
	}
}

func TestFindingsJSON(t *testing.T) {
	var buf bytes.Buffer
	if err := Write(&buf, JSON, Comparison{implied()}, Options{}); err != nil {
		t.Fatal(err)
	}
	var doc struct{ Findings []map[string]any }
	if err := json.Unmarshal(buf.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	if len(doc.Findings) != 1 {
		t.Fatalf("%d findings", len(doc.Findings))
	}
	f := doc.Findings[0]
	delete(f, "explanation")
	delete(f, "advice")
	delete(f, "see")
	want := map[string]any{
		"cause": "implicit-parent", "title": CauseOf(blame.ImplicitParent).Title, "evidence": []any{},
		"provenance": []any{map[string]any{"layer": 2.0, "entries": 1.0}},
		"entries": []any{map[string]any{
			"path":    "/d",
			"changes": []any{map[string]any{"field": "mode"}, map[string]any{"field": "mtime"}, map[string]any{"field": "mtime-nsec"}},
			"source": map[string]any{"layer": 2.0, "entry": 4.0, "implicit": false, "header": map[string]any{
				"offset": 0.0, "typeflag": "0", "name": `d/\x07`, "mode": "00", "uid": 0.0, "gid": 0.0, "size": 0.0,
				"mtime": map[string]any{"sec": 0.0, "nsec": 0.0}}},
		}},
	}
	if diff := cmp.Diff(want, f); diff != "" {
		t.Error(diff)
	}
}

// prediction has an engine of every sort: one that shows a difference, one that
// shows none, one that refuses the image.
func prediction() *verify.Prediction {
	r := implied()
	return &verify.Prediction{Recipe: r.Recipe, Rules: r.Rules, Image: r.B, UnpackTime: canon.Time{Sec: 99, Nsec: 1}, Engines: []verify.EnginePrediction{
		{Engine: "one", Outcome: verify.Outcome{Differences: r.Differences, Findings: r.Findings, Masked: &verify.Masked{}, Proof: &proof.Proof{
			Effects: []proof.Effect{{Part: proof.Mtime, Word: "s", Removes: []blame.Cause{blame.ImplicitParent}}}}}},
		{Engine: "two"},
		{Engine: "three", Err: errors.New("layer 1, entry 2: no\x1b")},
	}}
}

const predictionText = `DIFFERENT: unpacked, the image will not have the digest of its layers
  image   oci:b  (2 entries)
  digest    (EROFS version 1, algorithm 0; root keep, directory mtimes keep, /run keep, xattrs all, mtimes in ns; layer rules oci)

one: 1 entry will differ, for 1 cause

first: implicit-parent: ADVICE
with --mtime s both sides will have 

implicit-parent: directories that a layer needs and has no entry for (1 entry)
  WHY
  do: ADVICE
  from: layer 2 (1 entry)
  /d  [layer 1, entry 3]
    mode: inside 0755, outside 0700
    mtime: inside the time of unpacking, outside 1970-01-01T00:00:05.000000000Z
    mtime-nsec: inside the time of unpacking, outside .000000000
    because of layer 2 (upper\x1b.tar), entry 4, d/\x07

the policy hides nothing

two: nothing will differ

three: will refuse the image: layer 1, entry 2: no\x1b
`

func TestPredictionText(t *testing.T) {
	var buf bytes.Buffer
	if err := Write(&buf, Text, Prediction{prediction()}, Options{}); err != nil {
		t.Fatal(err)
	}
	text := CauseOf(blame.ImplicitParent)
	got := strings.NewReplacer(text.Why, "WHY", text.Advice, "ADVICE").Replace(buf.String())
	if diff := cmp.Diff(predictionText, got); diff != "" {
		t.Error(diff)
	}
}

// TestQuotesAreEscaped: rules of a policy file come from the image, as names do.
func TestQuotesAreEscaped(t *testing.T) {
	evidence := blame.Evidence{Text: "rule of inside", Path: "/a\n", Quote: "/f:1: /a\\.b|`\x1b x"}
	finding := blame.Finding{Cause: blame.Derived, Evidence: []blame.Evidence{evidence}}
	if got, want := evidenceText(evidence), `rule of inside: /a\x0a: /f:1: /a\\.b|`+"`"+`\x1b x`; got != want {
		t.Errorf("text %q, want %q", got, want)
	}
	j := findingsJSON([]blame.Finding{finding}, shown{})[0].Evidence[0]
	if want := `rule of inside: /f:1: /a\\.b|` + "`" + `\x1b x`; j.Text != want || j.Path != `/a\x0a` {
		t.Errorf("JSON %+v, want %q", j, want)
	}
	m := markdown{report: Comparison{Result: &verify.Result{}}}
	m.finding(finding)
	if want := "- rule of inside: `/a\\x0a`: ``/f:1: /a\\\\.b\\x7c`\\x1b x``\n"; !strings.Contains(m.String(), want) {
		t.Errorf("Markdown %q, want %q", m.String(), want)
	}
}
