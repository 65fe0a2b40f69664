package reports

import (
	"errors"
	"io"
	"slices"
	"testing"

	"cfsverify/canon"
	"cfsverify/compare"
	"cfsverify/compare/proof"
)

// TestForms: every kind of document says which forms it has, its zero value too, and
// writes no others.
func TestForms(t *testing.T) {
	all := []Form{Text, JSON, Markdown, JUnit, HTML, Annotations}
	for name, tt := range map[string]struct {
		zero, d Document
		forms   []Form
	}{
		"comparison":     {Comparison{}, Comparison{sample()}, all},
		"lint":           {&Lint{}, acceptedLint(), all},
		"prediction":     {Prediction{}, Prediction{prediction()}, all[:2]},
		"raw":            {Raw{}, Raw{rawSample(t)}, all[:2]},
		"seals":          {&Seals{}, checkedSeals(), all},
		"repair":         {&Repair{}, &Repair{Prediction: prediction()}, all[:1]},
		"seal write":     {&SealWrite{}, &SealWrite{}, all[:1]},
		"identification": {&Identification{}, &Identification{}, all[:1]},
	} {
		if got := Forms(tt.zero); !slices.Equal(got, tt.forms) {
			t.Errorf("%s: %v, want %v", name, got, tt.forms)
		}
		for _, form := range append(all, "pdf") {
			err := Write(io.Discard, form, tt.d, Options{})
			var none *FormError
			if has := slices.Contains(tt.forms, form); has && err != nil || !has && (!errors.As(err, &none) || none.Form != form) {
				t.Errorf("%s as %s: %v", name, form, err)
			}
		}
	}
}

// TestFieldRows: there is a row for each field that can differ, and no other.
func TestFieldRows(t *testing.T) {
	for _, field := range compare.Fields() {
		if fieldRows[field].text == nil {
			t.Errorf("%s has no text", field)
		}
	}
	if len(fieldRows) != len(compare.Fields()) {
		t.Errorf("%d rows for %d fields", len(fieldRows), len(compare.Fields()))
	}
}

func TestFieldValues(t *testing.T) {
	empty, inline := &canon.Node{Kind: canon.Regular}, &canon.Node{Kind: canon.Regular, Nlink: 3, Content: &canon.Content{Inline: []byte("x")}}
	for _, tt := range []struct {
		field compare.Field
		node  *canon.Node
		links []string
		text  string
		json  any
	}{
		{compare.Storage, inline, nil, "in the image", "inline"},
		{compare.Storage, empty, nil, "in the content store", "external"},
		{compare.Payload, empty, nil, "no path", ""},
		{compare.ContentDigest, empty, nil, "empty", "empty"},
		{compare.ContentDigest, inline, nil, `"x"`, `"x"`},
		{compare.Nlink, inline, nil, "3 links", uint32(3)},
		{compare.Mode, empty, nil, "0000", "0000"},
	} {
		c := compare.Change{Field: tt.field}
		if text, json := fieldText(c, tt.node, tt.links), fieldJSON(c, tt.node, tt.links); text != tt.text || json != tt.json {
			t.Errorf("%s: %q and %v, want %q and %v", tt.field, text, json, tt.text, tt.json)
		}
	}
	c := compare.Change{Field: compare.Links}
	links := []string{"/a\x1b", "/b", "/c", "/d"}
	if got := fieldText(c, empty, links); got != `one inode with /a\x1b, /b, /c and 1 more` {
		t.Error(got)
	}
	if got := fieldJSON(c, empty, links).([]string); !slices.Equal(got, []string{`/a\x1b`, "/b", "/c", "/d"}) {
		t.Error(got)
	}
}

// TestPolicyFlags: every part of a policy has a flag.
func TestPolicyFlags(t *testing.T) {
	for _, part := range proof.Parts() {
		if policyFlags[part] == "" {
			t.Errorf("%s has no flag", part)
		}
	}
}
