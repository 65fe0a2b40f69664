package cmd

import (
	"errors"
	"fmt"
	"testing"

	"cfsverify/canon/erofs"
	"cfsverify/compare/verify"
)

// TestAdvise: advice stands behind the error that it is about, and other errors stay
// as they are.
func TestAdvise(t *testing.T) {
	versions := &verify.VersionsError{Versions: [2]erofs.Version{erofs.V1, erofs.V2}}
	const text = "the composefs images are of versions 1 and 2, so their digests differ whatever is in them: compare the trees with --erofs-version 1"
	for want, err := range map[string]error{
		"odd":               errors.New("odd"),
		text:                versions,
		"x: " + text:        fmt.Errorf("x: %w", versions),
		text + "\nnot more": errors.Join(versions, errors.New("not more")),
	} {
		if got := advise(err); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
