package reports

import (
	"errors"
	"io"
	"slices"
	"strconv"
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
		text  string
		json  any
	}{
		{compare.Storage, inline, "in the image", "inline"},
		{compare.Storage, empty, "in the content store", "external"},
		{compare.Payload, empty, "no path", ""},
		{compare.ContentDigest, empty, "empty", "empty"},
		{compare.ContentDigest, inline, `"x"`, `"x"`},
		{compare.Nlink, inline, "3 links", uint32(3)},
		{compare.Mode, empty, "0000", "0000"},
	} {
		c := compare.Change{Field: tt.field}
		if text, json := fieldText(c, side{Node: tt.node}), fieldJSON(c, side{Node: tt.node}); text != tt.text || json != tt.json {
			t.Errorf("%s: %q and %v, want %q and %v", tt.field, text, json, tt.text, tt.json)
		}
	}
	c := compare.Change{Field: compare.Links}
	linked := side{Node: empty, path: "/x", links: []string{"/a\x1b", "/b", "/x", "/c", "/d"}}
	if got := fieldText(c, linked); got != `one inode with /a\x1b, /b, /c and 1 more` {
		t.Error(got)
	}
	if got := fieldJSON(c, linked).([]string); !slices.Equal(got, []string{`/a\x1b`, "/b", "/c", "/d"}) {
		t.Error(got)
	}
}

// TestManyLinks: a change leaves out most names of an inode that has very many, and says
// how many.
func TestManyLinks(t *testing.T) {
	many := side{path: "/7"}
	for i := range jsonLinks + 10 {
		many.links = append(many.links, "/"+strconv.Itoa(i))
	}
	got := changeJSON(compare.Change{Field: compare.Links}, many, side{path: "/7"})
	if a, b := got.A.([]string), got.B.([]string); len(a) != jsonLinks || slices.Contains(a, "/7") || got.MoreA != 9 || len(b) != 0 || got.MoreB != 0 {
		t.Errorf("%+v", got)
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
