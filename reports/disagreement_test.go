package reports

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"cfsverify/canon/fsverity"
	"cfsverify/compare/verify"
	"cfsverify/importers/layer"
)

// disputed has equal digests, and layer rules that nobody chose make another one of b.
func disputed() *verify.Result {
	r := same()
	r.B.OtherRules = &verify.OtherRules{OtherRules: layer.OtherRules{Rules: layer.RulesComposefsRS}, Digest: fsverity.SumBytes(fsverity.SHA256, []byte("c"))}
	r.Disagreement = &verify.Disagreement{Rules: layer.RulesComposefsRS, Sides: []*verify.Side{&r.B}, Fails: true}
	return r
}

// TestFailsByOtherRules: every form says that the digests are the same by some layer rules
// only, and none calls them the same or a success.
func TestFailsByOtherRules(t *testing.T) {
	const about = "the composefs digests are equal by the layer rules oci only: the layer rules composefs-rs give b another digest"
	for form, want := range map[Form][]string{
		Text:        {"DIFFERENT: " + about + "\n", "\nfirst: layer-rules: Write the image anew ", "\nlayer-rules: the layer rules composefs-rs give b another digest, "},
		JSON:        {`"equal": false`, `"passed": false`, `"conclusion": "different"`, "\"byOtherRules\": {\n    \"rules\": \"composefs-rs\",\n    \"equal\": false,\n    \"fails\": true\n"},
		Markdown:    {"## ❌ Different: " + about + "\n", "**First:** `layer-rules`: Write the image anew "},
		JUnit:       {`failures="1"`, `<failure message="` + about + `" type="layer-rules">`, "\nthe layer rules composefs-rs give b another digest, "},
		HTML:        {`<section class="verdict bad"`, "<strong>DIFFERENT</strong> " + about, "<code>layer-rules</code>"},
		Annotations: {"::error title=cfsverify%3A layer-rules::" + about + "%0AWrite the image anew "},
	} {
		var buf bytes.Buffer
		if err := Write(&buf, form, Comparison{disputed()}, Options{}); err != nil {
			t.Fatal(err)
		}
		for _, w := range want {
			if !strings.Contains(buf.String(), w) {
				t.Errorf("%s: there is no %q in\n%s", form, w, shortText(buf.String(), 5000))
			}
		}
		if form == JSON {
			schema, err := jsonschema.NewCompiler().Compile("schema.json")
			if err != nil {
				t.Fatal(err)
			}
			validate(t, schema, bytes.NewBuffer(buf.Bytes()))
		}
		if strings.Contains(buf.String(), "SAME") || strings.Contains(buf.String(), "✅") {
			t.Errorf("%s: it is called the same:\n%s", form, shortText(buf.String(), 5000))
		}
	}
}

// TestDisagreementText: both sides are told of, and what was accepted does not hide it.
func TestDisagreementText(t *testing.T) {
	r := accepted()
	r.A.OtherRules = &verify.OtherRules{OtherRules: layer.OtherRules{Rules: layer.RulesComposefsRS, Err: errors.New("odd")}}
	r.Disagreement = &verify.Disagreement{Rules: layer.RulesComposefsRS, Sides: []*verify.Side{&r.A, &r.B}, Fails: true}
	if got, want := (Comparison{r}).about(), "6 entries differ, for 6 causes; the layer rules composefs-rs refuse inside and refuse outside"; got != want || r.Conclusion() != verify.Different {
		t.Errorf("%s: %s", r.Conclusion(), got)
	}
	r = sample()
	r.Disagreement = &verify.Disagreement{Rules: layer.RulesComposefsRS, Sides: []*verify.Side{&r.B}, Equal: true}
	if got, want := (Comparison{r}).about(), "6 entries differ, for 6 causes; by the layer rules composefs-rs the digests are equal"; got != want {
		t.Error(got)
	}
}
