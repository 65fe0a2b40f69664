package document

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestEditField: a document keeps all but the field, and its bytes where that stays.
func TestEditField(t *testing.T) {
	remove := func(json.RawMessage) (json.RawMessage, error) { return nil, nil }
	add := EditStrings(func(values map[string]string) { values["k"] = "<v>" })
	for _, c := range []struct {
		doc  string
		edit func(json.RawMessage) (json.RawMessage, error)
		path string
		want string
		err  string
	}{
		{`{"z": 1.50, "a": {"b": "x"}}`, Set("y"), "a b", `{"a":{"b":"y"},"z":1.50}`, ""},
		{`{ "a": {"b": "x"}}`, Set("x"), "a b", `{ "a": {"b": "x"}}`, ""},
		{`{}`, Set(1), "a b c", `{"a":{"b":{"c":1}}}`, ""},
		{`{"a":null}`, Set(1), "a b", `{"a":{"b":1}}`, ""},
		{`{"a":1,"b":2}`, remove, "a", `{"b":2}`, ""},
		{`{ "b":2}`, remove, "a", `{ "b":2}`, ""},
		{`{"a":1,"A":2}`, Set(1), "a", "", `it has "A" instead of "a"`},
		{`{"a":{"B":2}}`, Set(1), "a b", "", `it has "B" instead of "b"`},
		{`{"a":[]}`, Set(1), "a b", "", "cannot unmarshal array"},
		{`[]`, Set(1), "a", "", "cannot unmarshal array"},
		{`{"l":{"j":"&"}}`, add, "l", `{"l":{"j":"&","k":"<v>"}}`, ""},
		{`{"l":{"K":"x"}}`, add, "l", `{"l":{"K":"x","k":"<v>"}}`, ""},
		{`{"l": {"k": "<v>"}}`, add, "l", `{"l": {"k": "<v>"}}`, ""},
		{`{"l":null}`, add, "l", `{"l":{"k":"<v>"}}`, ""},
		{`{}`, add, "l", `{"l":{"k":"<v>"}}`, ""},
		{`{"l":{"k":"x"},"m":0}`, EditStrings(func(values map[string]string) { delete(values, "k") }), "l", `{"m":0}`, ""},
		{`{"l": {}}`, EditStrings(func(map[string]string) {}), "l", `{"l": {}}`, ""},
		{`{"l":{"k":"x","k":"<v>"}}`, add, "l", `{"l":{"k":"<v>"}}`, ""},
		{`{"a":1,"a":2}`, Set(2), "a", "", `it has "a" twice`},
		{`{"l":{"k":1}}`, add, "l", "", "cannot unmarshal number"},
	} {
		got, err := Edit([]byte(c.doc), c.edit, strings.Fields(c.path)...)
		if c.err == "" && (err != nil || string(got) != c.want) || c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)) {
			t.Errorf("%s %s: %s, %v", c.doc, c.path, got, err)
		}
	}
}
