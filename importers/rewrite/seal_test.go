package rewrite

import (
	"bytes"
	"errors"
	"testing"

	"cfsverify/canon/seal"
	"cfsverify/importers/limits"
)

// TestContradictions: a digest is that of a key, and of a layer.
func TestContradictions(t *testing.T) {
	entry := func(key, value string, layer int) seal.Seal {
		return seal.Seal{Key: key, Value: value, Layer: layer}
	}
	ours := []seal.Seal{entry("composefs.layer.erofs.v1.fsverity-sha256-12", "a", 1), entry("composefs.layer.erofs.v1.fsverity-sha256-12", "b", 2), entry("composefs.merged.erofs.v1.fsverity-sha256-12", "c", 0)}
	for _, c := range []struct {
		old  seal.Seal
		want bool
	}{
		{entry("composefs.layer.erofs.v1.fsverity-sha256-12", "a", 1), false}, {entry("composefs.layer.erofs.v1.fsverity-sha256-12", "b", 2), false}, {entry("composefs.layer.erofs.v1.fsverity-sha256-12", "a", 2), true}, {entry("composefs.layer.erofs.v1.fsverity-sha256-12", "a", 3), true},
		{entry("composefs.merged.erofs.v1.fsverity-sha256-12", "c", 0), false}, {entry("composefs.merged.erofs.v1.fsverity-sha256-12", "C", 0), true}, {entry("composefs.merged.erofs.v1.fsverity-sha512-12", "d", 0), false}, {entry("composefs.layer.erofs.v1.fsverity-sha512-12", "d", 2), false}, {entry("composefs.layer.erofs.v1.fsverity-sha512-12", "d", 3), true},
	} {
		if got := contradicts([]seal.Seal{c.old}, ours, 2); got != c.want {
			t.Errorf("%+v: %v", c.old, got)
		}
	}
}

// TestStagingEnds: no more of a blob is written than an archive may have.
func TestStagingEnds(t *testing.T) {
	var out bytes.Buffer
	w := limitedWriter{w: &out, limit: 5}
	for range 3 {
		if _, err := w.Write([]byte("abc")); err != nil {
			break
		}
	}
	var limit *limits.LimitError
	if _, err := w.Write(nil); !errors.As(err, &limit) || out.String() != "abc" {
		t.Errorf("%v after %q", err, out.String())
	}
	free := limitedWriter{w: &out}
	if _, err := free.Write(make([]byte, 100)); err != nil {
		t.Error(err)
	}
}
