package dumpfile_test

import (
	"fmt"
	"io"
	"testing"

	"cfsverify/canon"
	"cfsverify/canon/dumpfile"
	"cfsverify/testdata/faults"
)

func TestEveryWriteFails(t *testing.T) {
	tree := canon.NewTree()
	for i := range 5000 {
		tree.Root.Put(canon.Dirent{Name: fmt.Sprintf("name%04d", i), Node: &canon.Node{Kind: canon.FIFO}})
	}
	faults.EveryWrite(t, func(w io.Writer) error { return dumpfile.Write(w, tree) })
}
