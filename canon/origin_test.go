package canon

import (
	"strings"
	"testing"
)

// TestLayerString: a layer has the name that its user knows, else its digest, as
// short as engines show it.
func TestLayerString(t *testing.T) {
	digest, diffID := "sha256:0123456789abcdef"+strings.Repeat("0", 48), "sha256:fedcba9876543210"+strings.Repeat("0", 48)
	for _, c := range []struct {
		layer Layer
		want  string
	}{
		{Layer{Index: 1, Name: "base.tar", Digest: digest, DiffID: diffID}, "layer 1 (base.tar)"},
		{Layer{Index: 2, Digest: digest, DiffID: diffID}, "layer 2 (sha256:0123456789ab)"},
		{Layer{Index: 3, DiffID: diffID}, "layer 3 (sha256:fedcba987654)"},
		{Layer{Index: 4}, "layer 4"},
		{Layer{Index: 5, Digest: "sha256:0123456789ab"}, "layer 5 (sha256:0123456789ab)"},
		{Layer{Index: 6, Digest: "sha256:0123456789abc"}, "layer 6 (sha256:0123456789ab)"},
		{Layer{Index: 7, Digest: "no-digest-at-all"}, "layer 7 (no-digest-at-all)"},
		{Layer{Index: 8, Name: "a\n\x1b"}, `layer 8 (a\x0a\x1b)`},
	} {
		if got := c.layer.String(); got != c.want {
			t.Errorf("got %s, want %s", got, c.want)
		}
	}
}
