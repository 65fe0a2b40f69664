package layer

import (
	"bytes"
	"context"
	"fmt"
	"testing"

	"cfsverify/canon"
	"cfsverify/canon/fsverity"
	"cfsverify/testdata/layers"
)

func readTar(archive []byte, index int) (*Entries, error) {
	layer := &canon.Layer{Index: index, Name: fmt.Sprintf("%d.tar", index)}
	return Read(context.Background(), bytes.NewReader(archive), layer, nil, ReadOptions{Hash: fsverity.SHA256, Headers: true})
}

// layersOf reads the archives of specs.
func layersOf(t testing.TB, specs ...string) []*Entries {
	t.Helper()
	var read []*Entries
	for i, spec := range specs {
		l, err := readTar(layers.Tar(spec), i+1)
		if err != nil {
			t.Fatal(err)
		}
		read = append(read, l)
	}
	return read
}

// otherOf gives what the rules that are not used make, if that is not tree.
func otherOf(layers []*Entries, used Rules, tree *canon.Tree) (*canon.Tree, []Event, error) {
	other := applyOther(layers, used).against(tree)
	if other == nil {
		return nil, nil, nil
	}
	return other.Tree, other.Events, other.Err
}
