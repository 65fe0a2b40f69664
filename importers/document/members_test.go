package document

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// written is how members read: their names, and their values as they are written.
func written(all []Member[json.RawMessage]) (list []string) {
	for _, m := range all {
		list = append(list, m.Name+" "+string(m.Value))
	}
	return list
}

// TestMembers: members keep their order, those of one name are all there, and values
// are as they are written.
func TestMembers(t *testing.T) {
	for doc, want := range map[string][]string{
		`{}`:                                    nil,
		`null`:                                  nil,
		` { } `:                                 nil,
		`{"z":1,"a":2,"m":3}`:                   {"z 1", "a 2", "m 3"},
		`{"a":1,"b":2,"a":3}`:                   {"a 1", "b 2", "a 3"},
		`{"a":{"c": 1, "b":[ 1 ]},"b":null}`:    {`a {"c": 1, "b":[ 1 ]}`, "b null"},
		`{"n":1.50,"m":12345678901234567890e9}`: {"n 1.50", "m 12345678901234567890e9"},
		`{"\u0061\n":"\u0062","":0}`:            {"a\n \"\\u0062\"", " 0"},
		"{\"s\":\"<&>\u2028\"}":                 {"s \"<&>\u2028\""},
		"\t{\r\n\"a\" :\ttrue , \"b\":false}\n": {"a true", "b false"},
	} {
		all, err := Members([]byte(doc))
		if err != nil {
			t.Errorf("%s: %v", doc, err)
		}
		if diff := cmp.Diff(want, written(all)); diff != "" {
			t.Errorf("%s: %s", doc, diff)
		}
	}
	if all, err := Members(nil); err != nil || all != nil {
		t.Errorf("no document: %v, %v", all, err)
	}
	for _, doc := range []string{
		``, ` `, `[]`, `"a"`, `1`, `true`, `{`, `{"a"`, `{"a":`, `{"a":1`, `{"a":1,}`, `{"a":1}}`, `{"a":1} {}`, `{'a':1}`, `{a:1}`, `{"a":01}`,
		`{"a":NaN}`, "\ufeff{}", "{\"a\":\"\n\"}", `{"a":` + strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000) + `}`,
	} {
		if all, err := Members([]byte(doc)); err == nil {
			t.Errorf("%.50s: %v", doc, written(all))
		}
	}
}

// TestOnly: a name in another case, or one that is there twice, is refused, since
// readers do not agree on it.
func TestOnly(t *testing.T) {
	for _, c := range []struct{ doc, name, want, err string }{
		{`{"a":1,"b":2}`, "b", "2", ""},
		{`{"a":null}`, "a", "null", ""},
		{`{"a":1}`, "c", "", ""},
		{`null`, "c", "", ""},
		{`{"b":1,"b":2,"a":3}`, "a", "3", ""},
		{`{"a":1,"a":1}`, "a", "", `it has "a" twice`},
		{`{"a":1,"\u0061":1}`, "a", "", `it has "a" twice`},
		{`{"Layers":1}`, "layers", "", `it has "Layers" instead of "layers"`},
		{`{"layers":1,"LAYERS":1}`, "layers", "", `it has "LAYERS" instead of "layers"`},
		// The long s is one in another case: encoding/json takes it for one.
		{`{"layer\u017f":1}`, "layers", "", `it has "layerſ" instead of "layers"`},
	} {
		all, err := Members([]byte(c.doc))
		if err != nil {
			t.Fatal(err)
		}
		got, err := Only(all, c.name)
		if c.err == "" && (err != nil || string(got) != c.want || (got == nil) != (c.want == "")) || c.err != "" && (err == nil || err.Error() != c.err || got != nil) {
			t.Errorf("%s %s: %s, %v", c.doc, c.name, got, err)
		}
	}
}

func TestAt(t *testing.T) {
	const doc = `{"a":{"b":{"c":"x"},"n":null,"s":"text","d":1,"d":2},"B":{}}`
	for path, want := range map[string]struct{ value, err string }{
		"":        {doc, ""},
		"a b":     {`{"c":"x"}`, ""},
		"a b c":   {`"x"`, ""},
		"a n":     {"null", ""},
		"a n c":   {"", ""},
		"a x":     {"", ""},
		"a x y z": {"", ""},
		"x":       {"", ""},
		"a d":     {"", `it has "d" twice`},
		"b":       {"", `it has "B" instead of "b"`},
		"a B c":   {"", `it has "b" instead of "B"`},
		"a s c":   {"", "cannot unmarshal string"},
	} {
		got, err := At([]byte(doc), strings.Fields(path)...)
		if want.err == "" && err != nil || want.err != "" && (err == nil || !strings.Contains(err.Error(), want.err)) || string(got) != want.value {
			t.Errorf("%q: %s, %v", path, got, err)
		}
	}
}

// TestStrings: labels keep their order, and what is no string is named.
func TestStrings(t *testing.T) {
	got, err := Strings([]byte(`{"z":"1","a":"\u00e9<","z":"2","":""}`))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]Member[string]{{"z", "1"}, {"a", "é<"}, {"z", "2"}, {"", ""}}, got); diff != "" {
		t.Error(diff)
	}
	for _, doc := range [][]byte{nil, []byte("null"), []byte("{}")} {
		if got, err := Strings(doc); err != nil || got != nil {
			t.Errorf("%s: %v, %v", doc, got, err)
		}
	}
	for doc, want := range map[string]string{
		`{"a":"x","b":1}`: `"b": json: cannot unmarshal number`, `{"a":["x"]}`: `"a": json: cannot unmarshal array`, `{"a":{}}`: `"a": json: cannot unmarshal object`,
		`["a"]`: "cannot unmarshal array", `{`: "unexpected end",
	} {
		if got, err := Strings([]byte(doc)); err == nil || !strings.Contains(err.Error(), want) || got != nil {
			t.Errorf("%s: %v, %v", doc, got, err)
		}
	}
}
