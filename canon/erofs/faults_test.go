package erofs

import (
	"io"
	"testing"

	"cfsverify/testdata/faults"
)

func TestEveryWriteFails(t *testing.T) {
	tree := parseVector(t, "mixed")
	for _, o := range formats() {
		faults.EveryWrite(t, func(w io.Writer) error { return Write(w, tree.Clone(), o) })
	}
}
