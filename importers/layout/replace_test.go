package layout

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"cfsverify/importers/source"
)

// TestReplaceLate: where files cannot be exchanged, what another tool has written since is
// found by looking before the file is renamed.
func TestReplaceLate(t *testing.T) {
	for name, c := range map[string]struct {
		old, now string
		want     error
	}{
		"the same": {"old", "old", nil}, "changed": {"old", "now", errChanged}, "removed": {"old", "", errChanged},
		"none": {"", "", nil}, "made": {"", "now", errChanged},
	} {
		dir := t.TempDir()
		w, err := NewWriter(t.Context(), source.Source{Transport: source.OCI, Path: dir}, Waiting{})
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(dir, indexName)
		if c.now != "" {
			if err := os.WriteFile(file, []byte(c.now), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.write(indexName, []byte("new")); err != nil {
			t.Fatal(err)
		}
		var old []byte
		if c.old != "" {
			old = []byte(c.old)
		}
		if err := w.replaceIndexLate(old); !errors.Is(err, c.want) {
			t.Errorf("%s: error %v", name, err)
		}
		want := c.now
		if c.want == nil {
			want = "new"
		}
		if got, _ := os.ReadFile(file); string(got) != want {
			t.Errorf("%s: the index is %q", name, got)
		}
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	}
}
