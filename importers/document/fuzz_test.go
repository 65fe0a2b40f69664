package document

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// FuzzDecode: encoding/json reads the same of a document as Decode does, if that takes it.
func FuzzDecode(f *testing.F) {
	for _, doc := range []string{
		`{"schemaVersion":2,"config":{"digest":"sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","size":1},"layers":[{"platform":{"os":"linux"}},null]}`,
		`{"rootfs":{"type":"layers","diff_ids":[]},"config":{"Labels":{"a":"\u0041"},"Healthcheck":{"Interval":5},"Volumes":{"/x":{}}},"created":"2023-11-14T22:13:20Z"}`,
		`{"layers":[],"Layers":[]}`, `{"layer\u017f":[]}`, `{"annotations":{"a":"b","a":"c"}}`, `{"data":"AA=="}`, `null`, `{"config":null,"layers":null}`, `{"size":1e3}`, "{\"a\":\"\xff\"}",
	} {
		f.Add([]byte(doc))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		agree[v1.Manifest](t, doc)
		agree[v1.ConfigFile](t, doc)
		agree[map[string]json.RawMessage](t, doc)
		agree[[]string](t, doc)
	})
}

func agree[T any](t *testing.T, doc []byte) {
	var strict, lenient T
	if Decode(doc, &strict) != nil {
		return
	}
	if err := json.Unmarshal(doc, &lenient); err != nil {
		t.Fatalf("encoding/json refuses %q: %v", doc, err)
	}
	if diff := cmp.Diff(lenient, strict); diff != "" {
		t.Errorf("%q: %s", doc, diff)
	}
}
