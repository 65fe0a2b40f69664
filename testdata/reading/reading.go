// Package reading reads the layers of tests, described in the language of testdata/layers,
// and images of such layers.
package reading

import (
	"bytes"
	"context"
	"fmt"
	"testing"

	"cfsverify/canon"
	"cfsverify/canon/fsverity"
	"cfsverify/importers/image"
	"cfsverify/importers/layer"
	"cfsverify/testdata/layers"
	"cfsverify/testdata/trees"
)

// Layer reads a layer as it is applied and unpacked.
func Layer(archive []byte, index int) (*layer.Entries, error) {
	read := &canon.Layer{Index: index, Name: fmt.Sprintf("%d.tar", index)}
	return layer.Read(context.Background(), bytes.NewReader(archive), read, nil, layer.ReadOptions{Hash: fsverity.SHA256, Headers: true})
}

// Layers reads the archives of specs.
func Layers(t testing.TB, specs ...string) []*layer.Entries {
	t.Helper()
	var read []*layer.Entries
	for i, spec := range specs {
		l, err := Layer(layers.Tar(spec), i+1)
		if err != nil {
			t.Fatal(err)
		}
		read = append(read, l)
	}
	return read
}

// Image reads an opened image by the OCI rules, and writes its tree as trees.Text does.
func Image(t testing.TB, img *image.Image) (string, error) {
	t.Helper()
	read, err := img.Layers(t.Context(), image.ReadOptions{ReadOptions: layer.ReadOptions{Hash: fsverity.SHA256}})
	if err != nil {
		return "", err
	}
	merged, err := layer.Merge(read, layer.RulesOCI)
	if err != nil {
		return "", err
	}
	return trees.Text(merged.Tree), nil
}
