package importers

import (
	"bytes"
	"context"
	"fmt"
	"testing"

	"cfsverify/canon"
	"cfsverify/canon/fsverity"
	"cfsverify/testdata/layers"
)

// readArchive reads a layer as it is applied and unpacked.
func readArchive(archive []byte, index int) (*LayerEntries, error) {
	layer := &canon.Layer{Index: index, Name: fmt.Sprintf("%d.tar", index)}
	return ReadLayer(context.Background(), bytes.NewReader(archive), layer, nil, ReadOptions{Hash: fsverity.SHA256, Headers: true})
}

// readLayersOf reads the archives of specs.
func readLayersOf(t testing.TB, specs ...string) []*LayerEntries {
	t.Helper()
	var read []*LayerEntries
	for i, spec := range specs {
		l, err := readArchive(layers.Tar(spec), i+1)
		if err != nil {
			t.Fatal(err)
		}
		read = append(read, l)
	}
	return read
}
