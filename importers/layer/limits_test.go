package layer

import (
	"bytes"
	"errors"
	"testing"

	"cfsverify/canon"
	"cfsverify/canon/fsverity"
	"cfsverify/importers/limits"
	"cfsverify/testdata/layers"
)

// TestImpliedEntries: an entry may bring directories into being.
func TestImpliedEntries(t *testing.T) {
	for _, c := range []struct {
		spec string
		want int64
	}{
		{"f a/b/c/d", 4},
		{"d a/\nd a/b\nf a/b/c\nf a/x\nf e", 5},
		{"f a/b/c\nf a/b/d\nf a/bc/d", 3 + 1 + 2},
		{"l a ->x/y/z", 3},
		{"h a/b ->x/y/z", 2},
	} {
		read := func(most int64) error {
			_, err := Read(t.Context(), bytes.NewReader(layers.Tar(c.spec)), &canon.Layer{Index: 1}, limits.NewBudget(limits.Limits{Entries: most}), ReadOptions{Hash: fsverity.SHA256})
			return err
		}
		var limit *limits.LimitError
		if err := read(c.want); err != nil {
			t.Errorf("%q: %v", c.spec, err)
		}
		if err := read(c.want - 1); !errors.As(err, &limit) {
			t.Errorf("%q: error %v, want one of more than %d entries", c.spec, err, c.want-1)
		}
	}
}
