package document

import (
	"encoding/json"
	"errors"
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
		{`{"a":1,"A":2}`, Set(1), "a", "", `member "/A" is "a" in another case`},
		{`{"a":{"B":2}}`, Set(1), "a b", "", `member "/a/B" is "b" in another case`},
		{`{"a":1,"C":{},"c":{}}`, Set(1), "c d", "", `member "/C" is "c" in another case`},
		{`{"a":[]}`, Set(1), "a b", "", "cannot be a list"},
		{`[]`, Set(1), "a", "", "cannot be a list"},
		{`{"l":{"j":"&"}}`, add, "l", `{"l":{"j":"&","k":"<v>"}}`, ""},
		{`{"l":{"K":"x"}}`, add, "l", `{"l":{"K":"x","k":"<v>"}}`, ""},
		{`{"l": {"k": "<v>"}}`, add, "l", `{"l": {"k": "<v>"}}`, ""},
		{`{"l":null}`, add, "l", `{"l":{"k":"<v>"}}`, ""},
		{`{}`, add, "l", `{"l":{"k":"<v>"}}`, ""},
		{`{"l":{"k":"x"},"m":0}`, EditStrings(func(values map[string]string) { delete(values, "k") }), "l", `{"m":0}`, ""},
		{`{"l": {}}`, EditStrings(func(map[string]string) {}), "l", `{"l": {}}`, ""},
		{`{"l":{"k":"x","k":"<v>"}}`, add, "l", "", `member "/l/k" is there twice`},
		{`{"a":1,"a":2}`, Set(2), "a", "", `member "/a" is there twice`},
		{`{"a":1,"b":2,"b":2}`, Set(1), "a", "", `member "/b" is there twice`},
		{`{"a":1,"b":[{"c":0,"c":0}]}`, Set(2), "a", "", `member "/b/0/c" is there twice`},
		{`{"l":{"k":1}}`, add, "l", "", `member "/k" cannot be such a number`},
	} {
		got, err := Edit([]byte(c.doc), c.edit, strings.Fields(c.path)...)
		if c.err == "" && (err != nil || string(got) != c.want) || c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)) {
			t.Errorf("%s %s: %s, %v", c.doc, c.path, got, err)
		}
	}
}

// TestEditKeeps: an edit leaves numbers, characters and null members as they are
// written, also those of objects that it goes through.
func TestEditKeeps(t *testing.T) {
	const value = `[12345678901234567890,1.0e400,-0,"<&>\u2028\u0041\/",null,{"z":1,"a":2}]`
	keep := strings.ReplaceAll(value, `\u2028`, "\u2028")
	doc := `{"a":{"k":` + keep + `,"n":null,"new":0},"k":` + keep + `}`
	got, err := Edit([]byte(doc), Set("x"), "a", "new")
	if want := strings.Replace(doc, `"new":0`, `"new":"x"`, 1); err != nil || string(got) != want {
		t.Errorf("%s, want %s, error %v", got, want, err)
	}
}

// TestEditFails: the edit's error comes as it is, however deep, and there is no
// document.
func TestEditFails(t *testing.T) {
	failure := errors.New("no such label")
	fail := func(json.RawMessage) (json.RawMessage, error) { return nil, failure }
	for _, path := range [][]string{nil, {"a"}, {"a", "b"}, {"x", "y"}} {
		if got, err := Edit([]byte(`{"a":{"b":1}}`), fail, path...); err != failure || got != nil {
			t.Errorf("%v: %s, %v", path, got, err)
		}
	}
	for _, doc := range []string{"", "{", `{"a":1`, "x"} {
		if got, err := Edit([]byte(doc), Set(1), "a"); err == nil || got != nil {
			t.Errorf("%q: %s", doc, got)
		}
	}
	if got, err := Edit([]byte("{}"), Set(func() {}), "a"); err == nil || got != nil {
		t.Errorf("what is no JSON was set: %s", got)
	}
}

// TestEditWhole: without a path, all of a document is edited.
func TestEditWhole(t *testing.T) {
	if got, err := Edit([]byte(`[ 1 ]`), func(old json.RawMessage) (json.RawMessage, error) { return append(old, ' '), nil }); err != nil || string(got) != `[ 1 ] ` {
		t.Errorf("%s, %v", got, err)
	}
}

func TestMarshal(t *testing.T) {
	for want, value := range map[string]any{
		`"<a href=\"&\">"`:    `<a href="&">`,
		`{"a":"\n","b":null}`: map[string]any{"b": nil, "a": "\n"},
		`"é"`:                 "é",
		`[]`:                  []string{},
	} {
		if got, err := Marshal(value); err != nil || string(got) != want {
			t.Errorf("%s, want %s, error %v", got, want, err)
		}
	}
	if got, err := Marshal(make(chan int)); err == nil || got != nil {
		t.Errorf("%s, %v", got, err)
	}
}
