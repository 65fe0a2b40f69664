package rewrite

import (
	"bytes"
	"context"
	"fmt"
	"testing"

	"cfsverify/canon"
	"cfsverify/canon/fsverity"
	"cfsverify/canon/tarfile"
	"cfsverify/importers/layer"
	"cfsverify/importers/lint"
	"cfsverify/testdata/layers"
)

// linted reads layers and finds their departures.
func linted(archives [][]byte) ([]*layer.Entries, []tarfile.Departure, error) {
	var read []*layer.Entries
	linter := lint.New()
	for i, archive := range archives {
		at := &canon.Layer{Index: i + 1, Name: fmt.Sprintf("%d.tar", i+1)}
		l, err := layer.Read(context.Background(), bytes.NewReader(archive), at, nil, layer.ReadOptions{Hash: fsverity.SHA256, Inspector: linter.Inspector()})
		if err != nil {
			return nil, nil, err
		}
		read = append(read, l)
	}
	return read, linter.Layers(read), nil
}

// allImages are those on which repair is tried.
func allImages() []layers.Image {
	images := layers.Hostile()
	for seed := range uint64(1000) {
		images = append(images, layers.Random(seed))
	}
	return images
}

// TestLintRepaired: a repaired layer departs only from rules that are said to stay.
func TestLintRepaired(t *testing.T) {
	repaired := 0
	for _, image := range allImages() {
		var archives [][]byte
		for _, spec := range image.Layers {
			archives = append(archives, layers.Tar(spec))
		}
		read, _, err := linted(archives)
		if err != nil {
			continue
		}
		if _, err := layer.Apply(read, layer.RulesOCI); err != nil {
			continue
		}
		_, archives, _, _ = repairedLayers(t, read)
		_, found, err := linted(archives)
		if err != nil {
			t.Fatal(err)
		}
		repaired++
		for _, d := range found {
			if d.Rule.Repairable() {
				t.Errorf("%s: %+v", image.Name, d)
			}
		}
	}
	if repaired < 100 {
		t.Errorf("only %d images", repaired)
	}
}
