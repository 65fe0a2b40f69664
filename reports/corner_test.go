package reports

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"cfsverify/canon/erofs"
)

// TestEveryCornerHasTexts: a person, and a program that reads the schema, knows every
// corner there is.
func TestEveryCornerHasTexts(t *testing.T) {
	data, err := os.ReadFile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	var schema struct {
		Defs struct {
			Corner struct {
				Properties struct {
					Kind struct{ Enum []erofs.CornerKind }
				}
			}
		} `json:"$defs"`
	}
	if err := json.Unmarshal(data, &schema); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(erofs.CornerKinds(), schema.Defs.Corner.Properties.Kind.Enum); diff != "" {
		t.Errorf("the corners (-) are not those of the schema (+):\n%s", diff)
	}
	for _, kind := range erofs.CornerKinds() {
		if cornerTitles[kind] == "" {
			t.Errorf("%s has no text", kind)
		}
	}
	if len(cornerTitles) != len(erofs.CornerKinds()) {
		t.Errorf("there are %d texts", len(cornerTitles))
	}
}

// TestCornersInComparison: a note that is no part of the verdict.
func TestCornersInComparison(t *testing.T) {
	r := same()
	var before, text, doc bytes.Buffer
	if err := Write(&before, Text, Comparison{r}, Options{}); err != nil {
		t.Fatal(err)
	}
	r.Recipe.Writer = erofs.Mkcomposefs
	r.B.Corners = []erofs.Corner{{Kind: erofs.TimeBefore1970, Path: "/a\x1b", Count: 3}, {Kind: erofs.LinkedWhiteout, Path: "/w", Count: 1}}
	if err := Write(&text, Text, Comparison{r}, Options{}); err != nil {
		t.Fatal(err)
	}
	note, found := strings.CutPrefix(text.String(), before.String())
	want := "\nnote: composefs-rs and mkcomposefs write different images of b, and the digest is that of mkcomposefs; " +
		`they differ over mtimes before 1970 beside later ones (/a\x1b and 2 more), whiteout devices with several names (/w)` + "\n"
	if !found || note != want {
		t.Errorf("got %q, want %q", note, want)
	}
	if err := Write(&doc, JSON, Comparison{r}, Options{}); err != nil {
		t.Fatal(err)
	}
	schema, err := jsonschema.NewCompiler().Compile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	var parsed struct {
		Equal, Passed bool
		A, B          map[string]any
	}
	if err := json.Unmarshal(doc.Bytes(), &parsed); err != nil {
		t.Fatal(err)
	}
	validate(t, schema, &doc)
	corners := []any{
		map[string]any{"kind": "time-before-1970", "path": `/a\x1b`, "count": 3.0}, map[string]any{"kind": "linked-whiteout", "path": "/w", "count": 1.0},
	}
	if diff := cmp.Diff(map[string]any{"writer": "mkcomposefs", "corners": corners},
		map[string]any{"writer": parsed.B["writer"], "corners": parsed.B["corners"]}); diff != "" {
		t.Error(diff)
	}
	if parsed.A["writer"] != nil || parsed.A["corners"] != nil || !parsed.Equal || !parsed.Passed {
		t.Errorf("%+v", parsed)
	}
}
