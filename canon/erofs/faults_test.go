package erofs

import (
	"io"
	"testing"

	"cfsverify/testdata/faults"
)

func TestEveryWriteFails(t *testing.T) {
	tree := parseVector(t, "mixed")
	for _, v := range []Version{V0, V1, V2} {
		faults.EveryWrite(t, func(w io.Writer) error { return Write(w, tree.Clone(), Options{Version: v}) })
	}
}
