package reports

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cfsverify/compare/notes"
)

// TestNoteKinds: the schema and the texts have the kinds that there are, and no other.
func TestNoteKinds(t *testing.T) {
	raw, err := os.ReadFile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	var schema struct {
		Defs struct {
			Notes struct {
				Items struct {
					Properties struct{ Kind struct{ Enum []notes.Kind } }
				}
			}
		} `json:"$defs"`
	}
	if err := json.Unmarshal(raw, &schema); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(notes.Kinds(), schema.Defs.Notes.Items.Properties.Kind.Enum); diff != "" {
		t.Error(diff)
	}
	for _, kind := range notes.Kinds() {
		if words := noteTexts[kind]; words.advice == "" || words.title(1) == words.title(2) && kind != notes.SELinuxType && kind != notes.BootMtime && kind != notes.PolicyReadOtherwise {
			t.Errorf("%s has no text of its own for one and for several", kind)
		}
	}
	if len(noteTexts) != len(notes.Kinds()) {
		t.Errorf("%d texts for %d kinds", len(noteTexts), len(notes.Kinds()))
	}
}
